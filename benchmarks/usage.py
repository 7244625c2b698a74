"""`checkschema --usage`: how long a server takes to say of statements which of them it breaks."""

from collections.abc import Iterator
from itertools import islice

from benchmarks import servers, sql, verifying
from benchmarks.markdown import Table, compared
from benchmarks.measuring import in_turn
from benchmarks.options import Options
from benchmarks.schema_check import VENDORS
from benchmarks.site import Site
from migration_guard.usage.statement import Column, Parameter, Statement, digest, dump
from tests import servers as test_servers

TABLES = 100
_NUMBER, _TEXT = Parameter("bigint", "bigint"), Parameter("unknown", "character varying")
# The texts, each for every table and label, and the kinds of their parameters.
_TEXTS = (
    ("SELECT {table}.id, {table}.label0 FROM {table} WHERE label{n} = ? AND id > ?", "tn"),
    ("SELECT a.code FROM {table} a JOIN s0001 b ON b.id = a.parent_id WHERE b.label{n} = ?", "t"),
    ("UPDATE {table} SET amount0 = amount0 + 1, label{n} = ? WHERE id = ?", "tn"),
    ("DELETE FROM {table} WHERE label{n} = ? AND parent_id IN (SELECT id FROM s0002)", "t"),
)


def tables(options: Options) -> Iterator[Table]:
    """Measure each number of statements on each vendor."""
    for vendor, name in VENDORS.items():
        if vendor == "mysql" and (missing := test_servers.mariadb_missing()):
            yield Table(f"Usage, {name}", ("", ""), (("not measured", missing),))
            continue
        for size in options.sizes_or((1000,)):
            yield _measure(options, vendor, name, size)


def _measure(options: Options, vendor: str, name: str, size: int) -> Table:
    folder = servers.folder()
    with servers.database(vendor, folder) as database:
        for statement in sql.schema(TABLES, vendor):
            database.execute(statement)
        site = Site(folder / "site", database.settings)
        site.write("usage.jsonl", dump(_statements(vendor, size)))
        check = ("checkschema", "--no-models", "--usage", "usage.jsonl")
        kept = verifying.says(rf"^{size} assertions? about .*: {size} kept\.$")
        contestants = [
            site.manage("checkschema --usage", *check, verify=kept),
            site.manage("manage.py check", "check"),
        ]
        measured = in_turn(contestants, options.rounds)
    return compared(f"Usage, {name}, {size:,} statements", measured, "checkschema --usage")


def _statements(vendor: str, size: int) -> Iterator[Statement]:
    """Yield distinct statements on all tables."""
    texts = (
        (text.format(table=f"s{table:04}", n=label), types)
        for label in range(sql.COLUMNS - 8)
        for text, types in _TEXTS
        for table in range(1, TABLES + 1)
    )
    for text, types in islice(texts, size):
        columns = [Column("id", "bigint"), Column("label0", "character varying")]
        yield Statement(
            digest(vendor, text),
            vendor,
            _placed(text) if vendor == "postgresql" else text,
            (f"shop/views.py:{digest(vendor, text)}",),
            tuple({"t": _TEXT, "n": _NUMBER}[kind] for kind in types),
            tuple(columns) if text.startswith("SELECT s") else (),
        )


def _placed(text: str) -> str:
    first, *others = text.split("?")
    return first + "".join(f"${place}{other}" for place, other in enumerate(others, 1))
