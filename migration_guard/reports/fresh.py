"""A fresh database as text: the order in which it was built, and what each migration did."""

from migration_guard.reports import text
from migration_guard.results import Built, Chapter


def built(found: Built, cap: int | None = text.ORDER_CAP, *, finished: bool = True) -> str:
    """Return the order as a deploy prints it, the timeline if there is one, and what was noticed.

    ``cap`` is how many of the applied migrations are listed, None for all; unless ``finished``,
    the order is as far as the build came.
    """
    parts = [
        _head(found) if finished else "Fresh database, as far as it came:",
        text.order(found.rows, cap),
    ]
    if found.timeline is not None:
        parts.append(_timeline(found.timeline))
    parts.append(text.problems(found.problems))
    return "\n".join(filter(None, parts)) + "\n"


def _head(found: Built) -> str:
    if found.template:
        return f"Fresh database copied from {found.template} in {found.seconds:.2f} s."
    django = f"{len(found.django)} of Django's migrations and " if found.django else ""
    environment = f" (environment {found.environment})" if found.environment else ""
    return f"Fresh database built from {django}{_sql(found)}{environment} in {found.seconds:.2f} s."


def _sql(found: Built) -> str:
    return "1 SQL migration" if len(found.rows) == 1 else f"{len(found.rows)} SQL migrations"


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
