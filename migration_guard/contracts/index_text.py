"""Keys and indexes of a database as text: for a contract to state, for a person to read. Pure."""

from collections.abc import Iterable
from itertools import pairwise

from migration_guard.schema.objects import UNKNOWN, Index, Key
from migration_guard.sql.cursor import keyword, outside_brackets, source_of, split_at_commas
from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, significant


def parts(index: Index) -> list[str]:
    """Return the keys of an index as a contract states them: ``name(10) COLLATE "C" DESC``."""
    expressions = iter(() if index.expressions is UNKNOWN else index.expressions)
    found = []
    for at, column in enumerate(index.columns):
        name = part = column if column is not None else f"({next(expressions, '?')})"
        if index.prefix_lengths is not UNKNOWN and any(index.prefix_lengths[at : at + 1]):
            part += f"({index.prefix_lengths[at]})"
        if index.collations is not UNKNOWN and any(index.collations[at : at + 1]):
            part += f' COLLATE "{index.collations[at]}"'
        if index.orders is not UNKNOWN and index.orders[at : at + 1] not in ((), ("asc",)):
            part += f" {index.orders[at].upper()}"
        if column is not None and part != name and not name.isidentifier():
            part = '"{}"{}'.format(name.replace('"', '""'), part.removeprefix(name))
        found.append(part)
    return found


def listed(columns: Iterable[str]) -> str:
    """Return ``(a, b)``."""
    return f"({', '.join(columns)})"


def shown_key(key: Key) -> str:
    """Return a unique key for a person to read."""
    words = [f"unique {listed(key.columns)}"]
    if key.nulls_distinct is False:
        words.append("NULLS NOT DISTINCT")
    if key.deferrable is not UNKNOWN and key.deferrable:
        words.append(f"DEFERRABLE {key.deferrable}")
    return " ".join(words)


def shown_index(index: Index) -> str:
    """Return an index for a person to read."""
    words = ["unique" if index.unique is True else "index", listed(parts(index))]
    if index.include is not UNKNOWN and index.include:
        words.append(f"INCLUDE {listed(index.include)}")
    if isinstance(index.predicate, str):
        words.append(f"WHERE {index.predicate}")
    if index.valid is False:
        words.append("INVALID")
    return " ".join(words)


def separate(text: str, vendor: str) -> list[str]:
    """Split a list of keys at its outer commas."""
    tokens = list(significant(text, expression_dialect(vendor)))
    return [source_of(text, part) for part in split_at_commas(tokens)]


def taken_apart(text: str, vendor: str) -> tuple[str, str]:
    """Take the operator class out of a key: ``"a" text_pattern_ops DESC`` is ``a DESC`` and it."""
    opclass = ""
    tokens = list(significant(text, expression_dialect(vendor)))
    for before, token in pairwise(outside_brackets(tokens)):
        if (
            token.kind is Kind.WORD
            and keyword(token) not in _KEY_WORDS
            and keyword(before) != "COLLATE"
        ):
            opclass, start = token.text, token.start
            text = f"{text[:start].rstrip()} {text[start + len(opclass) :].lstrip()}".strip()
            break
    if tokens[0].kind is Kind.QUOTED:
        name = tokens[0].text
        text = f"{name[1:-1]}{text[len(name) :]}"
    return text, opclass


_KEY_WORDS = frozenset({"COLLATE", "ASC", "DESC", "NULLS", "FIRST", "LAST"})
