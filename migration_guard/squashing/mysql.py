"""MariaDB and MySQL: refused, since their dump is no migration."""

from collections.abc import Collection, Iterable

from migration_guard.exceptions import CannotTell
from migration_guard.squashing.contents import Contents
from migration_guard.squashing.writer import Writer


class MySQLWriter(Writer):
    """Refuses to write."""

    def require_program(self) -> None:
        """Raise CannotTell."""
        raise CannotTell(
            "A MariaDB or MySQL database is not written as a migration: its dump names a DEFINER "
            "for each view, routine and trigger, and depends on variables of the session. Nothing "
            "was written.",
            "Keep the files as they are; a long history costs time only on a new database.",
        )

    def relations(self) -> dict[str, str]:
        """Return nothing."""
        return {}

    def dump(self, without: Collection[str], *, rows: bool, access: bool = True) -> list[str]:  # noqa: ARG002
        """Return nothing."""
        return []

    def access(self, statements: Iterable[str]) -> list[str]:  # noqa: ARG002
        """Return nothing."""
        return []

    def contents(self, without: Collection[str]) -> Contents:  # noqa: ARG002
        """Return nothing."""
        return Contents({}, {})
