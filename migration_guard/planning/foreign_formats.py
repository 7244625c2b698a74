"""Migration files of other tools: how they are named, and the comment lines that tools execute.

Pure. One table has a row for each tool. Each pattern follows the parser of its tool; case and
spaces are free where that cannot hit prose.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import cache
from typing import Final, NamedTuple

RULE: Final = "foreign-format"


class Effect(Enum):
    """What a marker makes its tool do."""

    DIVIDES = "divides the file into parts that run at different times"
    NO_TRANSACTION = "asks for no transaction"


class Place(Enum):
    """Where a tool looks for its marker."""

    ANYWHERE = "anywhere"
    HEADER = "above the first statement"
    FIRST_LINE = "the first line that is not blank"
    INSIDE_A_LINE = "anywhere, also behind SQL or other words"


class Marker(NamedTuple):
    """One kind of line that a tool executes.

    ``pattern`` matches the whole comment, without trailing white space. ``indented`` is False if
    the tool looks at the first column only, and ``any_case`` if it compares capital letters.
    """

    effect: Effect
    pattern: str
    place: Place = Place.ANYWHERE
    any_case: bool = True
    indented: bool = True


class Tool(NamedTuple):
    """One tool.

    ``word`` matches in every text that has a marker; it is quick to search. ``file_name`` matches
    names that the tool's grammar has and ours has not.
    """

    name: str
    word: str | None = None
    markers: tuple[Marker, ...] = ()
    file_name: str | None = None


class CommentLine(NamedTuple):
    """A line comment with the text before it on its line; ``start`` is its offset."""

    text: str
    before: str
    start: int


class ForeignMarker(NamedTuple):
    """A marker in a file. ``start`` is the offset of its comment."""

    tool: str
    effect: Effect
    text: str
    start: int


_DIVIDES: Final = Effect.DIVIDES
_NO_TRANSACTION: Final = Effect.NO_TRANSACTION
_HEADER: Final = Place.HEADER

# Comments that tools read and that change nothing here have no row: StatementBegin and
# StatementEnd, statement-breakpoint, --rollback, atlas:nolint, depends:, graphile's header.
TOOLS: Final = (
    Tool(
        "dbmate",
        "migrate:",
        (
            Marker(
                _DIVIDES,
                r"--\s*migrate:(?:up|down)(?:\s+\S.*)?",
                any_case=False,
                indented=False,
            ),
        ),
    ),
    Tool(
        "goose",
        r"\+goose",
        (
            Marker(_DIVIDES, r"--[\s-]*\+goose[\s-]*(?:up|down)[\s-]*"),
            Marker(_NO_TRANSACTION, r"--[\s-]*\+goose[\s-]*no\s+transaction[\s-]*"),
        ),
    ),
    # Options follow the word: -- +migrate Up notransaction.
    Tool(
        "sql-migrate", r"\+migrate", (Marker(_DIVIDES, r"--\s*\+migrate\s+(?:up|down)(?:\s.*)?"),)
    ),
    Tool("micrate", r"\+micrate", (Marker(_DIVIDES, r"--\s*\+micrate\s+(?:up|down)"),)),
    # The tool takes these words with anything behind them, and prose has such lines.
    Tool(
        "node-pg-migrate",
        r"(?:up|down)\s+migration",
        (Marker(_DIVIDES, r"--[\s-]*(?:up|down)\s+migration[\s-]*"),),
    ),
    Tool("Rambler", "rambler", (Marker(_DIVIDES, r"--\s*rambler\s*(?:up|down)"),)),
    Tool(
        "Play evolutions",
        "!(?:ups|downs)",
        (Marker(_DIVIDES, r"(?:#|--).*!(?:Ups|Downs).*", any_case=False),),
        r"[1-9][0-9]*\.sql",
    ),
    Tool(
        "tern",
        r"drop\s+below|disable-tx",
        (
            Marker(
                _DIVIDES,
                r"----\s*create\s+above\s*/\s*drop\s+below\s*----",
                Place.INSIDE_A_LINE,
            ),
            Marker(_NO_TRANSACTION, r"----\s*tern:\s*disable-tx\s*----"),
        ),
    ),
    # Authors and ids may hold spaces, but then a changeset looks like prose. Its file has the
    # first line.
    Tool(
        "Liquibase",
        "liquibase|changeset",
        (
            Marker(_DIVIDES, r"--\s*liquibase\s*formatted.*", Place.FIRST_LINE),
            Marker(_DIVIDES, r"--\s*liquibase\s*formatted\s*sql"),
            Marker(
                _DIVIDES, r"--\s*changeset\s+(?:\"[^\"]+\"|[^\s:\"]+):(?:\"[^\"]+\"|\S+)(?:\s.*)?"
            ),
        ),
    ),
    Tool("MyBatis Migrations", "@undo", (Marker(_DIVIDES, r"--\s*//\s*@undo"),)),
    Tool("shmig", r"====\s*(?:up|down)", (Marker(_DIVIDES, r"--\s*====\s*(?:up|down)\s*===="),)),
    Tool(
        "Atlas",
        "atlas:tx",
        (
            # An archive of files, such as checks, the migration and the way back.
            Marker(_DIVIDES, r"--\s*atlas:txtar", _HEADER),
            Marker(_NO_TRANSACTION, r"--\s*atlas:txmode\s+none", _HEADER),
        ),
    ),
    Tool(
        "sqlx",
        "no-transaction",
        (
            Marker(_NO_TRANSACTION, r"--\s*no-transaction", _HEADER),
            Marker(_NO_TRANSACTION, r"--\s*no-transaction\b.*", Place.FIRST_LINE),
        ),
    ),
    Tool(
        "graphile-migrate",
        "no-transaction",
        (
            Marker(_NO_TRANSACTION, r"--!\s*no-transaction", _HEADER),
            Marker(_NO_TRANSACTION, r"--!\s*no-transaction\b.*", Place.FIRST_LINE),
        ),
        r"[0-9]{6}(?:-.+)?\.sql",
    ),
    Tool(
        "yoyo",
        "transactional",
        (Marker(_NO_TRANSACTION, r"--\s*transactional\s*:\s*false", _HEADER),),
        r"[0-9].*\.rollback\.sql",
    ),
    Tool(
        "postgres-migrations",
        "disable-transaction",
        (Marker(_NO_TRANSACTION, r"--\s*postgres-migrations\s+disable-transaction"),),
    ),
    Tool("Flyway", file_name=r"(?:[VUB][0-9][0-9._]*|R)__.+\.sql"),
    Tool("Postgrator", file_name=r"[0-9]+\.(?:do|undo)(?:\..+)?\.sql"),
    Tool("db-migrate", file_name=r"[0-9]+-.+-(?:up|down)\.sql"),
    Tool("golang-migrate (or sqlx, bun)", file_name=r"[0-9].*\.(?:up|down)\.sql"),
    Tool("Prisma", file_name=r"[^/]+/migration\.sql"),
    Tool("Diesel (or Hasura)", file_name=r"[^/]+/(?:up|down)\.sql"),
)

# The files that give a folder to a tool, where each migration is a folder.
FOLDER_FILES: Final = ("migration.sql", "up.sql", "down.sql")


# The tools whose files makesqlmigration --from takes over; ``adopting.readers`` has their readers.
ADOPTABLE: Final = frozenset(
    {
        "dbmate",
        "flyway",
        "golang-migrate",
        "goose",
        "graphile-migrate",
        "node-pg-migrate",
        "prisma",
        "sql-migrate",
        "sqlx",
    }
)


def takeover(tool: str) -> str:
    """Return the command that takes all files of a tool over, "" for a tool without a reader."""
    name = tool.partition(" (")[0].lower()
    if name not in ADOPTABLE:
        return ""
    return f" Or take its whole folder over: manage.py makesqlmigration --from {name} DIR."


def tool_of_name(name: str) -> str | None:
    """Return the tool whose grammar explains a file name, None if there is none.

    A file in a folder of its own is named ``folder/file``.
    """
    for tool in TOOLS:
        if tool.file_name is not None and re.fullmatch(tool.file_name, name, re.IGNORECASE):
            return tool.name
    return None


def may_have_markers(text: str) -> bool:
    """Return False if no line of ``text`` can be a marker. True may be wrong."""
    return _any_word().search(text) is not None


def find_markers(
    text: str, comments: Iterable[CommentLine], header_end: int
) -> Iterator[ForeignMarker]:
    """Yield the markers among the line comments of ``text``, in order."""
    for comment in comments:
        line = comment.text.rstrip()
        for tool in TOOLS:
            marker = next(
                (m for m in tool.markers if _is_marker(m, line, comment, text, header_end)), None
            )
            if marker is not None:
                yield ForeignMarker(tool.name, marker.effect, line, comment.start)
                break


def quote_markers(markers: Sequence[ForeignMarker], text: str) -> str:
    """Return the markers with their lines, at most the first three."""
    quoted = [
        f'"{marker.text[:80]}" in line {text.count(chr(10), 0, marker.start) + 1}'
        for marker in markers[:3]
    ]
    more = len(markers) - len(quoted)
    return ", ".join(quoted) + (f" and {more} more" if more else "")


def _is_marker(marker: Marker, line: str, comment: CommentLine, text: str, header_end: int) -> bool:
    if marker.place is Place.INSIDE_A_LINE:
        return _compile(marker).search(line) is not None
    if comment.before and (comment.before.strip() or not marker.indented):
        return False
    if marker.place is Place.HEADER and comment.start > header_end:
        return False
    if marker.place is Place.FIRST_LINE and text[: comment.start].strip():
        return False
    return _compile(marker).fullmatch(line) is not None


@cache
def _compile(marker: Marker) -> re.Pattern[str]:
    return re.compile(marker.pattern, re.IGNORECASE if marker.any_case else 0)


@cache
def _any_word() -> re.Pattern[str]:
    words = "|".join(tool.word for tool in TOOLS if tool.word is not None)
    return re.compile(words, re.IGNORECASE)
