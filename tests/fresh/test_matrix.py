"""``checkschema --matrix``: which statements a rolling deploy breaks, on which side, and by what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from migration_guard.management.commands.checkschema import rule_meanings
from migration_guard.problems import Violation
from migration_guard.reports import github, junit, sarif
from migration_guard.results import (
    Assertion,
    Cell,
    Checked,
    Examination,
    FreshDatabase,
    Matrix,
    Verdict,
)
from migration_guard.usage.cells import subtract_own
from migration_guard.usage.check import Answer
from migration_guard.usage.servers import Finding, Undecided
from migration_guard.usage.statement import Statement, dump
from tests.fresh.rolling import ADD, BOTH, CHANGE, DROP, NEW, OLD, RollingShop
from tests.fresh.upgrading import AUTHORS, BOOKS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.projects import Run


@pytest.fixture
def shop_class() -> type[RollingShop]:
    """Let the fixtures of shops give one whose release runs while a branch is deployed."""
    return RollingShop


def document(run: Run) -> dict:
    return json.loads(run.out[run.out.index("{") :].partition("CommandError")[0])


# The two cells


def test_matrix_when_both_sides_break_shows_both_and_fails_for_the_old_code(shop):
    shop.record_both()
    shop.commit(CHANGE)

    run = shop.matrix()

    assert run.code == 1, run.out
    assert (
        "code of v1 on the schema of this branch       1 kept    1 broken   <- while pods roll\n"
        "code of this branch on the schema of v1       1 kept    1 broken   <- if the code goes "
        "first\n"
    ) in run.out
    spared, _, lived = run.out.partition("shop/view_0.py:ask (code of v1, schema of this branch)\n")
    assert "    at sql_migrations/0002_drop.sql:2\n    0002_drop makes the difference.\n" in lived
    assert "add the new form first" in lived
    assert "shop/view_0.py:ask (code of this branch, schema of v1)\n" in spared
    assert "view_0.py:2\n    0003_add makes the difference.\n" in spared
    assert '"schema-first" rules that out' in spared
    assert "A rolling deploy from v1 breaks 1 statement: 1 violation in all." in run.out


@pytest.mark.parametrize(
    ("deploy", "moments", "fails"),
    [
        ("schema-first", ["while pods roll", "if the code goes first"], [True, False]),
        ("code-first", ["if the schema goes first", "until the schema follows"], [False, True]),
    ],
)
def test_matrix_when_only_new_code_breaks_fails_where_the_code_goes_first(
    small, deploy, moments, fails
):
    small.record("old", OLD, BOTH)
    small.record("new", NEW, schema=BOOKS + ADD)
    small.project.configure(DEPLOY=deploy)
    small.commit({"sql_migrations/0002_add.sql": ADD})

    run = small.matrix("--format", "json")

    assert run.code == fails[1], run.out
    report = document(run)
    cells = report["matrix"]["cells"]
    assert [cell["moment"] for cell in cells] == moments
    assert [cell["fails"] for cell in cells] == fails
    assert [(cell["kept"], cell["broken"]) for cell in cells] == [(2, 0), (0, 1)]
    assert [violation["source"] for violation in cells[1]["violations"]] == ["shop/views.py:2"]
    assert report["violations"] == (cells[1]["violations"] if fails[1] else [])


def test_matrix_on_postgresql_when_rules_break_names_the_migration_of_each(big):
    big.record(
        "old",
        ("INSERT INTO books (id) VALUES (%s)", [1]),
        ("INSERT INTO books (id) VALUES (%s) ON CONFLICT (id) DO NOTHING", [1]),
        ("SELECT title FROM books", None),
        ("SELECT author_id FROM books WHERE author_id = %s", [2]),
    )
    big.record("new", ("SELECT id FROM books", None))
    big.commit(
        {
            "sql_migrations/0002_key.sql": "ALTER TABLE books DROP CONSTRAINT books_pkey;",
            "sql_migrations/0003_text.sql": "ALTER TABLE books ALTER author_id TYPE text;",
            "sql_migrations/0004_required.sql": f"{AUTHORS}\nALTER TABLE books ADD year integer "
            "NOT NULL;",
            "sql_migrations/0005_number.sql": "ALTER TABLE books ALTER title TYPE integer USING 1;",
        }
    )

    run = big.matrix("--format", "json")

    assert run.code == 1, run.out
    report = document(run)
    assert sorted((v["rule"], v["source"]) for v in report["violations"]) == [
        ("usage-broken", "sql_migrations/0002_key.sql:1"),
        ("usage-broken", "sql_migrations/0003_text.sql:1"),
        ("usage-misses-required", "sql_migrations/0004_required.sql:3"),
    ]
    assert [(w["rule"], w["source"]) for w in report["warnings"]] == [
        ("usage-result", "sql_migrations/0005_number.sql:1")
    ]
    assert [cell["broken"] for cell in report["matrix"]["cells"]] == [3, 0]


def test_matrix_when_a_migration_of_django_breaks_old_code_annotates_that_file(small):
    small.project.database.execute("CREATE TABLE clubs_club (id integer, name varchar(40))")
    small.record("old", ("SELECT name FROM clubs_club", None))
    small.project.database.execute("DROP TABLE clubs_club")
    small.record("new", NEW, schema=BOOKS + ADD)
    small.commit({"clubs/migrations/0002_renamed.py": RENAMED, "sql_migrations/0002_add.sql": ADD})

    run = small.matrix("--format", "github")

    assert run.code == 1, run.out
    lines = run.out.splitlines()
    assert sum("code of v1 on the schema of this branch" in line for line in lines) == 1
    places = [line.partition(",title=usage-broken::")[0] for line in lines]
    assert "::error file=clubs/migrations/0002_renamed.py,line=1" in places
    assert "::warning file=shop/views.py,line=2" in places


RENAMED = """\
    from django.db import migrations
    from migration_guard.operations import RequiresSQL

    class Migration(migrations.Migration):
        dependencies = [("clubs", "0001_initial")]
        operations = [RequiresSQL("1"), migrations.RenameField("Club", "name", "title")]
