"""MySQL and MariaDB: the rows that a script writes, and the storage engines that keep them."""

import math
from collections.abc import Sequence
from typing import Final

from migration_guard.history import History
from migration_guard.running.mysql.connection import MySQLConnection, error_code
from migration_guard.running.row_counter import RowCounter, Tally

# A storage engine without savepoints (Aria) takes part; a rollback is not complete.
_NO_SAVEPOINTS: Final = 1178
_NOT_UNDONE: Final = 1196


class Engines:
    """The storage engines of the tables, as far as a rollback asks for them."""

    def __init__(self, connection: MySQLConnection) -> None:
        self._connection = connection

    def tables_without_transactions(self) -> Sequence[str]:
        """Return the tables of this database whose storage engine knows no transactions."""
        rows = self._connection.fetch(
            "SELECT t.table_name FROM information_schema.tables t "
            "JOIN information_schema.engines e ON e.engine = t.engine "
            "WHERE t.table_schema = DATABASE() AND e.transactions = 'NO'"
        )
        return [row[0] for row in rows]

    def outlast_rollback(self) -> bool:
        """Roll back to this very moment, which warns as the whole rollback will."""
        try:
            self._connection.send("SAVEPOINT migration_guard_now")
            self._connection.send("ROLLBACK TO SAVEPOINT migration_guard_now")
        except self._connection.driver_error as error:
            if error_code(error) == _NO_SAVEPOINTS:
                return True
            raise
        return not self.is_undone()

    def is_undone(self) -> bool:
        """Return whether the rollback before it was complete, by the server's warnings."""
        warnings = self._connection.fetch("SHOW WARNINGS")
        return all(warning[1] != _NOT_UNDONE for warning in warnings)


class MySQLRowCounter(RowCounter):
    """Reads what MariaDB's storage engines were told to write."""

    _connection: MySQLConnection

    def __init__(self, connection: MySQLConnection, history: History) -> None:
        super().__init__(connection, history)
        self.engines: Engines = Engines(connection)

    def tally(self) -> Tally | None:
        """Count what the storage engines were told to write, also by a function's code.

        Not by table, and without the cascades of InnoDB; an ignored INSERT counts too. MySQL counts
        its internal temporary tables among them, so there it is None.
        """
        if not self._connection.is_mariadb:
            return None
        rows = self._connection.fetch(
            "SHOW SESSION STATUS WHERE Variable_name IN "
            "('Handler_write', 'Handler_update', 'Handler_delete')"
        )
        return Tally(sum(int(row[1]) for row in rows), {})

    def own_tables_state(self) -> object:
        """Return the checksums of the own tables: there are no counters."""
        return self._connection.fetch(f"CHECKSUM TABLE {', '.join(self._history.tables)}")

    def idle_up_to(self, seconds: float) -> None:
        """Set it for this connection, also where the server's own limits are shorter."""
        limits = ["wait_timeout"]
        if self._connection.is_mariadb:
            limits.append("idle_transaction_timeout")
        for limit in limits:
            self._connection.send(f"SET SESSION {limit} = {math.ceil(seconds)}")

    def rollback(self) -> bool:
        """Roll back; return by the server's warning whether all of it is undone."""
        self._connection.send("ROLLBACK")
        return self.engines.is_undone()
