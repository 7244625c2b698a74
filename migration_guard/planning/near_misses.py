"""Find comments that a reader takes for a directive, and that are none.

Pure. Such a file would run where its author forbids it. Only the leading comment block counts, and
the words are compared after Unicode folding (NFKC), without case and leading punctuation.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

from migration_guard.conf import ENVIRONMENT_ALIASES, ENVIRONMENT_SYNONYMS
from migration_guard.planning import directives
from migration_guard.planning.directives import Directives
from migration_guard.problems import Problem

SLUG: Final = "near-miss"

_EDITS: Final = 2
_QUOTED: Final = 60  # characters
_COMMENT: Final = re.compile(r"--[^\n]*+|\#[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/")
# What ends a line for some reader. PostgreSQL ends a comment at a lone carriage return too.
_LINE_END: Final = re.compile("[\n\r\v\f\x85\u2028\u2029]")
_PUNCTUATION: Final = re.compile(r"[\W_]+")

# -- a key, with or without a word like "guard" in front

# The lengths are bounded, so that a long line of dashes takes no long time.
_GUARD_LINE: Final = re.compile(
    r"(?P<guard>[^\W_]{3,7})[\W_]{1,20}(?P<key>[\w-]{1,20}(?:[ ][\w-]{1,20})?)"
    r"\s{0,20}[=:](?P<value>.*)"
)
_KEY_LINE: Final = re.compile(r"(?P<key>\w+)\s*[=:]+\s*(?P<value>.+)")
_ENVIRONMENT_KEYS: Final = {"env", "envs", "environment"}
_RULES_OF_ONE_WORD: Final = {"empty", "gap", "squawk", "unterminated"}

# -- words about environments

_HYPHENATED: Final = re.compile(r"\b(non|pre)[\s-]+(?=prod(?:uction)?\b)")
_PLACES: Final = (
    r"(?:[\s-]+(?:env(?:ironment)?s?|databases?|dbs?|servers?|systems?|instances?|machines?))?"
)
_PRODUCTION: Final = (
    r"(?:the\s+|a\s+|any\s+|our\s+|your\s+)?(?:production|prod|live)"
    r"(?:[\s-]+(?:env(?:ironment)?s?|databases?|dbs?|servers?|systems?|instances?|clusters?"
    r"|deployments?|machines?|data|use|usage))?"
)
_LABEL: Final = (
    r"(?:(?:warning|note|important|attention|caution|danger|beware|nb|todo|env(?:ironment)?s?)"
    r"\s*[^\w\s]+\s*)?"
)
# The end of a statement about the file: punctuation, or the end of the line.
_END: Final = r"(?=\s*(?:[^\w\s'\"`]|$))"
# Without a subject, these verbs tell the reader what not to do: "never used" is no order.
_ORDERS: Final = (
    "run apply execute use deploy ship load install migrate import insert seed enable release push "
    "commit merge launch start try do put copy restore add create delete drop truncate"
)
# "Do not exist in production" tells of rows, and orders nothing.
_STATES: Final = "exist have need appear occur matter happen get count seem"
_ORDER: Final = (
    r"(?:please\s+)?(?:(?:do\s+not|don\W?t|dont)\s+(?:ever\s+)?"
    rf"(?!(?:{'|'.join(_STATES.split())})\b)\w+"
    rf"|never\s+(?:ever\s+)?(?:{'|'.join(_ORDERS.split())}))\b"
    rf"(?:\s+[\w'\"/-]+){{0,6}}?\s+(?:in|on|to|into|onto|against|for|at|with)\s+{_PRODUCTION}"
)
_NEVER_IN: Final = rf"never\s+(?:in|on|for)\s+{_PRODUCTION}"
_NOT_FOR: Final = rf"not\s+(?:intended\s+|meant\s+)?for\s+(?:[\w'-]+\s+){{0,3}}?{_PRODUCTION}"
_AGAINST_PRODUCTION: Final = re.compile(
    rf"^{_LABEL}(?:{_NOT_FOR}|{_ORDER}|{_NEVER_IN}){_END}"
    rf"|\b{_NOT_FOR}$"
    rf"|[.;:!?,(\u2013\u2014-]\s*{_ORDER}$"
)


class _NearMiss(NamedTuple):
    """What is wrong with a line, and the directive that it is meant to be."""

    fact: str
    directive: str


class _Line(NamedTuple):
    """A line of a comment, as it is written and folded. ``start`` is an offset in the file."""

    start: int
    text: str
    folded: str


def near_miss_problems(
    text: str, own: Directives, environments: Collection[str]
) -> Iterator[Problem]:
    """Yield a problem for each near miss of a directive in the leading comment block of ``text``.

    ``own`` are the directives of the file: a comment that says the same is none. ``environments``
    are the names that exist.
    """
    if SLUG in own.allow:
        return
    words = _environment_words(frozenset(environments))
    for line in _comment_lines(text):
        near_miss = (
            _guard_line(line, environments)
            or _key_line(line, own, environments)
            or (words.near_miss(line) if _may_run_in_production(own) else None)
        )
        if near_miss is not None:
            yield Problem(
                SLUG,
                f'"{_quote(line.text)}" {near_miss.fact}',
                f"Write {near_miss.directive}. If the line is nothing but a comment: reword it, or "
                f"write -- guard: allow = {SLUG}, <reason>.",
                line=text.count("\n", 0, line.start) + 1,
            )


def _may_run_in_production(own: Directives) -> bool:
    return own.environments is None or "production" in own.environments


def _comment_lines(text: str) -> Iterator[_Line]:
    """Yield the lines of the leading comments that are no directives."""
    header = text[: directives.header_end(text)]
    for comment in _COMMENT.finditer(header):
        if directives.is_directive_line(header, comment.start()):
            # A lone carriage return is a line end for a reader, and none for a directive.
            continue
        start = 0
        body = comment[0].removesuffix("*/") if comment[0].startswith("/*") else comment[0]
        for end in (*(match.start() for match in _LINE_END.finditer(body)), len(body)):
            written = body[start:end]
            offset = comment.start() + start
            if not directives.is_directive_line(header, offset):
                folded = fold(written)
                if folded:
                    yield _Line(offset, written, folded)
            start = end + 1


def fold(text: str) -> str:
    """Return ``text`` as the words are compared: NFKC, no case, no leading punctuation."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        # Characters without a width, such as a joiner or a byte order mark.
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    leading = _PUNCTUATION.match(text)
    return text[leading.end() if leading else 0 :].casefold().rstrip()


