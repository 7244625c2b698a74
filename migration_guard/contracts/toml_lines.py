"""A TOML text as a document, and the lines of its keys, which ``tomllib`` does not give.

Invariant: for a text that ``tomllib`` accepts, every key and every element of an array has a line.
The scanner relies on that and finds no errors. It passes over a value of one line as a whole, since
all in it has the line of its key, and a contract of a whole database has mostly such values. Most
of these are spelled alike, so each spelling is read once.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

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
# Most of a contract: a bare key with a value on its line, or with an array of a line for each
# element; and nothing else there.
_ELEMENTS: Final = rf"\[[ \t]*+\r?\n(?:[ \t]*+{_ON_ONE_LINE.pattern},[ \t]*+\r?\n)*+\]"
_VALUE: Final = rf"{_ON_ONE_LINE.pattern}|{_ELEMENTS}|true|false"
_PLAIN: Final = re.compile(
    rf"^({_BARE.pattern})[ \t]*=[ \t]*({_VALUE})[ \t]*+(?:\r?\n|\Z)", re.MULTILINE
)
_NO_LINES: Final[Mapping[str | int, int]] = {}


def read_toml(text: str) -> "tuple[dict[str, Any], Lines]":
    """Return the document and its lines. Raises ``tomllib.TOMLDecodeError``.

    Values of plain lines may be shared: nobody may change them.
    """
    try:
        lines = Lines(text)
        document = tomllib.loads(lines.rest)
        _add_plain_lines(document, lines)
    except ValueError:
        # Only ``tomllib`` knows what is wrong, and only the whole text has the right place of it.
        return tomllib.loads(text), Lines(text)
    return document, lines


def _add_plain_lines(document: dict[str, Any], lines: "Lines") -> None:
    """Add what the plain lines state. Raises ValueError for a key that is there already."""
    pairs = "".join(f"{number} = {text}\n" for number, text in enumerate(lines.spellings))
    values = dict(zip(lines.spellings, tomllib.loads(pairs).values(), strict=True))
    for block in lines.plain:
        table: Any = document
        for part in block.path:
            table = table[part]
        is_mixed = bool(table)
        for key, spelling in block.pairs:
            if key in table:
                raise ValueError(f"{key} stands twice")
            table[key] = values[spelling]
        if is_mixed:
            ordered = sorted(table.items(), key=lambda item: lines.of((*block.path, item[0])))
            table.clear()
            table.update(ordered)


class PlainBlock(NamedTuple):
    """Plain lines in a row, each as key and spelling of the value, in the table of this path."""

    path: KeyPath
    pairs: list[tuple[str, str]]


class Lines:
    """The lines of a valid TOML text by path; lines count from 1.

    The path of the second column of a key is ``("tables", "t", "unique", 0, 1)``. A table that is
    opened more than once, or only by a dotted key, has the line of its first mention. ``rest`` is
    the text without its plain lines, and ``spellings`` are those of their values.
    """

    def __init__(self, text: str) -> None:
        scanner = _Scanner(text)
        scanner.scan()
        self._lines = dict(scanner.lines)
        self.plain = scanner.plain
        self.spellings = scanner.spellings
        self.rest = "".join(scanner.rest)

    def of(self, path: KeyPath) -> int:
        """Return the line of a key or an element, or of the nearest value around it."""
        while path:
            around, key = path[:-1], path[-1]
            line = self._lines.get(around, _NO_LINES).get(key)
            if line is not None:
                return line
            path = around
        return 1

    def are_within(self, path: KeyPath) -> bool:
        """Return whether the parts of a value may have other lines than its key."""
        return path in self._lines


class _Scanner:
    """Walks the text once; ``at`` is its offset in characters.

    ``line`` is the line of the offset ``line_at``; ``lengths`` are those of the arrays of tables.
    ``lines`` has all keys and elements by what they stand in, but those in a value of one line.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.line_at = 0
        self.lines: defaultdict[KeyPath, dict[str | int, int]] = defaultdict(dict)
        self.lengths: dict[KeyPath, int] = {}
        self.plain: list[PlainBlock] = []
        self.spellings: dict[str, None] = {}  # a set that keeps its order
        self.rest: list[str] = []

    def scan(self) -> None:
        """Find the lines, and cut out the plain ones."""
        here: KeyPath = ()
        copied = 0
        self._skip()
        while self.at < len(self.text):
            start = self.at
            if pairs := self._plain_lines(here):
                self.plain.append(PlainBlock(here, pairs))
                self.rest.append(self.text[copied:start])
                copied = self.at
            elif self.text.startswith("[[", self.at):
                here = self._array_header()
            elif self.text[self.at] == "[":
                here = self._table_header()
            else:
                self._pair(here)
            self._skip()
        self.rest.append(self.text[copied:])

    def _plain_lines(self, here: KeyPath) -> list[tuple[str, str]]:
        """Step over plain lines, and return their pairs of key and value."""
        pairs: list[tuple[str, str]] = []
        line = self._line()
        while pair := (pairs and self._known_pair()) or self._plain_pair():
            pairs.append(pair)
        lines = self.lines[here] if pairs else {}
        for key, spelling in pairs:
            lines.setdefault(key, line)
            line += 1
            if breaks := spelling.count("\n"):
                self.lines[*here, key] = {number: line + number for number in range(breaks - 1)}
                line += breaks
        return pairs

    def _known_pair(self) -> tuple[str, str] | None:
        """Step over a line, at its beginning, whose value was spelled like this before."""
        end = self.text.find("\n", self.at)
        key, _, spelling = self.text[self.at : end].partition(" = ")
        if end < 0 or spelling not in self.spellings or not (key.isascii() and key.isidentifier()):
            return None
        self.at = end + 1
        return key, spelling

    def _plain_pair(self) -> tuple[str, str] | None:
        match = _PLAIN.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        key, spelling = match.groups()
        self.spellings[spelling] = None
        return key, spelling

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
        self.lines[array[:-1]].setdefault(array[-1], self._line())
        number = self.lengths.get(array, 0)
        self.lengths[array] = number + 1
        self.lines[array][number] = self._line()
        self._step()
        self._step()
        return (*array, number)

    def _resolve(self, parts: list[str]) -> KeyPath:
        """Return the path of a header; the name of an array of tables means its last table."""
        here: KeyPath = ()
        for part in parts:
            self.lines[here].setdefault(part, self._line())
            here = (*here, part)
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
            self.lines[here].setdefault(part, line)
            here = (*here, part)
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
            if match is None:
                raise ValueError(f"no value on line {self._line()}")
            self.at = match.end()

    def _array(self, here: KeyPath) -> None:
        self._step()
        number = 0
        while not self.text.startswith("]", self.at):
            self.lines[here][number] = self._line()
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
    return str(next(iter(tomllib.loads(f"{key} = 0"))))
