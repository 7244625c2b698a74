"""The lines of the keys in a TOML text, which ``tomllib`` does not give.

Invariant: for a text that ``tomllib`` accepts, every key and every element of an array has a line.
The scanner relies on that and finds no errors. It passes over a value of one line as a whole, since
all in it has the line of its key, and a contract of a whole database has mostly such values.
"""

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

_GAP: Final = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*+")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"""(?:""|")?'
    r"|'''.*?'''(?:''|')?"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR: Final = re.compile(r"[^,\]}#\n]+")
# Strings that end on their line; three quotes open one that need not.
_SHORT: Final = r"""[^\[\]{}"'#\n]++|"(?!"")(?:[^"\\\n]|\\.)*+"|'(?!'')[^'\n]*+'"""
_ON_ONE_LINE: Final = re.compile(rf"[\[{{](?:{_SHORT}|[\[{{](?:{_SHORT})*+[\]}}])*+[\]}}]")
# Most lines of a contract: a bare key with a table or an array, and the gap behind it.
_PLAIN: Final = re.compile(rf"({_BARE.pattern})[ \t]*=[ \t]*{_ON_ONE_LINE.pattern}{_GAP.pattern}")


class Lines:
    """The lines of a valid TOML text by path; lines count from 1.

    The path of the second column of a key is ``("tables", "t", "unique", 0, 1)``. A table that is
    opened more than once, or only by a dotted key, has the line of its first mention.
    """

    def __init__(self, text: str) -> None:
        self._lines = _Scanner(text).scan()
        self._parents = {path[:-1] for path in self._lines}

    def of(self, path: KeyPath) -> int:
        """Return the line of a key or an element, or of the nearest value around it."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return 1

    def are_within(self, path: KeyPath) -> bool:
        """Return whether the parts of a value may have other lines than its key."""
        return path in self._parents


class _Scanner:
    """Walks the text once; ``at`` is its offset in characters.

    ``line`` is the line of the offset ``line_at``; ``lengths`` are those of the arrays of tables.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.line_at = 0
        self.lines: dict[KeyPath, int] = {}
        self.lengths: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        """Return the lines of all keys and elements, but those inside a value of one line."""
        here: KeyPath = ()
        self._skip()
        while self.at < len(self.text):
            if match := _PLAIN.match(self.text, self.at):
                self.lines.setdefault((*here, match[1]), self._line())
                self.at = match.end()
                continue
            if self.text.startswith("[[", self.at):
                here = self._array_header()
            elif self.text[self.at] == "[":
                here = self._table_header()
            else:
                self._pair(here)
            self._skip()
        return self.lines

    def _skip(self) -> None:
        match = _GAP.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _step(self, count: int = 1) -> None:
        self.at += count
        self._skip()

    def _line(self) -> int:
        self.line += self.text.count("\n", self.line_at, self.at)
        self.line_at = self.at
        return self.line

    def _table_header(self) -> KeyPath:
        self._step()
        here = self._resolve(list(self._key()))
        self._step()
        return here

    def _array_header(self) -> KeyPath:
        self._step(2)
        *first, last = self._key()
        array = (*self._resolve(first), last)
        self.lines.setdefault(array, self._line())
        number = self.lengths.get(array, 0)
        self.lengths[array] = number + 1
        self.lines[*array, number] = self._line()
        self._step()
        self._step()
        return (*array, number)

    def _resolve(self, parts: list[str]) -> KeyPath:
        """Return the path of a header; the name of an array of tables means its last table."""
        here: KeyPath = ()
        for part in parts:
            here = (*here, part)
            self.lines.setdefault(here, self._line())
            if here in self.lengths:
                here = (*here, self.lengths[here] - 1)
        return here

    def _key(self) -> Iterator[str]:
        """Yield the parts of a dotted key, and step behind it and its gap."""
        while True:
            match = _STRING.match(self.text, self.at) or _BARE.match(self.text, self.at)
            if match is None:
                raise ValueError(f"no key on line {self._line()}")
            yield _unquote(match[0])
            self._step(len(match[0]))
            if not self.text.startswith(".", self.at):
                return
            self._step()

    def _pair(self, here: KeyPath) -> None:
        line = self._line()
        for part in self._key():
            here = (*here, part)
            self.lines.setdefault(here, line)
        self._step()
        self._value(here)

    def _value(self, here: KeyPath) -> None:
        opening = self.text[self.at : self.at + 1]
        if opening in {"[", "{"} and (match := _ON_ONE_LINE.match(self.text, self.at)):
            self.at = match.end()
        elif opening == "[":
            self._array(here)
        elif opening == "{":
            self._inline_table(here)
        else:
            pattern = _STRING if opening in {'"', "'"} else _SCALAR
            match = pattern.match(self.text, self.at)
            self.at = match.end() if match else self.at + 1

    def _array(self, here: KeyPath) -> None:
        self._step()
        number = 0
        while not self.text.startswith("]", self.at):
            self.lines[*here, number] = self._line()
            self._value((*here, number))
            self._skip()
            if self.text.startswith(",", self.at):
                self._step()
            number += 1
        self.at += 1

    def _inline_table(self, here: KeyPath) -> None:
        self._step()
        while not self.text.startswith("}", self.at):
            self._pair(here)
            self._skip()
            if self.text.startswith(",", self.at):
                self._step()
        self.at += 1


def _unquote(key: str) -> str:
    if key[0] not in "\"'":
        return key
    if key[0] == "'" or "\\" not in key:
        return key[1:-1]
    import tomllib

    return str(next(iter(tomllib.loads(f"{key} = 0"))))