"""


def test_matrix_when_the_branch_removes_an_app_keeps_what_uses_its_tables(small):
    """No migration drops them: production has them after the deploy."""
    small.project.database.execute("CREATE TABLE clubs_club (id integer, name varchar(40))")
    small.record("old", ("SELECT name FROM clubs_club", None), OLD)
    small.project.database.execute("DROP TABLE clubs_club")
    small.record("new", BOTH)
    settings = (small.path / "site_settings.py").read_text().replace('    "clubs",\n', "")
    small.commit({"site_settings.py": settings})

    kept = small.matrix()
    small.commit({"sql_migrations/0002_drop.sql": DROP})
    broken = small.matrix()

    assert kept.code == 0, kept.out
    assert "2 kept    0 broken   <- while pods roll" in kept.out
    assert broken.code == 1, broken.out
    assert "1 kept    1 broken   <- while pods roll" in broken.out


def test_matrix_when_two_migrations_break_a_statement_names_what_the_server_names(small):
    small.record("old", ("SELECT title, author_id FROM books", None))
    small.record("new", ("SELECT id FROM books", None))
    drop_author = "ALTER TABLE books DROP COLUMN author_id;"
    small.commit({"sql_migrations/0002_a.sql": drop_author, "sql_migrations/0003_b.sql": DROP})

    run = small.matrix()

    assert "found no such column: title\n    at sql_migrations/0003_b.sql:1\n" in run.out
    assert "0003_b makes the difference." in run.out


def test_matrix_when_two_migrations_mend_new_code_names_the_last(small):
    add = "ALTER TABLE books ADD COLUMN pages integer;"
    small.record("old", BOTH)
    small.record("new", ("SELECT isbn, pages FROM books", None), schema=BOOKS + ADD + add)
    small.commit({"sql_migrations/0002_a.sql": ADD, "sql_migrations/0003_b.sql": add})

    run = small.matrix()

    assert "found no such column: isbn\n" in run.out
    assert "0003_b makes the difference." in run.out


def test_matrix_when_a_role_loses_a_right_names_the_migration_that_takes_it(big):
    database = big.project.database
    database.execute("DROP ROLE IF EXISTS matrix_reader; CREATE ROLE matrix_reader")
    grant = "GRANT SELECT ON books TO matrix_reader;"
    try:
        big.record("old", BOTH)
        big.record("new", BOTH)
        big.commit({"sql_migrations/0002_grant.sql": grant}, "v2")
        revoke = grant.replace("GRANT", "REVOKE").replace("TO", "FROM")
        big.commit({"sql_migrations/0003_revoke.sql": revoke})

        run = big.matrix("--as", "matrix_reader", ref="v2")
    finally:
        database.execute("DROP ROLE matrix_reader")

    assert run.code == 1, run.out
    assert "[usage-denied]" in run.out
    assert "0003_revoke makes the difference." in run.out


# What cannot be told


def test_matrix_when_a_statement_fails_on_both_schemas_is_unknown(small):
    small.record("old", NEW, BOTH, schema=BOOKS + ADD)
    small.record("new", BOTH)
    small.commit({"sql_migrations/0002_authors.sql": AUTHORS})

    run = small.matrix()

    assert run.code == 2, run.out
    assert "1 kept    0 broken    1 unknown   <- while pods roll" in run.out
    assert "it fails on the schema of v1 as well (no such column: isbn)" in run.out


def test_matrix_when_the_file_of_the_release_is_of_this_branch_is_unknown(small):
    small.record("old", NEW, BOTH, schema=BOOKS + ADD)
    small.record("new", NEW, BOTH, schema=BOOKS + ADD)
    small.commit({"sql_migrations/0002_add.sql": ADD})

    run = small.matrix()

    assert run.code == 2, run.out
    assert "1 kept    0 broken    1 unknown   <- while pods roll" in run.out
    assert "it fails on the schema of v1 (no such column: isbn)" in run.out


def test_matrix_when_today_cannot_upgrade_the_release_says_so_beside_the_statement(small):
    """On another database than the default one."""
    small.record_both()
    settings = (small.path / "site_settings.py").read_text()
    settings += f"DATABASES['other'] = {{**DATABASES['default'], 'NAME': {str(small.path)!r}}}\n"
    settings += "MIGRATION_GUARD['DIRS'] = {'other': [BASE_DIR / 'sql_migrations']}\n"
    small.commit({"site_settings.py": settings, "sql_migrations/0005_authors.sql": AUTHORS}, "v5")
    small.commit(CHANGE)

    run = small.matrix("--database", "other", ref="v5")

    assert run.code == 1, run.out
    assert "today's migrations cannot upgrade a database of v5" in run.out
    assert "Look at manage.py checkschema --upgrade-from v5 --database other." in run.out
    assert "shop/view_0.py:ask (code of v5, schema of this branch)\n" in run.out
    assert "    at shop/view_0.py:ask\n" in run.out


def test_matrix_when_the_release_does_not_start_says_what_it_says(small):
    small.record_both()
    before = (small.path / "site_settings.py").read_text()
    small.commit({"site_settings.py": "import gone\n"}, "v2")
    small.commit({"site_settings.py": before})

    run = small.matrix(ref="v2")

    assert run.code == 2
    assert "No module named 'gone'\nat site_settings.py:1\n" in run.out
    assert "name another release: --matrix GITREF" in run.out


# Reports


def broken(rule: str, side: str, source: str) -> Assertion:
    violation = Violation(
        rule, f"a.py:f ({side})", "", "it to run: SELECT 1", "no", source, "Wait."
    )
    return Assertion(side, violation.table, "", source, Verdict.VIOLATED, violation)


OF_OLD = broken("usage-broken", "code of v1, schema of this branch", "sql_migrations/2.sql:3")
OF_NEW = broken("usage-denied", "code of this branch, schema of v1", "a.py:7")
KEPT = Assertion("x", "a.py:g", "", "", Verdict.KEPT)
CHECKED = Checked(
    "default",
    "postgresql",
    Examination("default", "postgresql", (OF_OLD, KEPT)),
    fresh=FreshDatabase("production"),
    matrix=Matrix(
        "v1",
        "0123456789abcdef",
        "schema-first",
        (
            Cell("v1", "this branch", "while pods roll", True, (OF_OLD, KEPT), 3),
            Cell("this branch", "v1", "if the code goes first", False, (OF_NEW,)),
        ),
    ),
)
RULES_OUT = 'MIGRATION_GUARD["DEPLOY"] = "schema-first" rules that out'


@pytest.mark.parametrize(
    ("render", "parts"),
    [
        (
            junit.schema_check,
            [
                '<testsuite name="rolling deploy of default from v1" failures="0" errors="0" tests="1" '
                'skipped="1"',
                '<skipped type="usage-denied"',
                'file="sql_migrations/2.sql" line="3"',
                "1 kept    1 broken    3 not checked   &lt;- while pods roll",
            ],
        ),
        (
            github.schema_check,
            [
                "::notice title=rolling deploy from v1::",
                "::error file=sql_migrations/2.sql,line=3,title=usage-broken::",
                "::warning file=a.py,line=7,title=usage-denied::",
                RULES_OUT,
            ],
        ),
        (
            lambda checked: sarif.schema_check(checked, rule_meanings()),
            ['"level": "note"', '"level": "error"', '"startLine": 3', "<- while pods roll"],
        ),
    ],
    ids=["junit", "github", "sarif"],
)
def test_reports_when_a_cell_does_not_fail_show_it_otherwise_than_the_one_that_does(render, parts):
    report = render(CHECKED)

    for part in parts:
        assert part in report


STATEMENT = Statement("0" * 16, "postgresql", "SELECT 1", ())
BROKEN = Finding("usage-broken", "it to run", "no table")
DENIED = Finding("usage-denied", "the right", "denied")
TEXT = Finding("usage-result", "the result a as integer", "text")
DATE = Finding("usage-result", "the result a as integer", "date")


@pytest.mark.parametrize(
    ("other", "own", "result"),
    [
        ([BROKEN], [], [BROKEN]),
        ([], [BROKEN], None),
        ([DENIED], [BROKEN], None),
        ([], [DENIED], []),
        ([BROKEN, DENIED], [TEXT], [BROKEN, DENIED]),
        ([BROKEN], [BROKEN], None),
        ([TEXT], [TEXT], []),
        ([DATE], [TEXT], [DATE]),
    ],
)
def test_answer_when_its_own_schema_does_the_same_is_no_difference(other, own, result):
    (answer,) = subtract_own([Answer(STATEMENT, other)], [Answer(STATEMENT, own)], "v1")

    assert (None if isinstance(answer.result, Undecided) else answer.result) == result


# The reference, the files, the options


@pytest.fixture
def usage(repository):
    """Give `usage(*vendors)`: a file with a statement of each vendor."""

    def write(*vendors):
        path = repository.root / "usage.jsonl"
        callers = ("shop/views.py:ask",)
        path.write_text(dump(Statement("0" * 16, v, "SELECT 1", callers) for v in vendors))
        return path.name

    return write


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        (["--matrix", "HEAD"], ["--matrix does nothing without --fresh."]),
        (["--fresh", "--matrix", "HEAD"], ["--matrix does nothing without --usage."]),
        (
            ["--usage-of-ref", "usage.jsonl"],
            ["--usage-of-ref does nothing without --matrix.", "Add --matrix."],
        ),
        (
            ["--fresh", "--usage", "usage.jsonl", "--matrix", "HEAD"],
            ["needs what the code of HEAD sends", "git worktree add ../of-ref HEAD"],
        ),
        (
            ["--upgrade-from", "HEAD", "--usage", "usage.jsonl"],
            ["Leave --no-models and --usage out"],
        ),
        (
            ["--write", "x.toml", "--usage", "usage.jsonl"],
            ["Leave --usage out"],
        ),
    ],
)
def test_options_when_the_matrix_lacks_something_say_what(usage, guard, options, messages):
    usage("sqlite")

    run = guard("checkschema", "--no-models", *options)

    assert run.code == 2
    for message in messages:
        assert message in run.err


@pytest.mark.parametrize(
    ("vendors", "message"),
    [
        ((), "usage.jsonl has no statement that SQLite can check.\n"),
        (
            ("postgresql", "mysql"),
            "usage.jsonl has no statement that SQLite can check: recorded on PostgreSQL (1); "
            "recorded on MySQL or MariaDB (1).\n",
        ),
    ],
)
@pytest.mark.parametrize("is_matrix", [False, True])
def test_usage_when_a_file_has_nothing_for_the_database_is_no_success(
    usage, repository, guard, vendors, message, is_matrix
):
    path = usage(*vendors)
    (repository.root / "good.jsonl").write_text(
        dump([Statement("0" * 16, "sqlite", "SELECT 1", ("shop/views.py:ask",))])
    )
    matrix = ["--usage", "good.jsonl", "--matrix", "HEAD", "--usage-of-ref", path]

    run = guard(
        "checkschema", "--no-models", "--fresh", *(matrix if is_matrix else ["--usage", path])
    )

    assert run.code == 2
    assert message in run.err
    assert "Record it on SQLite" in run.err


@pytest.mark.parametrize("ref", ["v9", "--help", ""])
def test_matrix_when_git_does_not_know_the_reference_says_how_to_fetch_it(usage, guard, ref):
    run = guard(*matrix_of(usage("sqlite"), ref))

    assert run.code == 2
    assert f'git does not know the commit or branch "{ref}".' in run.err
    assert "fetch-depth: 0" in run.err


def test_matrix_when_the_clone_is_shallow_says_how_to_fetch_the_release(
    usage, repository, guard, tmp_path, monkeypatch
):
    path = tmp_path / usage("sqlite")
    repository.git("tag", "v1")
    repository.commit({"0002_authors.sql": AUTHORS})
    repository.git("clone", "-q", "--depth", "1", f"file://{tmp_path}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")

    run = guard(*matrix_of(path, "v1"))

    assert run.code == 2
    assert "fetch-depth: 0" in run.err


def matrix_of(path: str | Path, ref: str) -> list[str | Path]:
    files = ["--usage", path, "--usage-of-ref", path]
    return ["checkschema", "--no-models", "--fresh", *files, f"--matrix={ref}"]


@pytest.mark.parametrize(("value", "code"), [("code-first", 0), ("Schema-First", 2), (None, 2)])
def test_deploy_when_the_setting_is_no_order_is_refused(sqlite, migrations, guard, value, code):
    migrations({"0001_books.sql": BOOKS}, DEPLOY=value)

    run = guard("runsqlmigrations", "--plan")

    assert run.code == code
    assert ('Write "DEPLOY": "schema-first"' in run.err) == bool(code)
