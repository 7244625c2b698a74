"""What a simulation finds, and which of it is reported once all statements have run.

A missing object is surely wrong, or wrong unless something else made it, or not known. Only the
first two are reported.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from migration_guard.linter.order.chronicle import Chronicle, Making
from migration_guard.linter.order.enumerations import RELATION_KINDS
from migration_guard.linter.order.keys import Key, Place

# Kinds of which only migrations make objects, so that one which no migration makes is an error.
_ALL_KNOWN: Final = frozenset({*RELATION_KINDS.values(), "column"} - {"index"})


@dataclass(frozen=True, slots=True)
class Missing:
    """An object that a statement needs and that does not exist.

    ``what`` is "table", "column", …. ``later`` is its first making after ``place``. ``conditional``
    is True for a statement with IF EXISTS, which would do nothing. ``was_removed`` is True if a
    statement before removed it. ``may_exist`` is True if a statement of unknown effect names it,
    ``after_dynamic`` if one before built SQL from strings. ``is_likely`` is True for a statement
    that runs unless the database has something already. ``is_sure`` is False if the object may be
    there although nothing names it.
    """

    what: str
    name: str
    keys: tuple[Key, ...]
    place: Place
    later: Making | None = None
    conditional: bool = False
    was_removed: bool = False
    may_exist: bool = False
    after_dynamic: bool = False
    is_likely: bool = False
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Clash:
    """An object that a statement creates although it surely exists.

    ``made`` is where it was created first. ``freed`` is where a later statement removes or renames
    that one, None if none does.
    """

    what: str
    name: str
    key: Key
    place: Place
    made: Place
    freed: Place | None = None


class Drop(NamedTuple):
    """A drop, or another change that the server refuses, of what ``user`` surely uses."""

    name: str
    user: Key
    place: Place


@dataclass(frozen=True, slots=True)
class StillUsed:
    """An object that a statement drops although another one uses it.

    ``freed`` is where a later statement drops that one or defines it anew.
    """

    name: str
    user: Key
    place: Place
    freed: Place


@dataclass(frozen=True, slots=True)
class UnknownEffect:
    """A statement whose effect is not known. ``why`` names its kind."""

    place: Place
    why: str


@dataclass(frozen=True, slots=True)
class Findings:
    """All that a simulation found, in the order of the statements."""

    missing: tuple[Missing, ...] = ()
    clashes: tuple[Clash, ...] = ()
    still_used: tuple[StillUsed, ...] = ()
    unknown_effects: tuple[UnknownEffect, ...] = ()


def judge_missing(
    missing: Iterable[Missing], chronicle: Chronicle, *, anything_may_exist: bool
) -> tuple[Missing, ...]:
    """Return the missing objects to report: of each object, the first in each file."""
    first: dict[tuple[int, str, str], Missing] = {}
    for need in missing:
        judged = _judge(need, chronicle, anything_may_exist=anything_may_exist)
        if judged is not None:
            first.setdefault((judged.place.file_at, judged.what, judged.name), judged)
    return tuple(first.values())


def judge_drops(drops: Iterable[Drop], chronicle: Chronicle) -> tuple[StillUsed, ...]:
    """Return the drops of what something uses that a later statement drops or redefines."""
    return tuple(
        StillUsed(drop.name, drop.user, drop.place, freed)
        for drop in drops
        if (freed := chronicle.goes_later(drop.user, drop.place)) is not None
    )


def add_freed(clashes: Iterable[Clash], chronicle: Chronicle) -> tuple[Clash, ...]:
    """Return the clashes, each with the place that removes the first object later."""
    return tuple(
        replace(clash, freed=_first_place_after(chronicle.removals.get(clash.key, ()), clash.place))
        for clash in clashes
    )


def _judge(missing: Missing, chronicle: Chronicle, *, anything_may_exist: bool) -> Missing | None:
    later = chronicle.next_making(missing.keys, missing.place)
    if later is not None and missing.what == "role" and not later.plain:
        return None  # roles are the cluster's, which may have it
    if later is not None:
        # If it had existed here, a plain CREATE could not have succeeded later.
        is_certain = not missing.may_exist or (
            later.plain and chronicle.is_untouched(missing.keys, missing.place, later.place)
        )
        is_sure = not (missing.is_likely or later.weak) and (
            later.plain or not missing.after_dynamic
        )
        is_certain = is_certain and not (missing.is_likely and missing.was_removed)
        return replace(missing, later=later, is_sure=is_sure) if is_certain else None
    is_known = missing.was_removed or (missing.what in _ALL_KNOWN and not missing.after_dynamic)
    may_exist = missing.may_exist or missing.is_likely or anything_may_exist
    if not is_known or missing.conditional or may_exist:
        return None
    return missing


def _first_place_after(places: Sequence[Place], start: Place) -> Place | None:
    later = (place for place in places if place.order > start.order)
    return min(later, key=lambda place: place.order, default=None)
