"""From what another connection saw of a statement to its effects. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from migration_guard.impact.postgresql.effects import WORDS, Transaction, find_known, find_strongest
from migration_guard.impact.postgresql.inventory import NAMED, Inventory, Known
from migration_guard.impact.postgresql.queries import Locked, Look, Relation
from migration_guard.impact.postgresql.sampler import Samples
from migration_guard.impact.trace import Effect


class Seen(NamedTuple):
    """What was seen of a statement; where ``is_measurable``, its times say something."""

    effects: tuple[Effect, ...]
    is_measurable: bool
    unknown: str


def read_samples(samples: Samples, inventory: Inventory, schema: str, own_ms: float | None) -> Seen:
    """Return what the samples show, and what was not seen of a statement and why.

    ``own_ms`` is the time of the statement, None where times mean nothing.
    """
    before = samples.before and samples.before.relations
    after = samples.after and samples.after.relations
    effects: tuple[Effect, ...] = ()
    is_measurable = False
    if samples.before and before is not None and after is not None and samples.looks:
        known = inventory.learn(before, schema)
        transaction = Transaction(known, samples.before)
        merged = _merge(samples.looks, before, after)
        effects = tuple(effect for _taken, effect in transaction.add(merged, is_sampled=True)[1])
        inventory.made |= transaction.made
        is_measurable = own_ms is not None and transaction.is_measurable
        if own_ms is not None and is_measurable:
            effects = _measure(samples.looks, known, effects, own_ms)
    nothing = "" if effects else "it held no lock at a moment when another connection looked"
    return Seen(effects, is_measurable, samples.unknown or nothing)


def _merge(
    looks: Iterable[Look], before: Mapping[int, Relation], after: Mapping[int, Relation]
) -> Look:
    """Return one look for all that were taken of a statement, with the files that it left.

    An index that is dropped is used by nobody any more when its strongest lock is taken.
    """
    looks = list(looks)
    merged: dict[int, Locked] = {}
    for lock in (lock for look in looks for lock in look.relations):
        seen = merged.get(lock.oid, lock)
        left = after.get(lock.oid)
        if left is None and lock.oid in before and before[lock.oid].kind not in NAMED:
            continue
        merged[lock.oid] = lock._replace(
            modes=[*{*seen.modes, *lock.modes}],
            scans=max(seen.scans, lock.scans),
            has_data=seen.has_data or lock.has_data,
            filenode=left.filenode if left else None,
            tablespace=left.tablespace if left else None,
        )
    return looks[-1]._replace(relations=tuple(merged.values()))


def _measure(
    looks: Iterable[Look], known: Known, effects: Iterable[Effect], own_ms: float
) -> tuple[Effect, ...]:
    """Return the effects with the time from the first look at their locks to the last one.

    That look may end after the statement, whose own time is the most that a lock was held.
    """
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for look in looks:
        for table, (rank, *_who) in find_strongest(find_known(look, known)).items():
            key = known.names[table], WORDS[rank]
            spans[key] = spans.get(key, (look.started, 0))[0], look.ended
    times = {key: min((last - first) / 1000, own_ms) for key, (first, last) in spans.items()}
    return tuple(
        effect._replace(held_ms=times.get((effect.table, effect.mode))) for effect in effects
    )
