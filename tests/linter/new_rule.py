"""Write the stubs of a new rule: `uv run python -m tests.linter.new_rule my-rule`.

The stubs are a module, its page and a row in the table of bad files. The row fails until the rule
finds what its SQL shows.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "migration_guard" / "linter" / "rules"
TABLE = Path(__file__).with_name("test_rules_of_one_file.py")
ROW = re.compile(r'^    \("([a-z0-9-]+)", ', re.MULTILINE)

MODULE = '''\
"""{slug}: say in a few words what the rule finds."""

from collections.abc import Iterator

from migration_guard.linter.needs import NOTHING
from migration_guard.linter.source import Source
from migration_guard.problems import Problem, Severity
from migration_guard.sql.excerpt import shorten

SLUG = "{slug}"
SEVERITY = Severity.ERROR
NEEDS = NOTHING

_HEADS: tuple[str, ...] = ()  # for example ("DROP TABLE", "TRUNCATE")


def check(source: Source) -> Iterator[Problem]:
    """Yield a problem for each statement that begins with one of these words."""
    for file in source.files:
        for statement in source.statements(file):
            if statement.text.upper().startswith(_HEADS):
                yield source.problem(
                    SLUG,
                    SEVERITY,
                    file,
                    statement.start,
                    f"{{shorten(statement.text)}}: say what is wrong, and who is hurt",
                    "Say what to write instead. If you mean it: "
                    "-- guard: allow = {slug}, <reason>.",
                )
'''
PAGE = """\
# {slug}

Say in one sentence what the rule finds.

## The problem

Say who is hurt, and when. Link the section of the manual.

## Example

```sql
SELECT 'the SQL that the rule finds';
```

## The solution

Say what to write instead, and when the finding may be allowed:

```sql
-- guard: allow = {slug}, the reason, which reviewers then see
SELECT 'the SQL that the rule finds';
```
"""
NEW_ROW = """    ("{slug}", "SELECT 'the SQL that the rule finds';", 1),\n"""


def write(slug: str) -> list[Path]:
    """Write the stubs; return the files that were made or changed."""
    if not re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", slug):
        sys.exit(f'"{slug}" is no slug: write words of a-z, joined by hyphens.')
    module = RULES / f"{slug.replace('-', '_')}.py"
    page = module.with_suffix(".md")
    if page.exists() or module.exists():
        sys.exit(f"There is a rule {slug} already: {page}")
    module.write_text(MODULE.format(slug=slug))
    page.write_text(PAGE.format(slug=slug))
    TABLE.write_text(add_row(TABLE.read_text(), slug))
    return [module, page, TABLE]


def add_row(text: str, slug: str) -> str:
    """Return the module of the table with one more row, in the order of the slugs."""
    begin = text.index("BAD = [")
    end = text.index("\n]", begin) + 1
    later = (row.start() for row in ROW.finditer(text, begin, end) if row[1] > slug)
    at = next(later, end)
    return text[:at] + NEW_ROW.format(slug=slug) + text[at:]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Usage: python -m tests.linter.new_rule SLUG")
    for path in write(sys.argv[1]):
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
    sys.stdout.write(f"Now: uv run pytest tests/linter -k {sys.argv[1]}\n")
