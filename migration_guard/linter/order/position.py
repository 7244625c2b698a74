"""Where a simulated run is: the file, the statement, and the body whose statements run."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from migration_guard.linter.grammar import ParsedStatement
from migration_guard.linter.order.catalogue import Catalogue
from migration_guard.linter.order.keys import Place
from migration_guard.planning.files import MigrationFile


@dataclass(slots=True, kw_only=True)
class Position:
    """The statement that runs, and the catalogue then; each file begins with ``path``."""

    catalogue: Catalogue
    path: tuple[str, ...]
    checks_bodies: bool = True
    depth: int = 0  # of calls inside of calls
    _position: tuple[int, int] = (0, 0)
    _file: MigrationFile | None = None
    _parsed: ParsedStatement | None = None
    _variables: frozenset[str] = frozenset()
    _inside: int | None = None  # the offset of the body whose statements run

    def begin_file(self, number: int, file: MigrationFile | None) -> None:
        """Begin a file, in a session of its own."""
        self._position, self._file, self._parsed = (number, 0), file, None
        self.catalogue.path, self.checks_bodies = self.path, True

    def begin_statement(self, position: int, parsed: ParsedStatement) -> None:
        """Begin the file's next statement."""
        self._position, self._parsed = (self._position[0], position), parsed

    def place(self, location: int = 0) -> Place:
        """Return the place of the statement that runs, at a parse location in it."""
        location = self._inside if self._inside is not None else location
        offset = self._parsed.offset(location) if self._parsed is not None else 0
        return Place(*self._position, offset, self._file)

    @property
    def text(self) -> str:
        """The text of the statement that runs."""
        return self._parsed.statement.text if self._parsed is not None else ""

    @contextmanager
    def run_inside(self, variables: Iterable[str]) -> Iterator[None]:
        """Run statements of a body, whose variables look like columns."""
        before = self._variables, self._inside
        self._variables |= frozenset(variables)
        self._inside = self._inside or 0
        self.depth += 1
        try:
            yield
        finally:
            self._variables, self._inside = before
            self.depth -= 1
