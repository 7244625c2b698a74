"""The options of MySQL's and MariaDB's tables, views and columns, as programs without a name.

Sources: MariaDB manual, "Information Schema Tables", "CREATE TABLE", "Partitioning Types".
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from migration_guard.schema.objects import Program
from migration_guard.schema.readers.mysql.clauses import table_clauses
from migration_guard.schema.readers.mysql.listing import Listing, Record, in_order, properties

# What the reader of columns tells, and the server's word for an expression as default.
_TOLD: Final = re.compile(r"(?i)auto_increment|DEFAULT_GENERATED|(VIRTUAL|STORED) GENERATED")
_ZEROFILL: Final = re.compile(r"\w+(\(\d+\))?.* zerofill")
# Partitions are told of apart; SHOW CREATE TABLE adds the default of Aria, and so does a dump.
_NOT_STATED: Final = {"partitioned", "page_checksum=1"}
_VERSIONED: Final = "SYSTEM VERSIONED"
_BY_TIME: Final = "SYSTEM_TIME"


def table_options(listing: Listing) -> Iterator[Program]:
    """Yield the options of tables and views, and of their columns."""
    yield from _tables(listing)
    for record in listing.records("views"):
        yield from _options(record, properties(record, "views", "view_definition"))
    yield from _partitions(listing)
    for record in listing.records("columns"):
        text = ", ".join(_of_column(record))
        if text:
            yield Program("option of column", record["column_name"], record["table_name"], text)
    for record in listing.records("geometry_columns"):
        own = properties(record, "geometry_columns") if record["srid"] else {}
        name, table = record["g_geometry_column"], record["g_table_name"]
        yield Program("srid of column", name, table, "", own)


def _tables(listing: Listing) -> Iterator[Program]:
    kinds = {"BASE TABLE", _VERSIONED}
    records = [record for record in listing.tables if record["table_type"] in kinds]
    yield from table_clauses(listing, [record["table_name"] for record in records])
    for record in records:
        own = properties(record, "tables", "table_type", "table_comment", "create_options")
        if record["table_type"] == _VERSIONED:
            own["versioning"] = "WITH SYSTEM VERSIONING"
        stated = sorted(set((record["create_options"] or "").split()) - _NOT_STATED)
        if stated:
            own["create options"] = " ".join(stated)
        yield from _options(record, own)


def _options(record: Record, own: dict[str, str]) -> Iterator[Program]:
    for kind, text in own.items():
        yield Program(kind, "", record["table_name"], text)


def _of_column(record: Record) -> Iterator[str]:
    if zerofill := _ZEROFILL.fullmatch(record["column_type"]):
        yield f"ZEROFILL{zerofill[1] or ''}"
    if "COMPRESSED" in record["column_type"]:
        yield "COMPRESSED"
    if extra := " ".join(_TOLD.sub("", record["extra"]).split()):
        yield extra
    if record.get("srs_id") is not None:
        yield f"SRID {record['srs_id']}"


def _partitions(listing: Listing) -> Iterator[Program]:
    partitions: dict[str, list[Record]] = defaultdict(list)
    positions = "partition_ordinal_position", "subpartition_ordinal_position"
    for record in in_order(listing.records("partitions"), *positions):
        if record["partition_name"] is not None:
            partitions[record["table_name"]].append(record)
    for table, records in partitions.items():
        first = records[0]
        parts = ["PARTITION BY", first["partition_method"], first["partition_expression"]]
        if first["subpartition_method"]:
            parts += ["SUBPARTITION BY", first["subpartition_method"]]
            parts.append(first["subpartition_expression"])
        yield Program("partition key", "", table, " ".join(filter(None, parts)))
        # The server makes partitions by time itself, from the time of the statement on.
        if first["partition_method"] != _BY_TIME:
            yield Program("partition bound", "", table, ", ".join(map(_partition, records)))


def _partition(record: Record) -> str:
    texts = [record["partition_name"], record["subpartition_name"], record["partition_description"]]
    if record["partition_comment"]:
        texts.append(f"COMMENT '{record['partition_comment']}'")
    return " ".join(filter(None, texts))
