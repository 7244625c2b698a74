"""Files of another tool as files of ours: ids, directives, and all of them written or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migration_guard.adopting.record import Source
from migration_guard.adopting.tool import ForeignFile
from migration_guard.planning.names import FileName


@dataclass(frozen=True)
class NewFile:
    """A file of ours that is to be written for one of another tool."""

    id: str
    text: str
    original: ForeignFile


def convert(
    files: Sequence[ForeignFile], taken: Sequence[FileName], vendor: str
) -> tuple[NewFile, ...]:
    """Return our files for those of a tool, in the tool's order.

    ``taken`` are the migrations that are there already, in order. Raises ForeignProblem.
    """
    raise NotImplementedError


def write(files: Sequence[NewFile], folder: Path, source: Source) -> tuple[Path, ...]:
    """Write the files, ``_adopted.json`` and ``max_migration.txt``; return the files' paths.

    ``source`` lacks the migrations, which are added here. All is written, or nothing is left.
    Raises CannotTell.
    """
    raise NotImplementedError
