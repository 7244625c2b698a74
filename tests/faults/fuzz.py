"""The fuzz target: bytes -> a migration file, read and split as the runner would, for each vendor.

`check(data)` raises on a crash, on a broken invariant, and on a hang. The invariants:

- any name and any bytes are a migration or a problem, never an exception, and every report of it
  can be printed;
- `split` returns statements or raises SQLError with a place that is in the text; their offsets,
  lines and texts agree; the tokens of the file, joined, are the file; between statements lies
  nothing but space, comments, terminators, COPY data and lines for the client;
- a statement alone splits into itself;
- the time is linear: a short text, many times over, is done in a moment.

Two ways to run it, besides the bounded one of the suite; the second is guided by coverage, and
takes libFuzzer's options:

    uv run python -m tests.faults.fuzz --seconds 600
    uv run --with atheris python -m tests.faults.fuzz --atheris -max_total_time=600
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from migration_guard.conf import BUILT_IN_ENVIRONMENTS
from migration_guard.planning import digests, files, preflight
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import MAX_ID, number_of
from migration_guard.problems import Problem
from migration_guard.reports import github
from migration_guard.sql import classify
from migration_guard.sql.implicit_commits import implicit_commit
from migration_guard.sql.lexer import Kind, tokens
from migration_guard.sql.statements import SQLError, Statement, split
from migration_guard.vendors import VENDORS

ROOT = Path(__file__).resolve().parent.parent.parent
LONG = 20_000  # characters
USUAL = 0.02  # seconds for a million turns of a loop that does nothing
SHORT = 24  # what is at most this long is also tried many times over
SAME_LINE = " \t\r\n\f\v"

# What vendors' lexers turn on; the rest of a text matters little.
MARKS = r"""' " ` [ ] $ $a$ $$ $1 -- --+ # /* */ /*! /*!50000 /*M! /*+ ; ; ( ) \ \. \g \copy \restrict
    E' e' U&' U&" N' x' b' q' _utf8' := => :: . , 1 1e 0x 1. @ @@ ? ?? é 日 CREATE OR REPLACE TEMP
    TEMPORARY TRIGGER FUNCTION PROCEDURE EVENT TABLE INDEX CONCURRENTLY BEGIN ATOMIC NOT END CASE IF
    LOOP WHILE REPEAT THEN ELSE DO COPY FROM TO STDIN STDOUT PROGRAM WITH SELECT INSERT INTO VALUES
    EXPLAIN DELIMITER delimiter // SET RESET DISCARD ALL standard_conforming_strings off on
    set_config client_encoding NAMES LATIN1 COMMIT ROLLBACK START TRANSACTION SAVEPOINT XA AUTOCOMMIT
    PREPARE PASSWORD IDENTIFIED BY AS applied_migrations DECLARE HANDLER FOR USE PRAGMA VACUUM"""
PIECES = [
    *MARKS.split(),
    *[
        "\n",
        "\r\n",
        "\r",
        "\f",
        "\v",
        "\t",
        "\0",
        "\x1b",
        "\ufeff",
        "\u00a0",
        "\u2028",
        "\U0001f40d",
    ],
    *[" ", " ", " ", " ", "\n\\.\n", "COPY t FROM STDIN;\n", "DELIMITER //\n", "BEGIN ATOMIC "],
    "-- guard: ",
    "-- guard: transaction = off\n",
    "-- guard: environments = dev, test\n",
    "-- guard: lock_timeout = 9999999999999999999999h\n",
    "-- guard: requires = a.b, c.d\n",
    "-- guard: allow = empty\n",
    "-- DEV/TEST ONLY\n",
    "SET standard_conforming_strings = off;",
    "CREATE TRIGGER t BEGIN SELECT 1; END;",
    "CREATE PROCEDURE p() BEGIN SELECT 1; END;",
    "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END;",
]


def check(data: bytes) -> None:
    """Try one input: its first byte chooses what to do with the rest."""
    mode, rest = data[:1] or b"\0", data[1 : LONG + 1]
    vendor = list(VENDORS)[mode[0] % 3]
    if mode[0] >= 248:  # a name; the rest of the values are texts
        _within_limit(lambda: check_name(rest), rest)
        return
    _within_limit(lambda: check_bytes(rest, vendor), rest)
    if len(rest) <= SHORT and mode[0] % 5 == 0:
        many = rest * (LONG // max(1, len(rest)))
        _within_limit(lambda: check_bytes(many, vendor), rest)


def check_name(name: bytes) -> None:
    """A file of any name is a migration, a problem, or no migration at all."""
    shown = os.fsdecode(name.replace(b"/", b"_").replace(b"\0", b"_")[: MAX_ID + 20])
    number_of(shown)
    if shown in {"", ".", ".."}:
        return
    path = _folder("name") / shown
    try:
        path.write_bytes(b"SELECT 1;")
    except (OSError, UnicodeError):
        return  # not a name of this file system
    try:
        file_set = files.read([path.parent], "sqlite", BUILT_IN_ENVIRONMENTS)
    finally:
        path.unlink()
    is_sql = shown.lower().endswith(".sql") and not shown.startswith((".", "_"))
    assert len(file_set.files) + len(file_set.problems) == is_sql, shown
    _check_printable(file_set.problems)


def check_bytes(data: bytes, vendor: str) -> None:
    """A file of any content is a migration or a problem, and splits or says where it cannot."""
    path = _folder("text") / "0001_fuzz.sql"
    path.write_bytes(data)
    file_set = files.read([path.parent], vendor, BUILT_IN_ENVIRONMENTS)
    _check_printable(file_set.problems)
    if not file_set.files:
        assert file_set.problems
        return
    check_file(file_set.files[0], vendor)


def check_file(file: MigrationFile, vendor: str) -> None:
    """What the runner does with a file before it touches a database."""
    text = file.text
    statements, refused = _split(text, vendor)
    if refused:
        assert 0 <= refused.offset <= len(text)
        assert refused.line == 1 + text.count("\n", 0, refused.offset)
    else:
        check_places(text, statements)
        check_gaps(text, vendor, statements)
        check_alone(text, vendor, statements)
    assert len(digests.fingerprint(text, vendor)) == 64
    scripts, problems = preflight.prepare([file], vendor)
    assert scripts or problems
    _check_printable(problems)
    for script in scripts.values():
        numbers = [(unit.first, unit.last) for unit in script.units]
        assert numbers == sorted(numbers)
        assert script.total <= len(statements)
    for statement in statements:
        check_classified(statement.text, vendor)
    classify.mask_secrets(text, vendor)


def _split(text: str, vendor: str) -> tuple[list[Statement], SQLError | None]:
    try:
        return split(text, vendor), None
    except SQLError as error:
        return [], error


def check_places(text: str, statements: list[Statement]) -> None:
    """Offsets, lines and texts agree, and statements do not overlap."""
    last = 0
    for statement in statements:
        assert last <= statement.start < statement.end <= len(text)
        assert text[statement.start : statement.end] == statement.text
        assert statement.line == 1 + text.count("\n", 0, statement.start)
        last = statement.end
        if statement.data:
            assert last <= statement.data[0] <= statement.data[1] <= len(text)
            last = statement.data[1]


def check_gaps(text: str, vendor: str, statements: list[Statement]) -> None:
    """Nothing is lost: the tokens are the text, and what no statement holds is no SQL."""
    found = list(tokens(text, vendor))
    assert "".join(token.text for token in found) == text
    # mysql's delimiter may be any text; psql's lines do not end at a lone CR, its tokens do.
    if any(token.kind is Kind.META and (vendor == "mysql" or "\r" in text) for token in found):
        return
    covered = [
        (statement.start, statement.data[1] if statement.data else statement.end)
        for statement in statements
    ]
    index = 0
    for kind, content, start in found:
        while index < len(covered) and covered[index][1] <= start:
            index += 1
        if index < len(covered) and covered[index][0] <= start:
            continue
        is_gap = kind in {Kind.SPACE, Kind.COMMENT, Kind.META} or content == ";"
        # A mark that opens what MySQL would run, with nothing in it that it could run.
        assert is_gap or kind is Kind.KEPT_COMMENT or not content.strip(SAME_LINE), (start, content)


def check_alone(text: str, vendor: str, statements: list[Statement]) -> None:
    """A statement alone is itself, unless what stood before it changed how it is read."""
    lower = text.lower()
    if "delimiter" in lower or "standard_conforming_strings" in lower or "discard" in lower:
        return
    if "reset" in lower:
        return
    for statement in statements:
        if vendor == "mysql" and statement.text.endswith("-"):
            continue  # at the end of the input, two of them are a comment
        assert [one.text for one in split(statement.text, vendor)] == [statement.text], statement


def check_classified(text: str, vendor: str) -> None:
    """What a statement is can be told of any text."""
    classify.control(text, vendor)
    classify.is_session(text, vendor)
    classify.makes_temporary(text, vendor)
    implicit_commit(text)
    classify.concurrent_index(text)
    classify.index_if_missing(text)
    classify.words(text, vendor, 3)
    masked = classify.mask_secrets(text, vendor)
    assert classify.mask_secrets(masked, vendor) == masked


def piece_text(choose: random.Random) -> bytes:
    """Make a text of pieces that lexers turn on."""
    head = bytes([choose.randrange(248)])
    return head + "".join(choose.choices(PIECES, k=choose.randint(1, 30))).encode()


def mutated(choose: random.Random) -> bytes:
    """Cut, repeat, and change a real migration."""
    data = bytearray(choose.choice(_corpus()))
    begin = choose.randrange(max(1, len(data)))
    data = data[begin : begin + choose.randint(1, 3000)]
    for _ in range(choose.randint(1, 6)):
        at = choose.randrange(len(data) + 1)
        piece = choose.choice(PIECES).encode()
        if choose.random() < 0.2:
            piece = bytes([choose.randrange(256)])
        data[at : at + choose.choice([0, 0, 1, len(piece)])] = piece
    return bytes([choose.randrange(248)]) + bytes(data)


def noise(choose: random.Random) -> bytes:
    """Make any bytes at all, a name among them."""
    head = bytes([choose.choice([255, choose.randrange(248)])])
    tail = choose.choice([b"", b".sql", b".mysql.sql"])
    return head + choose.randbytes(choose.randint(0, 40)) + tail


def fuzz(seconds: float, seed: int) -> int:
    """Try inputs for so long; return how many. A failure is raised with its input."""
    choose = random.Random(seed)
    makers = [piece_text] * 6 + [mutated] * 3 + [noise]
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = choose.choice(makers)(choose)
        try:
            check(data)
        except BaseException as error:
            error.add_note(f"the input was {data!r}")
            raise
        count += 1
    return count


def _check_printable(problems: tuple[Problem, ...] | list[Problem]) -> None:
    """Every report of the problems is one that a terminal, a log and a pipe can take."""
    for problem in problems:
        assert problem.message
        for text in (problem.place, problem.message, problem.hint):
            text.encode()
    github.problems(problems).encode()


def _within_limit(work, data: bytes) -> None:
    # Seconds of CPU for LONG characters; what is instrumented or traced (coverage) takes its time.
    limit = 20.0 if "--atheris" in sys.argv or sys.gettrace() is not None else 2.0
    begun = time.process_time()
    work()
    took = time.process_time() - begun
    if took >= limit:
        limit *= _slowness()
    assert took < limit, f"{took:.1f} s for {data!r}"


@cache
def _folder(kind: str) -> Path:
    # Gone when the process ends; a file whose name was tried is deleted at once.
    holder = tempfile.TemporaryDirectory(prefix=f"fuzz-{kind}-")
    _HOLDERS.append(holder)
    return Path(holder.name)


_HOLDERS: list[tempfile.TemporaryDirectory[str]] = []


@cache
def _corpus() -> list[bytes]:
    return [path.read_bytes() for path in sorted((ROOT / "sql_migrations").glob("*.sql"))]


def main() -> None:
    """Fuzz from the command line."""
    if "--atheris" in sys.argv:
        import atheris

        sys.argv.remove("--atheris")
        atheris.instrument_all()
        atheris.Setup([*sys.argv, "-len_control=0", f"-dict={_dictionary()}"], check)
        atheris.Fuzz()
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    print(f"seed {seed}")  # noqa: T201
    count = fuzz(options.seconds, seed)
    print(f"{options.seconds:.0f} s, {count} inputs, no failure")  # noqa: T201


def _dictionary() -> Path:
    """Write the pieces for libFuzzer, every byte as a number."""
    path = _folder("words") / "pieces.dict"
    lines = ("".join(f"\\x{byte:02x}" for byte in piece.encode()) for piece in sorted({*PIECES}))
    path.write_text("".join(f'"{line}"\n' for line in lines))
    return path


def _slowness() -> float:
    """Return how many times as long as usual this machine takes now; 1 at least."""
    begun = time.process_time()
    for _number in range(1_000_000):
        pass
    return max(1.0, (time.process_time() - begun) / USUAL)


if __name__ == "__main__":
    main()
