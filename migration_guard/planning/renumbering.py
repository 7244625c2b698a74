"""Give a branch's own migrations new numbers, above all merged ones.

Merged files keep their names, and own files keep their order. All but ``apply`` is pure.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from migration_guard.exceptions import CannotTell
from migration_guard.planning.max_migration import MAX_MIGRATION, replace
from migration_guard.planning.names import FileName
from migration_guard.planning.new_migration import next_digits
from migration_guard.planning.regular_files import read_text

_NAME: Final = re.compile(r"(?P<id>(?P<number>[0-9]+)_[A-Za-z0-9_-]+)(?:\.[a-z]+)?\.sql")


@dataclass(frozen=True, slots=True)
class Renaming:
    """One migration's new id. ``paths`` are its files: the one of all vendors, and variants."""

    old: str
    new: str
    paths: tuple[Path, ...]

    def target(self, path: Path) -> Path:
        """Return the new path of a file of this migration."""
        return path.with_name(self.new + path.name.removeprefix(self.old))


def id_and_number(name: str) -> tuple[str, int] | None:
    """Return the id and the number in a migration's file name, None for any other file."""
    match = None if name.startswith(("_", ".")) else _NAME.fullmatch(name)
    return (match["id"], int(match["number"])) if match else None


def renumber(
    names: Sequence[FileName], own: Collection[str], tip: Mapping[str, int], now: datetime
) -> list[Renaming]:
    """Return the renamings that put the ids in ``own`` above all others.

    ``names`` are the files here, in order. ``tip`` maps the ids on the other branch to numbers.
    """
    others = [name for name in names if name.id not in own]
    here = {name.id for name in others}
    others += [
        FileName(other, number, None, str(Path(names[0].folder, f"{other}.sql")))
        for other, number in tip.items()
        if other not in here and other not in own
    ]
    others.sort(key=lambda name: (name.number, name.id))
    renamings = []
    for migration_id in dict.fromkeys(name.id for name in names if name.id in own):
        files = [name for name in names if name.id == migration_id]
        new = migration_id
        if others and files[0].number <= others[-1].number:
            digits = next_digits(others, Path(files[0].folder), now)
            new = f"{digits}_{migration_id.partition('_')[2]}"
            renamings.append(Renaming(migration_id, new, tuple(file.path for file in files)))
        others.append(FileName(new, int(new.partition("_")[0]), None, files[0].file))
    return renamings


def apply(
    renamings: Iterable[Renaming],
    folders: Sequence[Path],
    contracts: Sequence[Path],
    move: Callable[[Path, Path], None],
) -> list[Path]:
    """Rename the files, the last one first, and return the other files that were rewritten.

    Raises CannotTell for a contract that cannot be read, before anything is renamed.
    """
    renamings = list(renamings)
    rewritten = {path: text for path in contracts if (text := _with_new_ids(path, renamings))}
    for renaming in reversed(renamings):
        for path in renaming.paths:
            move(path, renaming.target(path))
    for path, text in rewritten.items():
        path.write_text(text, encoding="utf-8", newline="")
    return [
        *rewritten,
        *(folder / MAX_MIGRATION for folder in folders if _update_max_migration(folder)),
    ]


def _update_max_migration(folder: Path) -> bool:
    """Name the newest migration in ``max_migration.txt``, and return True if that changed it."""
    ids = [pair for path in folder.iterdir() if (pair := id_and_number(path.name))]
    newest = max(ids, key=lambda pair: (pair[1], pair[0]), default=None)
    path = folder / MAX_MIGRATION
    if newest is None:
        return False
    with suppress(OSError):
        if read_text(str(path)) == f"{newest[0]}\n":
            return False
    replace(path, newest[0])
    return True


def _with_new_ids(path: Path, renamings: Sequence[Renaming]) -> str | None:
    """Return a contract's text with the new ids, None if it names no old one."""
    try:
        text = path.read_bytes().decode()  # bytes, to keep the line ends
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CannotTell(f"{path} cannot be read: {error}.", "Correct it by hand.") from error
    new_ids = {renaming.old: renaming.new for renaming in renamings}
    pattern = "|".join(map(re.escape, new_ids)) or "(?!)"
    changed = re.sub(
        rf"(?<![A-Za-z0-9_-])(?:{pattern})(?![A-Za-z0-9_-])", lambda match: new_ids[match[0]], text
    )
    return changed if changed != text else None
