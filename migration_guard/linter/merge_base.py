"""What was merged before: git and the files -> the branch's own migrations, and the merged ones.

``base`` is the commit at which this branch left the other; ``tip`` is the other's newest. The work
tree counts as it is, committed or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from migration_guard.linter.git import Repository
from migration_guard.planning.renumbering import id_and_number


@dataclass(frozen=True, slots=True)
class Merged:
    """A migration file at the merge base; ``text`` is None where this branch did not change it."""

    id: str
    number: int
    path: Path
    text: str | None = None
    tip_text: str | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """The merged migrations, by path, and what the other branch has.

    ``tip`` maps the ids on the other branch to their numbers; ``since`` are those of them that
    came after the merge base; ``changed`` the files here that differ from the merge base.
    """

    ref: str
    merged: dict[Path, Merged]
    tip: dict[str, int]
    since: frozenset[str]
    changed: frozenset[Path]

    @property
    def merged_ids(self) -> frozenset[str]:
        """The ids at the merge base."""
        return frozenset(each.id for each in self.merged.values())

    @property
    def highest(self) -> tuple[int, str]:
        """The highest merged number and its id; -1 where nothing is merged."""
        numbers = [(each.number, each.id) for each in self.merged.values()]
        return max(
            [*numbers, *((number, name) for name, number in self.tip.items())], default=(-1, "")
        )


def read(repository: Repository, ref: str, folders: Sequence[Path]) -> Past:
    """Compare the work tree with ``ref``; raise CannotTell where git cannot."""
    base, tip = repository.merge_base(ref), repository.commit(ref)
    base_blobs = _migrations(repository.paths(base, folders))
    tip_blobs = base_blobs if tip == base else _migrations(repository.paths(tip, folders))
    changed = repository.differing(base, folders)
    merged = {}
    for path, blob in base_blobs.items():
        migration_id, number = id_and_number(path.name) or ("", 0)
        text = repository.text(blob) if path in changed else None
        other = tip_blobs.get(path)
        tip_text = repository.text(other) if text is not None and other else None
        merged[path] = Merged(migration_id, number, path, text, tip_text)
    tip_ids = dict(found for path in tip_blobs if (found := id_and_number(path.name)))
    merged_ids = {each.id for each in merged.values()}
    return Past(ref, merged, tip_ids, frozenset(tip_ids) - merged_ids, changed)


def _migrations(paths: dict[Path, str]) -> dict[Path, str]:
    return {path: blob for path, blob in paths.items() if id_and_number(path.name)}
