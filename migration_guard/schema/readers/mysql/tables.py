"""MySQL's and MariaDB's reader: seven queries to information_schema, for all tables at once.

Invariant: ``information_schema`` shows what the role has a privilege on, so a table without
privileges looks like one that does not exist. Tables that are named are tried, to tell the two
apart.

Sources: MariaDB manual, "Information Schema Tables"; MySQL manual, "INFORMATION_SCHEMA Tables".
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from migration_guard.schema.expressions import without_brackets
from migration_guard.schema.json_checks import validates_json
from migration_guard.schema.objects import (
    UNKNOWN,
    Check,
    Column,
    Fact,
    ForeignKey,
    Index,
    Snapshot,
    Table,
    Unknown,
    primary_key,
)
from migration_guard.schema.readers.catalogue import Catalogue, Row
from migration_guard.schema.readers.lock_limits import reason
from migration_guard.schema.readers.mysql import queries
from migration_guard.schema.readers.mysql.columns import VENDOR, make_column
from migration_guard.schema.readers.mysql.create_table import (
    exact_text,
    line_of,
    read_create_table,
    results_as_bytes,
)
from migration_guard.schema.readers.mysql.database_name import without_database
from migration_guard.schema.readers.mysql.indexes import index_query, make_index, plain_uniques
from migration_guard.schema.readers.mysql.inserts import InsertFacts
from migration_guard.schema.search_path import Pair, SearchPath
from migration_guard.sql.dialects import MYSQL

_NO_SUCH_TABLE: Final = 1146
_NOT_GRANTED: Final = "the role may read none of its columns"
_PARTLY_GRANTED: Final = "the role may read some of its columns only"
_KINDS: Final = {"VIEW": "view", "SYSTEM VIEW": "view"}


def read(connection: BaseDatabaseWrapper, tables: tuple[str | Pair, ...] | None = None) -> Snapshot:
    """Return the facts about all tables and views of the database, or about those named."""
    catalogue = _MySQLCatalogue(connection)
    database, folds_case, sql_mode = catalogue.rows(queries.DATABASE)[0]
    rows = catalogue.rows(queries.TABLES)
    all_names = {row[0] for row in rows}
    if tables is not None:

        def fold(name: str) -> str:
            return name.lower() if folds_case else name

        candidates = SearchPath((database,)).candidates(tables)
        names = {fold(name) for schema, name in candidates if fold(schema) == fold(database)}
        missing = names - {fold(row[0]) for row in rows}
        rows = [row for row in rows if fold(row[0]) in names]
        catalogue.note_unreadable(sorted(missing))
    schema = _InformationSchema(
        catalogue,
        database,
        all_names,
        views=any(row[1] in _KINDS for row in rows),
        inserts=InsertFacts(catalogue, is_strict="STRICT_" in sql_mode),
    )
    return Snapshot(
        vendor=VENDOR,
        tables=tuple(schema.table(row) for row in sorted(rows, key=lambda row: str(row[0]))),
        unknown=tuple(catalogue.unknown),
        search_path=(database,),
        folds_case=bool(folds_case),
    )


class _MySQLCatalogue(Catalogue):
    """A catalogue that hides what the role may not see."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        super().__init__(connection)
        self.is_mariadb = bool(getattr(connection, "mysql_is_mariadb", False))

    def note_unreadable(self, names: Iterable[str]) -> None:
        """Note the tables that may exist, since the role may not look."""
        for name in names:
            if why := self.refusal(name):
                self.unknown.append(Unknown(name, "", why))

    def refusal(self, name: str) -> str:
        """Return why a table cannot be read; "" if it can, or if there is no such table."""
        try:
            self.rows(f"SELECT 1 FROM {MYSQL.quote(name)} LIMIT 0")
        except DatabaseError as error:
            return "" if error.args and error.args[0] == _NO_SUCH_TABLE else reason(error)
        return ""


