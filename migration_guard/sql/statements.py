r"""Splits a file into statements, each with its place, as the vendor's own client would.

Invariants: `source[start:end] == text`; statements come in the order of the file and never
overlap; nothing but white space, comments, terminators, COPY data and lines for the client lies
between them. A statement is what psql, sqlite3 or mysql would send, with these decisions:

- PostgreSQL: `;` inside parentheses and in a `BEGIN ATOMIC … END` body does not end a statement. A
  backslash outside quotes begins a meta-command; it ends with its line, and ends a statement that
  stands before it. COPY data that no `\.` ends goes to the end of the file, as in psql, but
  text after `COPY … FROM STDIN;` on the same line is refused: psql would run it after the data.
- SQLite: the rule of `sqlite3_complete()`: a trigger ends at `; END ;`.
- MySQL: DELIMITER lines count where no statement is pending. Without one, a compound body after
  CREATE PROCEDURE, FUNCTION, TRIGGER or EVENT that begins with BEGIN, or after BEGIN NOT ATOMIC, is
  kept whole if its END is found; else, and in bodies without BEGIN, every `;` counts, as for the
  mysql client.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from migration_guard.sql.bodies import Body, open_body
from migration_guard.sql.dialects import POSTGRESQL, POSTGRESQL_ESCAPING, Dialect, dialect
from migration_guard.sql.effects import CONFORMING, conforming_after, copies_from_stdin
from migration_guard.sql.runs import run_pattern
from migration_guard.sql.scanner import closed_end, comment_end, dollar_tag, gap_pattern, scan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class SQLError(ValueError):
    """Text that cannot be read as SQL; `line` counts from 1, `offset` is in characters."""

    def __init__(self, message: str, line: int, offset: int) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.offset = offset


class UnterminatedError(SQLError):
    """Something that begins at `line` and `offset` has no end; `what` names it."""

    def __init__(self, what: str, line: int, offset: int) -> None:
        super().__init__(f"the {what} that begins here never ends", line, offset)
        self.what = what


class Statement(NamedTuple):
    """One statement: `text` without its terminator and without space and comments around it.

    `start` and `end` are its offsets in characters, `line` counts from 1 and is the line of
    `start`. `data` are the offsets of inline COPY data, without the line that ends it. `meta`: this
    is a psql meta-command, not SQL.
    """

    text: str
    start: int
    end: int
    line: int
    data: tuple[int, int] | None = None
    meta: bool = False


def split(text: str, vendor: str) -> list[Statement]:
    """Return the statements of `text` in order, without psql's restrict and unrestrict lines.

    Raises UnterminatedError where a literal, quoted identifier, comment or body never ends,
    SQLError for text after COPY … FROM STDIN, ValueError for an unknown vendor.
    """
    return list(_Reader(text, dialect(vendor)).statements())


def read(text: str, vendor: str) -> Iterator[tuple[Statement, Dialect]]:
    """Yield each statement as `split` does, with the lexical rules in force where it stands."""
    reader = _Reader(text, dialect(vendor))
    for statement in reader.statements():
        yield statement, reader.read_by


class _Reader:
    """One pass over a text. `start` is -1 where no statement is pending."""

    def __init__(self, text: str, lexis: Dialect) -> None:
        self.text = text
        self.lexis = self.read_by = lexis  # the rules from here on, and of what was yielded last
        self.delimiter = ";"
        self.run = run_pattern(lexis, ";")
        self.position = 0
        self.start = self.end = -1
        self.depth = 0
        self.is_over = False
        self.line, self.counted = 1, 0
        # Narrowed once a statement begins so that the whole text must be searched for them.
        self.may_have_bodies, self.may_change_strings = True, lexis.vendor == "postgresql"
        # How statements begin that are perhaps not over at their terminator, or change the rules.
        self.heads = _HEADS
        self.has_searched = False
        self.sought_body, self.first_stop = False, (0, 0)
        self.body: Body | None = None

    def statements(self) -> Iterator[Statement]:
        """Yield the statements. Most are one match of the pattern, with their terminator."""
        # What is local is found sooner, and Statement(…) takes twice as long as what makes it here.
        text, heads, count, make = self.text, self.heads, self.text.count, tuple.__new__
        while not self.is_over:
            self.read_by, space, is_pending = self.lexis, self.lexis.space, self.start >= 0
            line, counted = self.line, self.counted
            for found in self.run(text, self.position):
                content, terminator = found.groups()
                begin, stop = found.span(1)
                if is_pending or not terminator or not content or content[:2] in heads:
                    self.position = found.start()
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
        """Find out what need not be looked for in each statement."""
        self.may_have_bodies = _holds(self.text, _BODY_WORDS[self.lexis.vendor])
        self.may_change_strings = self.may_change_strings and _holds(self.text, CONFORMING)
        self.heads = frozenset(
            _COPY_HEADS * self.lexis.backslash_commands
            + _BODY_HEADS * self.may_have_bodies
            + _SETTING_HEADS * self.may_change_strings
        )
        self.has_searched = True

    def _at_stop(self, stop: int) -> Iterable[Statement]:
        """Decide what the end of a run is; return the statements that this ends."""
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
        """Get past a terminator inside parentheses or a body, if that is where it is."""
        if self.depth:
            self._take(terminator, terminator + 1)
            return True
        if self.text[self.start] not in _BODIES or not (body := self._open_body(terminator)):
            return False
        end = body.end(self.text, self.lexis, terminator)
        if end >= 0:
            self.body = None
        self._take(self.start, max(end, terminator + 1))
        return True

    def _open_body(self, stop: int) -> Body | None:
        """Return the pending statement's body; whether it has one is told at its first stop."""
        if not self.sought_body:
            self.sought_body, self.first_stop = True, (self.end, stop)
            may_open = self.may_have_bodies and self.delimiter == ";"
            if may_open and self.text[self.start] in _BODIES:
                self.body = open_body(self.text, self.lexis, self.start, stop)
        return self.body

    def _leave_body(self, body: Body) -> None:
        """Deal with a body that is open where the input ends."""
        if not self.lexis.delimiter_command:
            raise self._unterminated(body.what, body.start)
        # Split here and from here on as the client does; so there is no second way to the end.
        self.may_have_bodies, self.body = False, None
        self.end, self.position = self.first_stop

    def _at_backslash(self, stop: int) -> Iterator[Statement]:
        """End the pending statement and go past a psql command, with its data if it copies any."""
        if self.start >= 0:
            yield self._statement(stop)
        command = self.text[stop : self._line_end(stop)].rstrip(self.lexis.space)
        self.position = stop + len(command)
        if not _KEY.match(command):
            data = self._data(self.position) if _COPY_COMMAND.match(command) else None
            line = self._line(stop)
            yield Statement(command, stop, stop + len(command), line, data, meta=True)

    def _take(self, start: int, end: int) -> None:
        """Count these characters as content of the pending statement, and go on after them."""
        if self.start < 0:
            self.start = start
        self.position = self.end = end

    def _step(self, stop: int) -> Iterable[Statement]:
        """Get past what the pattern does not match; return the statements that this ends."""
        text, lexis, char = self.text, self.lexis, self.text[stop]
        if char == "\\" and lexis.backslash_commands:
            return self._at_backslash(stop)
        if lexis.delimiter_command and (command := _DELIMITER.match(text, stop)):
            self._at_delimiter(command)
        elif char in "-/#" and self.position < stop:
            self.position = stop  # the pattern takes a comment only before content
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
        """Obey a DELIMITER line. Inside a statement it may be a column's name and type."""
        if self.start < 0:
            self.delimiter, self.position = command["new"], self._line_end(command.end())
            self.run = run_pattern(self.lexis, self.delimiter)
        elif self.body:
            self._leave_body(self.body)
        else:
            self._take(command.start(), command.end("word"))

    def _token_start(self, stop: int) -> int:
        """Return where the token that holds `stop` begins.

        Whether a `$` or a quote belongs to the digits, or the E, before it only the tokens tell.
        They are read from where the pattern was applied, so this costs each character once.
        """
        if stop == self.position or self.text[stop - 1] not in "0123456789eE":
            return stop
        found = scan(self.text, self.lexis, self.position)
        return next(token.start for token in found if token.start + len(token.text) > stop)

    def _comment_end(self, stop: int) -> int:
        end = comment_end(self.text, stop) if self.lexis.nested_comments else -1
        if end < 0:
            raise self._unterminated("comment", stop)
        return end

    def _literal_end(self, stop: int) -> int:
        end = closed_end(self.text, self.lexis, self._token_start(stop))
        if end is None:
            is_string = self.text[stop] in self.lexis.string_quotes
            raise self._unterminated("string" if is_string else "quoted identifier", stop)
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
            raise self._unterminated(f"dollar quote {tag}", stop)
        return close + len(tag)

    def _statement(self, position: int) -> Statement:
        """Return the pending statement; go on at `position`, or after its COPY data."""
        text, start, lexis = self.text, self.start, self.lexis
        content = text[start : self.end].rstrip(lexis.space)
        self.position, self.start, self.depth = position, -1, 0
        self.body, self.sought_body = None, False
        data = None
        if lexis.backslash_commands and text[start] in _COPY_OR_SETTING:
            if content[:4].upper() == "COPY" and copies_from_stdin(content, lexis):
                data = self._data(position)
            elif self.may_change_strings:
                self._follow(content)
        line = self._line(start)
        return Statement(content, start, start + len(content), line, data)

    def _follow(self, content: str) -> None:
        """Read later plain literals as this statement makes the server read them."""
        lower = content.lower()
        if CONFORMING not in lower and not lower.startswith(("reset", "discard")):
            return
        before = self.lexis is POSTGRESQL
        after = conforming_after(content, self.lexis, before)
        if after != before:
            self.lexis = POSTGRESQL if after else POSTGRESQL_ESCAPING
            self.run = run_pattern(self.lexis, self.delimiter)

    def _data(self, position: int) -> tuple[int, int]:
        """Return the offsets of COPY data after the line of `position`; go on after the data."""
        text = self.text
        line_end = self._line_end(position)
        if not gap_pattern(self.lexis).fullmatch(text, position, line_end):
            message = "text after COPY … FROM STDIN; on one line; begin a new line after the data"
            raise SQLError(message, self._line(position), position)
        begin = min(line_end + 1, len(text))
        found = _DATA_END.search(text, begin)
        end, self.position = found.span() if found else (len(text), len(text))
        return begin, end

    def _line_end(self, position: int) -> int:
        found = self.text.find("\n", position)
        return len(self.text) if found < 0 else found

    def _line(self, offset: int) -> int:
        """Return the line of an offset; offsets must be asked for in ascending order."""
        self.line += self.text.count("\n", self.counted, offset)
        self.counted = offset
        return self.line

    def _unterminated(self, what: str, offset: int) -> UnterminatedError:
        return UnterminatedError(what, self.text.count("\n", 0, offset) + 1, offset)


