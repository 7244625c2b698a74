"""Single changes of a model's table on PostgreSQL, made of its catalogue.

A change is told, or quiet where no code of a Django project breaks over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Change(NamedTuple):
    """Statements that change a table, and whether the contract of its model must tell them."""

    table: str
    what: str
    statements: tuple[str, ...]
    is_told: bool


OTHER_TYPES = {
    "bigint": "integer",
    "boolean": "text",
    "date": "timestamp",
    "double precision": "real",
    "inet": "text",
    "integer": "bigint",
    "interval": "text",
    "jsonb": "json",
    "smallint": "integer",
    "text": "character varying(50)",
    "timestamp with time zone": "timestamp",
    "uuid": "text",
}
COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity, atttypmod
FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
CONSTRAINTS = """
SELECT conname, contype, pg_get_constraintdef(oid), confdeltype FROM pg_constraint
WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f')
"""
INDEXES = """
SELECT c.relname, array_to_string(i.indkey, ' '), i.indisunique, i.indpred IS NULL,
       array_to_string(i.indclass, ' '), pg_get_indexdef(i.indexrelid), am.amname,
       EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype <> 'f')
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
WHERE i.indrelid = %s::regclass
"""


def changes(cursor: Any, table: str, meta_names: set[str]) -> Iterator[Change]:
    """Yield the changes of a table; `meta_names` are those of constraints of the model's Meta."""
    for what, statements, is_told in (
        *_of_table(table),
        *_of_columns(cursor, table),
        *_of_constraints(cursor, table, meta_names),
        *_of_indexes(cursor, table),
    ):
        alter = f'ALTER TABLE "{table}" '
        texts = tuple(
            alter + text
            if text.split()[0] in {"ADD", "DROP", "ALTER", "RENAME"}
            and not text.startswith(("DROP INDEX", "ALTER INDEX", "DROP TABLE"))
            else text
            for text in statements
        )
        yield Change(table, what, texts, is_told)


Entry = tuple[str, tuple[str, ...], bool]


def _of_table(table: str) -> Iterator[Entry]:
    view = f'CREATE VIEW "{table}" AS SELECT * FROM other'
    yield "table dropped", (f'DROP TABLE "{table}" CASCADE',), True
    yield "table renamed", ("RENAME TO other",), True
    yield "view in its place", ("RENAME TO other", view), True
    yield "column added", ("ADD extra integer",), False
    yield "column with default added", ("ADD extra integer NOT NULL DEFAULT 1",), False
    needs = ("ADD extra integer NOT NULL DEFAULT 1", "ALTER extra DROP DEFAULT")
    yield "column that needs a value added", needs, True
    yield "index added", (f'CREATE INDEX extra ON "{table}" ((1))',), False
    yield "comment added", (f"COMMENT ON TABLE \"{table}\" IS 'x'",), False


def _of_columns(cursor: Any, table: str) -> Iterator[Entry]:
    cursor.execute(COLUMNS, [f'"{table}"'])
    for name, type_text, is_not_null, identity, modifier in cursor.fetchall():
        column = f'"{name}"'
        yield f"{name} dropped", (f"DROP {column} CASCADE",), True
        yield f"{name} renamed", (f"RENAME {column} TO other",), True
        yield f"{name} has a comment", (f"COMMENT ON COLUMN \"{table}\".{column} IS 'x'",), False
        word = "DROP" if is_not_null else "SET"
        yield f"{name} {word} NOT NULL", (f"ALTER {column} {word} NOT NULL",), True
        other = OTHER_TYPES.get(type_text)
        if type_text.startswith("character varying("):
            other = f"character varying({modifier - 3})"
        if type_text.startswith("numeric("):
            other = "numeric(9, 4)"
        if other and not identity:
            change = f"ALTER {column} TYPE {other} USING {column}::text::{other}"
            yield f"{name} has the type {other}", (change,), True
        if identity:
            yield from _of_identity(table, name, type_text)
        else:
            generated = f"ADD {column} {type_text} GENERATED ALWAYS AS (NULL) STORED"
            yield f"{name} is generated", (f"DROP {column} CASCADE", generated), True


def _of_identity(table: str, name: str, type_text: str) -> Iterator[Entry]:
    column = f'"{name}"'
    drop = f"ALTER {column} DROP IDENTITY"
    yield f"{name} is no identity", (drop,), True
    yield f"{name} is always one", (f"ALTER {column} SET GENERATED ALWAYS",), True
    serial = f"ALTER {column} SET DEFAULT nextval('numbers')"
    made = f'CREATE SEQUENCE numbers AS {type_text} OWNED BY "{table}".{column}'
    yield f"{name} is a serial", (drop, made, serial), False


def _of_constraints(cursor: Any, table: str, meta_names: set[str]) -> Iterator[Entry]:
    cursor.execute(CONSTRAINTS, [f'"{table}"'])
    for name, kind, definition, _ in cursor.fetchall():
        constraint = f'CONSTRAINT "{name}"'
        drop = f"DROP {constraint} CASCADE"
        yield f"{name} dropped", (drop,), True
        yield f"{name} renamed", (f"RENAME {constraint} TO other",), False
        if kind == "u" and "INCLUDE" not in definition and "DEFERRABLE" not in definition:
            keys = definition[definition.index("(") :]
            index = f'CREATE UNIQUE INDEX other ON "{table}" {keys}'
            yield f"{name} as an index", (drop, index), False
            yield f"{name} of some rows", (drop, f"{index} WHERE false"), True
            yield f"{name} without UNIQUE", (drop, index.replace("UNIQUE ", "")), True
            deferred = f"ADD {constraint} UNIQUE {keys} DEFERRABLE INITIALLY DEFERRED"
            yield f"{name} deferred", (drop, deferred), True
        if kind == "f":
            add = f"ADD {constraint} {definition}"
            plain = add.replace(" DEFERRABLE INITIALLY DEFERRED", "")
            cascade = plain + " ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"
            yield f"{name} cascades", (drop, cascade), True
            yield f"{name} is immediate", (drop, plain), True
            yield f"{name} NOT VALID", (drop, f"{add} NOT VALID"), True
            explicit = plain + " ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED"
            yield f"{name} made again", (drop, explicit), False


def _of_indexes(cursor: Any, table: str) -> Iterator[Entry]:
    cursor.execute(INDEXES, [f'"{table}"'])
    rows = cursor.fetchall()
    for name, keys, is_unique, is_total, classes, definition, method, is_key in rows:
        if is_key:
            continue
        is_like = "_pattern_ops" in definition
        is_served = is_like or any(
            other[0] != name
            and other[3]
            and is_total
            and f"{other[1]} ".startswith(f"{keys} ")
            and f"{other[4]} ".startswith(f"{classes} ")
            for other in rows
        )
        drop = f'DROP INDEX "{name}"'
        yield f"{name} renamed", (f'ALTER INDEX "{name}" RENAME TO other',), False
        if is_served and not is_unique:
            continue
        yield f"{name} dropped", (drop,), True
        invalid = (
            f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '\"{name}\"'::regclass"
        )
        yield f"{name} invalid", (invalid,), True
        if is_total:
            yield f"{name} of some rows", (drop, f"{definition} WHERE false"), True
        if method == "btree" and not is_unique:
            brin = definition.replace("USING btree", "USING brin").replace(" DESC", "")
            yield f"{name} is a BRIN", (drop, brin), True
        if is_unique:
            yield f"{name} not unique", (drop, definition.replace("UNIQUE ", "", 1)), True
