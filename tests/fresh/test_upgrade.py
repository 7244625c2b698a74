"""``checkschema --upgrade-from``: a database of an older release ends where a fresh one begins."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from migration_guard.management.commands.checkschema import rule_meanings
from migration_guard.problems import Problem, Severity, Violation
from migration_guard.reports import github, junit, sarif
from migration_guard.reports import json as json_report
from migration_guard.results import (
    Assertion,
    Checked,
    Examination,
    FreshDatabase,
    RemovedApp,
    Upgrade,
    Verdict,
)
from tests import reporting
from tests.fresh.upgrading import AUTHORS, BOOKS, MANAGE, Shop
from tests.linter.checkout import Checkout
from tests.projects import Run

# The schema


def test_upgrade_when_new_files_only_add_ends_where_a_fresh_database_begins(shop):
    shop.commit({"sql_migrations/0002_authors.sql": AUTHORS})

    run = shop.check()

    assert run.code == 0, run.out
    assert "Upgrade of a database of v1 (" in run.out
    assert "  1. 0002_authors\n" in run.out
    assert shop.tables() == set()


def test_upgrade_when_an_applied_file_was_edited_names_it_and_what_is_missing(shop):
    edited = BOOKS.replace("title", "isbn varchar(13), title")
    shop.commit(
        {"sql_migrations/0001_books.sql": edited, "sql_migrations/0002_authors.sql": AUTHORS}
    )

    run = shop.check("--format", "json")

    assert run.code == 1
    document = json.loads(run.out.partition("CommandError")[0])
    assert [(v["rule"], v["table"], v["object"]) for v in document["violations"]] == [
        ("upgrade-missing", "books", "column isbn")
    ]
    assert "0001_books was edited after v1" in document["violations"][0]["hint"]
    assert [p["rule"] for p in document["upgrade"]["problems"]] == ["edited-since"]
    assert document["upgrade"]["applied"] == ["0002_authors"]


def test_upgrade_when_both_kinds_cross_names_what_the_order_made_otherwise(big):
    big.commit(
        {"sql_migrations/0002_names.sql": "CREATE TABLE names AS SELECT name FROM clubs_club;"},
        "v2",
    )
    big.commit({"clubs/migrations/0002_longer.py": LONGER})

    run = big.check("--format", "json", ref="v2")

    assert run.code == 1, run.out
    document = json.loads(run.out.partition("CommandError")[0])
    assert [
        (v["rule"], v["object"], v["expected"], v["actual"]) for v in document["violations"]
    ] == [("upgrade-differs", "column name", "character varying(80)", "character varying(40)")]
    assert document["upgrade"]["applied"] == ["clubs.0002_longer"]


LONGER = """\
    from django.db import migrations, models

    class Migration(migrations.Migration):
        dependencies = [("clubs", "0001_initial")]
        operations = [migrations.AlterField("Club", "name", models.CharField(max_length=80))]
"""


def test_upgrade_when_a_migration_of_django_was_edited_names_it(small):
    path = "clubs/migrations/0001_initial.py"
    first = (small.path / path).read_text()
    small.commit({path: first.replace("max_length=40", "max_length=80") + "# longer\n"})

    run = small.check()

    assert run.code == 1
    assert f"warning[edited-since] {path}: clubs.0001_initial was edited after v1" in run.out
    assert "Look first at what was edited since: clubs.0001_initial." in run.out
    assert run.out.count("[upgrade-") == 1


def test_upgrade_when_an_app_was_removed_lists_its_tables_as_no_difference(big):
    settings = (big.path / "site_settings.py").read_text().replace('"clubs",\n', "")
    big.commit({"site_settings.py": settings})

    run = big.check()

    assert run.code == 0, run.out
    assert "Left by clubs, which is not installed any more: clubs_club.\n" in run.out


def test_upgrade_when_a_table_has_no_app_any_more_and_a_file_is_no_removed_app(small):
    """Only what the models of a removed app made is left out."""
    small.commit({"clubs/migrations/0002_more.py": MORE}, "v2")
    settings = (small.path / "site_settings.py").read_text().replace('"clubs",\n', "")
    small.commit({"site_settings.py": settings})

    run = small.check(ref="v2")

    assert run.code == 1, run.out
    assert "[upgrade-extra] expected nothing, found table" in run.out
    assert small.check("--ignore", "more", ref="v2").code == 0


MORE = """\
    from django.db import migrations

    class Migration(migrations.Migration):
        dependencies = [("clubs", "0001_initial")]
        operations = [migrations.RunSQL("CREATE TABLE more (id integer)")]
