"""MariaDB: which algorithm it accepts for a statement, and what that does to tables."""

import pytest

from migration_guard.impact.mysql.asking import run_as_accepted
from migration_guard.impact.mysql.effects import effects_of, of_rebuild
from migration_guard.impact.mysql.trials import optimized_tables, rebuild_trials, trials
from tests.impact.mariadb_statements import GOLDEN, INSTANT, SCHEMA
from tests.impact.support import commit_on_branch, run_traced
from tests.projects import Project

DEFAULT_WITH_PARAMETER = """\
    from django.db import migrations

    class Migration(migrations.Migration):
        operations = [
            migrations.RunSQL(
                [("ALTER TABLE shop_book ADD COLUMN title varchar(9) DEFAULT %s", ["x"])]
            )
        ]
"""
TABLE_IDS = (
    "SELECT SUBSTRING_INDEX(name, '/', -1), table_id FROM information_schema.innodb_sys_tables "
    "WHERE name LIKE CONCAT(DATABASE(), '/%')"
)


@pytest.fixture
def run(mariadb):
    """Give a function that makes the schema anew and runs a statement by the trials.

    It returns the effects, and the tables whose number changed.
    """
    driver_error = pytest.importorskip("MySQLdb").Error

    def run(sql):
        remake(mariadb)
        before = dict(mariadb.execute(TABLE_IDS))
        optimized = {
            table: run_as_accepted("DO 0", rebuild_trials(table), mariadb.execute, driver_error)[1]
            for table in optimized_tables(sql)
        }
        _rows, trial = run_as_accepted(sql, trials(sql), mariadb.execute, driver_error)
        mariadb.execute("UNLOCK TABLES")
        assert (trial is not None) == bool(trials(sql)), sql
        after = dict(mariadb.execute(TABLE_IDS))
        effects = [of_rebuild(*pair) for pair in optimized.items()] or effects_of(sql, trial)
        return effects, {name for name in before if before[name] != after.get(name)}

    return run


def remake(mariadb):
    (name,) = mariadb.execute("SELECT DATABASE()")[0]
    mariadb.execute(f"DROP DATABASE `{name}`")
    mariadb.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
    mariadb.execute(f"USE `{name}`")
    for sql in SCHEMA:
        mariadb.execute(sql)


def in_words(effect):
    acts = "rewrites" if effect.rewrites else "reads" if effect.reads else ""
    if effect.shuts_out_readers and not acts:
        return INSTANT
    words = (acts, effect.shuts_out_readers and "readers", effect.shuts_out_writers and "writers")
    return " ".join(filter(None, words))


def test_effects_of_each_statement_are_those_of_the_golden_table(run):
    effects = {sql: {effect.table: in_words(effect) for effect in run(sql)[0]} for sql in GOLDEN}

    assert effects == GOLDEN


def test_rewrites_of_each_statement_are_the_tables_that_innodb_makes_anew(run):
    """InnoDB gives a table that it rebuilt or copied another number, without any row too."""
    has_other_number = {}
    for sql in filter(trials, GOLDEN):
        effects, renumbered = run(sql)
        # What changes names, and what is no table of InnoDB.
        if not any(word in sql for word in (" RENAME TO ", "PARTITION", " legacy ")):
            rewritten = {effect.table for effect in effects if effect.rewrites}
            has_other_number[sql] = (rewritten, renumbered)

    assert {sql: sides for sql, sides in has_other_number.items() if sides[0] != sides[1]} == {}
    assert len(has_other_number) > 40


# The trials change no outcome

REFUSED = (
    "ALTER TABLE t ADD COLUMN a int",
    "ALTER TABLE t ADD COLUMN",
    "ALTER TABLE t , ADD COLUMN e int",
    "ALTER TABLE t ADD COLUMN e int,",
    "ALTER TABLE nowhere ADD COLUMN a int",
    "ALTER TABLE t MODIFY b bigint NOT NULL, ALGORITHM=INSTANT",
    "ALTER TABLE t MODIFY b bigint NOT NULL, LOCK=NONE",
    "ALTER TABLE p ORDER BY v, LOCK=SHARED",
    "ALTER TABLE t ADD COLUMN e int LOCK=NONE, ALGORITHM",
    "CREATE INDEX i ON t (a) LOCK",
    "ALTER TABLE full ADD UNIQUE (v)",
    "ALTER TABLE full MODIFY v varchar(1)",
    "ALTER TABLE full ADD CHECK (v < 'b')",
    "CREATE INDEX by_c ON t (c)",
    "ALTER TABLE t ENGINE = InnoDB, ALGORITHM = INSTANT",
    "DROP INDEX nothing ON t",
    "DROP INDEX by_c ON t ADD COLUMN e int,",
    "OPTIMIZE TABLE nowhere",
)
ROWS = (
    "CREATE TABLE full (id int PRIMARY KEY, v varchar(9))",
    "INSERT INTO full VALUES (1, 'aa'), (2, 'aa'), (3, 'bb')",
)


