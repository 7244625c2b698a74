"""The properties of a database object, each in the words of SQL.

Pure. A text is "" where a property is as usual; ``absent`` says what that means. UNKNOWN stays
UNKNOWN.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Exclusion,
    Fact,
    ForeignKey,
    Generated,
    Index,
    Key,
    Table,
)

Properties: TypeAlias = dict[str, Fact[str]]

_ABSENT: Final[Mapping[str, str]] = {
    "null": "nothing about NULL",
    "deferrable": "NOT DEFERRABLE",
    "generated": "not GENERATED",
    "match": "MATCH SIMPLE",
    "nulls": "NULLS DISTINCT",
    "on delete": "ON DELETE NO ACTION",
    "on update": "ON UPDATE NO ACTION",
    "predicate": "no WHERE",
    "unique": "not UNIQUE",
    "valid": "VALID",
    "validated": "VALID",
    "using": "USING btree",
    "persistence": "LOGGED",
    "access method": "USING heap",
    "copied triggers": "triggers as those of its parent",
    "clustering": "CLUSTER ON nothing",
    "data": "WITH DATA",
    "declaration": "inherited only",
    "inheritance": "inherited by children",
    "name": "no name",
    "replica identity": "REPLICA IDENTITY DEFAULT",
    "statistics target": "STATISTICS by default",
    "trigger mode": "triggers of ordinary sessions",
    "triggers": "all triggers enabled",
    "storage": "the STORAGE of its type",
    "rowid": "with rowid",
    "strict": "not STRICT",
}


def absent(name: str) -> str:
    """Return what an empty text means for a property."""
    return _ABSENT.get(name, f"no {name}")


def of_table(table: Table) -> Properties:
    """Return the properties of a table or view itself."""
    return {
        "kind": table.kind,
        "partition": _text("partition of {}", table.partition_of),
        "query": _query(table.definition),
        "constraint clauses": ", ".join(table.clauses),
        "comment": _text("COMMENT '{}'", table.comment),
    }


def of_column(column: Column) -> Properties:
    """Return the properties of a column."""
    return {
        "type": column.type,
        "null": _flag(column.nullable, "NULL", "NOT NULL"),
        "default": _text("DEFAULT {}", column.default),
        "identity": _text("IDENTITY {}", column.identity),
        "generated": _generated(column.generated),
        "collation": _text("COLLATE {}", column.collation),
        "comment": _text("COMMENT '{}'", column.comment),
    }


def of_key(key: Key) -> Properties:
    """Return the properties of a primary key, or of a unique constraint without an index."""
    return {
        "columns": f"({', '.join(key.columns)})",
        "nulls": _flag(key.nulls_distinct, "", "NULLS NOT DISTINCT"),
        "deferrable": _text("DEFERRABLE, initially {}", key.deferrable),
    }


def of_index(index: Index) -> Properties:
    """Return the properties of an index, or of the unique constraint that it backs."""
    parts_of_terms = (index.orders, index.prefix_lengths, index.opclasses, index.collations)
    return {
        "unique": _flag(index.unique, "UNIQUE", ""),
        "columns": _terms(index),
        # In any order: they are no part of the key.
        "include": _set("INCLUDE", index.include),
        "predicate": _text("WHERE {}", index.predicate),
        "using": "" if index.method == "btree" else _text("USING {}", index.method),
        "nulls": _flag(index.nulls_distinct, "", "NULLS NOT DISTINCT"),
        "deferrable": _text("DEFERRABLE, initially {}", index.deferrable),
        "order": UNKNOWN if UNKNOWN in parts_of_terms else "",
        "valid": _flag(index.valid, "", "INVALID"),
        "comment": _text("COMMENT '{}'", index.comment),
        "triggers": _triggers(index.disabled_on),
    }


def of_foreign_key(key: ForeignKey) -> Properties:
    """Return the properties of a foreign key."""
    target: Fact[str] = UNKNOWN
    if key.target_columns is not UNKNOWN:
        target = f"REFERENCES {key.target} ({', '.join(key.target_columns)})"
    return {
        "columns": f"({', '.join(key.columns)})",
        "target": target,
        "on delete": _action("ON DELETE {}", key.on_delete),
        "on update": _action("ON UPDATE {}", key.on_update),
        "deferrable": _text("DEFERRABLE, initially {}", key.deferrable),
        "match": _action("MATCH {}", key.match, "simple"),
        "validated": _validity(key),
        "triggers": _triggers(key.disabled_on),
    }


def of_check(check: Check) -> Properties:
    """Return the properties of a check."""
    return {
        "expression": _text("CHECK ({})", check.expression),
        "level": "of its column" if check.of_column else "",
        "validated": _validity(check),
    }


def of_exclusion(exclusion: Exclusion) -> Properties:
    """Return the properties of an exclusion constraint."""
    return {
        "definition": exclusion.definition,
        "triggers": _triggers(exclusion.disabled_on),
    }


def _validity(constraint: Check | ForeignKey) -> Fact[str]:
    if constraint.enforced is False:
        return "NOT ENFORCED"
    return _flag(constraint.validated, "", "NOT VALID")


def _triggers(tables: Fact[tuple[str, ...]]) -> Fact[str]:
    """Return where the triggers of a constraint are disabled."""
    text = UNKNOWN if tables is UNKNOWN else ", ".join(tables)
    return _text("triggers disabled on {}", text)


def _query(definition: Fact[str | None]) -> Fact[str]:
    """Return the query of a view; SQLite keeps the whole statement."""
    if definition is UNKNOWN or definition is None:
        return UNKNOWN if definition is UNKNOWN else ""
    text = definition.strip().removesuffix(";")
    return text if text[:6].upper() == "CREATE" else f"AS {text}"


def _generated(fact: Fact[Generated | None]) -> Fact[str]:
    if fact is UNKNOWN or fact is None:
        return UNKNOWN if fact is UNKNOWN else ""
    if fact.expression is UNKNOWN or fact.stored is UNKNOWN:
        return UNKNOWN
    return f"GENERATED AS ({fact.expression}) {'STORED' if fact.stored else 'VIRTUAL'}"


def _terms(index: Index) -> Fact[str]:
    """Return the columns and expressions, each with what is not as usual."""
    if index.expressions is UNKNOWN:
        return UNKNOWN
    expressions = iter(index.expressions)
    terms = [name if name is not None else next(expressions, "?") for name in index.columns]
    orders = UNKNOWN if index.orders is UNKNOWN else [order.upper() for order in index.orders]
    parts: tuple[tuple[str, Fact[tuple[object, ...] | list[str]]], ...] = (
        ("({})", index.prefix_lengths),
        (" COLLATE {}", index.collations),
        (" {}", index.opclasses),
        (" {}", orders),
    )
    for template, fact in parts:
        for position, value in enumerate(() if fact is UNKNOWN else fact):
            if value not in {None, "ASC"}:
                terms[position] += template.format(value)
    return f"({', '.join(terms)})"


def _action(template: str, fact: Fact[str], usual: str = "no action") -> Fact[str]:
    """Return the action of a foreign key; columns may follow it."""
    if fact is UNKNOWN or fact == usual:
        return UNKNOWN if fact is UNKNOWN else ""
    action, bracket, columns = fact.partition(" (")
    return template.format(action.upper() + bracket + columns)


def _text(template: str, fact: Fact[str | None]) -> Fact[str]:
    if fact is UNKNOWN:
        return UNKNOWN
    return template.format(fact) if fact else ""


def _flag(fact: Fact[bool], true: str, false: str) -> Fact[str]:
    if fact is UNKNOWN:
        return UNKNOWN
    return true if fact else false


def _set(word: str, fact: Fact[tuple[str, ...]]) -> Fact[str]:
    if fact is UNKNOWN:
        return UNKNOWN
    return f"{word} ({', '.join(sorted(fact))})" if fact else ""
