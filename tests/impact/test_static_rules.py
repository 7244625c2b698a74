"""The static rules about locks, and squawk's, held against what servers do.

The golden tables are what the trace shows, which other tests here hold. A statement is *confirmed*
where a rule warns and the trace has others wait while a table is read or rewritten, a *mismatch*
where only the rule does, *trace only* where no rule warns.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

from migration_guard.impact.closures import READERS, WRITERS
from migration_guard.impact.rules import find_closures
from migration_guard.impact.trace import Effect, StatementTrace
from migration_guard.linter import registry
from migration_guard.linter.danger.calm import OF_TABLES
from tests.impact.mariadb_statements import GOLDEN, SCHEMA
from tests.impact.statements import CASES, CONCURRENT, TABLES
from tests.impact.support import run_traced
from tests.linter.cases import found

PAGE = Path(__file__).parents[2] / "docs/explanation/locks.md"
# Rules that say: others wait meanwhile. The others of squawk's warn of names that code uses.
OF_LOCKS = {
    *("table-rewrite", "partition-scan"),
    *(OF_TABLES - {"renaming-column", "renaming-table", "ban-drop-constraint"}),
}
SHUT = re.compile("^(SHARE|SHARE ROW EXCLUSIVE|EXCLUSIVE|ACCESS EXCLUSIVE)(,|$)")


def effect_of_postgresql(table, text):
    is_shut = bool(SHUT.match(text))
    readers = text.startswith("ACCESS EXCLUSIVE")
    return Effect(table, text, readers, is_shut, "reads" in text, "rewrites" in text)


def effect_of_mariadb(table, text):
    is_instant = text == "instant"
    readers, writers = "readers" in text or is_instant, "writers" in text or is_instant
    return Effect(table, text, readers, writers, "reads" in text, "rewrites" in text)


VENDORS = {
    "postgresql": ({**CASES, **CONCURRENT}, TABLES, effect_of_postgresql),
    "mysql": (GOLDEN, "".join(f"{sql};\n" for sql in SCHEMA), effect_of_mariadb),
}
# Warned of, and over in an instant on these tables.
MISMATCHES = {
    "postgresql": {
        # Binary compatible, which takes a catalogue to know.
        "ALTER TABLE messages ALTER COLUMN body TYPE varchar",
        # They wait for every query on the table, and all others behind them.
        "DROP INDEX messages_number",
        "ALTER TABLE topics DETACH PARTITION topics_1",
    },
    "mysql": {
        # The type before decides, and the rule says "if the server has to copy".
        "ALTER TABLE t CHANGE a aa varchar(20)",
        "ALTER TABLE t MODIFY a varchar(40)",
        "ALTER TABLE t MODIFY c int NOT NULL",
        "ALTER TABLE t MODIFY b int NULL",
        # A lock that is asked for, and over at once.
        "ALTER TABLE t ADD COLUMN e int, LOCK=EXCLUSIVE",
        "ALTER TABLE t ADD COLUMN e int, LOCK=SHARED",
        # Of InnoDB, a rebuild online; of any other engine, a copy.
        "ALTER TABLE t ENGINE = InnoDB",
        "OPTIMIZE TABLE t, p",
    },
}
TRACE_ONLY = {
    "postgresql": set(),
    "mysql": {
        # MyISAM copies for these, and InnoDB does not.
        "ALTER TABLE legacy ADD COLUMN e int",
        "CREATE INDEX i ON legacy (v)",
        # The server accepts INSTANT, and copies.
        "ALTER TABLE p ENGINE = MyISAM, ALGORITHM = INSTANT",
        "ALTER IGNORE TABLE t ADD UNIQUE i (a)",
        "CREATE TABLE kids (id int PRIMARY KEY, c int, FOREIGN KEY (c) REFERENCES p (id)) "
        "SELECT id, c FROM t",
    },
}


def warns(folder, sql, vendor):
    """Return whether a rule about locks warns of a statement on tables in use."""
    header = "-- guard: transaction = off\n" if "CONCURRENTLY" in sql else ""
    files = {"0001_tables.sql": VENDORS[vendor][1], "0002_case.sql": f"{header}{sql};\n"}
    problems = found(folder, files, vendor, knows_new=True)
    return any(
        problem.rule in OF_LOCKS
        for problem in problems
        if problem.path is not None and problem.path.name == "0002_case.sql"
    )


def closes(sql, vendor):
    """Return whether the trace has others wait while a table is read or rewritten."""
    statements, _tables, read = VENDORS[vendor]
    effects = tuple(read(table, text) for table, text in statements[sql].items())
    return any(find_closures([StatementTrace("0002_case", 1, 1, sql, None, effects)]))


def verdict(folder, sql, vendor):
    sides = warns(folder, sql, vendor), closes(sql, vendor)
    return {
        (True, True): "confirmed",
        (True, False): "mismatch",
        (False, True): "trace only",
        (False, False): "neither",
    }[sides]


@pytest.mark.parametrize("vendor", VENDORS)
def test_static_rules_when_held_against_the_trace_differ_where_the_page_says(tmp_path, vendor):
    verdicts = {
        sql: verdict(tmp_path / str(number), sql, vendor)
        for number, sql in enumerate(VENDORS[vendor][0])
    }

    assert {sql for sql, word in verdicts.items() if word == "mismatch"} == MISMATCHES[vendor]
    assert {sql for sql, word in verdicts.items() if word == "trace only"} == TRACE_ONLY[vendor]
    counts = Counter(verdicts.values())
    title = {"postgresql": "PostgreSQL", "mysql": "MariaDB"}[vendor]
    row = (title, len(verdicts), *(counts[word] for word in ("confirmed", "mismatch")))
    assert f"| {' | '.join(map(str, (*row, counts['trace only'])))} |" in PAGE.read_text()


TABLES_OF_EXAMPLES = """
CREATE TABLE orders (id integer PRIMARY KEY, created_at date NOT NULL);
CREATE INDEX orders_created_at ON orders (created_at);
CREATE TABLE events (at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_2026 (at date NOT NULL);
"""


@pytest.mark.parametrize(
    ("slug", "rule"),
    [
        ("table-rewrite", READERS),
        ("partition-scan", READERS),
        (READERS, READERS),
        (WRITERS, WRITERS),
    ],
)
def test_example_of_a_rule_about_locks_when_run_has_others_wait(postgres, migrations, slug, rule):
    example = registry.rules()[slug].page.partition("```sql\n")[2].partition("```")[0]
    postgres.execute(TABLES_OF_EXAMPLES)
    if slug == WRITERS:
        postgres.execute("DROP INDEX orders_created_at")
    migrations({"0001_example.sql": example})

    outcome, traces = run_traced(measures=False)

    assert outcome.error is None
    assert [closure.rule for closure in find_closures(traces)] == [rule]
