r"""Split a file into the statements that the vendor's own client would send.

Invariants: `source[start:end] == text`. Statements keep the order of the file and never overlap.
Only white space, comments, terminators, COPY data and lines for the client lie between them.

- PostgreSQL: a `;` inside brackets or in a `BEGIN ATOMIC … END` body ends no statement. A backslash
  outside quotes begins a meta-command, which ends the statement before it and goes to the end of
  the line. COPY data without `\.` goes to the end of the file, as in psql. Text behind
  `COPY … FROM STDIN;` on the same line is refused, since psql would run it after the data.
- SQLite: a trigger ends at `; END ;`, by the rule of `sqlite3_complete()`.
- MySQL: DELIMITER lines count where no statement is pending. Without such a line, the bodies of
  stored programs and compound statements stay whole. One whose end is not found is refused by
  `split`; for `read`, every `;` counts then, as for mysql.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from migration_guard.sql.bodies import Body, open_body
from migration_guard.sql.effects import copies_from_stdin
from migration_guard.sql.runs import run_pattern
from migration_guard.sql.scanner import closed_end, comment_end, dollar_tag, gap_pattern, scan
from migration_guard.sql.string_rules import StringRules, UnknownRulesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from migration_guard.sql.dialects import Dialect


class SQLError(ValueError):
    """Text that is not readable as SQL. `line` counts from 1, `offset` is in characters."""

    def __init__(self, message: str, line: int, offset: int) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.offset = offset


class UnterminatedError(SQLError):
    """A literal, comment or body without an end. `what` names it; `line` is where it begins."""

    def __init__(self, what: str, line: int, offset: int) -> None:
        super().__init__(f"the {what} that begins here never ends", line, offset)
        self.what = what


class Statement(NamedTuple):
    """One statement without its terminator and without the space and comments around it.

    `start` and `end` are offsets in characters; `line` is the line of `start`, counted from 1.
    `data` has the offsets of inline COPY data without the line that ends it. `meta` is True for a
    psql meta-command, which is no SQL.
    """

    text: str
    start: int
    end: int
    line: int
    data: tuple[int, int] | None = None
    meta: bool = False


def split(text: str, vendor: str, string_setting: str = "") -> list[Statement]:
    """Return the statements of `text` in order, without psql's restrict and unrestrict lines.

    `string_setting` is the session's standard_conforming_strings or sql_mode, without it the
    vendor's default. Raises UnterminatedError for a literal, quoted identifier, comment or body
    without an end, SQLError for text after COPY … FROM STDIN and where only the server knows how
    the rest is read, and ValueError for an unknown vendor.
    """
    return list(_Reader(text, vendor, string_setting, waits_for_end=True).statements())


def read(
    text: str, vendor: str, string_setting: str | None = None
) -> Iterator[tuple[Statement, Dialect]]:
    """Yield each statement as `split` does, with the lexical rules that hold for it.

    Bodies without an end are cut at every terminator. Without `string_setting`, MySQL's sql_mode
    counts as the default, whatever the file sets.
    """
    reader = _Reader(text, vendor, string_setting)
    for statement in reader.statements():
        yield statement, reader.read_by


class _Reader:
    """One pass over a text. `start` is -1 while no statement is pending."""

    def __init__(
        self,
        text: str,
        vendor: str,
        string_setting: str | None,
        *,
        waits_for_end: bool = False,
    ) -> None:
        self.text = text
        self.waits_for_end = waits_for_end
        self.rules = StringRules(vendor, string_setting)
        lexis = self.rules.lexis
        self.lexis = self.read_by = lexis  # the rules from here on, and of what was yielded last
        self.delimiter = ";"
        self.run = run_pattern(lexis, ";")
        self.position = 0
        self.start = self.end = -1
        self.depth = 0
        self.is_over = False
        self.line, self.counted = 1, 0
        # True until `_search` has looked through the whole text.
        self.may_have_bodies, self.may_change_strings = True, bool(self.rules.setting)
        # Beginnings of statements that may go on behind a terminator or change the rules.
        self.heads = _HEADS
        self.plain: re.Pattern[str] | None = None  # statements with such a beginning that do not
        self.has_searched = False
        self.sought_body, self.first_stop = False, (0, 0)
        self.body: Body | None = None

    def statements(self) -> Iterator[Statement]:
        """Yield the statements. Most are one match of the pattern, with their terminator."""
        # For speed: local names, and `make` in place of Statement(…), which takes twice as long.
        text, heads, count, make = self.text, self.heads, self.text.count, tuple.__new__
        while not self.is_over:
            self.read_by, space, is_pending = self.lexis, self.lexis.space, self.start >= 0
            line, counted, plain = self.line, self.counted, self.plain
            for run in self.run(text, self.position):
                content, terminator = run.groups()
                begin, stop = run.span(1)
                if (
                    is_pending
                    or not terminator
                    or not content
                    or (content[:2] in heads and (plain is None or not plain.match(content)))
                ):
                    self.position = run.start()
                    break
                if content[-1] in space:
                    content = content.rstrip(space)
                line += count("\n", counted, begin)
                counted = begin
                end = begin + len(content)
                yield make(Statement, (content, begin, end, line, None, False))
            self.line, self.counted = line, counted
            if begin < stop:
                if not self.has_searched:
                    self._search()
                    heads = self.heads
                if self.start < 0:
                    self.start = begin
                self.end = stop
            yield from self._at_stop(stop)

    def _search(self) -> None:
        """Search the whole text for words whose absence makes each statement cheaper to read."""
        self.may_have_bodies = _holds(self.text, _BODY_WORDS[self.lexis.vendor])
        self.may_change_strings = self.may_change_strings and _holds(self.text, self.rules.setting)
        self.heads = frozenset(
            _COPY_HEADS * self.lexis.backslash_commands
            + _BODY_HEADS[self.lexis.vendor] * self.may_have_bodies
            + (_SETTING_HEADS + _COMMENT_HEADS) * self.may_change_strings
        )
        self.plain = _PLAIN_STATEMENT if self.lexis.delimiter_command else None
        self.has_searched = True

    def _at_stop(self, stop: int) -> Iterable[Statement]:
        """Read what stands at the end of a run; return the statements that end there."""
        if self.text.startswith(self.delimiter, stop):
            after = stop + len(self.delimiter)
            if self.start < 0:
                self.position = after
            elif not self._goes_on(stop):
                return [self._statement(after)]
        elif stop < len(self.text):
            return self._step(stop)
        elif self.start < 0:
            self.is_over = True
        elif body := self._open_body(stop):
            self._leave_body(body)
        else:
            return [self._statement(stop)]
        return ()

    def _goes_on(self, terminator: int) -> bool:
        """Pass a terminator inside brackets or a body; return False if it ends the statement."""
        if self.depth:
            self._take(terminator, terminator + 1)
            return True
        body = self._open_body(terminator)
        if body is None:
            return False
        end = body.end(self.text, self.lexis, terminator)
        if end >= 0:
            self.body = None
        self._take(self.start, max(end, terminator + 1))
        return True

    def _open_body(self, stop: int) -> Body | None:
        """Return the body of the pending statement, which is looked for at its first stop."""
        if not self.sought_body:
            self.sought_body, self.first_stop = True, (self.end, stop)
            may_open = self.may_have_bodies and self.delimiter == ";"
            head = self.text[self.start : self.start + 2]
            if may_open and head in _BODY_HEADS[self.lexis.vendor]:
                self.body = open_body(self.text, self.lexis, self.start, stop)
        return self.body

    def _leave_body(self, body: Body) -> None:
        """Read the pending statement again without its body, which the text never closes.

        Raises SQLError where its end must be known.
        """
        if not self.lexis.delimiter_command:
            raise self._missing_end(body.what, body.start)
        if self.waits_for_end:
            message = f"the end of the {body.what} that begins here is not found; {_DELIMIT}"
            raise SQLError(message, self.text.count("\n", 0, body.start) + 1, body.start)
        # From here on every `;` counts, as for the client, and no body is tried again.
        self.may_have_bodies, self.body = False, None
        self.end, self.position = self.first_stop

    def _at_backslash(self, stop: int) -> Iterator[Statement]:
        r"""Yield the pending statement and a psql command; go on after the data of a \copy."""
        if self.start >= 0:
            yield self._statement(stop)
        command = self.text[stop : self._line_end(stop)].rstrip(self.lexis.space)
        self.position = stop + len(command)
        if not _KEY.match(command):
            data = self._data(self.position) if _COPY_COMMAND.match(command) else None
            line = self._line(stop)
            yield Statement(command, stop, stop + len(command), line, data, meta=True)

    def _take(self, start: int, end: int) -> None:
        """Add these characters to the pending statement and go on after them."""
        if self.start < 0:
            self.start = start
        self.position = self.end = end

    def _step(self, stop: int) -> Iterable[Statement]:
        """Pass what the pattern does not match; return the statements that end there."""
        text, lexis, char = self.text, self.lexis, self.text[stop]
        if char == "\\" and lexis.backslash_commands:
            return self._at_backslash(stop)
        if lexis.delimiter_command and (command := _DELIMITER.match(text, stop)):
            self._at_delimiter(command)
        elif char in "-/#" and self.position < stop:
            self.position = stop  # the pattern matches comments only before content
        elif char == "$" and lexis.dollar_quotes:
            self._take(stop, self._dollar_end(stop))
        elif text.startswith("/*", stop):
            self.position = self._comment_end(stop)
        elif char in lexis.string_quotes or char in lexis.name_quotes:
            self._take(stop, self._literal_end(stop))
        else:
            self.depth = max(0, self.depth + (char == "(") - (char == ")"))
            self._take(stop, stop + 1)
        return ()

    def _at_delimiter(self, command: re.Match[str]) -> None:
        """Apply a DELIMITER line. Inside a statement it may be a column's name and type."""
        if self.start < 0:
            self.delimiter, self.position = command["new"], self._line_end(command.end())
            self.run = run_pattern(self.lexis, self.delimiter)
        elif self.body:
            self._leave_body(self.body)
        else:
            self._take(command.start(), command.end("word"))

    def _token_start(self, stop: int) -> int:
        """Return where the token that holds `stop` begins."""
        # Only the tokens decide whether a `$` or a quote belongs to the digits or the E before it.
        if stop == self.position or self.text[stop - 1] not in "0123456789eE":
            return stop
        # They are read from where the pattern began, so each character is read once more at most.
        tokens = scan(self.text, self.lexis, self.position)
        return next(token.start for token in tokens if token.start + len(token.text) > stop)

    def _comment_end(self, stop: int) -> int:
        end = comment_end(self.text, stop) if self.lexis.nested_comments else -1
        if end < 0:
            raise self._missing_end("comment", stop)
        return end

    def _literal_end(self, stop: int) -> int:
        end = closed_end(self.text, self.lexis, self._token_start(stop))
        if end is None:
            is_string = self.text[stop] in self.lexis.string_quotes
            raise self._missing_end("string" if is_string else "quoted identifier", stop)
        return end

    def _dollar_end(self, stop: int) -> int:
        """Return the end of the dollar quote, parameter or identifier that `stop` is part of."""
        if (start := self._token_start(stop)) < stop:
            return next(start + len(token.text) for token in scan(self.text, self.lexis, start))
        tag = dollar_tag(self.text, stop)
        if tag is None:
            return stop + 1
        close = self.text.find(tag, stop + len(tag))
        if close < 0:
            raise self._missing_end(f"dollar quote {tag}", stop)
        return close + len(tag)

    def _statement(self, position: int) -> Statement:
        """Return the pending statement. Reading goes on at `position`, or after its COPY data."""
        text, start, lexis = self.text, self.start, self.lexis
        content = text[start : self.end].rstrip(lexis.space)
        self.position, self.start, self.depth = position, -1, 0
        self.body, self.sought_body = None, False
        data = None
        if text[start] in _COPY_OR_SETTING:
            is_copy = lexis.backslash_commands and content[:4].upper() == "COPY"
            if is_copy and copies_from_stdin(content, lexis):
                data = self._data(position)
            elif self.may_change_strings:
                self._follow(content, start, position)
        line = self._line(start)
        return Statement(content, start, start + len(content), line, data)

    def _follow(self, content: str, start: int, position: int) -> None:
        """Read the rest by the rules that hold after a statement.

        Raises SQLError where only the server can know them, and the rest depends on them.
        """
        try:
            self.rules.follow(content)
        except UnknownRulesError:
            if any(self.text.find(char, position) >= 0 for char in '\\"'):
                raise SQLError(_UNKNOWN_MODE, self._line(start), start) from None
        if self.rules.lexis is not self.lexis:
            self.lexis = self.rules.lexis
            self.run = run_pattern(self.lexis, self.delimiter)

    def _data(self, position: int) -> tuple[int, int]:
        """Return the offsets of COPY data after the line of `position`. Reading goes on there."""
        text = self.text
        line_end = self._line_end(position)
        if not gap_pattern(self.lexis).fullmatch(text, position, line_end):
            message = "text after COPY … FROM STDIN; on one line; begin a new line after the data"
            raise SQLError(message, self._line(position), position)
        begin = min(line_end + 1, len(text))
        data_end = _DATA_END.search(text, begin)
        end, self.position = data_end.span() if data_end else (len(text), len(text))
        return begin, end

    def _line_end(self, position: int) -> int:
        line_end = self.text.find("\n", position)
        return len(self.text) if line_end < 0 else line_end

    def _line(self, offset: int) -> int:
        """Return the line of an offset. Offsets must come in ascending order."""
        self.line += self.text.count("\n", self.counted, offset)
        self.counted = offset
        return self.line

    def _missing_end(self, what: str, offset: int) -> UnterminatedError:
        return UnterminatedError(what, self.text.count("\n", 0, offset) + 1, offset)


