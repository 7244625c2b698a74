"""Names for the files that fixes make: each the next number, so that no two take one."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from migration_guard.planning.names import MAX_ID, FileName
from migration_guard.planning.new_migration import next_digits


class NewFiles:
    """The names that are taken, those of this run among them."""

    def __init__(self, names: Sequence[FileName], now: datetime) -> None:
        self._names = list(names)
        self._now = now
        self._made: dict[tuple[Path, str], Path] = {}

    def path(self, beside: Path, name: str) -> Path:
        """Return the path of a new migration in the folder of another; one for one purpose."""
        key = (beside, name)
        if key not in self._made:
            folder = beside.parent
            digits = next_digits(self._names, folder, self._now)
            migration_id = f"{digits}_{name}"[:MAX_ID]
            path = folder / f"{migration_id}.sql"
            self._names.append(FileName(migration_id, int(digits), None, str(path)))
            self._made[key] = path
        return self._made[key]
