"""Names that were asked for, resolved: which schema, which table, and how people call it.

Pure. A label is the bare name where the search path finds it, else ``schema.name``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Pair: TypeAlias = tuple[str, str]

_PATH_ENTRY = re.compile(r'"((?:[^"]|"")*)"|([^\s,"]+)')


@dataclass(frozen=True, slots=True)
class SearchPath:
    """The schemas in which a bare name is found, first come first served.

    ``first`` tells, once the tables are known, in which schema a bare name ends up: make the path
    ``with_tables`` all tables before asking for labels.
    """

    schemas: tuple[str, ...]
    first: Mapping[str, str] = field(default_factory=dict)

    def label(self, schema: str, name: str) -> str:
        """Return how one names a table: bare where that reaches it."""
        return name if self.first.get(name) == schema else f"{schema}.{name}"

    def with_tables(self, pairs: Iterable[Pair]) -> "SearchPath":
        """Return the path with the tables that are there: (schema, name) pairs."""
        first: dict[str, str] = {}
        rank = {schema: position for position, schema in enumerate(self.schemas)}
        for schema, name in pairs:
            if schema in rank and rank[schema] < rank.get(first.get(name, ""), len(rank)):
                first[name] = schema
        return SearchPath(self.schemas, first)

    def candidates(self, names: Iterable[str | Pair]) -> set[Pair]:
        """Return every (schema, name) that the names asked for may mean.

        ``a.b`` may be ``b`` in the schema ``a`` and, quoted, ``a.b`` on the search path.
        """
        pairs: set[Pair] = set()
        for name in names:
            if not isinstance(name, str):
                pairs.add(name)
                continue
            pairs |= {(schema, name) for schema in self.schemas}
            schema, dot, rest = name.partition(".")
            if dot:
                pairs.add((schema, rest))
        return pairs


def search_path(setting: str, user: str, existing: Iterable[str]) -> SearchPath:
    """Return the schemas of PostgreSQL's ``search_path`` that exist.

    Also those that the role may not use: their tables are there, whatever the role may do (unlike
    ``current_schemas()``; manual, "The Schema Search Path").
    """
    there = set(existing)
    entries = [
        quoted.replace('""', '"') if quoted else bare.lower()
        for quoted, bare in _PATH_ENTRY.findall(setting)
    ]
    schemas = [user if entry == "$user" else entry for entry in entries]
    kept = [one for one in schemas if one in there and not one.startswith("pg_")]
    return SearchPath(tuple(dict.fromkeys(kept)))
