"""The text of a value that is the same in each process while the value is the same."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from types import FunctionType, MethodType
from typing import Any, Final

from django.utils.functional import Promise

_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
# A value may hold itself.
_DEEPEST: Final = 20


def canonical(value: Any, depth: int = 0) -> str:
    """Return the text of a value, without the addresses and the order that a process chooses."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, type | FunctionType):
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
    if isinstance(value, Promise):
        return value.__reduce__()[1:]  # its text depends on the language
    if isinstance(value, MethodType):
        return value.__name__, value.__self__
    if hasattr(value, "deconstruct"):  # fields, constraints, operations
        return value.deconstruct()
    plain: Any = object.__repr__
    if type(value).__repr__ is plain:
        return getattr(value, "__dict__", {})
    return None


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"