class _InformationSchema:
    """The rows of ``information_schema``, put together table by table."""

    def __init__(
        self,
        catalogue: _MySQLCatalogue,
        database: str,
        names: Collection[str],
        *,
        views: bool,
        inserts: InsertFacts,
    ) -> None:
        self._inserts = inserts
        self._database = database
        self._names = names
        self._catalogue = catalogue
        query = catalogue.rows_or_none
        self._columns = _by_table(query(("columns",), queries.COLUMNS))
        granted = query(("columns",), queries.GRANTED_COLUMNS)
        self._partly_granted = {row[0] for row in granted or ()}
        facts = ("indexes", "primary_key", "uniques")
        self._indexes = _by_table(query(facts, index_query(catalogue)))
        self._foreign_keys = _by_table(query(("foreign_keys",), queries.FOREIGN_KEYS))
        # By table as well as by name: a key of another table may have the name of a foreign key.
        actions = query(("foreign_keys",), queries.ACTIONS) if self._foreign_keys else None
        self._actions = {row[:2]: row[2:] for row in actions or ()}
        checks = queries.MARIADB_CHECKS if catalogue.is_mariadb else queries.MYSQL_CHECKS
        self._checks = _by_table(query(("checks",), checks))
        definitions = query(("definition",), queries.VIEWS) if views else None
        self._views = {row[0]: row[1] for row in definitions or ()}

    def table(self, row: Row) -> Table:
        """Return one table."""
        name, kind, comment, collation, engine = row
        is_view = kind in _KINDS
        indexes = self._table_indexes(name)
        return Table(
            schema=self._database,
            name=name,
            label=name,
            kind=_KINDS.get(kind, "table"),
            columns=self._table_columns(name, collation),
            primary_key=primary_key(indexes),
            uniques=plain_uniques(indexes),
            indexes=indexes,
            foreign_keys=self._table_foreign_keys(name),
            checks=self._table_checks(name),
            exclusions=(),
            comment=None if is_view else comment or None,
            definition=self._view(name) if is_view else None,
            folds_case=True,
            engine=engine or "",
            transactional=is_view or self._inserts.is_transactional(engine),
            insert_obstacle=self._inserts.obstacle(name) if is_view else "",
        )

    def _view(self, name: str) -> Fact[str | None]:
        """Return the query of a view, without the name of the database that it stands in."""
        text = self._views.get(name)
        return self._own(text) if text else UNKNOWN

    def _own(self, text: str) -> str:
        """Return a text that the server printed without the name of this database."""
        return without_database(text, self._database, self._names)

    def _table_columns(self, table: str, collation: str | None) -> Fact[tuple[Column, ...]]:
        rows = self._columns[table] if self._columns is not None else []
        if not rows or table in self._partly_granted:
            # A view on a table that is gone has no columns.
            why = _PARTLY_GRANTED if rows else self._catalogue.refusal(table) or _NOT_GRANTED
            self._catalogue.unknown.append(Unknown(table, "columns", why))
            return UNKNOWN
        mariadb = self._catalogue.is_mariadb
        if mariadb:  # whose sequences have the name of the database before them
            rows = [(*row[:2], row[2] and self._own(row[2]), *row[3:]) for row in rows]
            rows = self._with_exact_texts(table, rows)
        table_fills = self._inserts.fills(table)
        return tuple(
            make_column(
                row,
                collation,
                json=mariadb and self._is_json(table, row),
                mariadb=mariadb,
                table_fills=table_fills,
            )
            for row in rows
        )

    def _with_exact_texts(self, table: str, rows: list[Row]) -> list[Row]:
        """Return the columns with defaults and expressions that information_schema cannot show."""
        create = self._create_table(table, *(row[2] for row in rows), *(row[9] for row in rows))
        if not create:
            return rows
        exact = []
        for row in rows:
            line = line_of(create, row[1])
            default = row[2] and exact_text(line, "DEFAULT ", row[2])
            expression = row[9] and exact_text(line, "GENERATED ALWAYS AS (", row[9])
            exact.append((*row[:2], default, *row[3:9], expression))
        return exact

    def _create_table(self, table: str, *texts: str | None) -> str:
        """Return the statement that makes a table, "" if the texts surely stand in it so."""
        if not self._catalogue.is_mariadb or not any("?" in (text or "") for text in texts):
            return ""
        with results_as_bytes(self._catalogue):
            return read_create_table(self._catalogue, table) or ""

    def _is_json(self, table: str, column: Row) -> Fact[bool]:
        """Return whether MariaDB's check of JSON is on a column."""
        if column[5] != "longtext":
            return False
        if self._checks is None:
            return UNKNOWN
        # By the clause: the check keeps its name when the column is renamed.
        return any(
            "json_valid" in row[2].lower() and validates_json(row[2], column[1])
            for row in self._checks[table]
        )

    def _table_indexes(self, table: str) -> Fact[tuple[Index, ...]]:
        if self._indexes is None:
            return UNKNOWN
        by_name = _by_name(self._indexes[table])
        return tuple(make_index(by_name[name]) for name in sorted(by_name))

    def _table_foreign_keys(self, table: str) -> Fact[tuple[ForeignKey, ...]]:
        if self._foreign_keys is None:
            return UNKNOWN
        by_name = _by_name(self._foreign_keys[table])
        return tuple(self._foreign_key(by_name[name]) for name in sorted(by_name))

    def _foreign_key(self, rows: list[Row]) -> ForeignKey:
        table, name, _, schema, target, _ = rows[0]
        on_delete, on_update = self._actions.get((table, name), (UNKNOWN, UNKNOWN))
        return ForeignKey(
            name=name,
            columns=tuple(row[2] for row in rows),
            target=target if schema == self._database else f"{schema}.{target}",
            target_columns=tuple(row[5] for row in rows),
            on_delete=_action(on_delete),
            on_update=_action(on_update),
            deferrable="",
            validated=True,
            match="simple",
        )

    def _table_checks(self, table: str) -> Fact[tuple[Check, ...]]:
        if self._checks is None:
            return UNKNOWN
        rows = sorted(self._checks[table], key=lambda row: str(row[1]))
        create = self._create_table(table, *(row[2] for row in rows))
        clauses = [exact_text(create, "CHECK (", row[2]) for row in rows]
        return tuple(
            Check(
                row[1],
                without_brackets(clause, VENDOR),
                validated=row[3] != "NO",
                enforced=row[3] != "NO",
                of_column=row[4] == "Column",
            )
            for row, clause in zip(rows, clauses, strict=True)
        )


def _action(action: Fact[str]) -> Fact[str]:
    """Return an action of a foreign key; InnoDB does the same for RESTRICT and NO ACTION."""
    if action is UNKNOWN:
        return UNKNOWN
    return "no action" if action == "RESTRICT" else action.lower()


def _by_table(rows: list[Row] | None) -> dict[str, list[Row]] | None:
    """Group rows by their first value."""
    if rows is None:
        return None
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[0]].append(row)
    return groups


def _by_name(rows: list[Row]) -> dict[str, list[Row]]:
    """Group the rows of one table by their second value."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[1]].append(row)
    return groups
