"""What the value of a directive probably means where it is written in another way.

Pure. A correction is only suggested: a file whose directive is wrong never runs.
"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from migration_guard.conf import nearest_environment

_COMMENT: Final = re.compile(r"\s(?:--|//|#|/\*).*$")
_AROUND: Final = " \t;,.'\"`\u201c\u201d\u2018\u2019[](){}="
_OFF: Final = {"0", "disable", "disabled", "f", "false", "n", "never", "no", "none"}
_ON: Final = {"1", "always", "enable", "enabled", "t", "true", "y", "yes"}
_NO_LIMIT: Final = {"infinite", "never", "no", "no limit", "none", "off", "unlimited"}
_TIME: Final = re.compile(r"(\d+(?:[.,]\d+)?)\s*([a-z]+)")
_UNITS: Final = {
    **dict.fromkeys(("millisecond", "milliseconds", "millis", "msec", "msecs"), "ms"),
    **dict.fromkeys(("second", "seconds", "sec", "secs"), "s"),
    **dict.fromkeys(("minute", "minutes", "mins", "m"), "min"),
    **dict.fromkeys(("hour", "hours", "hr", "hrs"), "h"),
}
_NAMES: Final = re.compile(r"[^\w-]+(?:and\b|or\b)?[^\w-]*")
_ALLOW: Final = re.compile(
    r"([a-z][a-z0-9_-]*)(?:\s*[:;,(]\s*|\s+)(?:[-\u2013\u2014]\s*)?(\S.*)", re.IGNORECASE
)


def corrections(key: str, value: str, environments: Collection[str]) -> Iterator[str]:
    """Yield what ``value`` may be meant to be, the likeliest first; not all fit the key."""
    bare = _COMMENT.sub("", value).strip(_AROUND)
    yield bare
    if key in _OF_KEY:
        yield _OF_KEY[key](bare, environments)


def _switch(value: str, _: Collection[str]) -> str:
    word = value.lower()
    return "off" if word in _OFF else "on" if word in _ON else word


def _time(value: str, _: Collection[str]) -> str:
    if value.lower() in _NO_LIMIT:
        return "0"
    match = _TIME.fullmatch(value.lower())
    return f"{match[1].replace(',', '.')}{_UNITS.get(match[2], match[2])}" if match else value


def _environments(value: str, existing: Collection[str]) -> str:
    names = [name for name in _NAMES.split(value.lower()) if name]
    known = [name if name in existing else nearest_environment(name, existing) for name in names]
    return ", ".join(dict.fromkeys(known))


def _requires(value: str, _: Collection[str]) -> str:
    parts = [re.findall(r"\w+", part.removesuffix(".py")) for part in value.split(",")]
    if all(len(words) == 1 for words in parts):  # as Django writes them: ("auth", "0001_initial")
        parts = [[word for (word,) in parts]]
    return ", ".join(".".join(words[-2:]) for words in parts)


def _rerun(value: str, _: Collection[str]) -> str:
    return "safe" if value.lower() in {*_ON, "on", "ok", "safely"} else value


def _allow(value: str, _: Collection[str]) -> str:
    match = _ALLOW.fullmatch(value)
    return f"{match[1].lower().replace('_', '-')}, {match[2].strip()}" if match else value


def _id(value: str, _: Collection[str]) -> str:
    return value.rpartition("/")[2].removesuffix(".sql")


_OF_KEY: Final[dict[str, Callable[[str, Collection[str]], str]]] = {
    "environments": _environments,
    "transaction": _switch,
    "lock_timeout": _time,
    "statement_timeout": _time,
    "requires": _requires,
    "rerun": _rerun,
    "allow": _allow,
    "formerly": _id,
    "replaces": _id,
}