def _without_trailing_punctuation(text: str) -> str:
    trailing = _PUNCTUATION.match(text[::-1])
    return text[: len(text) - trailing.end()] if trailing else text


def _guard_line(line: _Line, environments: Collection[str]) -> _NearMiss | None:
    match = _GUARD_LINE.match(line.folded)
    if match is None or edits(match["guard"], "guard") > _EDITS:
        return None
    # Hyphens and a space in a key count as edits: "lock timeout".
    key = min(directives.KEYS, key=lambda name: edits(match["key"], name))
    if edits(match["key"], key) > _EDITS:
        return None
    return _NearMiss(
        'looks like a directive and is a comment: only a line "-- guard: key = value" is read, '
        "with plain spaces",
        _correct_line(key, match["value"], environments),
    )


def _key_line(line: _Line, own: Directives, environments: Collection[str]) -> _NearMiss | None:
    match = _KEY_LINE.fullmatch(line.folded)
    if match is None:
        return None
    key = "environments" if match["key"] in _ENVIRONMENT_KEYS else match["key"]
    value = _bare(match["value"])
    directive = directives.apply_directive(key, value, environments)
    if directive is None or _is_prose(key, value) or _is_said_by_directives(key, directive, own):
        return None
    return _NearMiss(
        'reads like a directive and is a comment: "guard:" is missing in front',
        f"-- guard: {key} = {value}",
    )


def _is_prose(key: str, value: str) -> bool:
    """Return True for a value that fits the grammar by chance: "Requires: init.sql"."""
    if key == "requires":
        return any(name.strip().endswith(".sql") for name in value.split(","))
    rule = value.partition(",")[0].strip()
    return key == "allow" and "-" not in rule and rule not in _RULES_OF_ONE_WORD


