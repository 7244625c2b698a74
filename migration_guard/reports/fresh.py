"""A fresh database as text: the order in which it was built, and what each migration did."""

from migration_guard.reports import text
from migration_guard.results import Chapter, FreshDatabase


def build_report(
    fresh: FreshDatabase, cap: int | None = text.ORDER_CAP, *, finished: bool = True
) -> str:
    """Return the order as a deploy prints it, the timeline if there is one, and what was noticed.

    ``cap`` is how many of the applied migrations are listed, None for all; unless ``finished``,
    the order is as far as the build came.
    """
    parts = [
        _head(fresh) if finished else "Fresh database, as far as it came:",
        text.order(fresh.rows, cap),
    ]
    if fresh.timeline is not None:
        parts.append(_timeline(fresh.timeline))
    parts.append(text.problems(fresh.problems))
    return "\n".join(filter(None, parts)) + "\n"


def _head(fresh: FreshDatabase) -> str:
    if fresh.template:
        return f"Fresh database copied from {fresh.template} in {fresh.seconds:.2f} s."
    django = f"{len(fresh.django)} of Django's migrations and " if fresh.django else ""
    environment = f" (environment {fresh.environment})" if fresh.environment else ""
    return f"Fresh database built from {django}{_sql(fresh)}{environment} in {fresh.seconds:.2f} s."


def _sql(fresh: FreshDatabase) -> str:
    return "1 SQL migration" if len(fresh.rows) == 1 else f"{len(fresh.rows)} SQL migrations"


def _timeline(chapters: tuple[Chapter, ...]) -> str:
    lines = ["What each migration did:"]
    for chapter in chapters:
        done = [
            *(f"    + {thing}" for thing in chapter.made),
            *(f"    ~ {thing}" for thing in chapter.changed),
            *(f"    - {thing}" for thing in chapter.removed),
        ]
        lines += [f"  {chapter.migration}", *done] if done else [f"  {chapter.migration}: nothing"]
    return "\n".join(lines)
