"""The build of a fresh database, and an upgrade, as text: what ran in which order."""

from collections.abc import Iterable
from typing import Final

from migration_guard.planning.names import list_ids
from migration_guard.reports.run import order
from migration_guard.reports.text import count, problems
from migration_guard.results import Chapter, FreshDatabase, Late, Replay, Upgrade

# A CI job that builds a fresh database is asked for its order, so it lists more than a screen.
ORDER_CAP: Final = 100


def build_report(
    fresh: FreshDatabase, cap: int | None = ORDER_CAP, *, finished: bool = True
) -> str:
    """Return the order of the migrations, the timeline if there is one, and the problems.

    At most ``cap`` applied migrations are listed, or all for None. Unless ``finished``, an error
    ended the build.
    """
    parts = [
        _head(fresh) if finished else "Fresh database, up to the failure:",
        order(fresh.rows, cap),
        "" if fresh.timeline is None else _timeline(fresh.timeline),
        problems(fresh.problems),
    ]
    return "\n".join(filter(None, parts)) + "\n"


def cleared_report(templates: Iterable[tuple[str, int]], unfinished: Iterable[str]) -> str:
    """Return which templates were dropped: names with bytes, and names of unfinished ones."""
    dropped = [f"  {name} ({size / 1e6:.0f} MB)" for name, size in templates]
    dropped += [f"  {name} (unfinished)" for name in unfinished]
    if not dropped:
        return "There was no template of this user."
    return "\n".join([f"Dropped {count(len(dropped), 'template')}:", *dropped])


def upgrade_report(upgrade: Upgrade) -> str:
    """Return what ran in the upgrade, the tables that removed apps left, and the problems."""
    planted = f", with the rows of {upgrade.planted}" if upgrade.planted else ""
    parts = [f"Upgrade of a database of {upgrade.ref} ({upgrade.commit[:10]}){planted}:"]
    parts += [f"{place:3}. {name}" for place, name in enumerate(upgrade.applied, 1)]
    if not upgrade.applied:
        parts.append("  nothing ran.")
    parts += [
        f"Left by {app.app}, which is not installed any more: {', '.join(app.tables)}."
        for app in upgrade.removed
    ]
    return "\n".join(filter(None, [*parts, problems(upgrade.problems)])) + "\n"


def replay_report(replay: Replay) -> str:
    """Return which migrations ran late, and what the history leaves open."""
    lines = [f"Replayed {count(len(replay.order), 'migration')} in {replay.seconds:.2f} s."]
    if replay.late:
        lines += ["Out of order in the history:", *map(_late, replay.late)]
    if replay.doubts:
        lines.append("What the history leaves open:")
        lines += [f"  {doubt.migration}: {doubt.why}" for doubt in replay.doubts]
    return "\n".join(lines) + "\n"


def _late(late: Late) -> str:
    why = "; ".join(late.why) or "the audit has no entry about it"
    return f"  {late.migration} was recorded after {list_ids(late.after)}: {why}"


def _head(fresh: FreshDatabase) -> str:
    if fresh.template:
        return f"Fresh database copied from {fresh.template} in {fresh.seconds:.2f} s."
    django = f"{len(fresh.django)} of Django's migrations and " if fresh.django else ""
    environment = f" (environment {fresh.environment})" if fresh.environment else ""
    sql = count(len(fresh.rows), "SQL migration")
    return f"Fresh database built from {django}{sql}{environment} in {fresh.seconds:.2f} s."


def _timeline(chapters: tuple[Chapter, ...]) -> str:
    lines = ["What each migration did:"]
    for chapter in chapters:
        changes = [
            *(f"    + {name}" for name in chapter.made),
            *(f"    ~ {name}" for name in chapter.changed),
            *(f"    - {name}" for name in chapter.removed),
        ]
        lines += [f"  {chapter.migration}{'' if changes else ': nothing'}", *changes]
    return "\n".join(lines)