"""


def test_upgrade_when_a_new_file_has_a_number_below_fails_as_a_deploy_does(small):
    small.commit({"sql_migrations/0005_authors.sql": AUTHORS}, "v5")
    small.commit({"sql_migrations/0003_late.sql": "CREATE TABLE late (id integer);"})

    run = small.check(ref="v5")

    assert run.code == 1
    assert "Today's code cannot upgrade a database of v5." in run.out
    assert "0003_late is not applied, but number 5 is" in run.out


def test_upgrade_when_a_squash_replaces_what_the_release_lacks_names_the_way(small):
    lines = "-- guard: replaces = 0001_books\n-- guard: replaces = 0002_authors\n"
    (small.path / "sql_migrations/0001_books.sql").unlink()
    small.commit({"sql_migrations/0002_all.sql": f"{lines}{BOOKS}{AUTHORS}"})

    run = small.check()

    assert run.code == 1
    assert "Deploy the release before the squash first" in run.out
    assert "Correct that migration" not in run.out


def test_upgrade_when_a_file_fails_on_rows_says_which(small):
    small.commit(
        {
            "rows.sql": "BEGIN;\nINSERT INTO books VALUES (1, 2, 'a'), (2, 2, 'a');\nCOMMIT;",
            "sql_migrations/0002_unique.sql": "CREATE UNIQUE INDEX titles ON books (title);",
        }
    )

    run = small.check("--rows", "rows.sql")

    assert run.code == 1
    assert "0002_unique failed at sql_migrations/0002_unique.sql:1" in run.out
    assert "Correct that migration so that it runs on a database of v1, too." in run.out


# Rows


# The runner turns SQLite's foreign keys off, and refuses what would leave rows without a parent.
SALES = {
    "postgresql": "FOREIGN KEY (author_id) REFERENCES authors (id) ON DELETE CASCADE);",
    "mysql": "FOREIGN KEY (author_id) REFERENCES authors (id) ON DELETE CASCADE);",
    "sqlite": "CHECK (author_id > 0)); CREATE TRIGGER gone AFTER DELETE ON authors BEGIN "
    "DELETE FROM sales WHERE author_id = OLD.id; END;",
}


def test_upgrade_when_a_cascade_deletes_rows_names_the_table_that_no_file_names(shop):
    shop.commit(
        {
            "sql_migrations/0002_sales.sql": f"{AUTHORS}CREATE TABLE sales (id integer PRIMARY KEY, "
            f"author_id integer NOT NULL, {SALES[shop.project.database.vendor]}"
        },
        "v2",
    )
    shop.commit(
        {
            "rows.sql": "INSERT INTO authors VALUES (1, 'a'), (2, 'b');\n"
            "INSERT INTO sales VALUES (1, 1), (2, 1), (3, 2);\n",
            "sql_migrations/0003_cleaning.sql": "DELETE FROM authors WHERE id = 1;",
        }
    )

    run = shop.check("--rows", "rows.sql", ref="v2")

    assert run.code == 1, run.out
    assert "[rows-lost] rows: expected 3 as before the upgrade, found 1" in run.out
    assert run.out.count("[rows-lost]") == 1
    assert "No migration that runs since v2 names this table." in run.out


def test_upgrade_when_rows_move_between_partitions_takes_none_for_lost(big):
    big.commit(
        {
            "sql_migrations/0002_parts.sql": """\
            CREATE TABLE days (day integer NOT NULL) PARTITION BY RANGE (day);
            CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (0) TO (10);
            CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM (10) TO (20);
            """
        },
        "v2",
    )
    big.commit(
        {
            "rows.sql": "COPY days (day) FROM stdin;\n1\n2\n\\.\n",
            "sql_migrations/0003_later.sql": "UPDATE days SET day = day + 10;",
        }
    )

    run = big.check("--rows", "rows.sql", ref="v2")

    assert run.code == 0, run.out


MODELS = """\
    from django.db import models

    class Club(models.Model):
        name = models.CharField(max_length=40)

    class Member(models.Model):
        clubs = models.ManyToManyField(Club)