def _is_said_by_directives(key: str, directive: Directives, own: Directives) -> bool:
    """Return True if the directives of the file say it already."""
    if key == "environments":
        return directive.environments == own.environments
    if key == "allow":
        return set(directive.allow) <= set(own.allow)
    if key in {"formerly", "replaces"}:
        return set(getattr(directive, key)) <= set(getattr(own, key))
    if key == "requires":
        return set(directive.requires) <= {
            (app.lower(), name.lower()) for app, name in own.requires
        }
    attribute = {"rerun": "rerun_safe"}.get(key, key)
    return bool(getattr(directive, attribute) == getattr(own, attribute))


def _correct_line(key: str, value: str, environments: Collection[str]) -> str:
    value = _bare(value)
    if directives.apply_directive(key, value, environments) is None:
        value = directives.EXAMPLES[key]
    return f"-- guard: {key} = {value}"


def _bare(value: str) -> str:
    """Return a value without quotes around it and punctuation behind it."""
    return value.strip().strip("'\"`[](){}<>").strip(" \t;.*/'\"`")


class _EnvironmentWords:
    """What a sentence about environments looks like, with the names that exist."""

    def __init__(self, environments: Collection[str]) -> None:
        self._known = environments
        self._names = {fold(name): name for name in environments if name != "production"}
        self._names = {**ENVIRONMENT_SYNONYMS, **self._names}
        for alias in ("production", *ENVIRONMENT_ALIASES):
            self._names.pop(alias, None)
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = f"(?:{'|'.join(map(re.escape, longest_first))})"

    @cached_property
    def _only(self) -> re.Pattern[str]:
        """Return the pattern of a sentence; to compile it takes longer than to read 500 files."""
        name = self._pattern
        separator = r"(?:\s*[,/&+|]\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+)"
        names = rf"(?P<{{}}>{name}(?:{separator}{name})*)(?![\w-]*\w){_PLACES}"
        hyphen = names.replace(r"(?![\w-]*\w)", r"\b")
        return re.compile(
            rf"^{_LABEL}(?:(?:for|in|on)\s+)?{hyphen.format('a')}[\s_-]+only\b{_END}"
            rf"|^{_LABEL}only\s+(?:for|in|on)\s+(?:the\s+|a\s+)?{names.format('b')}{_END}"
            rf"|\bonly\s+(?:for|in|on)\s+(?:the\s+|a\s+)?{names.format('c')}$"
        )

    def near_miss(self, line: _Line) -> _NearMiss | None:
        text = _without_trailing_punctuation(_HYPHENATED.sub(r"\1", line.folded))
        if "only" in text:
            match = self._only.search(text)
            if match is not None:
                named = re.findall(rf"\b{self._pattern}\b", match["a"] or match["b"] or match["c"])
                return self._as_near_miss({self._names[name] for name in named})
        if "prod" in text or "live" in text:
            match = _AGAINST_PRODUCTION.search(text)
            if match is not None:
                return self._as_near_miss({""})
        return None

    def _as_near_miss(self, names: Collection[str]) -> _NearMiss:
        if "" in names:
            names = {name for name in self._known if name != "production"}
        listed = ", ".join(sorted(name for name in names if name in self._known)) or "dev, test"
        return _NearMiss(
            "keeps the file out of production for a reader, and is a comment: the file would run "
            "there too",
            f"-- guard: environments = {listed}",
        )


@lru_cache(maxsize=8)
def _environment_words(environments: frozenset[str]) -> _EnvironmentWords:
    # Cached, because thousands of files may be judged by the same names.
    return _EnvironmentWords(environments)


def edits(left: str, right: str) -> int:
    """Return how many edits lie between two words, ``_EDITS + 1`` for more than that.

    An edit adds, drops or changes a letter, or swaps two neighbours (optimal string alignment).
    """
    if abs(len(left) - len(right)) > _EDITS:
        return _EDITS + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, char in enumerate(left, 1):
        above, row, earlier = row, [i], before
        for j, other in enumerate(right, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (char != other))
            if i > 1 and j > 1 and char == right[j - 2] and left[i - 2] == other:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        before = above
    return min(row[-1], _EDITS + 1)


def _quote(text: str) -> str:
    """Return a line for a message, with what cannot be seen as an escape."""
    visible = "".join(
        char
        if char.isascii() or unicodedata.category(char)[0] not in "CZ"
        else f"\\u{ord(char):04x}"
        for char in text
    )
    line = " ".join(visible.split())
    return line if len(line) <= _QUOTED else line[: _QUOTED - 1] + "…"
