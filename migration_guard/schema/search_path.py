"""The search path: which table a name means, and by which label a table is called.

Pure. A label is the bare name where the search path finds it, else ``schema.name``. Where another
table has that label too (``t`` of the schema ``s``, and ``s.t``), its parts stand in quotes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

Pair: TypeAlias = tuple[str, str]

_QUOTED: Final = r'"(?:[^"]|"")+"'
_PART: Final = re.compile(rf'{_QUOTED}|[^".]+')
_LABEL: Final = re.compile(rf"(?:{_PART.pattern})(?:\.(?:{_PART.pattern}))?")
_PATH_ENTRY: Final = re.compile(r'"((?:[^"]|"")*)"|([^\s,"]+)')


@dataclass(frozen=True, slots=True)
class SearchPath:
    """The schemas in which a bare name is found; the first that has it wins.

    ``schema_of`` holds the schema that a bare name is found in, ``ambiguous`` what would be the
    label of several tables. They are empty until ``with_tables`` is given all tables, so labels are
    right only of the path that it returns.
    """

    schemas: tuple[str, ...]
    schema_of: Mapping[str, str] = field(default_factory=dict)
    ambiguous: frozenset[str] = frozenset()

    def label(self, schema: str, name: str) -> str:
        """Return the label of a table, which is its bare name where that reaches it."""
        parts = self._parts(schema, name)
        label = ".".join(parts)
        if label in self.ambiguous or '"' in label:
            return ".".join('"{}"'.format(part.replace('"', '""')) for part in parts)
        return label

    def _parts(self, schema: str, name: str) -> tuple[str, ...]:
        return (name,) if self.schema_of.get(name) == schema else (schema, name)

    def with_tables(self, pairs: Iterable[Pair]) -> "SearchPath":
        """Return the path with all tables of the database, as (schema, name) pairs."""
        pairs = list(pairs)
        schema_of: dict[str, str] = {}
        rank = {schema: position for position, schema in enumerate(self.schemas)}
        for schema, name in pairs:
            if schema in rank and rank[schema] < rank.get(schema_of.get(name, ""), len(rank)):
                schema_of[name] = schema
        path = SearchPath(self.schemas, schema_of)
        counts = Counter(".".join(path._parts(*pair)) for pair in pairs)
        return replace(path, ambiguous=frozenset(name for name in counts if counts[name] > 1))

    def candidates(self, names: Iterable[str | Pair]) -> set[Pair]:
        """Return every (schema, name) that these names may mean."""
        pairs: set[Pair] = set()
        for name in names:
            pairs |= set(meanings(name, self.schemas)) if isinstance(name, str) else {name}
        return pairs


def meanings(label: str, schemas: Iterable[str]) -> list[Pair]:
    """Return every (schema, name) that a label may mean, with the likeliest one first.

    ``a.b`` may be ``b`` in the schema ``a``, and ``a.b`` on the search path, which ``"a.b"`` is.
    Where labels have no quotes of their own, as on SQLite, a name may have some.

    >>> meanings("a.b", ["public"])
    [('a', 'b'), ('public', 'a.b')]
    >>> meanings('"a"."b"', ["public"])
    [('a', 'b'), ('public', '"a"."b"')]
    """
    if '"' in label and _LABEL.fullmatch(label):
        parts = (
            part[1:-1].replace('""', '"') if part[0] == '"' else part
            for part in _PART.findall(label)
        )
        *schema, name = parts
        quoted = [(of_path, name) for of_path in schema or schemas]
        return quoted + [(of_path, label) for of_path in schemas]
    dots = [position for position, char in enumerate(label) if char == "."]
    pairs = [(label[:dot], label[dot + 1 :]) for dot in dots]
    return pairs + [(schema, label) for schema in schemas]


def path_entries(setting: str) -> list[str]:
    """Return the entries of PostgreSQL's ``search_path`` without their quotes, "$user" as it is."""
    return [
        quoted.replace('""', '"') if quoted else bare.lower()
        for quoted, bare in _PATH_ENTRY.findall(setting)
    ]


def search_path(setting: str, user: str, existing: Iterable[str]) -> SearchPath:
    """Return the schemas of PostgreSQL's ``search_path`` that exist.

    Also those that the role may not use: their tables are there, whatever the role may do (unlike
    ``current_schemas()``; manual, "The Schema Search Path").
    """
    names = set(existing)
    schemas = [user if entry == "$user" else entry for entry in path_entries(setting)]
    kept = [schema for schema in schemas if schema in names and not schema.startswith("pg_")]
    return SearchPath(tuple(dict.fromkeys(kept)))
