"""Find the rules. Each is a page in ``linter/rules``: ``<slug>.md``, with ``_`` for ``-``.

A module of the same name beside the page holds ``SLUG``, ``SEVERITY``, ``NEEDS`` and
``check(source)``. A page without a module tells of a problem that is found when files are read.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module, resources
from importlib.metadata import PackageNotFoundError, metadata
from importlib.util import find_spec
from typing import Final, TypeAlias

from migration_guard.conf import nearest
from migration_guard.exceptions import CannotTell
from migration_guard.linter.needs import Need
from migration_guard.linter.source import Source
from migration_guard.problems import Problem
from migration_guard.reports.sarif import DISTRIBUTION
from migration_guard.results import RulePage

_PACKAGE: Final = "migration_guard.linter.rules"

Check: TypeAlias = Callable[[Source], Iterator[Problem]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``check`` is None if the problem is found when files are read."""

    slug: str
    page: str
    needs: frozenset[Need] = frozenset()
    check: Check | None = None

    @property
    def meaning(self) -> str:
        """The first line below the title of the page: one sentence on what the rule finds."""
        lines = (line for line in self.page.splitlines()[1:] if line.strip())
        return next(lines, self.slug)


@cache
def rules() -> dict[str, Rule]:
    """Return all rules by slug, in the order of their names."""
    entries = resources.files(_PACKAGE).iterdir()
    pages = (entry for entry in entries if entry.name.endswith(".md"))
    loaded = [_load_rule(page.name.removesuffix(".md"), page.read_text("utf-8")) for page in pages]
    return {rule.slug: rule for rule in sorted(loaded, key=lambda rule: rule.slug)}


def explain(slug: str) -> str:
    """Return the page of a rule. Raises CannotTell if there is no such rule."""
    by_slug = rules()
    if slug in by_slug:
        return by_slug[slug].page
    from migration_guard.linter.rules import squawk

    if slug in squawk.RULES:
        return squawk.explain(slug, by_slug[squawk.SLUG].page)
    near = nearest(slug, [*by_slug, *squawk.RULES])
    raise CannotTell(
        f'There is no rule "{slug}".',
        f'Did you mean "{near}"?' if near else f"The rules are {', '.join(by_slug)}.",
    )


def pages() -> dict[str, RulePage]:
    """Return the pages of our rules and of squawk's, for reports."""
    from migration_guard.linter.rules import squawk

    address = _address()
    ours = {
        slug: RulePage(rule.page, address and f"{address}/{slug.replace('-', '_')}.md")
        for slug, rule in rules().items()
    }
    theirs = {
        slug: RulePage(squawk.explain(slug, ours[squawk.SLUG].text), f"{squawk.DOCS}/{slug}")
        for slug in squawk.RULES
    }
    return {**theirs, **ours}


def _address() -> str:
    """Return where a released package's rule pages are, "" for a build of one's own."""
    with suppress(PackageNotFoundError):  # a checkout that is not installed
        urls = metadata(DISTRIBUTION).get_all("Project-URL") or []
        return next((url.partition(", ")[2] for url in urls if url.startswith("Rules, ")), "")
    return ""


def _load_rule(name: str, page: str) -> Rule:
    if find_spec(f"{_PACKAGE}.{name}") is None:
        return Rule(name.replace("_", "-"), page)
    module = import_module(f"{_PACKAGE}.{name}")
    return Rule(module.SLUG, page, module.NEEDS, module.check)
