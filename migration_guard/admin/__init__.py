"""The Django admin of the app: the history, its journal and its audit, all read-only.

Only ``django.contrib.admin`` loads it, where that is installed. To keep the start fast, a page
imports what it needs beyond the models when it is requested.
"""

from django.contrib import admin

from migration_guard.admin.audit import AuditEntryAdmin
from migration_guard.admin.history import AppliedMigrationAdmin
from migration_guard.admin.journal import JournalEntryAdmin
from migration_guard.models import AppliedMigration, AuditEntry, JournalEntry

admin.site.register(AppliedMigration, AppliedMigrationAdmin)
admin.site.register(JournalEntry, JournalEntryAdmin)
admin.site.register(AuditEntry, AuditEntryAdmin)