"""
MEMBER = """\
    from django.db import migrations, models

    class Migration(migrations.Migration):
        dependencies = [("clubs", "0001_initial")]
        operations = [
            migrations.CreateModel(
                "Member",
                [
                    ("id", models.AutoField(primary_key=True)),
                    ("clubs", models.ManyToManyField("clubs.Club")),
                ],
            )
        ]
"""
PURGE = """\
    from django.db import migrations, models
    from migration_guard.operations import RequiresSQL

    # It leaves books alone.
    def purge(apps, editor):
        \"""Delete no row of books.\"""
        {}

    class Migration(migrations.Migration):
        dependencies = [("clubs", "0002_member")]
        operations = [RequiresSQL("1"), migrations.RunPython(purge), {}]
"""
HIDDEN = 'editor.execute("DELETE FROM " + "{}" + "{}")'
ROWS_OF_ALL = """\
    INSERT INTO books VALUES (1, 1, 'a');
    INSERT INTO clubs_club VALUES (1, 'a');
    INSERT INTO clubs_member VALUES (1);
    INSERT INTO clubs_member_clubs VALUES (1, 1, 1);
"""


@pytest.mark.parametrize(
    ("code", "operation", "lost"),
    [
        ('editor.execute("DELETE FROM books")', "", []),
        ('apps.get_model("clubs", "Member").clubs.through.objects.all().delete()', "", []),
        ("pass", 'migrations.RunSQL([("DELETE FROM books", None)])', []),
        ("pass", 'migrations.RenameModel("Member", "Person")', []),
        ("pass", 'migrations.DeleteModel("Member")', []),
        (HIDDEN.format("bo", "oks"), 'migrations.RunSQL("SELECT 1 -- books")', ["books"]),
        (
            HIDDEN.format("clubs_member", "_clubs"),
            'migrations.AddField("Club", "books", models.CharField(max_length=9, default=""))',
            ["clubs_member_clubs"],
        ),
    ],
)
def test_upgrade_when_a_migration_of_django_deletes_knows_what_it_names(
    small, code, operation, lost
):
    small.commit({"clubs/models.py": MODELS, "clubs/migrations/0002_member.py": MEMBER}, "v2")
    small.commit(
        {"rows.sql": ROWS_OF_ALL, "clubs/migrations/0003_purge.py": PURGE.format(code, operation)}
    )

    run = small.check("--rows", "rows.sql", "--format", "json", ref="v2")

    violations = json.loads(run.out.partition("CommandError")[0])["violations"]
    assert [v["table"] for v in violations if v["rule"] == "rows-lost"] == lost
    assert run.code == bool(lost)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("INSERT INTO nowhere VALUES (1);", "rows.sql failed at rows.sql:1, statement 1 of 1:"),
        ("INSERT INTO books VALUES ('", "rows.sql:1: "),
        ("-- nothing\n", "rows.sql has no statement."),
        (None, "rows.sql cannot be opened: No such file or directory."),
    ],
)
def test_upgrade_when_rows_cannot_be_planted_says_where(small, rows, message):
    if rows is not None:
        small.commit({"rows.sql": rows})

    run = small.check("--rows", "rows.sql")

    assert run.code == 2
    assert message in run.out


@pytest.mark.parametrize(
    ("command", "text", "fact"),
    [
        (("runsqlmigrations",), "x = [", "SyntaxError: '[' was never closed (0002_x.py, line 1)"),
        (("runsqlmigrations", "--with-django"), "\n1 / 0", "0002_x.py:2: ZeroDivisionError"),
        (("checkschema", "--upgrade-from", "v1"), "import nowhere", "0002_x.py:1: ModuleNotFound"),
    ],
)
def test_migration_of_django_when_it_cannot_be_loaded_is_named(small, command, text, fact):
    small.commit({"clubs/migrations/0002_x.py": text})

    run = small.project.manage(*command)

    assert run.code == 2
    assert "Django's own migrations cannot be loaded: " in run.out
    assert fact in run.out
    assert "Traceback" not in run.out