def _holds(text: str, word: str) -> bool:
    """Tell whether a word in lower case stands in `text` in any case, without a copy of it all."""
    starts = range(0, len(text), _CHUNK)
    return any(word in text[start : start + _CHUNK + len(word)].lower() for start in starts)


def _heads(*beginnings: str) -> tuple[str, ...]:
    """Return two letters each in every case."""
    return tuple(
        a + b
        for one in beginnings
        for a in (one[0], one[0].upper())
        for b in (one[1], one[1].upper())
    )


_CHUNK = 1024 * 1024  # characters
_COPY_HEADS = _heads("co")
_BODY_HEADS = _heads("cr", "ex", "be", "/*")
_SETTING_HEADS = _heads("se", "re", "di")  # SET, SELECT, RESET, DISCARD
_HEADS = frozenset(_COPY_HEADS + _BODY_HEADS + _SETTING_HEADS)
_BODY_WORDS = {"postgresql": "atomic", "sqlite": "trigger", "mysql": "begin"}
_BODIES = frozenset("cCeEbB/")  # CREATE, EXPLAIN, BEGIN and MySQL's executable comments
_COPY_OR_SETTING = frozenset("cCsSrRdD")
_DELIMITER = re.compile(r"(?P<word>(?i:delimiter))[ \t]++(?P<new>\S++)")
_KEY = re.compile(r"\\(?:un)?restrict\b")
_COPY_COMMAND = re.compile(r"(?i)\\copy\b.*\bfrom\s+stdin\b")
_DATA_END = re.compile(r"(?m)^\\\.\r?$")
