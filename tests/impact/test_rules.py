"""The rules of impact: what is a problem, how grave it is, and what it says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration_guard.conf import ImpactLimits
from migration_guard.impact.closures import READERS, WRITERS
from migration_guard.impact.rules import find_closures, judge
from migration_guard.impact.sizes import Sizes, TableSize
from migration_guard.impact.trace import Effect, StatementTrace
from migration_guard.planning.directives import parse
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.names import FileName
from migration_guard.problems import Severity
from tests.impact.test_sizes import NOW

LIMITS = ImpactLimits(1 << 30, 1, 5)
SIZES = Sizes(
    "postgresql",
    NOW,
    None,
    {
        "messages": TableSize(412_000_000, 96 << 30),
        "events": TableSize(12_000, 1 << 20),
        "users": TableSize(500_000, 1 << 30),
    },
)
INDEX = "CREATE INDEX i ON t (a)"
ADD = "ALTER TABLE t ADD COLUMN a int"
CHECK = "ALTER TABLE t ADD CHECK (a > 0)"


def locks(table, *acts, to="", held_ms=None):
    """Return an effect that shuts `to` "readers", "writers" or nobody."""
    return Effect(
        table, "", to == "readers", to in ("readers", "writers"), "reads" in acts,
        "rewrites" in acts, held_ms,
    )  # fmt: skip


def traces(*statements, migration="0042_topic"):
    """Return the traces of a file from pairs of SQL and effects; "COMMIT" ends a transaction."""
    made = []
    for sql, *effects in statements:
        if sql == "COMMIT":
            made[-1] = made[-1]._replace(commits=True)
        else:
            number = len(made) + 1
            made.append(StatementTrace(migration, number, 10 * number, sql, None, tuple(effects)))
    return [*made[:-1], made[-1]._replace(commits=True)]


def migration_file(header=""):
    directives, problems = parse(header, ["production"])
    assert not problems
    name = FileName("0042_topic", 42, None, "0042_topic.sql")
    return MigrationFile(name, header, "", directives)


def find(*statements, header="", sizes=SIZES, limits=LIMITS, vendor="postgresql"):
    files = {"0042_topic": migration_file(header)}
    closures = find_closures(traces(*statements))
    judged = (judge(closure, files, vendor, limits, sizes) for closure in closures)
    return [problem for problem in judged if problem is not None]


# What is a problem, and its words


@pytest.mark.parametrize(
    ("statements", "rule", "line", "message"),
    [
        (
            [(INDEX, locks("messages", "reads", to="writers"))],
            *(WRITERS, 10),
            "messages (412 M rows, 96 GB): writers wait for all of statement 1 (CREATE INDEX reads "
            "the table); readers do not",
        ),
        (
            [("CLUSTER t", locks("messages", "rewrites", to="readers"))],
            *(READERS, 10),
            "messages (412 M rows, 96 GB): readers and writers wait for all of statement 1 (CLUSTER "
            "rewrites the table)",
        ),
        (
            [
                ("SELECT 1",),
                (ADD, locks("messages", to="readers")),
                ("UPDATE events SET a = 1", locks("events", "reads")),
            ],
            *(READERS, 20),
            "messages (412 M rows, 96 GB): readers and writers wait from statement 2 (ALTER TABLE) "
            "to the commit, while statement 3 (UPDATE) reads events (12 k rows, 1 MB)",
        ),
        (
            [(INDEX, locks("events", "reads", to="writers")), ("SELECT 1",)],
            *(WRITERS, 10),
            "events (12 k rows, 1 MB): writers wait for all of statement 1 (CREATE INDEX reads the "
            "table) and to the commit; readers do not",
        ),
        (
            [
                (
                    "ALTER TABLE events ADD FOREIGN KEY (a) REFERENCES users",
                    locks("events", "reads", to="writers"),
                    locks("users", "reads", to="writers"),
                )
            ],
            *(WRITERS, 10),
            "users (500 k rows, 1 GB), events (12 k rows, 1 MB): writers wait for all of statement "
            "1 (ALTER TABLE reads events and reads users); readers do not",
        ),
        (
            [(INDEX, locks("unheard_of", "reads", to="writers", held_ms=412))],
            *(WRITERS, 10),
            "unheard_of (size unknown): writers wait for all of statement 1 (CREATE INDEX reads the table), 412 ms "
            "as measured; readers do not",
        ),
    ],
)
def test_lock_when_a_table_is_read_meanwhile_names_the_cause(statements, rule, line, message):
    (problem,) = find(*statements)

    assert (problem.rule, problem.line, problem.message) == (rule, line, message)
    assert problem.path == Path("0042_topic.sql")
    assert f"-- guard: allow = {rule}, " in problem.hint


@pytest.mark.parametrize(
    "statements",
    [
        [(ADD, locks("messages", to="readers"))],
        [("SELECT 1", locks("messages", "reads")), (ADD, locks("messages", to="readers"))],
        [(ADD, locks("messages", to="readers")), ("COMMIT",), ("UPDATE", locks("events", "reads"))],
        [("CREATE INDEX CONCURRENTLY i ON t (a)", locks("messages", "reads"))],
    ],
)
def test_lock_when_held_for_an_instant_is_no_problem(statements):
    assert find(*statements) == []


@pytest.mark.parametrize(
    ("sql", "to", "held_ms", "rule", "span", "remedy"),
    [
        (
            ADD,
            "readers",
            1000,
            READERS,
            "from statement 1 (ALTER TABLE) to the commit",
            "what follows",
        ),
        (
            INDEX,
            "writers",
            5000,
            WRITERS,
            "from statement 1 (CREATE INDEX) to the commit",
            "follows",
        ),
        (
            "TRUNCATE t",
            "readers",
            1000,
            READERS,
            "for all of statement 1 (TRUNCATE)",
            "the wait for",
        ),
    ],
)
def test_lock_when_held_beyond_the_limit_is_an_error_whatever_is_read(
    sql, to, held_ms, rule, span, remedy
):
    later = [] if sql.startswith("TRUNCATE") else [("SELECT pg_sleep(9)",)]

    (problem,) = find((sql, locks("messages", to=to, held_ms=held_ms)), *later)
    shorter = find((sql, locks("messages", to=to, held_ms=held_ms - 1)), *later)
    unlimited = find(
        (sql, locks("messages", to=to, held_ms=held_ms)),
        *later,
        limits=LIMITS._replace(read=None, write=None, large=0),
    )
    zero = find(
        (sql, locks("messages", to=to, held_ms=1)), *later, limits=LIMITS._replace(read=0, write=0)
    )

    assert (problem.rule, problem.severity) == (rule, Severity.ERROR)
    assert f"wait {span}, {held_ms / 1000:.1f} s as measured" in problem.message
    assert remedy in problem.hint
    assert shorter == unlimited == zero == []


def test_lock_when_readers_wait_beyond_both_limits_is_one_problem():
    (problem,) = find(
        ("TRUNCATE t", locks("messages", to="readers", held_ms=9000)),
    )

    assert problem.rule == READERS


def test_lock_when_it_grows_is_a_problem_of_each_kind_with_its_own_cause():
    problems = find(
        (INDEX, locks("messages", "reads", to="writers", held_ms=9000)),
        (CHECK, locks("messages", "reads", to="readers", held_ms=500)),
    )

    assert [(problem.rule, problem.line) for problem in problems] == [(WRITERS, 10), (READERS, 20)]
    assert "9.0 s" in problems[0].message
    assert "500 ms" in problems[1].message


def test_message_when_much_is_locked_and_read_names_three_of_each():
    names = [f"part_{number}" for number in range(9)]

    (problem,) = find(
        (INDEX, *(locks(name, "reads", to="writers") for name in names)),
        *((f"UPDATE {name}", locks(name, "reads")) for name in names),
    )

    assert problem.message.startswith("part_0 (size unknown), part_1 (size unknown), part_2")
    assert "and 7 more do so" in problem.message


@pytest.mark.parametrize(
    ("statements", "hint"),
    [
        ([(INDEX, locks("t", "reads", to="writers"))], "Use CREATE INDEX CONCURRENTLY"),
        ([(CHECK, locks("t", "reads", to="readers"))], "NOT VALID"),
        (
            [(ADD, locks("t", to="readers")), ("UPDATE t", locks("t", "reads"))],
            "Move statement 2 into a file of its own",
        ),
        ([("DO $$$$", locks("t", "reads", to="readers"))], "when nobody needs the table"),
    ],
)
def test_hint_when_a_lock_is_held_says_what_avoids_it(statements, hint):
    (problem,) = find(*statements)

    assert problem.hint.startswith(hint) or hint in problem.hint


@pytest.mark.parametrize(
    ("statements", "hint"),
    [
        ([(INDEX, locks("t", "reads", to="writers"))], "Use AddIndexConcurrently"),
        ([(CHECK, locks("t", "reads", to="readers"))], "AddConstraintNotValid"),
        (
            [(ADD, locks("t", to="readers")), ("UPDATE t", locks("t", "reads"))],
            "Move statement 2 into a migration of its own",
        ),
        (
            [(ADD, locks("t", to="readers", held_ms=9000)), ("SELECT 1",)],
            "Move what follows statement 1 into a migration of its own",
        ),
    ],
)
def test_hint_when_the_migration_is_djangos_names_what_django_has(statements, hint):
    (closure,) = find_closures(traces(*statements, migration="shop.0002_index"))

    problem = judge(closure, {}, "postgresql", LIMITS, SIZES)

    assert hint in problem.hint
    assert "guard:" not in problem.hint


# How grave it is


@pytest.mark.parametrize(
    ("table", "held_ms", "limits", "severity"),
    [
        ("messages", None, LIMITS, Severity.ERROR),
        ("users", None, LIMITS, Severity.ERROR),  # from the limit on
        ("events", None, LIMITS, Severity.WARNING),
        ("unheard_of", None, LIMITS, Severity.WARNING),
        ("messages", None, LIMITS._replace(large=None), Severity.WARNING),
        ("unheard_of", None, LIMITS._replace(large=0), Severity.ERROR),
        ("events", 5000, LIMITS, Severity.ERROR),
        ("events", 4999, LIMITS, Severity.WARNING),
        ("events", 5000, LIMITS._replace(write=None), Severity.WARNING),
        ("events", 1, LIMITS._replace(write=0), Severity.ERROR),
    ],
)
def test_severity_when_a_limit_is_reached_is_error(table, held_ms, limits, severity):
    (problem,) = find((INDEX, locks(table, "reads", to="writers", held_ms=held_ms)), limits=limits)

    assert problem.severity is severity


def test_severity_when_several_tables_are_read_is_that_of_all_of_them():
    """A partitioned table is read partition by partition, and shut meanwhile."""
    half = TableSize(1000, 1 << 29)
    sizes = Sizes(
        "postgresql", NOW, None, {"part_1": half, "part_2": half, "whole": TableSize(0, 0)}
    )
    parts = [locks(name, "reads", to="writers") for name in ("part_1", "part_2")]

    (both,) = find((INDEX, locks("whole", to="writers"), *parts), sizes=sizes)
    (single,) = find((INDEX, parts[0]), (INDEX, parts[0]), sizes=sizes)

    assert (both.severity, single.severity) == (Severity.ERROR, Severity.WARNING)


def test_message_when_no_sizes_are_given_has_none():
    (problem,) = find((INDEX, locks("messages", "reads", to="writers")), sizes=None)

    assert problem.message.startswith("messages: writers wait")
    assert problem.severity is Severity.WARNING


def test_severity_when_readers_wait_has_a_limit_of_its_own():
    (problem,) = find((CHECK, locks("events", "reads", to="readers", held_ms=1000)))

    assert problem.severity is Severity.ERROR


def test_severity_when_the_table_read_is_small_is_warning_however_large_the_locked():
    (problem,) = find(
        (ADD, locks("messages", to="readers")), ("UPDATE events", locks("events", "reads"))
    )

    assert problem.severity is Severity.WARNING


def test_allow_when_it_names_the_rule_silences_that_rule_alone():
    statements = [
        (INDEX, locks("messages", "reads", to="writers")),
        (CHECK, locks("messages", "reads", to="readers")),
    ]

    problems = find(*statements, header="-- guard: allow = shuts-out-writers, at night\n")

    assert [problem.rule for problem in problems] == [READERS]


# Properties

EFFECTS = st.builds(
    lambda table, to, acts: locks(table, *acts, to=to),
    st.sampled_from("abc"),
    st.sampled_from(["", "", "writers", "readers"]),
    st.sets(st.sampled_from(["reads", "rewrites"])),
)
FILES = st.lists(
    st.tuples(st.lists(EFFECTS, max_size=3).map(tuple), st.booleans()), min_size=1, max_size=6
).map(
    lambda statements: [
        StatementTrace("0001_a", number, number, ADD, None, effects, commits=commits)
        for number, (effects, commits) in enumerate(statements, 1)
    ]
)


def shut(file, is_shut):
    """Yield each table with the numbers of what reads or rewrites while it is shut, naively."""
    held = set()
    for trace in file:
        held |= {effect.table for effect in trace.effects if is_shut(effect)}
        if any(effect.reads or effect.rewrites for effect in trace.effects):
            yield from ((table, trace.number) for table in held)
        if trace.commits:
            held = set()


@given(FILES)
def test_closures_are_the_tables_shut_while_any_is_read_and_nothing_else(file):
    closures = list(find_closures(file))

    def told(*rules):
        return {
            (table, cause.trace.number)
            for closure in closures
            if closure.rule in rules
            for table in closure.tables
            for cause in closure.causes
        }

    assert told(READERS) == set(shut(file, lambda effect: effect.shuts_out_readers))
    assert told(READERS, WRITERS) == set(shut(file, lambda effect: effect.shuts_out_writers))
    assert not told(READERS) & told(WRITERS)


@given(FILES, FILES)
def test_closures_of_two_migrations_are_those_of_each(first, second):
    second = [trace._replace(migration="0002_b") for trace in second]

    assert list(find_closures(first + second)) == [*find_closures(first), *find_closures(second)]


@given(FILES)
def test_closures_when_nothing_is_read_are_none(file):
    quiet = [
        trace._replace(
            effects=tuple(effect._replace(reads=False, rewrites=False) for effect in trace.effects)
        )
        for trace in file
    ]

    assert list(find_closures(quiet)) == []
