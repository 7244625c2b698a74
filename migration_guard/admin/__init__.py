"""The Django admin of the app: the history, its journal and its audit, to look at only.

Loaded by ``django.contrib.admin`` where that is installed, and by nothing else. What a page needs
beyond the models is imported when the page is asked for, so that start-up stays fast.
"""

from django.contrib import admin

from migration_guard.admin.audit import AuditEntryAdmin
from migration_guard.admin.history import AppliedMigrationAdmin
from migration_guard.admin.journal import JournalEntryAdmin
from migration_guard.models import AppliedMigration, AuditEntry, JournalEntry

admin.site.register(AppliedMigration, AppliedMigrationAdmin)
admin.site.register(JournalEntry, JournalEntryAdmin)
admin.site.register(AuditEntry, AuditEntryAdmin)