def outcome(mariadb, execute):
    """Return the error of a statement, and then all definitions and rows."""
    remake(mariadb)
    for sql in ROWS:
        mariadb.execute(sql)
    error = None
    try:
        execute()
    except pytest.importorskip("MySQLdb").Error as raised:
        error = raised.args
    mariadb.execute("UNLOCK TABLES")
    mariadb.execute("DROP TEMPORARY TABLE IF EXISTS brief")
    tables = [name for (name, *_) in mariadb.execute("SHOW TABLES")]
    definitions = [mariadb.execute(f"SHOW CREATE TABLE `{name}`")[0][1] for name in tables]
    triggers = [row[:4] for row in mariadb.execute("SHOW TRIGGERS")]
    rows = mariadb.execute("SELECT * FROM full ORDER BY id")
    return error, definitions, triggers, rows


def find_other_outcomes(mariadb, statements):
    """Return the statements that end otherwise with trials, with both outcomes."""
    driver_error = pytest.importorskip("MySQLdb").Error
    others = {}
    for sql in statements:
        plain = outcome(mariadb, lambda sql=sql: mariadb.execute(sql))
        tried = outcome(
            mariadb,
            lambda sql=sql: run_as_accepted(sql, trials(sql), mariadb.execute, driver_error),
        )
        if tried != plain:
            others[sql] = (plain, tried)
    return others


def test_outcome_of_a_refused_statement_is_the_same_without_trials(mariadb):
    assert find_other_outcomes(mariadb, REFUSED) == {}


@pytest.mark.parametrize("sql", REFUSED[:1])
def test_trials_when_the_statement_is_wrong_end_at_the_first(mariadb, sql):
    driver_error = pytest.importorskip("MySQLdb").Error
    remake(mariadb)
    sent = []

    def execute(text):
        sent.append(text)
        return mariadb.execute(text)

    with pytest.raises(driver_error):
        run_as_accepted(sql, trials(sql), execute, driver_error)

    assert sent == [trials(sql)[0].sql, sql]


# The tracer


def write(migrations, *statements):
    return migrations({"0001_a.sql": "".join(f"{sql};\n" for sql in statements)})


def test_trace_in_a_throwaway_database_has_what_the_server_accepts(mariadb, migrations):
    remake(mariadb)
    write(migrations, "ALTER TABLE t MODIFY b bigint", "CREATE INDEX i ON t (a)", "DROP TABLE ex")

    outcome, traces = run_traced(measures=False)

    assert outcome.error is None
    assert [(trace.number, trace.line, trace.commits, trace.unknown) for trace in traces] == [
        *((1, 1, True, ""), (2, 2, True, ""), (3, 3, True, ""))
    ]
    assert [
        (effect.table, effect.mode, in_words(effect)) for (effect,) in map(effects, traces)
    ] == [
        ("t", "ALGORITHM=COPY, LOCK=SHARED", "rewrites writers"),
        ("t", "ALGORITHM=NOCOPY, LOCK=NONE", "reads"),
        ("ex", "MDL_EXCLUSIVE", INSTANT),
    ]
    assert all(trace.own_ms is None for trace in traces)


def effects(trace):
    return trace.effects


def test_trace_where_rows_are_at_stake_tries_nothing_and_measures(mariadb, migrations):
    remake(mariadb)
    write(migrations, "ALTER TABLE t MODIFY b bigint", "UPDATE t SET b = 1", "DROP TABLE ex")

    outcome, (altered, updated, dropped) = run_traced()

    assert outcome.error is None
    assert (altered.effects, updated.effects, updated.unknown) == ((), (), "")
    assert "checkschema --fresh --impact" in altered.unknown
    assert altered.own_ms > 0
    (effect,) = dropped.effects
    assert (in_words(effect), effect.held_ms) == (INSTANT, dropped.own_ms)


