"""What became of objects in the order of the run: each making, removal and doubt with its place."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from migration_guard.linter.order.keys import Key, Place


@dataclass(frozen=True, slots=True)
class Making:
    """A place that makes an object. A ``plain`` one, without IF NOT EXISTS, fails if it exists.

    A ``weak`` one is of an object that a database may have before its first migration.
    """

    place: Place
    plain: bool
    weak: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """A statement of unknown effect; ``words`` are all that it names, None if that is not known.

    A ``dynamic`` one builds SQL from strings, so that it may concern what it does not name.
    """

    place: Place
    words: frozenset[str] | None
    is_dynamic: bool = False
    _pieces: set[str] = field(default_factory=set)

    def may_concern(self, *names: str) -> bool:
        """Return True if the statement names the object with these names.

        Dynamic SQL may put a name together (``t || '_audit'``), and take a table from elsewhere.
        """
        if self.words is None or self.words.issuperset(names):
            return True
        if not self.is_dynamic:
            return False
        name = names[-1].lower()
        parts = [part for part in name.split("_") if part and not part.isdigit()]
        if len(parts) == 1 == len(names) or name in self.words:
            return name in self.words
        if not self._pieces:
            self._pieces.update(piece for word in self.words for piece in word.lower().split("_"))
        return self._pieces.issuperset(parts)


@dataclass(slots=True, kw_only=True)
class Chronicle:
    """The places that made, removed or may have changed objects.

    ``attempts`` would have removed or renamed what is not known to exist. In a flat one the search
    path is not known: all objects are in one schema, and nothing is ever removed.
    """

    is_flat: bool = False
    is_guarded: bool = False  # a statement that may find its object there runs
    makings: dict[Key, list[Making]] = field(default_factory=lambda: defaultdict(list))
    removals: dict[Key, list[Place]] = field(default_factory=lambda: defaultdict(list))
    attempts: dict[Key, list[Place]] = field(default_factory=lambda: defaultdict(list))
    doubts: list[Doubt] = field(default_factory=list)

    def record_making(self, key: Key, place: Place, *, plain: bool, weak: bool = False) -> None:
        """Keep the place that makes ``key``."""
        weak |= self.is_guarded
        self.makings[key].append(Making(place, plain and not weak, weak))

    def may_exist(self, *names: str, keys: Sequence[Key] = ()) -> bool:
        """Return True if a statement of unknown effect names the object of these names.

        What was so before one of ``keys`` was removed does not count.
        """
        return any(doubt.may_concern(*names) for doubt in self._doubts_since_removal(keys))

    def has_dynamic_sql(self, keys: Sequence[Key]) -> bool:
        """Return True if a statement since a removal may do what its text does not tell."""
        return any(doubt.is_dynamic for doubt in self._doubts_since_removal(keys))

    def _doubts_since_removal(self, keys: Sequence[Key]) -> Sequence[Doubt]:
        removals = [places[-1].order for key in keys if (places := self.removals.get(key))]
        if not removals or self.is_flat:
            return self.doubts
        return [doubt for doubt in self.doubts if doubt.place.order >= max(removals)]

    def goes_later(self, user: Key, place: Place) -> Place | None:
        """Return the first place after ``place`` that removes or defines ``user`` again."""
        keys = {user, user._replace(what="relation", column="")}
        places = [other for key in keys for other in self.removals.get(key, ())]
        places += [making.place for making in self.makings.get(user, ())]
        later = [other for other in places if other.order > place.order]
        return min(later, key=lambda other: other.order, default=None)

    def next_making(self, keys: Sequence[Key], place: Place) -> Making | None:
        """Return the first making of one of ``keys`` after ``place``."""
        makings = (making for key in keys for making in self.makings.get(key, ()))
        later = (making for making in makings if making.place.order > place.order)
        return min(later, key=lambda making: making.place.order, default=None)

    def is_untouched(self, keys: Sequence[Key], start: Place, end: Place) -> bool:
        """Return True if surely no statement from ``start`` until before ``end`` removed a key."""
        schemas = [Key("schema", key.schema, key.schema) for key in keys]
        tables = [Key("relation", key.schema, key.name) for key in keys]
        removals = (
            place
            for key in (*keys, *schemas, *tables)
            for places_by_key in (self.removals, self.attempts)
            for place in places_by_key.get(key, ())
        )
        doubts = (
            doubt.place
            for doubt in self.doubts
            if any(doubt.may_concern(*filter(None, (key.name, key.column))) for key in keys)
        )
        return not any(
            start.order <= place.order < end.order for place in itertools.chain(removals, doubts)
        )
