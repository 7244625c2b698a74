"""Where the body of a MySQL program ends: a stored program, or a compound statement of its own.

Follows the grammar of compound statements. A word counts by its place: IF, CASE, LOOP, WHILE,
REPEAT, FOR and BEGIN open a block only where a statement begins, so that functions, columns and
expressions of these names open none. Source: MariaDB knowledge base, "Programmatic & Compound
Statements", "Stored Routines", "sql_mode=ORACLE".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from migration_guard.sql.cursor import keyword
from migration_guard.sql.scanner import Kind, Token, significant

if TYPE_CHECKING:
    from migration_guard.sql.dialects import Dialect

_BLOCKS: Final = frozenset({"IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"})
_OPENERS: Final = _BLOCKS | {"BEGIN"}
_PACKAGE: Final = "PACKAGE"
_PROGRAMS: Final = frozenset({"PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", _PACKAGE})
_CHARACTERISTICS: Final = frozenset(
    {
        *("LANGUAGE", "SQL", "NOT", "DETERMINISTIC", "CONTAINS", "NO", "READS", "MODIFIES"),
        *("DATA", "SECURITY", "DEFINER", "INVOKER", "COMMENT"),
    }
)
_END: Final = Token(Kind.SPACE, "", -1)
# What may stand before the word that says what is created, and is no such word.
_NAME_FOLLOWS: Final = frozenset({"=", "@", "."})


class Program(NamedTuple):
    """A body: ``what`` it is of, where it begins, and after its last END; -1 if it never closes."""

    what: str
    start: int
    end: int


def find_program(text: str, lexis: Dialect, start: int) -> Program | None:
    """Return the program at ``start``; None for a statement that the next terminator ends."""
    words = _Words(text, lexis, start)
    kind = _pass_head(words)
    if kind is None:
        return None
    if kind == _PACKAGE:
        return Program("package", start, -1)
    begin = max(words.next.start, start)  # a text that ends before the body has none
    end = _Blocks(words).close()
    return None if end is None else Program(f"body of the {kind.lower()}", begin, end)


class _Words:
    """The tokens of a text, with the next one in view; ``word`` is its keyword."""

    def __init__(self, text: str, lexis: Dialect, start: int) -> None:
        # The marks of executable comments are no words of the statement.
        self._tokens = (
            token
            for token in significant(text, lexis, start)
            if token.kind is not Kind.KEPT_COMMENT
            and not (token.text == "*" and text.startswith("*/", token.start))
            and not (token.text == "/" and text.endswith("*", 0, token.start))
        )
        self.last = _END
        self._after: Token | None = None
        self._advance()

    def _advance(self) -> None:
        self.next = self._after or next(self._tokens, _END)
        self._after = None
        self.word = keyword(self.next)

    def take(self) -> str:
        """Go past the next token; return its keyword, "" at the end."""
        word, self.last = self.word, self.next
        self._advance()
        return word

    def accept(self, *words: str) -> bool:
        """Go past the next token if it is one of these keywords; return whether it was."""
        is_next = self.word in words
        if is_next:
            self.take()
        return is_next

    def after(self) -> str:
        """Return the keyword behind the next token."""
        if self._after is None:
            self._after = next(self._tokens, _END)
        return keyword(self._after)

    def pass_until(self, *words: str) -> None:
        """Stop before one of these keywords outside brackets, before a ``;`` or the end."""
        depth = 0
        while self.word and self.word != ";" and (depth or self.word not in words):
            depth += (self.word == "(") - (self.word == ")")
            self.take()

    @property
    def is_label(self) -> bool:
        """Whether the next token is the label of a block."""
        return self.next.kind in {Kind.WORD, Kind.QUOTED} and self.after() == ":"


def _pass_head(words: _Words) -> str | None:
    """Stop before the body; return the kind of program, None if there is none."""
    if words.word == "SET" and words.after() == "STATEMENT":
        words.pass_until("FOR")
        words.take()
    if words.word in _BLOCKS or (words.word == "BEGIN" and words.after() == "NOT"):
        return "BLOCK"
    if not words.accept("CREATE"):
        return None
    if words.accept("OR"):
        words.take()
    if words.word == "DEFINER":
        while words.word not in {*_PROGRAMS, "AGGREGATE", ";", ""} or (
            words.last.text in _NAME_FOLLOWS
        ):
            words.take()
    words.accept("AGGREGATE")
    kind = words.take()
    if kind not in _PROGRAMS:
        return None
    if kind != _PACKAGE:
        _HEADS[kind](words)
    return kind


def _pass_name(words: _Words) -> None:
    if words.word == "IF" and words.after() == "NOT":
        for _word in ("IF", "NOT", "EXISTS"):
            words.take()
    words.take()
    while words.accept("."):
        words.take()


def _pass_parameters(words: _Words) -> None:
    _pass_name(words)
    if words.word == "(":
        words.take()
        words.pass_until(")")
        words.take()


def _pass_procedure(words: _Words) -> None:
    _pass_parameters(words)
    while words.next.kind is Kind.STRING or words.word in _CHARACTERISTICS:
        words.take()


def _pass_function(words: _Words) -> None:
    _pass_parameters(words)
    # Only sql_mode=ORACLE says RETURN for the type.
    ends = ("AS", "IS") if words.word == "RETURN" else (*_OPENERS, "RETURN", "AS", "IS", "SONAME")
    while not words.is_label and words.word not in {*ends, ";", ""}:
        if words.take() == "(":
            words.pass_until(")")


def _pass_trigger(words: _Words) -> None:
    _pass_name(words)
    words.pass_until("ROW")
    words.take()
    if words.accept("FOLLOWS", "PRECEDES"):
        _pass_name(words)


def _pass_event(words: _Words) -> None:
    _pass_name(words)
    words.pass_until("DO")
    words.take()


_HEADS: Final = {
    "PROCEDURE": _pass_procedure,
    "FUNCTION": _pass_function,
    "TRIGGER": _pass_trigger,
    "EVENT": _pass_event,
}


class _Blocks:
    """The open blocks from the first word of a body on.

    ``EXPRESSION`` is a CASE inside an expression, ``AS`` the declarations of sql_mode=ORACLE.
    Behind the word that opens a block, and WHEN or ELSEIF, its head goes on to THEN, DO or LOOP.
    """

    def __init__(self, words: _Words) -> None:
        self.words = words
        self.open: list[str] = []
        self.in_head = False  # of the innermost block
        self.ends_at: int | None = None

    def close(self) -> int | None:
        """Return the offset after the last END, -1 if it is missing, None if no block opens."""
        if self.words.accept("AS", "IS"):
            self.open.append("AS")
        while self.words.word:
            # A labelled block at the top, then the block itself.
            self._read_statement()
            if self.ends_at is not None:
                return self.ends_at
            if not self.open:
                return None
        return -1

    def _read_statement(self) -> None:
        """Read to where the next statement may begin."""
        words = self.words
        while words.is_label:
            words.take(), words.take()
        if words.accept("<<"):  # a label of sql_mode=ORACLE
            words.pass_until(">>")
            words.take()
        word = words.word
        if word == "END":
            self._end_block()
            self._read_rest()
        elif word == "BEGIN":
            self._open_begin()
        elif word in _BLOCKS:
            self.open.append(words.take())
            self.in_head = word not in {"LOOP", "REPEAT"}
            if self.in_head:
                self._read_rest()
        elif word in {"ELSE", "EXCEPTION"}:
            words.take()
        elif word == "DELIMITER":  # no statement begins so: the client would have cut before
            self.ends_at = -1
        else:
            self.in_head = word in {"ELSEIF", "ELSIF", "WHEN"}
            self._read_rest(is_declaration=word == "DECLARE")

    def _open_begin(self) -> None:
        """Open a BEGIN, which in sql_mode=ORACLE ends the declarations before it."""
        words = self.words
        words.take()
        if words.word == "NOT" and words.after() == "ATOMIC":
            words.take(), words.take()
        if self.open[-1:] == ["AS"]:
            self.open.pop()
        self.open.append("BEGIN")

    def _read_rest(self, *, is_declaration: bool = False) -> None:
        """Read the rest of a statement, or of a head, to where a statement may begin."""
        words, is_until = self.words, self.words.word == "UNTIL"
        while words.word and self.ends_at is None:
            before, word = words.last.text, words.word
            if word == "END" and before != "." and (self._is_expression or is_until):
                self._end_block()
                continue
            words.take()
            if word == ";":
                self._leave_expressions()
                return
            if word == "CASE" and before != ".":
                self.open.append("EXPRESSION")
            elif self.in_head and not self._is_expression and self._ends_head(word):
                self.in_head = False
                if word == "LOOP":  # in sql_mode=ORACLE, END LOOP closes it
                    self.open[-1] = "LOOP"
                return
            elif is_declaration and word == "HANDLER":
                self._pass_conditions()
                return

    @property
    def _is_expression(self) -> bool:
        return self.open[-1:] == ["EXPRESSION"]

    def _leave_expressions(self) -> None:
        while self._is_expression:
            self.open.pop()

    def _ends_head(self, word: str) -> bool:
        if word == "THEN":
            return True
        return self.open[-1:] in (["WHILE"], ["FOR"]) and word in {"DO", "LOOP"}

    def _pass_conditions(self) -> None:
        """Go past FOR and the conditions of a handler, to its statement."""
        words = self.words
        words.take()
        while True:
            if words.accept("NOT"):
                words.take()
            elif words.accept("SQLSTATE"):
                words.accept("VALUE")
                words.take()
            else:
                words.take()
            if not words.accept(","):
                return

    def _end_block(self) -> None:
        """Close the innermost block; note where the outermost ends, or that none fits."""
        words = self.words
        words.take()
        end = words.last
        block = self.open.pop() if self.open else ""
        if block == "EXPRESSION":
            return
        name = "BEGIN"
        if words.word in _BLOCKS:
            name = words.take()
            end = words.last
        if block != name:
            self.ends_at = -1
        elif not self.open:
            self.ends_at = end.start + len(end.text)
