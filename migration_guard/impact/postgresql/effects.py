"""From looks at the locks of a session to the effects of its statements. Pure.

Sources: PostgreSQL manual, "Table-Level Locks"; of the server's code ``make_new_heap``, which a
rewrite calls and TRUNCATE does not.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from migration_guard.impact.postgresql.queries import Locked, Look, Relation
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


class _Held:
    """What a transaction holds of one table."""

    def __init__(self) -> None:
        self.rank = -1
        self.taken: dict[int, int] = {}  # the first time at which the rank was reached, in µs
        self.readers = self.writers = False

    def take(self, rank: int, started: int, *, is_sequence: bool) -> bool:
        """Add a lock; return whether it is a stronger one."""
        # A reader needs no sequence, and a writer the next value of one.
        self.readers = self.readers or (rank >= _SHUTS_OUT_READERS and not is_sequence)
        self.writers = self.writers or rank >= _SHUTS_OUT_WRITERS
        if rank <= self.rank:
            return False
        self.rank = rank
        self.taken[rank] = started
        return True


class Transaction:
    """What the statements of one transaction did, look by look."""

    def __init__(self, known: Known, start: Look) -> None:
        self._known = known
        self._last_ended = start.ended
        self._held: dict[int, _Held] = {}
        self._seen: dict[int, Relation] = dict(known.relations)
        self._gone: set[int] = set()
        self.has_read = self.has_read_data = False

    def add(
        self, look: Look, *, is_sampled: bool = False
    ) -> tuple[float, list[tuple[int, Effect]]]:
        """Return the own time of a statement in ms, and its effects with the times in µs.

        The times are those at which the locks of these modes were taken.
        """
        started, self._last_ended = self._last_ended, look.ended
        gone = {lock.oid for lock in look.relations if lock.filenode is None}
        # TRUNCATE gives a table a new file too, but none through a relation of its own.
        makes_heap = is_sampled or bool(gone - self._gone - self._seen.keys())
        self._gone |= gone
        changed: set[int] = set()
        read: set[int] = set()
        rewritten: set[int] = set()
        scanned = {lock.oid for lock in look.relations if self._has_scanned(lock)}
        for lock in look.relations:
            relation = self._seen.get(lock.oid)
            if relation is None or relation.table not in self._known.names:
                continue
            held = self._held.setdefault(relation.table, _Held())
            rank = max(_RANKS[mode] for mode in lock.modes)
            if held.take(rank, started, is_sequence=relation.kind == _SEQUENCE):
                changed.add(relation.table)
            is_replaced = relation.kind in _TABLES and lock.filenode not in (
                None,
                relation.filenode,
            )
            if self._is_rewritten(lock, relation, is_replaced=is_replaced, makes_heap=makes_heap):
                rewritten.add(relation.table)
            elif lock.oid in scanned and relation.kind in _TABLES and not is_replaced:
                read.add(relation.table)
            self._note_data(lock, relation, read | rewritten)
            self._remember(lock, relation)
        own_ms = (look.started - started) / 1000
        return own_ms, [
            self._effect(table, table in read | rewritten, table in rewritten)
            for table in sorted(changed | read | rewritten, key=self._known.names.__getitem__)
        ]

    def _has_scanned(self, lock: Locked) -> bool:
        relation = self._seen.get(lock.oid)
        return relation is not None and lock.scans > relation.scans

    def _is_rewritten(
        self, lock: Locked, relation: Relation, *, is_replaced: bool, makes_heap: bool
    ) -> bool:
        """Return whether all rows were written anew, or copied to another place."""
        if lock.filenode is not None and lock.tablespace != relation.tablespace:
            return True
        return is_replaced and makes_heap

    def _note_data(self, lock: Locked, relation: Relation, used: set[int]) -> None:
        if relation.table in used:
            self.has_read = True
            self.has_read_data = self.has_read_data or bool(lock.has_data)

    def _remember(self, lock: Locked, relation: Relation) -> None:
        if lock.filenode is not None:
            self._seen[lock.oid] = relation._replace(
                filenode=lock.filenode, tablespace=lock.tablespace or 0, scans=lock.scans
            )

    def _effect(self, table: int, reads: bool, rewrites: bool) -> tuple[int, Effect]:
        held = self._held[table]
        effect = Effect(
            self._known.names[table],
            _WORDS[held.rank],
            shuts_out_readers=held.readers,
            shuts_out_writers=held.writers,
            reads=reads,
            rewrites=rewrites,
        )
        return held.taken[held.rank], effect


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
