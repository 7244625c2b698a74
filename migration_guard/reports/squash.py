"""What to know and to do after a squash or a baseline was written, as text."""

from collections.abc import Sequence
from pathlib import Path

from migration_guard.planning.names import list_ids
from migration_guard.problems import place


def squash_notes(times: Sequence[str], replaced: Sequence[Path], shared: Sequence[Path]) -> str:
    """Return what to know and to do after a squash was written."""
    lines = []
    if times:
        lines.append(
            f"These columns hold the time of a build, and new databases get that of this one: "
            f"{list_ids(times)}."
        )
    if shared:
        lines.append(
            f"Databases of other vendors still read these files; keep them: {_list_paths(shared)}"
        )
    if replaced:
        lines.append(
            "No command reads the replaced files any more. Delete them in the same commit, and "
            "deploy the squash only where the release before it was deployed: git rm "
            f"{_list_paths(replaced)}"
        )
    else:
        lines.append("Deploy the squash only where the release before it was deployed.")
    return "\n".join(lines)


def baseline_notes(filled: Sequence[str], key: str = "") -> str:
    """Return what to know and to do after a baseline was written."""
    rows = ""
    if filled:
        rows = (
            f"Rows are not written; these tables have some: {list_ids(filled)}. Put those that "
            "every installation needs into the file, or into the next migration.\n"
        )
    option = "--adopt" if key else "--baseline 1"
    following = f"Where this schema is there already: manage.py runsqlmigrations {option}"
    return f"{rows}{following}"


def _list_paths(paths: Sequence[Path]) -> str:
    return " ".join(place(path) for path in paths)
