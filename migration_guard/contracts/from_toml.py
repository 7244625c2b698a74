"""Contracts as TOML files: text -> Contract.

Strict: an unknown key, a wrong type, a range that runs backwards is refused with its line and the
nearest known name. Every clause knows the line of its own key.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from migration_guard.conf import nearest
from migration_guard.contracts import declare
from migration_guard.contracts.contract import Contract, Models, merge
from migration_guard.contracts.toml_lines import Lines
from migration_guard.contracts.toml_lines import Path as Keys
from migration_guard.exceptions import CannotTell
from migration_guard.problems import place

C = TypeVar("C", bound=declare.Clause)


def load(*paths: Path) -> Contract:
    """Read contract files as one contract.

    Raises CannotTell for a file that cannot be opened, and for the first thing that is wrong in it.
    """
    return merge(_load(path) for path in paths)


def parse(text: str, path: Path | None = None) -> Contract:
    """Read the text of a contract file; ``path`` is what its places name."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        where = f"{_before_line(path)}{line}"
        raise CannotTell(f"{where}: not valid TOML: {error}.", "Correct the line.") from error
    return _Reader(path, Lines(text)).contract(document)


def _load(path: Path) -> Contract:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise CannotTell(
            f"The contract {place(path)} cannot be read: {why}.",
            'Correct MIGRATION_GUARD["CONTRACTS"] or --contract, or write a contract of the '
            f"database as it is: manage.py checkschema --write {place(path)}.",
        ) from error
    return parse(text, path)


