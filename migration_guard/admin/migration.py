"""The page of an applied migration: its row in the history, its SQL, and its file now."""

from collections.abc import Iterable
from typing import Any

from django.db import connections
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from migration_guard.admin import badges, files_now, highlighting, journal, statements
from migration_guard.exceptions import GuardError
from migration_guard.models import AppliedMigration, AuditEntry, JournalEntry
from migration_guard.planning.plan import State
from migration_guard.problems import place
from migration_guard.sql.masking import mask_secrets


def context(
    row: AppliedMigration,
    journal_entry: JournalEntry | None,
    alias: str,
    audit_entries: Iterable[AuditEntry],
) -> dict[str, Any]:
    """Return what the page shows. Raises nothing for unreadable files or settings."""
    vendor = connections[alias].vendor
    try:
        now, error = files_now.compare(alias, [row])[row.id], None
    except (GuardError, TypeError, ValueError) as caught:
        now, error = None, caught
    state = badges.state(now.state) if now is not None else badges.UNKNOWN.html
    return {
        "facts": _facts(row, state),
        "audited": audit_entries,
        **_file(row, now, error, alias),
        **_sql(row, now, vendor),
        **(_journal(journal_entry, alias) if journal_entry is not None else {}),
    }


def _facts(row: AppliedMigration, badge: SafeString) -> tuple[tuple[str, object], ...]:
    return (
        (_("number"), badges.number(row.number)),
        (_("state"), badge),
        (_("source"), badges.source(row.how)),
        (_("environment"), row.environment),
        (_("applied at"), badges.moment(row.applied_at)),
        (_("duration"), badges.duration(row.duration_ms)),
        (_("database user"), row.database_user),
        (_("checksum"), _fold(row.checksum)),
        (_("fingerprint"), _fold(row.fingerprint)),
    )


def _fold(digest: str | None) -> SafeString | str:
    """Return the beginning of a digest, which opens to all of it."""
    if not digest:
        return badges.NOTHING
    return format_html(
        '<details><summary><code class="mg-mono">{}…</code></summary>'
        '<code class="mg-mono">{}</code></details>',
        digest[: digest.find(":") + 9],
        digest,
    )


def _file(
    row: AppliedMigration,
    now: files_now.FileNow | None,
    error: Exception | None,
    alias: str,
) -> dict[str, Any]:
    """Return ``file_now``, a word for the template, with the place, the hint and the diff."""
    if now is None:
        return {"file_now": "unknown", "file_error": error}
    if now.squash:
        return {"file_now": "unknown", "file_error": f"{now.squash} stands for it now."}
    problem = now.problem
    context = {
        "file_place": place(now.file.path) if now.file is not None else "",
        "file_hint": highlighting.prose(problem.hint if problem is not None else "", alias),
        "diff": highlighting.diff(files_now.difference(now, row, connections[alias].vendor)),
    }
    if now.state is State.MISSING:
        return {**context, "file_now": "missing"}
    if row.checksum is None:
        return {**context, "file_now": "not recorded"}
    if now.state is State.EDITED:
        return {**context, "file_now": "edited"}
    return {**context, "file_now": "cosmetic" if now.is_cosmetic else "matches"}


def _sql(row: AppliedMigration, now: files_now.FileNow | None, vendor: str) -> dict[str, Any]:
    """Return the applied SQL. Where it was not stored, return that of a file with its checksum."""
    same = now is not None and now.file is not None and now.file.checksum == row.checksum
    text, source = row.sql, "history"
    if text is None and same and now is not None and now.file is not None:
        text, source = mask_secrets(now.file.text, vendor), "file"
    context: dict[str, Any] = {"sql_source": source if text is not None else ""}
    if text is not None:
        context["sql"] = highlighting.sql(text, vendor)
    if same and now is not None and now.file is not None:
        steps = statements.steps(now.file, vendor, None)
        context["steps"] = steps[: statements.LIMIT]
        context["steps_more"] = max(0, len(steps) - statements.LIMIT)
    return context


def _journal(entry: JournalEntry, alias: str) -> dict[str, Any]:
    """Return the journal entry that is left of an applied migration."""
    return {"journal": entry, "journal_texts": journal.texts_and_steps(entry, alias)["texts"]}
