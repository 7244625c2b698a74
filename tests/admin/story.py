"""A demo that has something to show: an edited file, a missing one, a failure, acts by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.admin.site import Site

COSMETIC = "0003_require_owner_of_new_conversations"
EDITED = "0032_idempotency_keys"
MISSING = "0031_memory_links"
SCRIPT = "0035_release_note"
FAILED = "0036_index_messages"
PENDING = "0037_message_reactions"
PAYLOAD = '<script>document.title = "taken over"</script><img src=x onerror="document.title=1">'

_SCRIPT = f"""\
-- A text that a browser must show and never run: {PAYLOAD}
CREATE TABLE release_notes (id bigint PRIMARY KEY, body text NOT NULL);

INSERT INTO release_notes VALUES (1, '{PAYLOAD}');
"""
_FAILED = """\
-- guard: transaction = off
CREATE INDEX CONCURRENTLY messages_created_at_idx ON messages (created_at);

CREATE INDEX CONCURRENTLY messages_author_idx ON messages (author_name);

CREATE INDEX CONCURRENTLY messages_role_idx ON messages (role);
"""
_PENDING = """\
CREATE TABLE message_reactions (
    message_id bigint NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji text NOT NULL,
    PRIMARY KEY (message_id, emoji)
);
"""
# Milliseconds: most migrations are quick, and the backfills of large tables are not.
_SLOW = {4: 48_200, 13: 184_000, 20: 9_400, 30: 2_150}


def tell(site: Site) -> None:
    """Let half a year pass on a demo that was just filled, and let things go wrong."""
    site.write(f"{SCRIPT}.sql", _SCRIPT)
    site.manage("runsqlmigrations")
    site.write(f"{FAILED}.sql", _FAILED)
    site.manage("runsqlmigrations", code=1)
    site.write(f"{PENDING}.sql", _PENDING)
    _edit(site, COSMETIC, "-- ", "-- Reviewed: ")
    site.manage("repairsqlmigrations", COSMETIC, "--accept-edit", "--reason", "A word in a comment")
    _edit(site, EDITED, "interval '1 day'", "interval '7 days'")
    (site.folder / f"{MISSING}.sql").unlink()
    _let_time_pass(site)


def _edit(site: Site, name: str, old: str, new: str) -> None:
    text = (site.folder / f"{name}.sql").read_text(encoding="utf-8")
    assert old in text
    site.write(f"{name}.sql", text.replace(old, new, 1))


def _let_time_pass(site: Site) -> None:
    for number in range(1, 36):
        days = 5 * number + number % 3
        quick = 3 + number * 37 % 90
        site.database.execute(
            "UPDATE applied_migrations SET duration_ms = %s, applied_at = "
            "timestamptz '2026-01-05 09:12:30.123+00' + make_interval(days => %s, mins => %s) "
            "+ make_interval(secs => %s) WHERE number::int = %s",
            (_SLOW.get(number, quick), days, number * 83 % 420, number * 0.417, number),
        )
    site.database.execute(
        "UPDATE migration_guard_audit SET at = timestamptz '2026-07-02 15:40:10.5+00', "
        "who = 'ada@deploy'"
    )
    site.database.execute(
        "UPDATE migration_guard_environment SET who = 'deploy@ci', "
        "stamped_at = timestamptz '2026-01-05 09:12:30+00'"
    )
    site.database.execute(
        "UPDATE migration_guard_journal SET started_at = timestamptz '2026-07-03 08:01:02.25+00', "
        "updated_at = timestamptz '2026-07-03 08:01:03.75+00'"
    )
    # Who ran it is a matter of the machine.
    for table in ("applied_migrations", "migration_guard_audit", "migration_guard_journal"):
        site.database.execute(f"UPDATE {table} SET database_user = 'app'")
