"""The text of a migration that stands for others, or for what was there before. Pure."""

from collections.abc import Iterable, Sequence

_HEADER = """\
-- {id}
--
-- {what}
-- Once it is applied anywhere, never edit it: add a new migration.
"""


def render(
    migration_id: str,
    what: str,
    statements: Sequence[str],
    *,
    requires: Iterable[str] = (),
    replaces: Iterable[Sequence[str]] = (),
) -> str:
    """Return the text of a file; ``replaces`` has the ids of each migration that it replaces."""
    lines = [f"-- guard: requires = {name}" for name in requires]
    lines += [f"-- guard: replaces = {' or '.join(ids)}" for ids in replaces]
    lines += [] if statements else ["-- guard: allow = empty"]
    header = _HEADER.format(id=migration_id, what=what) + "".join(f"{line}\n" for line in lines)
    return header + "".join(f"\n{statement}\n" for statement in statements)