class _Reader:
    """Turns a document into clauses; ``at`` is always the path of keys to the value."""

    def __init__(self, path: Path | None, lines: Lines) -> None:
        # Of the whole file: a contract has thousands of places in it.
        self.file = _before_line(path)
        self.lines = lines

    # -- sections

    def contract(self, document: Mapping[str, Any]) -> Contract:
        top = self.table((), document, SECTIONS)
        absent = self.table(("absent",), top.get("absent", {}), ("tables", "columns"))
        migrations = self.table(("migrations",), top.get("migrations", {}), ("applied",))
        return Contract(
            [self._table(*one) for one in self._named(top, "tables")],
            views=[self._view(*one) for one in self._named(top, "views")],
            enums=[self._named_clause(declare.Enum, *one) for one in self._named(top, "enums")],
            extensions=[
                self._named_clause(declare.Extension, name, at, {} if value is True else value)
                for name, at, value in self._named(top, "extensions")
            ],
            absent_tables=self._many(declare.AbsentTable, ("absent", "tables"), absent),
            absent_columns=[
                self._absent_column(clause)
                for clause in self._many(declare.AbsentTable, ("absent", "columns"), absent)
            ],
            migrations=self._many(declare.Migrations, ("migrations", "applied"), migrations),
            models=self._models(top.get("models", {})),
            exact=self.flag(("exact",), top.get("exact", False)),
            source=self.place(("exact",)) if "exact" in top else "",
        )

    def _named(self, top: Mapping[str, Any], section: str) -> list[tuple[str, Keys, Any]]:
        values = self.table((section,), top.get(section, {}))
        return [(name, (section, name), value) for name, value in values.items()]

    def _models(self, value: Any) -> Models:
        models = self.table(("models",), value, ("include", "exclude"))
        return Models(
            *(self.names(("models", key), models.get(key, [])) for key in ("include", "exclude"))
        )

    def _table(self, name: str, at: Keys, value: Any) -> declare.Table:
        if isinstance(value, dict) and any(_looks_like_a_table(one) for one in value.values()):
            self._refuse_schema(name, at, value)
        table = self.table(at, value, (*TABLE, "owner", "reason"))
        keys = self._many(declare.PrimaryKey, (*at, "primary_key"), table, single=True)
        return declare.Table(
            name,
            self._columns((*at, "columns"), table),
            primary_key=keys[0] if keys else None,
            unique=self._many(declare.Unique, (*at, "unique"), table),
            indexes=self._many(declare.Index, (*at, "indexes"), table),
            checks=self._many(declare.Check, (*at, "checks"), table),
            foreign_keys=self._many(declare.ForeignKey, (*at, "foreign_keys"), table),
            exclusions=self._many(declare.Exclusion, (*at, "exclusions"), table),
            exact=self.flag((*at, "exact"), table.get("exact", False)),
            **self.who(at, table),
        )

    def _view(self, name: str, at: Keys, value: Any) -> declare.View:
        view = self.table(at, value, (*VIEW, "owner", "reason"))
        materialized = view.get("materialized")
        if materialized is not None:
            self.flag((*at, "materialized"), materialized)
        return declare.View(
            name,
            self._columns((*at, "columns"), view),
            materialized,
            exact=self.flag((*at, "exact"), view.get("exact", False)),
            unique=self._many(declare.Unique, (*at, "unique"), view),
            indexes=self._many(declare.Index, (*at, "indexes"), view),
            **self.who(at, view),
        )

    def _columns(self, at: Keys, table: Mapping[str, Any]) -> list[declare.Column]:
        found = []
        for name, value in self.table(at, table.get("columns", {})).items():
            here = (*at, name)
            apart = value if self.lines.are_within(here) and isinstance(value, dict) else ()
            sources = {key: self.place((*here, key)) for key in apart}
            found.append(self._clause(declare.Column, here, value, name=name, sources=sources))
        return found

    def _absent_column(self, named: declare.AbsentTable) -> declare.AbsentColumn:
        table, _, column = named.name.rpartition(".")
        if not (table and column):
            raise CannotTell(
                f'{named.source}: "{named.name}" is not a column of a table.',
                'Write "users.legacy_flag".',
            )
        return declare.AbsentColumn(
            table, column, owner=named.owner, reason=named.reason, source=named.source
        )

    def _refuse_schema(self, name: str, at: Keys, value: Mapping[str, Any]) -> None:
        inner = next(key for key, one in value.items() if _looks_like_a_table(one))
        if inner not in TABLE:
            raise self.error(
                (*at, inner),
                f'"{inner}" is not a key of a table',
                f'A table of another schema is quoted as a whole: [tables."{name}.{inner}"].',
            )

    # -- clauses

    def _named_clause(self, kind: type[C], name: str, at: Keys, value: Any) -> C:
        return self._clause(kind, at, value, name=name)

    def _many(
        self, kind: type[C], at: Keys, table: Mapping[str, Any], *, single: bool = False
    ) -> list[C]:
        """Build the clauses of a list; one alone may stand without it."""
        value = table.get(str(at[-1]))
        if value is None:
            return []
        if single or not isinstance(value, list):
            return [self._clause(kind, at, value)]
        return [self._clause(kind, (*at, number), one) for number, one in enumerate(value)]

    def _clause(self, kind: type[C], at: Keys, value: Any, **given: Any) -> C:
        """Build a clause from its long form, or from its short one, the value of its main key."""
        grammar = GRAMMAR[kind]
        if isinstance(value, dict):
            stated = {
                key: grammar[key](self, (*at, key), one)
                for key, one in self.table(at, value, grammar).items()
            }
        else:
            main = next(iter(grammar))
            stated = {main: grammar[main](self, at, value)}
        try:
            return kind(**given, **stated, source=self.place(at))
        except TypeError as error:
            raise self.error(at, "a key is missing", f"Write {_missing(error)}.") from error
        except ValueError as error:
            raise self.error(at, str(error), "Correct the line.") from error

    def who(self, at: Keys, value: Mapping[str, Any]) -> dict[str, Any]:
        said = {key: self.text((*at, key), value[key]) for key in WHO if key in value}
        return {**said, "source": self.place(at)}

    # -- values

    def table(self, at: Keys, value: Any, known: Collection[str] | None = None) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(at, value, "a table")
        for key in value if known is not None else ():
            if key not in (known or ()):
                raise self._unknown((*at, key), known or ())
        return value

    def text(self, at: Keys, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(at, value, "a text")
        return value

    def flag(self, at: Keys, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(at, value, "true or false")
        return value

    def text_or_flag(self, at: Keys, value: Any) -> str | bool:
        if not isinstance(value, str | bool):
            raise self.wrong(at, value, "SQL in quotes, true (any) or false (none)")
        return value

    def names(self, at: Keys, value: Any) -> list[str]:
        if not isinstance(value, list):
            raise self.wrong(at, value, 'a list of names, such as ["a", "b"]')
        return [self.text((*at, number), one) for number, one in enumerate(value)]

    def columns(self, at: Keys, value: Any) -> list[str]:
        names = self.names(at, value)
        if not names:
            raise self.wrong(at, value, "at least one column")
        return names

    # -- errors

    def place(self, at: Keys) -> str:
        return f"{self.file}{self.lines.of(at)}"

    def error(self, at: Keys, message: str, hint: str) -> CannotTell:
        return CannotTell(f"{self.place(at)}: {message}.", hint)

    def wrong(self, at: Keys, value: Any, expected: str) -> CannotTell:
        named = next((f"{key} = " for key in reversed(at) if isinstance(key, str)), "")
        return self.error(at, f"{named}{_shown(value)} is wrong", f"Write {expected}.")

    def _unknown(self, at: Keys, known: Collection[str]) -> CannotTell:
        near = nearest(str(at[-1]), known)
        kind = "key" if len(at) > 1 else "section"
        where = f" of [{'.'.join(map(str, at[:-1]))}]" if len(at) > 1 else ""
        return self.error(
            at,
            f'"{at[-1]}" is not a known {kind}{where}',
            f'Did you mean "{near}"?' if near else f"Known are {', '.join(known)}.",
        )


def _before_line(path: Path | None) -> str:
    """Return what stands before a line number in a place."""
    return "line " if path is None else f"{place(path)}:"


def _looks_like_a_table(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.keys() & {"columns", *TABLE})


def _missing(error: TypeError) -> str:
    """Return the arguments that Python found missing, as keys to write."""
    return " and ".join(f"{name} = …" for name in re.findall(r"'(\w+)'", str(error)))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


Check = Callable[[_Reader, Keys, Any], Any]
WHO = ("owner", "reason")
SECTIONS = ("tables", "views", "enums", "extensions", "absent", "migrations", "models", "exact")
TABLE = (
    "columns",
    "primary_key",
    "unique",
    "indexes",
    "checks",
    "foreign_keys",
    "exclusions",
    "exact",
)
VIEW = ("columns", "materialized", "exact", "unique", "indexes")
# Of each clause but who relies on it; the first key is what its short form states.
_KEYS: Mapping[type[declare.Clause], Mapping[str, Check]] = {
    declare.Column: {
        "type": _Reader.text,
        "null": _Reader.flag,
        "default": _Reader.text_or_flag,
        "identity": _Reader.text_or_flag,
        "generated": _Reader.text_or_flag,
        "stored": _Reader.flag,
        "collation": _Reader.text,
    },
    declare.PrimaryKey: {"columns": _Reader.columns},
    declare.Unique: {
        "columns": _Reader.columns,
        "where": _Reader.text,
        "include": _Reader.names,
        "nulls_distinct": _Reader.flag,
        "deferrable": _Reader.text,
    },
    declare.Index: {
        "columns": _Reader.columns,
        "where": _Reader.text,
        "include": _Reader.names,
        "method": _Reader.text,
        "opclasses": _Reader.names,
        "exact": _Reader.flag,
    },
    declare.Check: {"name": _Reader.text, "expression": _Reader.text, "valid": _Reader.flag},
    declare.ForeignKey: {
        "columns": _Reader.columns,
        "references": _Reader.text,
        "on_delete": _Reader.text,
        "on_update": _Reader.text,
        "deferrable": _Reader.text,
        "valid": _Reader.flag,
    },
    declare.Exclusion: {"name": _Reader.text, "definition": _Reader.text},
    declare.Enum: {"values": _Reader.names},
    declare.Extension: {"version": _Reader.text},
    declare.AbsentTable: {"name": _Reader.text},
    declare.Migrations: {"id": _Reader.text},
}
GRAMMAR = {kind: {**keys, **dict.fromkeys(WHO, _Reader.text)} for kind, keys in _KEYS.items()}
