"""Keys and indexes of a database as text: for a contract to state, for a person to read. Pure."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from migration_guard.schema.objects import UNKNOWN, Column, Index, Key, Table
from migration_guard.sql.cursor import keyword, outside_brackets, source_of, split_at_commas
from migration_guard.sql.dialects import expression_dialect
from migration_guard.sql.scanner import Kind, significant

_TREES: Final = frozenset({"btree", "unknown", ""})


def key_texts(index: Index, table: Table | None = None) -> list[str]:
    """Return the keys of an index as a contract states them: ``name(10) COLLATE "C" DESC``.

    A name stands in quotes where the text would be another column of the ``table``.
    """
    expressions = iter(() if index.expressions is UNKNOWN else index.expressions)
    texts = []
    for position, column in enumerate(index.columns):
        name = text = column if column is not None else f"({next(expressions, '?')})"
        # Facts that a reader leaves out have shorter tuples.
        here = slice(position, position + 1)
        if index.prefix_lengths is not UNKNOWN and any(index.prefix_lengths[here]):
            text += f"({index.prefix_lengths[position]})"
        if index.collations is not UNKNOWN and any(index.collations[here]):
            text += f' COLLATE "{index.collations[position]}"'
        if index.orders is not UNKNOWN and index.orders[here] not in ((), ("asc",)):
            text += f" {index.orders[position].upper()}"
        is_taken = table is not None and isinstance(table.column(text), Column)
        if column is not None and text != name and (is_taken or not name.isidentifier()):
            text = '"{}"{}'.format(name.replace('"', '""'), text.removeprefix(name))
        texts.append(text)
    return texts


def in_brackets(columns: Iterable[str]) -> str:
    """Return ``(a, b)``."""
    return f"({', '.join(columns)})"


def describe_key(key: Key) -> str:
    """Return a unique key for a person to read."""
    words = [f"unique {in_brackets(key.columns)}"]
    if key.nulls_distinct is False:
        words.append("NULLS NOT DISTINCT")
    if key.deferrable is not UNKNOWN and key.deferrable:
        words.append(f"DEFERRABLE {key.deferrable}")
    return " ".join(words)


def is_tree(index: Index) -> bool:
    """Return whether an index is a B-tree, as far as that is known."""
    return index.method is UNKNOWN or index.method.lower() in _TREES


def describe_index(index: Index) -> str:
    """Return an index for a person to read."""
    words = ["unique" if index.unique is True else "index"]
    if index.method is not UNKNOWN and not is_tree(index):
        words.append(f"using {index.method.lower()}")
    words.append(in_brackets(key_texts(index)))
    if index.opclasses is not UNKNOWN and any(index.opclasses):
        words.append(f"with {', '.join(filter(None, index.opclasses))}")
    if index.include is not UNKNOWN and index.include:
        words.append(f"INCLUDE {in_brackets(index.include)}")
    if isinstance(index.predicate, str):
        words.append(f"WHERE {index.predicate}")
    if index.valid is False:
        words.append("INVALID")
    return " ".join(words)


def split_keys(text: str, vendor: str) -> list[str]:
    """Split a list of keys at the commas outside brackets."""
    tokens = list(significant(text, expression_dialect(vendor)))
    return [source_of(text, part) for part in split_at_commas(tokens)]


def split_opclass(text: str, vendor: str) -> tuple[str, str]:
    """Split a key of a CREATE INDEX into a key of a contract and its operator class.

    >>> split_opclass('"a" text_pattern_ops DESC', "postgresql")
    ('a DESC', 'text_pattern_ops')
    """
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


_KEY_WORDS: Final = frozenset({"COLLATE", "ASC", "DESC", "NULLS", "FIRST", "LAST"})
