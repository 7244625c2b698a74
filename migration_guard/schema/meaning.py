"""What SQL texts that a server printed mean: a server prints one meaning in several ways. Pure."""

from functools import lru_cache

from migration_guard.schema.normal_form import normal_form
from migration_guard.schema.spelling import canonical


def has_same_meaning(a: str, b: str, vendor: str) -> bool:
    """Return whether two texts differ at most in how the server may print them."""
    return a == b or normal_text(a, vendor) == normal_text(b, vendor)


@lru_cache(maxsize=4096)
def normal_text(text: str, vendor: str) -> str:
    """Return a text that is equal for all that surely mean the same."""
    return str(normal_form(text)) if vendor == "postgresql" else canonical(text, vendor)
