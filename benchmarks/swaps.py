"""How much of what PostgreSQL refuses the order rules see: `python -m benchmarks.swaps FOLDER…`.

Each folder holds the plain SQL migrations of one project, which the person who runs this fetches.
The history runs on a server, file by file; what the server itself refuses is left out. Then one
file at a time moves before an earlier one, by a seeded chance. The server says which file fails,
and the order rules say what they find, without a server.
"""

import argparse
import hashlib
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg

from benchmarks import corpora
from benchmarks.corpora import Migration
from benchmarks.markdown import Table
from benchmarks.measuring import say
from migration_guard.linter.rules import (
    already_exists,
    alter_before_create,
    enum_value_used,
    still_used,
    unknown_relation,
)
from migration_guard.linter.source import Context, Source
from migration_guard.problems import Problem, Severity
from tests import servers

_RULES: Final = (
    already_exists,
    alter_before_create,
    enum_value_used,
    still_used,
    unknown_relation,
)
_NO_TRANSACTION: Final = {"25001", "55P04", "55006", "2D000"}
_BEYOND: Final = 20  # files
_TIMEOUT: Final = "SET statement_timeout = '30s'"
_HEAD: Final = (
    "corpus",
    "files",
    "left out",
    "swaps",
    "refused",
    "right file",
    "otherwise",
    "silent",
    "found",
    "false errors",
    "false warnings",
)


class Swap(NamedTuple):
    """The file at ``source`` moves before the one at ``target``."""

    target: int
    source: int

    def order(self, count: int) -> list[int]:
        """Return the positions of all files in their new order."""
        rest = [number for number in range(count) if number != self.source]
        return [*rest[: self.target], self.source, *rest[self.target :]]


@dataclass
class Corpus:
    """A history that the server takes. ``alone`` are the files that need no transaction."""

    name: str
    migrations: list[Migration]
    left_out: int
    alone: set[str]
    verdicts: list[tuple[Swap, str, str]] = field(default_factory=list)


@dataclass
class Score:
    """What the order rules said of one corpus. ``details`` are the cases to look at."""

    counts: Counter[str] = field(default_factory=Counter)
    details: list[dict[str, Any]] = field(default_factory=list)

    def add(self, what: str, **details: Any) -> None:
        """Count a case and keep its details."""
        self.counts[what] += 1
        self.details.append({"what": what, **details})


