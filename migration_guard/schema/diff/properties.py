"""What a thing of a database is like, aspect by aspect, in the words of SQL.

Pure. A word is "" where an aspect is as it usually is; ``absent`` says what that means. UNKNOWN
stays UNKNOWN.
"""

from typing import Final

from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Fact,
    ForeignKey,
    Generated,
    Index,
    Key,
    Table,
)

# Aspects of a table that ``whole`` reads as programs without a name.
OPTIONS: Final = (
    *("persistence", "partition key", "partition bound", "row security"),
    *("inherits", "replica identity", "view options", "versioning"),
    *("engine", "table collation", "module", "rowid", "strict"),
)
_ABSENT: Final = {
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
    "replica identity": "REPLICA IDENTITY DEFAULT",
    "rowid": "with rowid",
    "strict": "not STRICT",
}


def absent(aspect: str) -> str:
    """Return what it means that nothing is said of an aspect."""
    return _ABSENT.get(aspect, f"no {aspect}")


def table(one: Table) -> dict[str, Fact[str]]:
    """Return the aspects of a table or view itself."""
    return {
        "kind": one.kind,
        "partition": _said("partition of {}", one.partition_of),
        "query": _query(one.definition),
        "comment": _said("COMMENT '{}'", one.comment),
    }


def column(one: Column) -> dict[str, Fact[str]]:
    """Return the aspects of a column."""
    null: Fact[str] = UNKNOWN
    if one.nullable is not UNKNOWN:
        null = "NULL" if one.nullable else "NOT NULL"
    return {
        "type": one.type,
        "null": null,
        "default": _said("DEFAULT {}", one.default),
        "identity": _said("IDENTITY {}", one.identity),
        "generated": _generated(one.generated),
        "collation": _said("COLLATE {}", one.collation),
        "comment": _said("COMMENT '{}'", one.comment),
    }


def key(one: Key) -> dict[str, Fact[str]]:
    """Return the aspects of a primary key, or of a unique constraint without an index."""
    return {
        "columns": f"({', '.join(one.columns)})",
        "nulls": _flag(one.nulls_distinct, "", "NULLS NOT DISTINCT"),
        "deferrable": _said("DEFERRABLE, initially {}", one.deferrable),
    }


def index(one: Index) -> dict[str, Fact[str]]:
    """Return the aspects of an index, or of the unique constraint that it backs."""
    told = (one.orders, one.prefix_lengths, one.opclasses, one.collations)
    return {
        "unique": _flag(one.unique, "UNIQUE", ""),
        "columns": _terms(one),
        "include": _listed("INCLUDE", one.include),
        "predicate": _said("WHERE {}", one.predicate),
        "using": _unless("btree", "USING {}", one.method),
        "nulls": _flag(one.nulls_distinct, "", "NULLS NOT DISTINCT"),
        "deferrable": _said("DEFERRABLE, initially {}", one.deferrable),
        "order": UNKNOWN if UNKNOWN in told else "",
        "valid": _flag(one.valid, "", "INVALID"),
    }


def foreign_key(one: ForeignKey) -> dict[str, Fact[str]]:
    """Return the aspects of a foreign key."""
    target: Fact[str] = UNKNOWN
    if one.target_columns is not UNKNOWN:
        target = f"REFERENCES {one.target} ({', '.join(one.target_columns)})"
    return {
        "columns": f"({', '.join(one.columns)})",
        "target": target,
        "on delete": _action("ON DELETE {}", one.on_delete),
        "on update": _action("ON UPDATE {}", one.on_update),
        "deferrable": _said("DEFERRABLE, initially {}", one.deferrable),
        "match": _unless("simple", "MATCH {}", one.match),
        "validated": _flag(one.validated, "", "NOT VALID"),
    }


def check(one: Check) -> dict[str, Fact[str]]:
    """Return the aspects of a check."""
    return {
        "expression": _said("CHECK ({})", one.expression),
        "validated": _flag(one.validated, "", "NOT VALID"),
    }


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


def _terms(one: Index) -> Fact[str]:
    """Return the columns and expressions, each with what is unusual about it."""
    if one.expressions is UNKNOWN:
        return UNKNOWN
    expressions = iter(one.expressions)
    terms = [name if name is not None else next(expressions, "?") for name in one.columns]
    orders = UNKNOWN if one.orders is UNKNOWN else [order.upper() for order in one.orders]
    parts: tuple[tuple[str, Fact[tuple[object, ...] | list[str]]], ...] = (
        ("({})", one.prefix_lengths),
        (" COLLATE {}", one.collations),
        (" {}", one.opclasses),
        (" {}", orders),
    )
    for words, fact in parts:
        for place, said in enumerate(() if fact is UNKNOWN else fact):
            if said not in {None, "ASC"}:
                terms[place] += words.format(said)
    return f"({', '.join(terms)})"


def _action(words: str, fact: Fact[str]) -> Fact[str]:
    """Say an action of a foreign key; columns may follow it."""
    if fact is UNKNOWN or fact == "no action":
        return UNKNOWN if fact is UNKNOWN else ""
    action, bracket, columns = fact.partition(" (")
    return words.format(action.upper() + bracket + columns)


def _said(words: str, fact: Fact[str | None]) -> Fact[str]:
    if fact is UNKNOWN:
        return UNKNOWN
    return words.format(fact) if fact else ""


def _unless(usual: str, words: str, fact: Fact[str]) -> Fact[str]:
    return "" if fact == usual else _said(words, fact)


def _flag(fact: Fact[bool], true: str, false: str) -> Fact[str]:
    if fact is UNKNOWN:
        return UNKNOWN
    return true if fact else false


def _listed(word: str, fact: Fact[tuple[str, ...]]) -> Fact[str]:
    if fact is UNKNOWN:
        return UNKNOWN
    return f"{word} ({', '.join(fact)})" if fact else ""
