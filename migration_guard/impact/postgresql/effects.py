"""From looks at the locks of a session to the effects of its statements. Pure.

Sources: PostgreSQL manual, "Table-Level Locks"; of the server's code ``make_new_heap``, which a
rewrite calls and TRUNCATE does not.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from migration_guard.impact.postgresql.inventory import Known
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
WORDS: Final = (*MODES.values(),)
_SHUTS_OUT_WRITERS: Final = WORDS.index("SHARE")
_SHUTS_OUT_READERS: Final = WORDS.index("ACCESS EXCLUSIVE")
_SEQUENCE: Final = "S"
_TABLES: Final = "rmp"  # what is scanned, and has a file of rows

Timed = tuple[int, Effect]


class Shut(NamedTuple):
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
        self.has_renamed = False
        self._has_read = self._has_read_data = False

    @property
    def is_measurable(self) -> bool:
        """Whether its times say something: without rows, that of reading does not."""
        return self._has_read_data or not self._has_read

    def add(self, look: Look, *, is_sampled: bool = False) -> tuple[float, list[Timed]]:
        """Return the own time of a statement in ms, and its effects with the times in µs.

        The times are those at which the locks of these modes were taken.
        """
        started, self._last_ended = self._last_ended, look.ended
        relations = self.relations
        self.made.update(lock.oid for lock in look.relations if lock.oid not in relations)
        locks = find_known(look, Known(relations, self._known.names))
        shut = find_strongest(locks)
        read, rewritten = self._find_acts(locks, makes_heap=self._makes_heap(look) or is_sampled)
        touched = self._find_stronger(shut, started) | read | rewritten
        self._remember(locks, read | rewritten)
        effects = []
        for table in sorted(touched, key=self._known.names.__getitem__):
            rank, readers, writers = shut[table]
            name, reads = self._known.names[table], table in read | rewritten
            effect = Effect(name, WORDS[rank], readers, writers, reads, table in rewritten)
            effects.append((self._times[table][rank], effect))
        return (look.started - started) / 1000, effects

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

    def _find_stronger(self, shut: Mapping[int, Shut], started: int) -> set[int]:
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
                self._has_read = True
                self._has_read_data = self._has_read_data or bool(lock.has_data)
            self._scans[lock.oid] = lock.scans
            if lock.filenode is not None:
                names = lock.namespace, lock.name
                self.has_renamed = self.has_renamed or names != (relation.namespace, relation.name)
                self.relations[lock.oid] = relation._replace(
                    filenode=lock.filenode, tablespace=lock.tablespace or 0
                )


def find_known(look: Look, known: Known) -> list[tuple[Locked, Relation]]:
    """Return the locks on what is reported, each with its relation."""
    relations = known.relations
    locks = (lock for lock in look.relations if lock.oid in relations)
    pairs = ((lock, relations[lock.oid]) for lock in locks)
    return [(lock, relation) for lock, relation in pairs if relation.table in known.names]


def find_strongest(locks: Iterable[tuple[Locked, Relation]]) -> dict[int, Shut]:
    """Return the strongest lock on each table."""
    strongest: dict[int, Shut] = {}
    for lock, relation in locks:
        strongest[relation.table] = _add_lock(strongest.get(relation.table), lock, relation)
    return strongest


def _add_lock(shut: Shut | None, lock: Locked, relation: Relation) -> Shut:
    rank = max(_RANKS[mode] for mode in lock.modes)
    before = shut or Shut(-1, readers=False, writers=False)
    return Shut(
        max(rank, before.rank),
        # A reader needs no sequence, and a writer the next value of one.
        before.readers or (rank >= _SHUTS_OUT_READERS and relation.kind != _SEQUENCE),
        before.writers or rank >= _SHUTS_OUT_WRITERS,
    )
