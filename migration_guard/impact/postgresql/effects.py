"""From looks at the locks of a session to the effects of its statements. Pure.

Sources: PostgreSQL manual, "Table-Level Locks"; of the server's code ``make_new_heap``, which a
rewrite calls and TRUNCATE does not.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from migration_guard.impact.postgresql.queries import Locked, Look, Relation, Start
from migration_guard.impact.trace import Effect

# From the weakest to the strongest, as pg_locks writes them.
MODES: Final = {
    "AccessShareLock": "ACCESS SHARE",
    "RowShareLock": "ROW SHARE",
    "RowExclusiveLock": "ROW EXCLUSIVE",
    "ShareUpdateExclusiveLock": "SHARE UPDATE EXCLUSIVE",
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}
_RANKS: Final = {mode: rank for rank, mode in enumerate(MODES)}
_WORDS: Final = (*MODES.values(),)
_SHUTS_OUT_WRITERS: Final = _WORDS.index("SHARE")
_SHUTS_OUT_READERS: Final = _WORDS.index("ACCESS EXCLUSIVE")
_SEQUENCE: Final = "S"
_TABLES: Final = "rmp"  # what is scanned, and has a file of rows
NAMED: Final = "rpmfv"  # tables, partitioned ones, materialized views, foreign tables, views


Timed = tuple[int, Effect]


class Known(NamedTuple):
    """The relations that are reported, by oid; and the names of their tables."""

    relations: Mapping[int, Relation]
    names: Mapping[int, str]


class _Shut(NamedTuple):
    """The strongest lock on a table by its rank, and whom it shuts out."""

    rank: int
    readers: bool
    writers: bool


class Transaction:
    """What the statements of one transaction did, look by look."""

    def __init__(self, known: Known, start: Start) -> None:
        self._known = known
        self._scans = start.scans
        self._last_ended = start.ended
        # By table and rank: the start of the statement that took the lock, in µs.
        self._times: dict[int, dict[int, int]] = {}
        self._gone: set[int] = set()
        # The relations as the last look saw them; their names are those of before.
        self.relations = dict(known.relations)
        self.made: set[int] = set()
        self.has_renamed = self.has_read = self.has_read_data = False

    def add(self, look: Look, *, is_sampled: bool = False) -> tuple[float, list[Timed]]:
        """Return the own time of a statement in ms, and its effects with the times in µs.

        The times are those at which the locks of these modes were taken.
        """
        started, self._last_ended = self._last_ended, look.ended
        relations = self.relations
        self.made.update(lock.oid for lock in look.relations if lock.oid not in relations)
        locks = [(lock, relations[lock.oid]) for lock in look.relations if self._is_known(lock)]
        shut: dict[int, _Shut] = {}
        for lock, relation in locks:
            shut[relation.table] = _add_lock(shut.get(relation.table), lock, relation)
        read, rewritten = self._find_acts(locks, makes_heap=self._makes_heap(look) or is_sampled)
        touched = self._find_stronger(shut, started) | read | rewritten
        self._remember(locks, read | rewritten)
        effects = []
        for table in sorted(touched, key=self._known.names.__getitem__):
            rank, readers, writers = shut[table]
            name, reads = self._known.names[table], table in read | rewritten
            effect = Effect(name, _WORDS[rank], readers, writers, reads, table in rewritten)
            effects.append((self._times[table][rank], effect))
        return (look.started - started) / 1000, effects

    def _is_known(self, lock: Locked) -> bool:
        relation = self.relations.get(lock.oid)
        return relation is not None and relation.table in self._known.names

    def _makes_heap(self, look: Look) -> bool:
        """Return whether a relation was made and dropped: a table that is written anew is one."""
        gone = {lock.oid for lock in look.relations if lock.filenode is None}
        new, self._gone = gone - self._gone, gone
        return bool(new - self.relations.keys())

    def _find_acts(
        self, locks: Iterable[tuple[Locked, Relation]], *, makes_heap: bool
    ) -> tuple[set[int], set[int]]:
        """Return the tables that were read as a whole, and those that were written anew."""
        read, rewritten = set(), set()
        for lock, relation in locks:
            is_table = relation.kind in _TABLES
            # TRUNCATE too gives a table a new file, and reads that one for its indexes.
            is_replaced = is_table and lock.filenode not in (None, relation.filenode)
            is_moved = lock.filenode is not None and lock.tablespace != relation.tablespace
            if is_moved or (is_replaced and makes_heap):
                rewritten.add(relation.table)
            elif is_table and lock.scans > self._scans.get(lock.oid, 0) and not is_replaced:
                read.add(relation.table)
        return read, rewritten

    def _find_stronger(self, shut: Mapping[int, _Shut], started: int) -> set[int]:
        """Return the tables with a stronger lock than before, and note when it was taken.

        ROLLBACK TO SAVEPOINT gives locks back.
        """
        before, self._times = self._times, {}
        for table, (rank, *_who) in shut.items():
            times = before.get(table, {})
            self._times[table] = {
                rank: started,
                **{taken: start for taken, start in times.items() if taken <= rank},
            }
        return {
            table
            for table, (rank, *_who) in shut.items()
            if rank > max(before.get(table, {}), default=-1)
        }

    def _remember(self, locks: Iterable[tuple[Locked, Relation]], used: set[int]) -> None:
        for lock, relation in locks:
            if relation.table in used:
                self.has_read = True
                self.has_read_data = self.has_read_data or bool(lock.has_data)
            self._scans[lock.oid] = lock.scans
            if lock.filenode is not None:
                names = lock.namespace, lock.name
                self.has_renamed = self.has_renamed or names != (relation.namespace, relation.name)
                self.relations[lock.oid] = relation._replace(
                    filenode=lock.filenode, tablespace=lock.tablespace or 0
                )


def _add_lock(shut: _Shut | None, lock: Locked, relation: Relation) -> _Shut:
    rank = max(_RANKS[mode] for mode in lock.modes)
    before = shut or _Shut(-1, readers=False, writers=False)
    return _Shut(
        max(rank, before.rank),
        # A reader needs no sequence, and a writer the next value of one.
        before.readers or (rank >= _SHUTS_OUT_READERS and relation.kind != _SEQUENCE),
        before.writers or rank >= _SHUTS_OUT_WRITERS,
    )


def merge_samples(
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


def measure_samples(
    looks: Iterable[Look], known: Known, effects: Iterable[Effect]
) -> tuple[Effect, ...]:
    """Return the effects with the time from the first look at their locks to the last one."""
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for look in looks:
        shut: dict[int, _Shut] = {}
        for lock in look.relations:
            relation = known.relations.get(lock.oid)
            if relation is not None and relation.table in known.names:
                shut[relation.table] = _add_lock(shut.get(relation.table), lock, relation)
        for table, (rank, *_who) in shut.items():
            key = known.names[table], _WORDS[rank]
            spans[key] = spans.get(key, (look.started, 0))[0], look.ended
    times = {key: (last - first) / 1000 for key, (first, last) in spans.items()}
    return tuple(
        effect._replace(held_ms=times.get((effect.table, effect.mode))) for effect in effects
    )
