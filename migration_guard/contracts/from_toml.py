"""Contracts as TOML files.

Strict: an unknown key, a wrong type or a range that runs backwards is refused with its line and the
nearest known name. The place of a clause is the line of its own key.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from migration_guard.contracts import declare
from migration_guard.contracts.contract import Contract, Models, merge
from migration_guard.contracts.toml_lines import KeyPath, read_toml
from migration_guard.contracts.toml_values import Values, place_prefix
from migration_guard.exceptions import CannotTell
from migration_guard.problems import place

C = TypeVar("C", bound=declare.Clause)


def load(*paths: Path) -> Contract:
    """Read contract files as one contract.

    Raises CannotTell for a file that cannot be opened, and for the first wrong thing in a file.
    """
    return merge(_load(path) for path in paths)


def parse(text: str, path: Path | None = None) -> Contract:
    """Read the text of a contract file; ``path`` is the file that places name."""
    try:
        document, lines = read_toml(text)
    except tomllib.TOMLDecodeError as error:
        match = re.search(r"line (\d+)", str(error))
        line = int(match[1]) if match else text.count("\n") + 1
        where = f"{place_prefix(path)}{line}"
        raise CannotTell(f"{where}: not valid TOML: {error}.", "Correct the line.") from error
    return _Reader(Values(path, lines)).contract(document)


def _load(path: Path) -> Contract:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CannotTell(
            f"The contract {place(path)} cannot be read: {reason}.",
            'Correct MIGRATION_GUARD["CONTRACTS"] or --contract, or write a contract of the '
            f"database as it is: manage.py checkschema --write {place(path)}.",
        ) from error
    return parse(text, path)


class _Reader:
    """Turns a document into clauses; ``path`` is always the path of keys to the value."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self._checked: dict[tuple[type[declare.Clause], int], Mapping[str, Any]] = {}

    # -- sections

    def contract(self, document: Mapping[str, Any]) -> Contract:
        values = self.values
        top = values.table((), document, SECTIONS)
        absent = values.table(("absent",), top.get("absent", {}), ("tables", "columns"))
        migrations = values.table(("migrations",), top.get("migrations", {}), ("applied",))
        return Contract(
            [self._table(*entry) for entry in self._entries(top, "tables")],
            views=[self._view(*entry) for entry in self._entries(top, "views")],
            enums=[
                self._clause(declare.Enum, path, value, name=name)
                for name, path, value in self._entries(top, "enums")
            ],
            extensions=[
                self._clause(declare.Extension, path, {} if value is True else value, name=name)
                for name, path, value in self._entries(top, "extensions")
            ],
            absent_tables=self._clauses(declare.AbsentTable, ("absent", "tables"), absent),
            absent_columns=[
                self._absent_column(clause)
                for clause in self._clauses(declare.AbsentTable, ("absent", "columns"), absent)
            ],
            migrations=self._clauses(declare.Migrations, ("migrations", "applied"), migrations),
            models=self._models(top.get("models", {})),
            exact=values.flag(("exact",), top.get("exact", False)),
            source=values.place(("exact",)) if "exact" in top else "",
        )

    def _entries(self, top: Mapping[str, Any], section: str) -> list[tuple[str, KeyPath, Any]]:
        """Return the entries of a section, each as name, path and value."""
        entries = self.values.table((section,), top.get(section, {}))
        return [(name, (section, name), value) for name, value in entries.items()]

    def _models(self, value: Any) -> Models:
        keys = ("include", "exclude", "writes")
        models = self.values.table(("models",), value, keys)
        return Models(*(self.values.names(("models", key), models.get(key, [])) for key in keys))

    def _table(self, name: str, path: KeyPath, value: Any) -> declare.Table:
        self._refuse_bare_schema(name, path, value)
        table = self.values.table(path, value, (*TABLE, *WHO))
        keys = self._clauses(declare.PrimaryKey, (*path, "primary_key"), table, is_single=True)
        return declare.Table(
            name,
            self._columns((*path, "columns"), table),
            primary_key=keys[0] if keys else None,
            unique=self._clauses(declare.Unique, (*path, "unique"), table),
            indexes=self._clauses(declare.Index, (*path, "indexes"), table),
            checks=self._clauses(declare.Check, (*path, "checks"), table),
            foreign_keys=self._clauses(declare.ForeignKey, (*path, "foreign_keys"), table),
            exclusions=self._clauses(declare.Exclusion, (*path, "exclusions"), table),
            exact=self.values.flag((*path, "exact"), table.get("exact", False)),
            writable=self.values.flag((*path, "writable"), table.get("writable", False)),
            **self._who(path, table),
        )

    def _view(self, name: str, path: KeyPath, value: Any) -> declare.View:
        view = self.values.table(path, value, (*VIEW, *WHO))
        materialized = view.get("materialized")
        if materialized is not None:
            self.values.flag((*path, "materialized"), materialized)
        return declare.View(
            name,
            self._columns((*path, "columns"), view),
            materialized,
            exact=self.values.flag((*path, "exact"), view.get("exact", False)),
            unique=self._clauses(declare.Unique, (*path, "unique"), view),
            indexes=self._clauses(declare.Index, (*path, "indexes"), view),
            **self._who(path, view),
        )

    def _columns(self, path: KeyPath, table: Mapping[str, Any]) -> list[declare.Column]:
        return [
            self._column((*path, name), name, value)
            for name, value in self.values.table(path, table.get("columns", {})).items()
        ]

    def _column(self, path: KeyPath, name: str, value: Any) -> declare.Column:
        if not (self.values.lines.are_within(path) and isinstance(value, dict)):
            return self._clause(declare.Column, path, value, name=name)
        # The places of keys that may stand on lines of their own.
        sources = {key: self.values.place((*path, key)) for key in value}
        return self._clause(declare.Column, path, value, name=name, sources=sources)

    def _absent_column(self, clause: declare.AbsentTable) -> declare.AbsentColumn:
        """Turn the clause of "table.column" into the clause of a column."""
        table, _, column = clause.name.rpartition(".")
        if not (table and column):
            raise CannotTell(
                f'{clause.source}: "{clause.name}" is not a column of a table.',
                'Write "users.legacy_flag".',
            )
        return declare.AbsentColumn(
            table,
            column,
            owner=clause.owner,
            reason=clause.reason,
            until=clause.until,
            source=clause.source,
        )

    def _refuse_bare_schema(self, name: str, path: KeyPath, value: Any) -> None:
        """Refuse ``[tables.billing.invoices]``, which names a table of another schema."""
        items = value.items() if isinstance(value, dict) else ()
        inner = next((key for key, item in items if _looks_like_a_table(item)), None)
        if inner is not None and inner not in TABLE:
            raise self.values.error(
                (*path, inner),
                f'"{inner}" is not a key of a table',
                f'A table of another schema is quoted as a whole: [tables."{name}.{inner}"].',
            )

    # -- clauses

    def _clauses(
        self, kind: type[C], path: KeyPath, table: Mapping[str, Any], *, is_single: bool = False
    ) -> list[C]:
        """Return the clauses of a list; a single clause may stand without the list."""
        value = table.get(str(path[-1]))
        if value is None:
            return []
        if is_single or not isinstance(value, list):
            return [self._clause(kind, path, value)]
        return [
            self._clause(kind, (*path, number), element) for number, element in enumerate(value)
        ]

    def _clause(self, kind: type[C], path: KeyPath, value: Any, **fields: Any) -> C:
        """Return a clause from its long form, or from its short one, the value of its main key."""
        # Thousands of lines share a value, which the document keeps alive.
        checked = self._checked.get((kind, id(value)))
        if checked is None:
            checked = self._checked[kind, id(value)] = self._fields(kind, path, value)
        try:
            return kind(**fields, **checked, source=self.values.place(path))
        except TypeError as error:
            # Python names the arguments that are missing.
            keys = " and ".join(f"{name} = …" for name in re.findall(r"'(\w+)'", str(error)))
            raise self.values.error(path, "a key is missing", f"Write {keys}.") from error
        except ValueError as error:
            raise self.values.error(path, str(error), "Correct the line.") from error

    def _fields(self, kind: type[declare.Clause], path: KeyPath, value: Any) -> dict[str, Any]:
        grammar = GRAMMAR[kind]
        if not isinstance(value, dict):
            main = next(iter(grammar))
            return {main: grammar[main](self.values, path, value)}
        return {
            key: grammar[key](self.values, (*path, key), item)
            for key, item in self.values.table(path, value, grammar).items()
        }

    def _who(self, path: KeyPath, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return who relies on a table, why and until when, and the place that says so."""
        fields = {
            key: check(self.values, (*path, key), value[key])
            for key, check in WHO.items()
            if key in value
        }
        return {**fields, "source": self.values.place(path)}


def _looks_like_a_table(value: Any) -> bool:
    return isinstance(value, dict) and not value.keys().isdisjoint(TABLE)


Check: TypeAlias = Callable[[Values, KeyPath, Any], Any]
WHO: Final[Mapping[str, Check]] = {
    "owner": Values.text,
    "reason": Values.text,
    "until": Values.day,
}
SECTIONS: Final = (
    "tables",
    "views",
    "enums",
    "extensions",
    "absent",
    "migrations",
    "models",
    "exact",
)
TABLE: Final = (
    "columns",
    "primary_key",
    "unique",
    "indexes",
    "checks",
    "foreign_keys",
    "exclusions",
    "exact",
    "writable",
)
VIEW: Final = ("columns", "materialized", "exact", "unique", "indexes")
# The keys of each clause, beside those of WHO; a short form is the value of the first key.
_ENFORCED: Final = {"valid": Values.flag, "enforced": Values.flag}
_KEYS: Final[Mapping[type[declare.Clause], Mapping[str, Check]]] = {
    declare.Column: {
        "type": Values.any_text,
        "null": Values.flag,
        "default": Values.text_or_flag,
        "identity": Values.text_or_flag,
        "generated": Values.text_or_flag,
        "stored": Values.flag,
        "collation": Values.name,
    },
    declare.PrimaryKey: {"columns": Values.columns},
    declare.Unique: {
        "columns": Values.columns,
        "where": Values.text,
        "include": Values.names,
        "nulls_distinct": Values.flag,
        "deferrable": Values.text,
        "opclasses": Values.texts,
    },
    declare.Index: {
        "columns": Values.columns,
        "where": Values.text,
        "include": Values.names,
        "method": Values.name,
        "opclasses": Values.texts,
        "exact": Values.flag,
    },
    declare.Check: {"name": Values.name, "expression": Values.text, **_ENFORCED},
    declare.ForeignKey: {
        "columns": Values.columns,
        "references": Values.name,
        "on_delete": Values.text,
        "on_update": Values.text,
        "deferrable": Values.text,
        **_ENFORCED,
    },
    declare.Exclusion: {"name": Values.name, "definition": Values.text},
    declare.Enum: {"values": Values.texts},
    declare.Extension: {"version": Values.text},
    declare.AbsentTable: {"name": Values.name},
    declare.Migrations: {"id": Values.text},
}
GRAMMAR: Final = {kind: {**keys, **WHO} for kind, keys in _KEYS.items()}
