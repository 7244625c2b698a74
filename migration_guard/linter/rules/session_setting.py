"""session-setting: a SET without LOCAL lasts longer than the transaction."""

from collections.abc import Iterator

from migration_guard.linter.needs import POSTGRESQL
from migration_guard.linter.source import Source
from migration_guard.planning.scripts import in_one_transaction
from migration_guard.problems import Problem, Severity
from migration_guard.sql.classify import is_session
from migration_guard.sql.excerpt import shorten

SLUG = "session-setting"
SEVERITY = Severity.WARNING
NEEDS = POSTGRESQL


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each such statement in a file that is one transaction."""
    for file in source.files:
        # Without a transaction, SET LOCAL has no effect.
        if not in_one_transaction(file, source.vendor):
            continue
        for statement in source.statements(file):
            head = statement.text.split(None, 1)[0].upper()
            if head in {"SET", "SELECT"} and is_session(statement.text, source.vendor):
                yield source.problem(
                    SLUG,
                    SEVERITY,
                    file,
                    statement.start,
                    f"{shorten(statement.text)}: run by psql or behind a pooler, the setting stays "
                    "and changes what the next file, or another client, does",
                    "Write SET LOCAL (set_config with true) after BEGIN: it ends with this file's "
                    "transaction.",
                )
