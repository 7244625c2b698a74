"""Triggers, routines, packages, events and sequences of MySQL and MariaDB, with all their options.

Sources: MariaDB manual, "Information Schema Tables", "CREATE SEQUENCE", "CREATE EVENT".
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.objects import COUNTED, UNKNOWN, Fact, Program, Snapshot, Unknown
from migration_guard.schema.readers.lock_limits import reason
from migration_guard.schema.readers.mysql.catalogue_columns import CATALOGUE_TABLES
from migration_guard.schema.readers.mysql.listing import Listing, Record, in_order, properties
from migration_guard.schema.readers.mysql.options import table_options
from migration_guard.sql.dialects import MYSQL

_ZONES: Final = 15  # minutes between two time zones
_TIMES: Final = {"starts": "STARTS", "ends": "ENDS", "execute_at": "AT"}


def read_programs(
    connection: BaseDatabaseWrapper, _snapshot: Snapshot
) -> Iterator[Program | Unknown]:
    """Yield the programs of the selected database, the options of its tables, and notes on both."""
    listing = Listing(connection)
    yield from table_options(listing)
    yield from _triggers(listing)
    yield from _routines(listing)
    yield from _events(listing)
    yield from _sequences(listing)
    yield from listing.unknown


def _triggers(listing: Listing) -> Iterator[Program]:
    before: dict[tuple[str, ...], str] = {}
    for record in in_order(listing.records("triggers"), "action_order"):
        name, table = record["trigger_name"], record["event_object_table"]
        own = properties(record, "triggers", "action_statement", "action_order")
        # In words that stay the same when a trigger before that one goes.
        moment = table, record["action_timing"], record["event_manipulation"]
        if moment in before:
            own["order"] = f"FOLLOWS {before[moment]}"
        before[moment] = name
        yield Program("trigger", name, table, _text(record["action_statement"]), own)


def _routines(listing: Listing) -> Iterator[Program]:
    parameters: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in in_order(listing.records("parameters"), "ordinal_position"):
        if record["ordinal_position"]:  # the one without a number is what the function returns
            key = record["specific_name"], record["routine_type"]
            parameters[key].append(_parameter(record))
    for record in listing.records("routines"):
        kind, name = record["routine_type"], record["routine_name"]
        own = properties(record, "routines", "routine_definition", "dtd_identifier")
        if record["dtd_identifier"]:
            own["returns"] = f"RETURNS {record['dtd_identifier']}"
        if (record["specific_name"], kind) in parameters:
            own["parameters"] = f"({', '.join(parameters[record['specific_name'], kind])})"
        yield Program(kind.lower(), name, "", _text(record["routine_definition"]), own)


def _parameter(record: Record) -> str:
    texts = [record["parameter_mode"], record["parameter_name"], record["dtd_identifier"]]
    if record["collation_name"]:
        texts += [f"CHARACTER SET {record['character_set_name']} COLLATE", record["collation_name"]]
    if record.get("parameter_default") is not None:
        texts.append(f"DEFAULT {record['parameter_default']}")
    return " ".join(filter(None, texts))


def _events(listing: Listing) -> Iterator[Program]:
    ((now,),) = listing.rows("SELECT NOW()")
    for record in listing.records("events", "created", "last_altered"):
        own = properties(record, "events", "event_definition", *_TIMES)
        changes = record["created"], record["last_altered"]
        for name, word in _TIMES.items():
            time = record[name]
            if time is not None and name == "starts" and time > now:
                own["begins"] = f"{word} '{time}'"
            elif time is not None:
                counted = COUNTED if _is_counted_from(time, changes) else ""
                own[word.lower()] = f"{word} '{time}'{counted}"
        definition = _text(record["event_definition"])
        yield Program("event", record["event_name"], "", definition, own)


def _is_counted_from(time: datetime, changes: Iterable[datetime | None]) -> bool:
    """Return whether a time was counted from when its statement ran, which no other run repeats.

    It then has the seconds of that statement, and the minutes but for time zones.
    """
    return any(
        change is not None
        and (time.minute % _ZONES, time.second) == (change.minute % _ZONES, change.second)
        for change in changes
    )


def _sequences(listing: Listing) -> Iterator[Program]:
    names = [
        record["table_name"] for record in listing.tables if record["table_type"] == "SEQUENCE"
    ]
    columns = CATALOGUE_TABLES["sequence"].compared.split()
    for name in names:
        try:
            (row,) = listing.rows(f"SELECT {', '.join(columns)} FROM {MYSQL.quote(name)}")
        except DatabaseError as error:
            listing.unknown.append(Unknown("", f"sequence {name}", reason(error)))
            yield Program("sequence", name, "", UNKNOWN)
        else:
            record = dict(zip(columns, row, strict=True))
            yield Program("sequence", name, "", "", properties(record, "sequence"))


def _text(text: str | None) -> Fact[str]:
    """Return a text that the server hides from those who may not see it."""
    return UNKNOWN if text is None else text
