"""What the laws say of a site that was migrated: run in a process of its own, which prints JSON.

    python -m tests.laws.site

The settings are `tests.laws.settings`; the database `second` is the restored dump of `default`, or
an empty one of SQLite or MariaDB for the changes of a table.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration_guard.contracts import Contract


def main() -> None:
    """Print what each law gave."""
    django.setup()
    from django.db import connections

    from migration_guard.contracts import examine, from_models, parse, write
    from migration_guard.fresh.drift import drift
    from migration_guard.schema.diff.database import read_database
    from migration_guard.schema.read import read_snapshot

    here, there = connections["default"], connections["second"]
    contract = from_models()
    models = examine(here, contract).assertions
    written = examine(here, parse(write(read_snapshot(here)))).assertions
    snapshot = read_database(here)
    result = {
        "assertions": len(models) + len(written),
        "models": _told(models),
        "written": _told(written),
        "itself": _told(drift(snapshot, read_database(here), None)),
        "restored": _told(drift(snapshot, read_database(there), None)),
        **_mutations(contract),
    }
    json.dump(result, sys.stdout)


def _told(assertions: Any) -> list[str]:
    from tests.laws.benches import unkept

    return [f"{one.id}: {one.violation or one.unknown}" for one in unkept(assertions)]


def _mutations(contract: Contract) -> dict[str, Any]:
    """Return how many changes of tables were tried, and which were judged wrongly."""
    from django.db import connections

    judges = {"postgresql": _judge_alters, "mysql": _judge_texts, "sqlite": _judge_texts}
    result: dict[str, Any] = {"tried": 0, "missed": [], "quiet": 0, "alarms": []}
    for change, violations in judges[connections["default"].vendor](contract):
        is_told = any(violation.table == change.table for violation in violations)
        result["tried" if change.is_told else "quiet"] += 1
        if is_told != change.is_told:
            what = f"{change.table}: {change.what} {[one.rule for one in violations]}"
            result["missed" if change.is_told else "alarms"].append(what)
    return result


def _tables() -> Iterator[tuple[str, set[str]]]:
    """Yield the tables of managed models, with the names of Meta's constraints."""
    from django.apps import apps

    for model in apps.get_models(include_auto_created=True):
        if model._meta.managed and not model._meta.proxy and not model._meta.swapped:
            yield model._meta.db_table, {one.name for one in model._meta.constraints}


def _is_automatic(table: str) -> bool:
    """Return whether Django makes the model of a many-to-many field; its id may have any type."""
    from django.apps import apps

    models = apps.get_models(include_auto_created=True)
    return any(one._meta.auto_created for one in models if one._meta.db_table == table)


FEW = 120


def _judge_alters(contract: Contract) -> Iterator[tuple[Any, Any]]:
    from django.db import DatabaseError, connection, transaction

    from migration_guard.contracts import examine
    from tests.laws import alters, asked

    with connection.cursor() as cursor:
        found = [
            change for table, names in _tables() for change in alters.changes(cursor, table, names)
        ]
        for change in asked.choose(found, FEW):
            only = contract.only([change.table])
            with contextlib.suppress(DatabaseError), transaction.atomic():
                for statement in change.statements:
                    cursor.execute(statement)
                yield change, examine(connection, only).violations
                transaction.set_rollback(True)


def _judge_texts(contract: Contract) -> Iterator[tuple[Any, Any]]:
    from django.db import DatabaseError, connections

    from migration_guard.contracts import examine
    from tests.laws import asked, table_texts

    here, there = connections["default"], connections["second"]
    found = [
        text
        for table, _ in _tables()
        if not (made := _made(here, table))[0].upper().startswith("CREATE VIRTUAL")
        for text in table_texts.texts(table, *made, here.vendor)
        if not (text.what.endswith("AUTO_INCREMENT: type") and _is_automatic(table))
    ]
    with there.cursor() as cursor:
        if there.vendor == "mysql":
            cursor.execute("SET foreign_key_checks = 0")
        else:
            cursor.execute("PRAGMA foreign_keys = OFF")
        for text in asked.choose(found, FEW):
            quoted = there.ops.quote_name(text.table)
            cursor.execute(f"DROP TABLE IF EXISTS {quoted}")
            try:
                for statement in text.statements:
                    cursor.execute(statement)
            except DatabaseError:
                continue
            if text.unless_served and _is_served(there, text):
                continue
            yield text, examine(there, contract.only([text.table])).violations


def _made(connection: Any, table: str) -> tuple[str, list[str]]:
    """Return the text of a table, and those of its indexes."""
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute(f"SHOW CREATE TABLE `{table}`")
            return cursor.fetchone()[1], []
        cursor.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL "
            "AND type IN ('table', 'index') ORDER BY type DESC",
            [table],
        )
        create, *indexes = (sql for (sql,) in cursor.fetchall())
        return create, indexes


def _is_served(connection: Any, text: Any) -> bool:
    """Return whether an index of the table begins with these columns."""
    size = len(text.unless_served)
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, text.table)
    return any(
        (one["index"] or one["unique"]) and tuple(one["columns"][:size]) == text.unless_served
        for one in found.values()
    )


if __name__ == "__main__":
    main()
