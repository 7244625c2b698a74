"""The text of a value that is the same in each process while the value is the same."""

import copyreg
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from operator import attrgetter
from types import CodeType, FunctionType, MethodType
from typing import Any, Final

from django.utils.functional import Promise

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
# A value may hold itself.
_DEEPEST: Final = 20

_PARTS: Final[Mapping[type, Callable[[Any], Any]]] = {
    MethodType: attrgetter("__name__", "__self__"),
    # No key reads the module that makes the settings.
    FunctionType: attrgetter("__module__", "__qualname__", "__defaults__", "__code__"),
    CodeType: lambda code: (code.co_code.hex(), code.co_names, code.co_consts),
    re.Pattern: attrgetter("pattern", "flags"),  # its text ends after 200 characters
}


def canonical(value: Any, depth: int = 0) -> str:
    """Return the text of a value, without the addresses and the order that a process chooses."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, type):
        return _name(value)
    name, deeper = _name(type(value)), depth + 1
    if isinstance(value, Mapping):
        pairs = (f"{canonical(key, deeper)}:{canonical(value[key], deeper)}" for key in value)
        return f"{name}{{{','.join(sorted(pairs))}}}"
    if isinstance(value, list | tuple | AbstractSet):
        texts = [canonical(item, deeper) for item in value]
        return f"{name}({','.join(sorted(texts) if isinstance(value, AbstractSet) else texts)})"
    parts = _parts(value)
    if parts is not None:
        return f"{name}{canonical(parts, deeper)}"
    return f"{name}={_ADDRESS.sub('', repr(value))}"


def _parts(value: Any) -> Any:
    """Return what a value is made of, None if its own text tells all."""
    kind = type(value)
    if kind in _PARTS:
        return _PARTS[kind](value)
    if isinstance(value, Promise):
        return value.__reduce__()[1:]  # its text depends on the language
    if hasattr(value, "deconstruct"):  # fields, constraints, operations
        return value.deconstruct()
    plain: Any = object.__repr__
    return _attributes(value) if kind.__repr__ is plain else None


def _attributes(value: Any) -> dict[str, Any]:
    slots = copyreg._slotnames(type(value))  # type: ignore[attr-defined]  # noqa: SLF001
    names = (name for name in slots if hasattr(value, name))
    return {**getattr(value, "__dict__", {}), **{name: getattr(value, name) for name in names}}


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"
