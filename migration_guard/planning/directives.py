"""Read the directives in the leading comment block of a migration.

Pure. A directive below that block is a problem: it would be ignored in silence, and a file meant
for dev would run in production.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Final

from migration_guard.conf import ENVIRONMENT_ALIASES, nearest, nearest_environment, seconds
from migration_guard.planning.corrections import corrections
from migration_guard.planning.names import number_of
from migration_guard.problems import Problem

DEV_ONLY: Final = frozenset({"dev", "test"})

_HEADER: Final = re.compile(r"(?:\s++|--[^\n]*+|\#[^\n]*+|/\*(?!!|M!)(?:[^*]|\*(?!/))*+\*/)*+")
DEV_WORDS: Final = re.compile(r"\bDEV\s*/\s*TEST\s+ONLY\b", re.IGNORECASE)
_LINE: Final = re.compile(
    r"^[ \t]*--[ \t]*guard[ \t]*:(?P<body>[^\n]*)$", re.MULTILINE | re.IGNORECASE
)
_BODY: Final = re.compile(r"\s*(?P<key>[A-Za-z_]+)\s*=\s*(?P<value>.*\S)\s*")
# What looks like a key and its value, without the right sign between them.
_LOOSE_BODY: Final = re.compile(r"\s*(?P<key>[A-Za-z_-]+)(?:\s*[:=]+\s*|\s+)(?P<value>\S.*)")
_REQUIRES: Final = re.compile(r"[A-Za-z_]\w*\.\w+")
_REPEATABLE: Final = frozenset({"allow", "requires", "formerly", "replaces"})
# What joins the names under which one migration may be recorded.
_OR: Final = re.compile(r"\s+or\s+")
_NAMES_IDS: Final = re.compile(r"\s*(?:formerly|replaces)\s*=", re.IGNORECASE)
_LONG: Final = 1024 * 1024  # characters
_SLUG: Final = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Directives:
    """The directives of one file. Times are in seconds.

    ``environments`` is None for all. A ``lock_timeout`` or ``statement_timeout`` of 0 means no
    limit, and None means the value of the setting. ``allow`` maps the slug of a silenced rule to
    its reason. ``formerly`` are the ids that the file had before. ``replaces`` has, for each
    migration that the file stands for, the ids under which that may be recorded.
    """

    environments: frozenset[str] | None = None
    transaction: bool = True
    lock_timeout: float | None = None
    statement_timeout: float | None = None
    requires: tuple[tuple[str, str], ...] = ()
    rerun_safe: bool = False
    allow: dict[str, str] = field(default_factory=dict)
    formerly: tuple[str, ...] = ()
    replaces: tuple[tuple[str, ...], ...] = ()

    def runs_in(self, environment: str) -> bool:
        """Return True if the file may run in ``environment``."""
        return self.environments is None or environment in self.environments


class _BadValue(Exception):
    """The value of a directive is wrong. The message tells how it must look."""


_NONE: Final = Directives()


def parse(text: str, environments: Collection[str]) -> tuple[Directives, list[Problem]]:
    """Return the directives of ``text``, and problems with a line and without a path.

    ``environments`` are the names that exist.
    """
    # Most files have no directive. In a long text, a copy in lower case costs more than it saves.
    if len(text) < _LONG:
        lower = text.lower()
        if "guard" not in lower and "dev" not in lower:
            return _NONE, []
    end = header_end(text)
    directives = _NONE
    problems: list[Problem] = []
    seen: set[str] = set()
    for match in _LINE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        if match.start() >= end:
            problems.append(_misplaced_problem(line))
            continue
        body = _BODY.fullmatch(match["body"])
        key = body["key"].lower() if body else ""
        if body is None or key not in _SETTERS:
            problems.append(_unknown_problem(match["body"].strip(), key, line, environments))
            continue
        try:
            _refuse_second(key, seen)
            directives = _SETTERS[key](directives, body["value"], environments)
        except _BadValue as error:
            fix = _correct(key, body["value"], environments) if key not in seen else ""
            problems.append(_bad_value_problem(match[0].strip(), str(error), line, fix))
        seen.add(key)
    return _apply_dev_words(directives, text[:end], problems)


def stated_environments(text: str) -> frozenset[str] | None:
    """Return the environments that ``text`` states, None for all, whichever exist here."""
    header = text[: header_end(text)]
    bodies = (_BODY.fullmatch(match["body"]) for match in _LINE.finditer(header))
    values = [body["value"] for body in bodies if body and body["key"].lower() == "environments"]
    if values:
        return frozenset(_environment_names(values[0]))
    return DEV_ONLY if DEV_WORDS.search(header) else None


def normal_lines(text: str) -> list[str]:
    """Return the directive lines for a fingerprint of 0.1, with white space and case folded."""
    header = text[: header_end(text)]
    bodies = [match["body"] for match in _LINE.finditer(header)]
    # What names other ids came later, and is no change of a file.
    bodies = [body for body in bodies if not _NAMES_IDS.match(body)]
    lines = [" ".join(body.lower().split()) for body in bodies]
    return [*lines, *(["dev/test only"] if DEV_WORDS.search(header) else [])]


def is_directive_line(text: str, offset: int) -> bool:
    """Return True if the line of ``text`` in which ``offset`` begins is a directive there."""
    start = text.rfind("\n", 0, offset) + 1
    return not text[start:offset].strip(" \t") and _LINE.match(text, start) is not None


def apply_directive(key: str, value: str, environments: Collection[str]) -> Directives | None:
    """Return what a directive alone states; None for an unknown key or a value that is wrong."""
    if key not in _SETTERS:
        return None
    try:
        return _SETTERS[key](_NONE, value, environments)
    except _BadValue:
        return None


def _refuse_second(key: str, seen: Collection[str]) -> None:
    if key in seen and key not in _REPEATABLE:
        raise _BadValue(f"{key} is given twice; keep one")


def header_end(text: str) -> int:
    """Return the offset at which the leading comment block of ``text`` ends."""
    match = _HEADER.match(text)
    return match.end() if match else 0


def _apply_dev_words(
    directives: Directives, header: str, problems: list[Problem]
) -> tuple[Directives, list[Problem]]:
    words = DEV_WORDS.search(header)
    if words is None:
        return directives, problems
    if directives.environments is not None and not directives.environments <= DEV_ONLY:
        line = header.count("\n", 0, words.start()) + 1
        problems.append(
            Problem(
                "bad-directive",
                "the header says DEV/TEST ONLY, and its environments name more than dev and test",
                "Keep one of the two.",
                line=line,
            )
        )
    return replace(directives, environments=directives.environments or DEV_ONLY), problems


def _set_environments(directives: Directives, value: str, existing: Collection[str]) -> Directives:
    names = _environment_names(value)
    for name in names:
        if name not in existing:
            near = nearest_environment(name, existing)
            suggestion = f'; did you mean "{near}"?' if near else ""
            raise _BadValue(
                f'"{name}" is not an environment (known: {", ".join(sorted(existing))}){suggestion}'
            )
    return replace(directives, environments=frozenset(names))


def _environment_names(value: str) -> list[str]:
    names = [name.strip().lower() for name in value.split(",")]
    return [ENVIRONMENT_ALIASES.get(name, name) for name in names]


def _set_transaction(directives: Directives, value: str, _: Collection[str]) -> Directives:
    if value.lower() not in ("on", "off"):
        raise _BadValue("transaction is on or off")
    return replace(directives, transaction=value.lower() == "on")


def _parse_time(value: str) -> float:
    limit = seconds(value)
    if limit is None:
        raise _BadValue("a time is written 5s, 500ms or 2min; 0 means no limit")
    return limit


def _set_lock_timeout(directives: Directives, value: str, _: Collection[str]) -> Directives:
    return replace(directives, lock_timeout=_parse_time(value))


def _set_statement_timeout(directives: Directives, value: str, _: Collection[str]) -> Directives:
    return replace(directives, statement_timeout=_parse_time(value))


def _set_requires(directives: Directives, value: str, _: Collection[str]) -> Directives:
    names = [name.strip() for name in value.split(",")]
    for name in names:
        if not _REQUIRES.fullmatch(name):
            raise _BadValue("requires names a Django migration as app_label.migration_name")
    required = tuple((name.split(".")[0], name.split(".")[1]) for name in names)
    return replace(directives, requires=directives.requires + required)


def _set_rerun(directives: Directives, value: str, _: Collection[str]) -> Directives:
    if value.lower() != "safe":
        raise _BadValue("rerun can only be safe")
    return replace(directives, rerun_safe=True)


def _set_allow(directives: Directives, value: str, _: Collection[str]) -> Directives:
    slug, _comma, reason = (part.strip() for part in value.partition(","))
    if not _SLUG.fullmatch(slug):
        raise _BadValue("allow names one rule, a comma and the reason")
    if not reason and slug != "empty":
        raise _BadValue(f"allow = {slug} lacks its reason; write: allow = {slug}, why it is right")
    return replace(directives, allow={**directives.allow, slug: reason})


def _set_formerly(directives: Directives, value: str, _: Collection[str]) -> Directives:
    _require_ids([value], "formerly names one id that the file had, as 0001_name")
    return replace(directives, formerly=(*directives.formerly, value))


def _set_replaces(directives: Directives, value: str, _: Collection[str]) -> Directives:
    ids = tuple(_OR.split(value))
    _require_ids(ids, "replaces names one migration a line, as 0001_name or 0002_other_name_of_it")
    return replace(directives, replaces=(*directives.replaces, ids))


def _require_ids(ids: Collection[str], grammar: str) -> None:
    if any(number_of(migration_id) is None for migration_id in ids):
        raise _BadValue(grammar)


_SETTERS: Final[dict[str, Callable[[Directives, str, Collection[str]], Directives]]] = {
    "environments": _set_environments,
    "transaction": _set_transaction,
    "lock_timeout": _set_lock_timeout,
    "statement_timeout": _set_statement_timeout,
    "requires": _set_requires,
    "rerun": _set_rerun,
    "allow": _set_allow,
    "formerly": _set_formerly,
    "replaces": _set_replaces,
}

KEYS: Final = tuple(_SETTERS)
# A value of each key, for a hint.
EXAMPLES: Final[dict[str, str]] = {
    "environments": "dev, test",
    "transaction": "off",
    "lock_timeout": "5s",
    "statement_timeout": "1min",
    "requires": "app_label.0001_initial",
    "rerun": "safe",
    "allow": "rule, reason",
    "formerly": "0001_name",
    "replaces": "0001_name",
}


def _misplaced_problem(line: int) -> Problem:
    return Problem(
        "misplaced-directive",
        "a guard directive stands below the leading comment block, where it would be ignored",
        "Move the line up, above the first statement.",
        line=line,
    )


def _unknown_problem(body: str, key: str, line: int, environments: Collection[str]) -> Problem:
    match = _LOOSE_BODY.fullmatch(body)
    key = key or (match["key"].lower().replace("-", "_") if match else "")
    near = nearest(key, _SETTERS)
    fix = _correct(near, match["value"], environments) if near and match else ""
    keys = f"Write -- guard: key = value, with one of the keys {', '.join(_SETTERS)}."
    return Problem(
        "unknown-directive",
        f'"{body}" is not a directive' + (f'; did you mean "{near}"?' if near else ""),
        f"Write: {fix}" if fix else keys,
        line=line,
    )


def _bad_value_problem(directive: str, why: str, line: int, fix: str) -> Problem:
    hint = f"Write: {fix}" if fix else "Correct the line."
    return Problem("bad-directive", f"{directive}: {why}", hint, line=line)


def _correct(key: str, value: str, environments: Collection[str]) -> str:
    """Return the directive that was probably meant, or an empty string."""
    for correction in (value, *corrections(key, value, environments)):
        if apply_directive(key, correction, environments) is not None:
            return f"-- guard: {key} = {correction}"
    return ""