def _holds(text: str, word: str) -> bool:
    """Return whether `text` has this word, given in lower case, in any case."""
    # In pieces, so that no second copy of a large file is made.
    starts = range(0, len(text), _CHUNK)
    return any(word in text[start : start + _CHUNK + len(word)].lower() for start in starts)


def _heads(*beginnings: str) -> tuple[str, ...]:
    """Return beginnings of two letters in every mix of upper and lower case."""
    return tuple(
        first + second
        for beginning in beginnings
        for first in (beginning[0], beginning[0].upper())
        for second in (beginning[1], beginning[1].upper())
    )


_CHUNK = 1024 * 1024  # characters
_COPY_HEADS = _heads("co")
# CREATE; EXPLAIN; MySQL's compound statements and executable comments
_BODY_HEADS = {
    "postgresql": _heads("cr"),
    "sqlite": _heads("cr", "ex"),
    "mysql": _heads("cr", "be", "if", "ca", "lo", "wh", "re", "fo", "se", "/*"),
}
_COMMENT_HEADS = ("/*",)  # MySQL's executable comments
_SETTING_HEADS = _heads("se", "re", "di")  # SET, SELECT, RESET, DISCARD
_HEADS = frozenset(_COPY_HEADS + sum(_BODY_HEADS.values(), _SETTING_HEADS))
_BODY_WORDS = {"postgresql": "atomic", "sqlite": "trigger", "mysql": "end"}
# MySQL's statements that begin like one with a body, and have none and set no sql_mode.
_PLAIN_STATEMENT = re.compile(
    r"(?i:(?!IF\b|CASE\b|CREATE\b|LOOP\b|WHILE\b|REPEAT\b|FOR\b|BEGIN\b|/|SET\b)"
    r"|SET\b(?!(?s:.*sql_mode)|\s+STATEMENT\b|\s*[-#/]))"
)
_DELIMIT = "write it between DELIMITER lines, as for the mysql client"
_COPY_OR_SETTING = frozenset("cCsSrRdD/")
_UNKNOWN_MODE = (
    "sql_mode gets a value that only the server knows, and what follows has a backslash or a "
    "double quote, whose meaning depends on it; write the value as a literal"
)
_DELIMITER = re.compile(r"(?P<word>(?i:delimiter))[ \t]++(?P<new>\S++)")
_KEY = re.compile(r"\\(?:un)?restrict\b")
_COPY_COMMAND = re.compile(r"(?i)\\copy\b.*\bfrom\s+stdin\b")
_DATA_END = re.compile(r"(?m)^\\\.\r?$")
