"""How many changes are tried: `MUTATIONS=full` tries every one, `MUTATIONS=300` so many a test.

Without it a few are tried, as on every change. What follows a slash is the seed: `MUTATIONS=300/7`.
"""

from __future__ import annotations

import os
from random import Random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT, _, _seed = os.environ.get("MUTATIONS", "few").partition("/")
FULL = COUNT == "full"
SEED = int(_seed or 1)
T = TypeVar("T")


def choose(items: Sequence[T], few: int) -> list[T]:
    """Return all items, or some that the seed chooses, in their order."""
    count = len(items) if FULL else int(COUNT) if COUNT.isdigit() else few
    if count >= len(items):
        return list(items)
    return [items[index] for index in sorted(Random(SEED).sample(range(len(items)), count))]
