"""One applied migration: what the history says, its SQL, and its file as it is now."""

from collections.abc import Iterable
from typing import Any

from django.db import connections
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from migration_guard.admin import badges, files_now, highlighting, journal, statements
from migration_guard.exceptions import GuardError
from migration_guard.models import AppliedMigration, AuditEntry, JournalEntry
from migration_guard.planning.plan import State
from migration_guard.problems import place
from migration_guard.sql.masking import mask_secrets


def context(
    row: AppliedMigration, entry: JournalEntry | None, alias: str, audited: Iterable[AuditEntry]
) -> dict[str, Any]:
    """Return what the page shows; nothing is raised for files or settings that cannot be read."""
    vendor = connections[alias].vendor
    try:
        now, unknown = files_now.compare(alias, [row])[row.id], None
    except (GuardError, TypeError, ValueError) as error:
        now, unknown = None, error
    shown = badges.STATES[now.state] if now is not None else badges.UNKNOWN
    return {
        "facts": _facts(row, shown.html),
        "audited": audited,
        **_file(row, now, unknown, vendor),
        **_sql(row, now, vendor),
        **(_journal(entry, alias) if entry is not None else {}),
    }


def _facts(row: AppliedMigration, badge: SafeString) -> tuple[tuple[str, object], ...]:
    return (
        (_("number"), int(row.number)),
        (_("state"), badge),
        (_("how it came in"), row.get_how_display()),
        (_("environment"), row.environment),
        (_("applied at"), badges.moment(row.applied_at)),
        (_("duration"), badges.duration(row.duration_ms)),
        (_("database user"), row.database_user),
        (_("checksum"), row.checksum or badges.NOTHING),
        (_("fingerprint"), row.fingerprint or badges.NOTHING),
    )


def _file(
    row: AppliedMigration,
    now: files_now.FileNow | None,
    unknown: Exception | None,
    vendor: str,
) -> dict[str, Any]:
    """Return ``file_now``, one word for the template, and what goes with it."""
    if now is None:
        return {"file_now": "unknown", "file_error": unknown}
    problem = now.problem
    found = {
        "file_place": place(now.file.path) if now.file is not None else "",
        "file_hint": highlighting.prose(problem.hint if problem is not None else ""),
        "diff": highlighting.diff(files_now.difference(now, row, vendor)),
    }
    if now.state is State.MISSING:
        return {**found, "file_now": "missing"}
    if row.checksum is None:
        return {**found, "file_now": "not recorded"}
    if now.state is State.EDITED:
        return {**found, "file_now": "edited"}
    return {**found, "file_now": "cosmetic" if now.cosmetic else "matches"}


def _sql(row: AppliedMigration, now: files_now.FileNow | None, vendor: str) -> dict[str, Any]:
    """Return the SQL that was applied; where it was not stored, the file's, if it is the same."""
    same = now is not None and now.file is not None and now.file.checksum == row.checksum
    text, source = row.sql, "history"
    if text is None and same and now is not None and now.file is not None:
        text, source = mask_secrets(now.file.text, vendor), "file"
    found: dict[str, Any] = {"sql_source": source if text is not None else ""}
    if text is not None:
        found["sql"] = highlighting.sql(text, vendor)
    if same and now is not None and now.file is not None:
        steps = statements.steps(now.file, vendor, None)
        found["steps"] = steps[: statements.LIMIT]
        found["steps_more"] = max(0, len(steps) - statements.LIMIT)
    return found


def _journal(entry: JournalEntry, alias: str) -> dict[str, Any]:
    """Return what the journal still holds of a migration that is applied."""
    story = journal.story(entry, alias)
    return {"journal": entry, "journal_texts": story["texts"]}