def main() -> None:
    """Measure the folders that are named, and print a table."""
    parser = argparse.ArgumentParser("python -m benchmarks.swaps", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--swaps", type=int, default=60, help="of each corpus; 60")
    parser.add_argument("--distance", type=int, default=40, help="how far a file moves; 40")
    parser.add_argument(
        "--accepted", type=int, default=60, help="judge so many swaps that the server accepts; 60"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--statements", action="store_true", help="take each statement as a file")
    parser.add_argument("--keep", type=Path, help="folder for the server's verdicts, to ask once")
    parser.add_argument("--details", type=Path, help="write a JSON list of the cases to look at")
    options = parser.parse_args()
    rows, details = [], []
    total: Counter[str] = Counter()
    for folder in options.folders:
        corpus = _ask_server(folder, options)
        score = judge(corpus, options.accepted)
        rows.append(_row(corpus.name, score.counts))
        total += score.counts
        details += [{"corpus": corpus.name, **detail} for detail in score.details]
        say(" ".join(rows[-1]))
    table = Table("Swapped files", _HEAD, (*rows, _row("all", total)))
    print(table)  # noqa: T201
    if options.details:
        options.details.write_text(json.dumps(details, indent=1), encoding="utf-8")


def _row(name: str, counts: Counter[str]) -> tuple[str, ...]:
    refused = counts["right file"] + counts["otherwise"] + counts["silent"]
    share = f"{(refused - counts['silent']) / refused:.1%}" if refused else ""
    values = {**counts, "refused": refused, "found": share}
    return (name, *(str(values.get(column, 0)) for column in _HEAD[1:]))


# The server


def _ask_server(folder: Path, options: argparse.Namespace) -> Corpus:
    """Return the corpus with the server's verdicts, from the kept ones if they are there."""
    migrations = corpora.read(folder)
    if options.statements:
        migrations = list(corpora.by_statement(migrations))
    key = [options.swaps, options.distance, options.seed, *(m.text for m in migrations)]
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
    kept = options.keep / f"{folder.name}-{digest}.json" if options.keep else None
    if kept and kept.exists():
        taken, alone, verdicts = json.loads(kept.read_text(encoding="utf-8"))
        by_id = {migration.id: migration for migration in migrations}
        left_out = len(migrations) - len(taken)
        corpus = Corpus(folder.name, [by_id[name] for name in taken], left_out, set(alone))
        corpus.verdicts = [(Swap(*swap), failed, why) for swap, failed, why in verdicts]
        return corpus
    with open_server() as server:
        corpus = run_history(server, folder.name, migrations)
        swaps = choose(len(corpus.migrations), options)
        corpus.verdicts = list(_run_swaps(server, corpus, swaps))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        ids = [migration.id for migration in corpus.migrations]
        kept.write_text(json.dumps([ids, sorted(corpus.alone), corpus.verdicts]), encoding="utf-8")
    return corpus


def choose(count: int, options: argparse.Namespace) -> list[Swap]:
    """Return different swaps in the order of their targets; every fourth is of neighbours."""
    chance = random.Random(options.seed)  # noqa: S311
    swaps: set[Swap] = set()
    for number in range(options.swaps * 20):
        if len(swaps) >= options.swaps or count < 2:  # noqa: PLR2004
            break
        source = chance.randrange(1, count)
        nearest = 1 if number % 4 == 0 else options.distance
        swaps.add(Swap(chance.randrange(max(0, source - nearest), source), source))
    return sorted(swaps)


@contextmanager
def open_server() -> Iterator[servers.PostgresServer]:
    """Start a server that loses data when the machine fails."""
    with servers.postgres_server(servers.FAST) as server:
        yield server


@dataclass
class _Database:
    """A database that is built file by file and copied."""

    server: servers.PostgresServer
    name: str
    _session: psycopg.Connection[Any] | None = None

    def make(self, template: str = "template0") -> None:
        """Make the database new, as a copy of another."""
        self.drop()
        with self.server.open() as connection:
            connection.execute(
                f'CREATE DATABASE "{self.name}" TEMPLATE "{template}" STRATEGY file_copy'
            )

    def close(self) -> None:
        """Close the session, so that the database can be copied."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def drop(self) -> None:
        """Drop the database if it is there."""
        self.close()
        with self.server.open() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')

    def run(self, migration: Migration, *, alone: bool) -> tuple[str, str]:
        """Run one migration in a clean session; return the SQLSTATE and message, or nothing."""
        if self._session is None:
            self._session = self.server.open(self.name)
            self._session.prepare_threshold = None  # DISCARD ALL drops what it prepares
        session = self._session
        try:
            session.execute("DISCARD ALL")
            session.execute(_TIMEOUT)
            if not alone:
                session.execute("BEGIN")
            for statement in migration.statements:
                if statement.data is None:
                    session.execute(statement.text)
                    continue
                with session.cursor().copy(statement.text) as copy:
                    copy.write(migration.text[slice(*statement.data)])
            session.execute("COMMIT")
        except psycopg.Error as error:
            self.close()
            return error.sqlstate or "?", str(error).partition("\n")[0]
        return "", ""


def _role_names(server: servers.PostgresServer) -> set[str]:
    with server.open() as connection:
        return {row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}


def run_history(
    server: servers.PostgresServer, name: str, migrations: Sequence[Migration]
) -> Corpus:
    """Return the files that the server takes, one after the other."""
    database, copy = _Database(server, f"swaps_{os.getpid()}"), f"swaps_{os.getpid()}_copy"
    database.make()
    roles = _role_names(server)
    corpus = Corpus(name, [], 0, set())
    for migration in migrations:
        state, message = database.run(migration, alone=False)
        if state in _NO_TRANSACTION:
            saved = _Database(server, copy)
            database.close()
            saved.make(database.name)
            state, message = database.run(migration, alone=True)
            if state:
                database.make(copy)
            else:
                corpus.alone.add(migration.id)
            saved.drop()
        if state:
            say(f"  {name}: {migration.id} is left out: {state} {message}")
            corpus.left_out += 1
        else:
            corpus.migrations.append(migration)
    database.drop()
    _drop_roles(server, roles)
    return corpus


def _run_swaps(
    server: servers.PostgresServer, corpus: Corpus, swaps: Sequence[Swap]
) -> Iterator[tuple[Swap, str, str]]:
    """Yield each swap with the file that fails and the reason, or with empty texts."""
    built, copy = _Database(server, f"swaps_{os.getpid()}"), _Database(server, f"s_{os.getpid()}_c")
    built.make()
    before, done = _role_names(server), 0
    for swap in swaps:
        for migration in corpus.migrations[done : swap.target]:
            built.run(migration, alone=migration.id in corpus.alone)
        done = swap.target
        roles = _role_names(server)
        built.close()
        copy.make(built.name)
        failed = why = ""
        # Behind the place that the file comes from, the catalogue is as ever.
        for position in swap.order(len(corpus.migrations))[swap.target : swap.source + _BEYOND]:
            migration = corpus.migrations[position]
            state, message = copy.run(migration, alone=migration.id in corpus.alone)
            if state:
                failed, why = migration.id, f"{state} {message}"
                break
        copy.drop()
        _drop_roles(server, roles)
        yield swap, failed, why
    built.drop()
    _drop_roles(server, before)


def _drop_roles(server: servers.PostgresServer, kept: set[str]) -> None:
    """Drop the roles that a dropped database has left behind."""
    with server.open() as connection:
        for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall():
            if name not in kept:
                with suppress(psycopg.Error):
                    connection.execute(f'DROP ROLE "{name}"')


# The order rules


def sampled(
    verdicts: Sequence[tuple[Swap, str, str]], accepted: int
) -> Iterator[tuple[Swap, str, str]]:
    """Yield the verdicts with at most so many swaps that the server accepts."""
    for verdict in verdicts:
        if not verdict[1]:
            accepted -= 1
        if verdict[1] or accepted >= 0:
            yield verdict


def judge(corpus: Corpus, accepted: int) -> Score:
    """Compare what the order rules say with the server's verdicts."""
    score = Score(Counter(files=len(corpus.migrations)))
    score.counts["left out"] = corpus.left_out
    score.counts["swaps"] = len(corpus.verdicts)
    _add_false(score, _problems(corpus, range(len(corpus.migrations))), "history")
    for swap, failed, why in sampled(corpus.verdicts, accepted):
        problems = _problems(corpus, swap.order(len(corpus.migrations)))
        moved = corpus.migrations[swap.source].id
        name = f"{moved} before {corpus.migrations[swap.target].id}"
        if not failed:
            _add_false(score, problems, name)
            continue
        at_place = [p for p in problems if p.path is not None and p.path.stem == failed]
        what = "right file" if at_place else "otherwise" if problems else "silent"
        score.counts[f"{what}"] += 1
        texts = [f"{p.path}:{p.line} {p.message}" for p in problems]
        score.details.append(
            {"what": what, "swap": name, "failed": failed, "why": why, "said": texts[:3]}
        )
    return score


def _add_false(score: Score, problems: Sequence[Problem], swap: str) -> None:
    for problem in problems:
        # Such a statement is taken and does nothing, which is what the rule says.
        if "IF EXISTS finds nothing" in problem.message:
            continue
        is_error = problem.severity is Severity.ERROR
        what = "false errors" if is_error else "false warnings"
        score.add(what, swap=swap, said=f"{problem.path}:{problem.line} {problem.message}")


def _problems(corpus: Corpus, order: Sequence[int]) -> list[Problem]:
    """Return what the order rules find in the files in this order."""
    chosen = [corpus.migrations[position] for position in order]
    files = tuple(
        migration.file(number, transaction=migration.id not in corpus.alone)
        for number, migration in enumerate(chosen, 1)
    )
    source = Source(Context("postgresql", frozenset()), (), (), files, {}, ())
    vars(source)["parse_trees"] = {migration.id: migration.trees for migration in chosen}
    checks: list[Callable[[Source], Iterator[Problem]]] = [rule.check for rule in _RULES]
    return [problem for check in checks for problem in check(source)]


if __name__ == "__main__":
    import django
    from django.conf import settings

    settings.configure(INSTALLED_APPS=["migration_guard"], DATABASES={})
    django.setup()
    main()
