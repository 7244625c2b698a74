"""Finds the rules: each is a page, ``<slug>.md`` with ``_`` for ``-``, in this package.

A rule that reading the files does not already apply has a module of the same name beside its page,
with ``SLUG``, ``SEVERITY``, ``NEEDS`` and ``check(source)``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module, resources
from importlib.util import find_spec

from migration_guard.conf import nearest
from migration_guard.exceptions import CannotTell
from migration_guard.linter.needs import Need
from migration_guard.linter.source import Source
from migration_guard.problems import Problem

_PACKAGE = "migration_guard.linter.rules"

Check = Callable[[Source], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; ``check`` is None where reading the files already applies it."""

    slug: str
    page: str
    needs: frozenset[Need] = frozenset()
    check: Check | None = None

    @property
    def meaning(self) -> str:
        """What the rule is about, in one sentence: the first line below the title."""
        lines = (line for line in self.page.splitlines()[1:] if line.strip())
        return next(lines, self.slug)


@cache
def rules() -> dict[str, Rule]:
    """Return all rules by slug, in the order of their names."""
    pages = (each for each in resources.files(_PACKAGE).iterdir() if each.name.endswith(".md"))
    found = [_rule(page.name[:-3], page.read_text("utf-8")) for page in pages]
    return {rule.slug: rule for rule in sorted(found, key=lambda rule: rule.slug)}


def explain(slug: str) -> str:
    """Return the page of a rule; raise CannotTell for one that is not known."""
    known = rules()
    if slug in known:
        return known[slug].page
    from migration_guard.linter.rules import squawk

    if slug in squawk.RULES:
        return squawk.explain(slug, known[squawk.SLUG].page)
    near = nearest(slug, [*known, *squawk.RULES])
    raise CannotTell(
        f'There is no rule "{slug}".',
        f'Did you mean "{near}"?' if near else f"The rules are {', '.join(known)}.",
    )


def _rule(name: str, page: str) -> Rule:
    if find_spec(f"{_PACKAGE}.{name}") is None:
        return Rule(name.replace("_", "-"), page)
    module = import_module(f"{_PACKAGE}.{name}")
    return Rule(module.SLUG, page, module.NEEDS, module.check)
