"""Which objects are used by which: the server refuses to drop what another object uses."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration_guard.linter.order.keys import Key, Place


class Dependency(NamedTuple):
    """An object that uses ``target`` since its definition at ``made_at``."""

    user: Key
    target: Key
    made_at: Place


@dataclass(slots=True)
class Dependencies:
    """The dependencies by the schema and name of what is used."""

    _by_name: dict[tuple[str, str], list[Dependency]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, user: Key, target: Key, place: Place) -> None:
        """Keep that the object ``user``, which is made at ``place``, uses ``target``."""
        self._by_name[target.schema, target.name].append(Dependency(user, target, place))

    def of(self, target: Key) -> Iterator[Dependency]:
        """Yield the dependencies on ``target``."""
        for dependency in self._by_name.get((target.schema, target.name), ()):
            if dependency.target == target:
                yield dependency

    def around(self, target: Key) -> list[Dependency]:
        """Return the dependencies on an object and on the columns of a relation."""
        return [
            dependency
            for dependency in self._by_name.get((target.schema, target.name), ())
            if dependency.target == target
            or (target.what == "relation" and dependency.target.what == "column")
        ]

    def forget(self, target: Key) -> None:
        """Forget all dependencies on an object that goes or gets another name, and on its parts."""
        gone = self.around(target)
        if gone:
            kept = [d for d in self._by_name[target.schema, target.name] if d not in gone]
            self._by_name[target.schema, target.name] = kept