def test_trace_when_a_table_is_made_by_what_is_traced_leaves_it_out(mariadb, migrations):
    remake(mariadb)
    write(
        migrations,
        "CREATE TABLE fresh (a int, b int)",
        "CREATE INDEX i ON fresh (a)",
        "RENAME TABLE fresh TO newer",
        "ALTER TABLE newer MODIFY a bigint",
        "ALTER TABLE t DROP COLUMN d",
    )

    outcome, traces = run_traced(measures=False)

    assert outcome.error is None
    assert [effect.table for trace in traces for effect in trace.effects] == ["t"]


@pytest.mark.parametrize(
    "sql",
    ["CALL nothing()", "EXECUTE IMMEDIATE 'DROP TABLE ex'", "BEGIN NOT ATOMIC DROP TABLE ex; END"],
)
def test_trace_of_code_when_it_may_lock_anything_is_unknown(mariadb, migrations, sql):
    remake(mariadb)
    mariadb.execute("CREATE PROCEDURE nothing() SELECT 1")
    write(migrations, sql)

    outcome, (trace,) = run_traced(measures=False)

    assert outcome.error is None
    assert trace.unknown.startswith(("it is code", "it locks tables until"))


def test_trace_of_django_when_in_a_throwaway_database_tries_too(mariadb, migrations, site_apps):
    migrations({})

    outcome, traces = run_traced(measures=False, with_django=True)

    assert outcome.error is None
    assert {trace.line for trace in traces} == {0}
    assert [trace for trace in traces if trace.unknown] == []
    assert all(not effect.rewrites for trace in traces for effect in trace.effects)


def test_trace_of_django_when_a_default_is_a_parameter_tries_too(mariadb, tmp_path):
    mariadb.execute("CREATE TABLE shop_book (id int PRIMARY KEY)")
    project = Project(tmp_path / "site", mariadb)
    project.write(
        {
            "shop/migrations/__init__.py": "",
            "shop/migrations/0001_title.py": DEFAULT_WITH_PARAMETER,
            "sql_migrations/.gitkeep": "",
        }
    )

    result = project.manage("runsqlmigrations", "--with-django", "--impact")

    assert result.code == 0, result.out
    assert "shop.0001_title: statement 1 (ALTER TABLE shop_book ADD COLUMN" in result.out


# The commands

TABLES = "CREATE TABLE messages (id int PRIMARY KEY, body varchar(40));\n"
BRANCH = {
    "0002_shorter.sql": "ALTER TABLE messages MODIFY body varchar(30);\n",
    "0003_topic.sql": "ALTER TABLE messages ADD COLUMN topic varchar(40);\n",
    "0004_index.sql": "CREATE INDEX by_topic ON messages (topic);\n",
}


def test_fresh_when_traced_names_what_mariadb_copies_and_builds_the_same(
    mariadb, migrations, sql_dir, tmp_path, guard
):
    migrations({"0001_messages.sql": TABLES})
    commit_on_branch(tmp_path, sql_dir, BRANCH)

    result = guard("checkschema", "--fresh", "--no-models", "--impact", "--base", "main")

    assert result.code == 0, result.err
    assert (
        "  0002_shorter: messages: writers wait for all of statement 1 (ALTER TABLE rewrites the "
        "table); readers do not. [warning: shuts-out-writers]"
    ) in result.out
    assert "  0003_topic, 0004_index: nobody waits while a table is read or rewritten." in (
        result.out
    )


def test_run_when_traced_on_mariadb_says_what_it_cannot_know(mariadb, migrations, guard):
    migrations({"0001_messages.sql": TABLES})
    assert guard("runsqlmigrations").code == 0
    migrations({"0001_messages.sql": TABLES, **BRANCH})

    result = guard("runsqlmigrations", "--impact")

    assert result.code == 0, result.err
    assert "MariaDB does not tell its locks: in a throwaway database" in result.out
    assert "0002_shorter: statement 1 (ALTER TABLE messages MODIFY body varchar(30)) was not" in (
        result.out
    )