# The release


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("site_settings.py", "import gone\n", "No module named 'gone'\nat site_settings.py:1\n"),
        (
            "site_settings.py",
            'raise ValueError("postgresql://me:swordfish@db/x")\n',
            "ValueError: postgresql://me:***@db/x",
        ),
        (
            "clubs/__init__.py",
            "import os\nprint('out of memory', flush=True)\nos._exit(3)\n",
            "does not start: its process ended with exit code 3\nout of memory\n",
        ),
    ],
)
def test_upgrade_when_the_release_does_not_start_says_what_it_says(small, file, text, message):
    before = (small.path / file).read_text()
    small.commit({file: text}, "v2")
    small.commit({file: before})

    run = small.check(ref="v2")

    assert run.code == 2
    assert message in run.out
    assert "swordfish" not in run.out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"sql_migrations"', '"nothing"'), "It has no SQL migration in nothing."),
        (
            ('"DIRS"', '"dirs"'),
            'MIGRATION_GUARD["DIRS"] names no folder for the database "default"',
        ),
        (
            ("BASE_DIR / ", "Path({today!r}) / "),
            "leads out of the release, to {today}/sql_migrations.",
        ),
        (('"migration_guard",\n', ""), "does not have migration_guard in INSTALLED_APPS"),
        (
            ("DATABASES = {{", "DATABASES = {{'other': {{}}}} or {{"),
            "You must define a 'default' database",
        ),
    ],
)
def test_upgrade_when_the_release_has_no_files_of_its_own_says_so(small, change, message):
    today = str(small.path)
    before = (small.path / "site_settings.py").read_text()
    change = [part.format(today=today) for part in change]
    assert change[0] in before
    small.commit({"site_settings.py": before.replace(*change)}, "v2")
    small.commit({"site_settings.py": before})

    run = small.check(ref="v2")

    assert run.code == 2, run.out
    assert message.format(today=today) in run.out


def test_upgrade_when_a_migration_of_the_release_fails_says_which(small):
    small.commit({"sql_migrations/0002_wrong.sql": "SELECT nothing;"}, "v2")
    (small.path / "sql_migrations/0002_wrong.sql").unlink()
    small.commit({})

    run = small.check(ref="v2")

    assert run.code == 2
    assert "fails to migrate an empty database: 0002_wrong failed at" in run.out


def test_upgrade_when_the_release_knows_no_one_order_runs_both_commands(small):
    small.commit(
        {
            "shop/management/__init__.py": "",
            "shop/management/commands/__init__.py": "",
            "shop/management/commands/runsqlmigrations.py": OLD_COMMAND,
        }
    )
    settings = (small.path / "site_settings.py").read_text()
    first = settings.replace('"migration_guard",\n', "").replace(
        '"shop",\n', '"shop",\n    "migration_guard",\n'
    )
    small.commit({"site_settings.py": first}, "v2")

    run = small.check(ref="v2")

    assert run.code == 0, run.out


OLD_COMMAND = """\
    from migration_guard.management.commands import runsqlmigrations

    class Command(runsqlmigrations.Command):
        def add_arguments(self, parser):
            super().add_arguments(parser)
            parser._remove_action(parser._option_string_actions.pop("--with-django"))

        def handle(self, *args, **options):
            super().handle(*args, **options, with_django=False)
"""


def test_upgrade_when_a_migration_reaches_another_database_is_refused(small, tmp_path):
    settings = (small.path / "site_settings.py").read_text()
    other = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "other.sqlite3")}
    small.commit(
        {
            "site_settings.py": f"{settings}DATABASES['other'] = {other!r}\n",
            "clubs/migrations/0002_reach.py": REACH,
        },
        "v2",
    )

    run = small.check(ref="v2")

    assert run.code == 2
    assert 'reached for the database "other"' in run.out
    assert not (tmp_path / "other.sqlite3").exists()


REACH = """\
    from django.db import connections, migrations

    def reach(apps, editor):
        connections["other"].cursor().execute("CREATE TABLE reached (id integer)")

    class Migration(migrations.Migration):
        dependencies = [("clubs", "0001_initial")]
        operations = [migrations.RunPython(reach)]
"""


# Where the project lies


