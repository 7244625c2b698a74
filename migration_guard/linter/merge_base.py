"""Compare the migrations of this branch with those that are merged already.

The merge base is the commit at which this branch left the other one, and the tip is the newest
commit of the other one. The work tree counts as it is, committed or not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from migration_guard.linter.git import Repository
from migration_guard.planning.digests import fingerprint
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName
from migration_guard.planning.renumbering import id_and_number


@dataclass(frozen=True, slots=True)
class MergedMigration:
    """A migration file at the merge base.

    ``text`` is its text there, None if this branch did not change the file. ``tip_text`` is its
    text on the other branch, None if that is not needed or the file is gone there.
    """

    id: str
    number: int
    path: Path
    text: str | None = None
    tip_text: str | None = None


@dataclass(frozen=True, slots=True)
class MergeBase:
    """The merged migrations by path, and what the other branch ``ref`` has.

    ``tip`` maps the ids on the other branch to their numbers, and ``since`` holds those of them
    that are newer than the merge base.
    """

    ref: str
    merged: dict[Path, MergedMigration]
    tip: dict[str, int]
    since: frozenset[str]

    @property
    def merged_ids(self) -> frozenset[str]:
        """The ids at the merge base."""
        return frozenset(migration.id for migration in self.merged.values())

    @property
    def highest(self) -> tuple[int, str]:
        """The highest merged number and its id, -1 if nothing is merged."""
        numbers = [(migration.number, migration.id) for migration in self.merged.values()]
        numbers += [(number, migration_id) for migration_id, number in self.tip.items()]
        return max(numbers, default=(-1, ""))

    def own_files(self, files: Iterable[MigrationFile]) -> list[MigrationFile]:
        """Return the migrations that only this branch has, in order.

        What was renamed, or replaces others, is merged where one of its former ids is.
        """
        others = self.merged_ids | self.since
        return [file for file in files if others.isdisjoint((file.id, *file.former_ids))]

    def own_ids(self, names: Iterable[FileName], files: Iterable[MigrationFile]) -> set[str]:
        """Return the ids that only this branch has, of files of any vendor."""
        files = list(files)
        known = {file.id for file in files} - {file.id for file in self.own_files(files)}
        return {name.id for name in names} - self.merged_ids - self.since - known

    def removed_migrations(
        self, names: Iterable[FileName], files: Iterable[MigrationFile]
    ) -> Iterator[MergedMigration]:
        """Yield the merged migrations that the other branch still has, and no file here stands for.

        ``names`` are those of all files, and ``files`` those that were read.
        """
        here = {name.id for name in names}
        here |= {former for file in files for former in file.former_ids}
        for migration in self.merged.values():
            if migration.id not in here and migration.id in self.tip:
                yield migration

    def renamed_migrations(
        self, files: Iterable[MigrationFile]
    ) -> Iterator[tuple[MergedMigration, MigrationFile]]:
        """Yield each merged migration whose new name a file here states."""
        by_name = {migration.path.name: migration for migration in self.merged.values()}
        for file in files:
            suffix = file.path.name.removeprefix(file.id)  # a variant was one before
            for former in file.directives.formerly:
                migration = by_name.get(f"{former}{suffix}") or by_name.get(f"{former}.sql")
                if migration is not None:
                    yield migration, file

    def renamed_files(
        self, migration: MergedMigration, files: Iterable[MigrationFile], vendor: str
    ) -> list[MigrationFile]:
        """Return the new files with the SQL of a removed migration, else those with its name."""
        new_files = self.own_files(files)
        digest = fingerprint(migration.text or "", vendor)
        same = [file for file in new_files if fingerprint(file.text, vendor) == digest]
        name = migration.id.partition("_")[2]
        return same or [file for file in new_files if file.id.partition("_")[2] == name]


def read(repository: Repository, ref: str, folders: Sequence[Path]) -> MergeBase:
    """Compare the work tree with ``ref``. Raises CannotTell if git cannot."""
    base, tip = repository.merge_base(ref), repository.commit(ref)
    base_blobs = _migrations(repository.blobs(base, folders))
    tip_blobs = base_blobs if tip == base else _migrations(repository.blobs(tip, folders))
    changed = repository.changed_files(base, folders)
    merged = {}
    for path, blob in base_blobs.items():
        migration_id, number = id_and_number(path.name) or ("", 0)
        text = repository.blob_text(blob) if path in changed else None
        tip_blob = tip_blobs.get(path)
        tip_text = repository.blob_text(tip_blob) if text is not None and tip_blob else None
        merged[path] = MergedMigration(migration_id, number, path, text, tip_text)
    tip_ids = dict(pair for path in tip_blobs if (pair := id_and_number(path.name)))
    merged_ids = {migration.id for migration in merged.values()}
    return MergeBase(ref, merged, tip_ids, frozenset(tip_ids) - merged_ids)


def _migrations(blobs: dict[Path, str]) -> dict[Path, str]:
    return {path: blob for path, blob in blobs.items() if id_and_number(path.name)}