def move_into(root: Path, folder: str) -> None:
    (root / folder).mkdir(exist_ok=True)
    for path in list(root.iterdir()):
        if path.name not in {".git", folder}:
            path.rename(root / folder / path.name)


def run_script(shop: Shop, folder: str, *options: str) -> Run:
    """Run the project's own manage.py from the root of the repository."""
    environment = {
        key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"
    }
    done = subprocess.run(
        [sys.executable, f"{folder}/manage.py", "checkschema", "--upgrade-from", *options],
        cwd=shop.path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Run(done.returncode, done.stdout + done.stderr)


def test_upgrade_when_the_folder_and_the_settings_were_renamed_finds_the_old_ones(small):
    small.project.write({"manage.py": MANAGE})
    move_into(small.path, "backend")
    small.commit({"demo/manage.py": "raise SystemExit(1)\n"}, "v2")
    (small.path / "backend").rename(small.path / "server")
    (small.path / "server/site_settings.py").rename(small.path / "server/config.py")
    small.commit(
        {
            "server/manage.py": MANAGE.replace("site_settings", "config"),
            "server/sql_migrations/0002_authors.sql": AUTHORS,
        }
    )

    run = run_script(small, "server", "v2")

    assert run.code == 0, run.out
    assert "  1. 0002_authors\n" in run.out


def test_upgrade_when_the_project_is_on_the_path_runs_the_code_of_the_release(small):
    """PYTHONPATH leads to today's code, and a module of that name in the release stands for it."""
    move_into(small.path, "src")
    small.commit({}, "v2")
    small.commit({"src/clubs/migrations/0002_longer.py": LONGER})

    run = small.project.manage(
        "checkschema", "--upgrade-from", "v2", env={"PYTHONPATH": str(small.path / "src")}
    )

    assert run.code == 0, run.out
    assert "  1. clubs.0002_longer\n" in run.out


def test_upgrade_when_an_import_hook_leads_to_todays_code_says_so(small, tmp_path):
    hook = f"""\
    import sys, importlib.util
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "shop":
                return importlib.util.spec_from_file_location(name, {str(small.path / "shop/__init__.py")!r}, submodule_search_locations=[{str(small.path / "shop")!r}])
    sys.meta_path.insert(0, Finder())
    """
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(textwrap.dedent(hook))

    run = small.check(env={"PYTHONPATH": f"{tmp_path}/hook:{small.path}"})

    assert run.code == 2
    assert f"Its process loaded {small.path}/shop/__init__.py, which is today's code." in run.out


# git


def test_upgrade_when_a_worktree_has_a_name_that_the_locale_lacks_works(small, tmp_path):
    small.commit({"sql_migrations/0002_authors.sql": AUTHORS})
    folder = tmp_path / "über "
    small.repository.git("worktree", "add", "-q", str(folder), "HEAD")
    project = copy.copy(small.project)
    project.path = folder
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    run = project.manage("checkschema", "--upgrade-from", "v1", env=locale)

    assert run.code == 0, run.out
    assert "  1. 0002_authors\n" in run.out


def test_upgrade_when_attributes_are_for_archives_has_every_file_as_it_is(small):
    small.commit(
        {
            ".gitattributes": "0001_books.sql export-ignore\n0002_authors.sql export-subst\n",
            "sql_migrations/0002_authors.sql": f"{AUTHORS}-- $Format:%H$\n",
        },
        "v2",
    )

    run = small.check(ref="v2")

    assert run.code == 0, run.out
    assert "  nothing ran." in run.out
    assert "edited" not in run.out


@pytest.mark.parametrize("is_here", [True, False])
def test_upgrade_when_the_files_are_in_a_submodule_has_them_if_they_are_here(
    small, tmp_path, is_here
):
    folder = tmp_path / "sql"
    folder.mkdir()
    inner = Checkout(folder, folder)
    inner.commit({"0001_books.sql": BOOKS})
    git = small.repository.git
    git("rm", "-q", "-r", "sql_migrations")
    git(
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        str(folder),
        "sql_migrations",
    )
    small.commit({}, "v2")
    if not is_here:
        git("submodule", "--quiet", "deinit", "-f", "sql_migrations")
        small.project.write({"sql_migrations/0001_books.sql": BOOKS})

    run = small.check(ref="v2")

    assert run.code == (0 if is_here else 2), run.out
    if not is_here:
        assert "It has no SQL migration in sql_migrations." in run.out
        assert "Not here: the submodule sql_migrations." in run.out


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n"


def test_upgrade_when_a_file_is_a_pointer_of_lfs_says_so(repository, guard):
    repository.commit({"0002_big.sql": POINTER})

    run = guard("checkschema", "--upgrade-from", "HEAD")

    assert run.code == 2
    assert "sql_migrations/0002_big.sql of HEAD (" in run.err
    assert "is a pointer of Git LFS" in run.err


@pytest.mark.parametrize("ref", ["v9", "--help", "HEAD:sql_migrations", ""])
def test_upgrade_when_git_does_not_know_the_reference_says_how_to_fetch_it(repository, guard, ref):
    run = guard("checkschema", f"--upgrade-from={ref}")

    assert run.code == 2
    assert f'git does not know the commit or branch "{ref}".' in run.err
    assert "fetch-depth: 0" in run.err


def test_upgrade_when_the_clone_is_shallow_says_how_to_fetch_the_release(
    repository, guard, tmp_path, monkeypatch
):
    repository.git("tag", "v1")
    repository.commit({"0002_authors.sql": AUTHORS})
    repository.git("clone", "-q", "--depth", "1", f"file://{tmp_path}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")

    run = guard("checkschema", "--upgrade-from", "v1")

    assert run.code == 2
    assert "fetch-depth: 0" in run.err


def test_upgrade_when_there_is_no_repository_says_so(repository, guard, tmp_path):
    (tmp_path / ".git").rename(tmp_path / "git")

    run = guard("checkschema", "--upgrade-from", "v1")

    assert run.code == 2
    assert f"git finds no repository at {tmp_path}" in run.err


# Options and reports


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--upgrade-from", "v1", "--fresh"], "Leave --fresh out"),
        (["--upgrade-from", "v1", "--drift", "books"], "Leave TABLE and --drift out"),
        (["--upgrade-from", "v1", "--no-models"], "Leave --no-models out"),
        (["--upgrade-from", "v1", "--write", "x.toml"], "Leave --write out"),
        (["--upgrade-from", "v1", "--template"], "--template does nothing without --fresh"),
        (["--rows", "rows.sql"], "--rows does nothing without --upgrade-from."),
    ],
)
def test_options_when_they_have_no_effect_are_refused(sqlite, guard, options, message):
    run = guard("checkschema", *options)

    assert run.code == 2
    assert message in run.err


LOST = Violation("rows-lost", "books", "rows", "3 as before the upgrade", "1")
EDITED = Checked(
    "default",
    "sqlite",
    Examination(
        "default",
        "sqlite",
        (Assertion("upgrade::books::rows", "books", "rows", "", Verdict.VIOLATED, LOST),),
    ),
    fresh=FreshDatabase("production"),
    upgrade=Upgrade(
        "v1",
        "0123456789abcdef",
        applied=("0002_authors",),
        removed=(RemovedApp("clubs", ("clubs_club",)),),
        problems=(
            Problem(
                "edited-since",
                "0001_books was edited",
                "Restore it.",
                Severity.WARNING,
                Path("1.sql"),
            ),
        ),
    ),
)


@pytest.mark.parametrize(
    ("render", "parts"),
    [
        (
            junit.schema_check,
            ['<testsuite name="upgrade of default from v1" tests="1"', "0001_books was edited"],
        ),
        (
            github.schema_check,
            ["::notice title=upgrade from v1::", "::warning file=1.sql", "Left by clubs"],
        ),
        (
            lambda checked: sarif.schema_check(checked, rule_meanings()),
            ['"ruleId": "edited-since"', '"ruleId": "rows-lost"', "and no migration names it."],
        ),
    ],
)
def test_reports_when_a_file_was_edited_name_it_and_the_difference(render, parts):
    report = render(EDITED)

    for part in parts:
        assert part in report


def test_report_as_json_fits_its_schema():
    document = json.loads(json_report.schema_check(EDITED))

    reporting.validate("checkschema", document)
    assert document["upgrade"]["removed"] == [{"app": "clubs", "tables": ["clubs_club"]}]
