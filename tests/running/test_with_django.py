"""`--with-django`: one order over both kinds of migrations, as a deploy carries it out."""

import json
import re
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.commands.refusals import tables as tables_of
from tests.projects import Project
from tests.running.support import applied, wait_until

# Neither `migrate` nor `runsqlmigrations` alone can go through this: each needs a part of the other.
SHOP = {
    "shop/migrations/__init__.py": "",
    "shop/migrations/0001_initial.py": """\
        from django.db import migrations, models
        from migration_guard.operations import RequiresSQL

        class Migration(migrations.Migration):
            operations = [
                RequiresSQL("0001"),
                migrations.CreateModel(
                    "Author",
                    [
                        ("id", models.AutoField(primary_key=True)),
                        ("name", models.CharField(max_length=40)),
                    ],
                ),
            ]
    """,
}
SQL = {
    "0001_genres.sql": "CREATE TABLE genres (name varchar(40) PRIMARY KEY);",
    "0002_isbn.sql": """\
        -- guard: requires = shop.0001_initial
        INSERT INTO shop_author (id, name) VALUES (1, 'Sappho');
    """,
}
RENAME = {
    "shop/migrations/0002_rename.py": """\
        from django.db import migrations
        from migration_guard.operations import RequiresSQL

        class Migration(migrations.Migration):
            dependencies = [("shop", "0001_initial")]
            operations = [RequiresSQL("0002"), migrations.RenameModel("Author", "Writer")]
    """,
    "shop/migrations/0003_more.py": """\
        from django.db import migrations, models
        from migration_guard.operations import RequiresSQL

        class Migration(migrations.Migration):
            dependencies = [("shop", "0002_rename")]
            operations = [
                RequiresSQL("0003"),
                migrations.AddField("Writer", "born", models.IntegerField(null=True)),
            ]
    """,
    "shop/models.py": """\
        from django.db import models

        class Writer(models.Model):
            name = models.CharField(max_length=40)
            born = models.IntegerField(null=True)
    """,
}
THIRD = {"0003_ode.sql": "UPDATE shop_writer SET name = 'Psappho';"}
STEPS = [
    {"kind": "sql", "names": ["0001_genres"]},
    {"kind": "django", "names": ["shop.0001_initial"]},
    {"kind": "sql", "names": ["0002_isbn"]},
]


@pytest.fixture
def project(database, tmp_path):
    """Give a project whose migrations of both kinds cross."""
    project = Project(tmp_path / "site", database)
    project.write(SHOP)
    project.migrations(SQL)
    return project


def steps_of(done):
    """Return the steps of a run, without the apps that the crossing does not concern."""
    document = json.loads(done.out[done.out.index("{\n") :])
    steps = [
        {**step, "names": [name for name in step["names"] if name.startswith(("shop.", "0"))]}
        for step in document["steps"]
    ]
    return [step for step in steps if step["names"]]


def tables(project):
    """Return which tables of the project there are."""
    return tables_of(project.database) & {"genres", "shop_author", "shop_writer"}


def test_crossing_when_deployed_with_one_command_goes_through(project):
    done = project.manage("runsqlmigrations", "--with-django")
    again = project.manage("runsqlmigrations", "--with-django", "--check")

    assert (done.code, again.code) == (0, 0), done.out + again.out
    assert applied(project.database) == ["0001_genres", "0002_isbn"]
    assert project.database.execute("SELECT name FROM shop_author") == [("Sappho",)]


def test_crossing_when_each_command_runs_alone_is_told_the_one_that_works(project):
    stuck = [project.manage("migrate"), project.manage("runsqlmigrations")]

    assert [run.code for run in stuck] == [1, 1]
    assert all("manage.py runsqlmigrations --with-django" in run.out for run in stuck)
    assert not any("--target" in run.out or "migrate shop" in run.out for run in stuck)


def test_plan_when_it_covers_both_kinds_lists_the_steps_and_writes_nothing(project):
    plan = project.manage("runsqlmigrations", "--with-django", "--plan", "--format", "json")
    text = project.manage("runsqlmigrations", "--with-django", "--plan")
    check = project.manage("runsqlmigrations", "--with-django", "--check")

    assert (plan.code, text.code, check.code) == (0, 0, 1)
    assert steps_of(plan) == STEPS
    assert "shop.0001_initial" in text.out
    assert "Run manage.py runsqlmigrations --with-django." in check.out
    assert tables(project) == set()


def test_target_when_given_leaves_out_what_needs_more(project):
    project.write(RENAME)
    project.migrations(THIRD)

    done = project.manage("runsqlmigrations", "--with-django", "--target", "1")

    assert done.code == 0, done.out
    assert applied(project.database) == ["0001_genres"]
    assert tables(project) == {"genres", "shop_author"}


def test_steps_when_a_model_is_renamed_between_them_keep_one_table(project):
    first = project.manage("runsqlmigrations", "--with-django")
    project.write(RENAME)
    project.migrations(THIRD)

    then = project.manage("runsqlmigrations", "--with-django")

    assert (first.code, then.code) == (0, 0), first.out + then.out
    assert tables(project) == {"genres", "shop_writer"}
    assert project.database.execute("SELECT name, born FROM shop_writer") == [("Psappho", None)]
    assert project.database.execute(
        "SELECT model FROM django_content_type WHERE app_label = 'shop'"
    ) == [("writer",)]


def test_next_command_when_a_file_fails_repeats_the_database_and_the_options(sqlite, tmp_path):
    project = Project(tmp_path / "site", sqlite)
    project.write(SHOP)
    project.migrations({**SQL, "0009_beyond.sql": "SELECT 1;"})
    settings = (project.path / "site_settings.py").read_text()
    other = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "other.sqlite3")}
    project.write(
        {
            "site_settings.py": f"{settings}DATABASES['other'] = {other!r}\n"
            "MIGRATION_GUARD['DIRS']['other'] = MIGRATION_GUARD['DIRS']['default']\n"
        }
    )
    last = "0002_isbn.sql"
    project.migrations({last: "SELECT * FROM nowhere;"})
    options = ("--with-django", "--target", "2", "--database", "other")

    failed = project.manage("runsqlmigrations", *options)

    assert failed.code == 1, failed.out
    command = re.search(r"run manage\.py (.+) again", failed.out)[1].split()
    assert command == ["runsqlmigrations", *options]
    project.migrations({last: SQL[last]})
    again = project.manage(*command)
    assert again.code == 0, again.out
    assert "Applied 0009_beyond" not in again.out
    assert tables(project) == set()  # the default database is as it was


def test_signals_when_steps_are_sent_name_the_migrations_of_each(project):
    project.write(
        {
            "shop/management/__init__.py": """\
                import pathlib
                from django.db.models.signals import post_migrate, pre_migrate

                def note(sender, signal, plan, **kwargs):
                    if sender.label == "shop":
                        kind = "before" if signal is pre_migrate else "after"
                        names = [f"{one.app_label}.{one.name}" for one, _ in plan]
                        with pathlib.Path("signals").open("a") as file:
                            print(kind, *(name for name in names if "shop" in name), file=file)

                pre_migrate.connect(note, weak=False)
                post_migrate.connect(note, weak=False)
            """,
            **RENAME,
        }
    )
    project.migrations(THIRD)

    done = project.manage("runsqlmigrations", "--with-django")
    project.manage("runsqlmigrations", "--with-django")

    assert done.code == 0, done.out
    lines = (project.path / "signals").read_text().splitlines()
    assert [line.strip() for line in lines if "shop" in line] == [
        f"{kind} shop.{name}"
        for name in ("0001_initial", "0002_rename", "0003_more")
        for kind in ("before", "after")
    ]
    assert lines[-2:] == ["before", "after"]  # nothing was pending; `migrate` sends them, too


# -- what goes wrong

FAILING = """\
    from django.db import migrations
    from migration_guard.operations import RequiresSQL

    class Migration(migrations.Migration):
        atomic = {atomic}
        dependencies = [("shop", "0001_initial")]
        operations = [
            RequiresSQL("0002"),
            migrations.RunSQL("CREATE TABLE half (id integer)"),
            migrations.RunSQL("INSERT INTO nothing VALUES (1)"),
        ]
"""


@pytest.mark.parametrize("atomic", [True, False])
def test_django_migration_when_it_fails_says_what_is_left_and_goes_on_once_it_is_right(
    project, atomic
):
    path = "shop/migrations/0002_half.py"
    project.write({path: textwrap.dedent(FAILING).format(atomic=atomic)})
    is_whole = atomic and project.database.vendor != "mysql"

    failed = project.manage("runsqlmigrations", "--with-django")

    assert failed.code == 1, failed.out
    assert "Traceback" not in failed.out
    assert "Django's migration shop.0002_half failed: " in failed.out
    assert "shop.0001_initial, 0002_isbn." in failed.out
    assert ("was rolled back as a whole" in failed.out) is is_whole
    assert ("may stay" in failed.out) is not is_whole
    assert "Next: correct it, and run manage.py runsqlmigrations --with-django again." in failed.out
    assert ("half" in tables_of(project.database)) is not is_whole

    project.database.execute("DROP TABLE IF EXISTS half")
    text = (project.path / path).read_text().replace("INSERT INTO nothing", "INSERT INTO half")
    project.write({path: text})
    assert project.manage("runsqlmigrations", "--with-django").code == 0
    assert project.database.execute("SELECT id FROM half") == [(1,)]


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_hook_when_it_fails_behind_the_commit_is_told_as_applied_and_recorded(project):
    add_migration(
        project,
        [
            "from django.db import transaction",
            "editor.execute('CREATE TABLE whole (id integer)')",
            "transaction.on_commit(lambda: 1 / 0)",
        ],
    )

    failed = project.manage("runsqlmigrations", "--with-django")
    again = project.manage("runsqlmigrations", "--with-django")

    assert failed.code == 1, failed.out
    assert "shop.0002_code failed: ZeroDivisionError: division by zero" in failed.out
    assert "State: shop.0002_code is applied and recorded; it was stopped later." in failed.out
    assert "Next: run manage.py runsqlmigrations --with-django again for the rest." in failed.out
    assert (again.code, "whole" in tables_of(project.database)) == (0, True), again.out


@pytest.mark.parametrize("database", ["postgresql", "sqlite"], indirect=True)
def test_commit_when_the_database_refuses_it_is_told_as_rolled_back(project):
    add_migration(
        project,
        [
            "editor.execute('CREATE TABLE whole (author integer REFERENCES shop_author (id) '",
            "               'DEFERRABLE INITIALLY DEFERRED)')",
            "editor.execute('INSERT INTO whole VALUES (7)')",
        ],
    )

    failed = project.manage("runsqlmigrations", "--with-django")

    assert failed.code == 1, failed.out
    assert "State: shop.0002_code was rolled back as a whole, and is not applied." in failed.out
    assert "Next: correct it, and run manage.py runsqlmigrations --with-django" in failed.out
    assert "whole" not in tables_of(project.database)


@pytest.mark.parametrize("signal", ["pre_migrate", "post_migrate"])
def test_receiver_when_it_fails_is_named_with_what_is_applied(project, signal):
    project.write(
        {
            "shop/management/__init__.py": f"""\
                from django.db.models.signals import {signal}

                def fail(sender, plan, **kwargs):
                    if any(one.app_label == "shop" for one, _ in plan):
                        raise LookupError("no such account")

                {signal}.connect(fail, weak=False)
            """
        }
    )

    failed = project.manage("runsqlmigrations", "--with-django")

    assert failed.code == 1, failed.out
    assert f"a receiver of {signal} failed: LookupError: no such account" in failed.out
    assert ("shop_author" in tables(project)) is (signal == "post_migrate")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize("option", [["--fake", "0001_genres"], ["--baseline", "1"], ["--adopt"]])
def test_option_when_it_runs_nothing_does_not_go_with_django(project, option):
    done = project.manage("runsqlmigrations", "--with-django", *option)

    assert done.code == 2, done.out
    assert "--with-django runs migrations" in done.out


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_circle_when_no_order_exists_is_an_error_and_nothing_runs(project):
    project.migrations({"0001_genres.sql": "-- guard: requires = shop.0001_initial\nSELECT 1;"})

    done = project.manage("runsqlmigrations", "--with-django")

    assert done.code == 1, done.out
    assert "requirement-cycle" in done.out
    assert "0001_genres needs shop.0001_initial needs the SQL migration 0001_genres" in done.out
    assert tables(project) == set()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("atomic", [True, False])
def test_lock_when_it_is_taken_bounds_atomic_migrations_of_django_alone(project, atomic):
    project.configure(LOCK_TIMEOUT="200ms")
    project.write(
        {
            "shop/migrations/0002_limit.py": f"""\
                from django.db import migrations
                from migration_guard.operations import RequiresSQL

                class Migration(migrations.Migration):
                    atomic = {atomic}
                    dependencies = [("shop", "0001_initial")]
                    operations = [
                        RequiresSQL("0002"),
                        migrations.RunSQL(
                            "CREATE TABLE seen AS SELECT current_setting('lock_timeout') AS value"
                        ),
                    ]
            """
        }
    )

    done = project.manage("runsqlmigrations", "--with-django")

    assert done.code == 0, done.out
    expected = "200ms" if atomic else "0"
    assert project.database.execute("SELECT value FROM seen") == [(expected,)]


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_pods_when_four_start_at_once_apply_each_migration_once(project):
    project.write(RENAME)
    project.migrations(THIRD)
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(project.manage, "runsqlmigrations", "--with-django") for _ in range(4)]

    assert [run.result().code for run in runs] == [0] * 4, [run.result().out for run in runs]
    assert project.database.execute(
        "SELECT count(*), count(DISTINCT name) FROM django_migrations WHERE app = 'shop'"
    ) == [(3, 3)]
    assert applied(project.database) == ["0001_genres", "0002_isbn", "0003_ode"]


# -- Django's code in the runner's session


def add_migration(project, body, *, name="0002_code", atomic=True, after="0001_initial"):
    """Write a migration of the shop whose `run(apps, editor)` has this body."""
    lines = [
        "from django.db import migrations",
        "",
        "def run(apps, editor):",
        *(f"    {line}" for line in body),
        "",
        "class Migration(migrations.Migration):",
        f"    atomic = {atomic}",
        f"    dependencies = [('shop', '{after}')]",
        "    operations = [migrations.RunPython(run)]",
    ]
    project.write({f"shop/migrations/{name}.py": "\n".join(lines)})


def test_data_migration_when_it_reads_through_an_iterator_works(project):
    add_migration(
        project,
        [
            "for author in apps.get_model('shop', 'Author').objects.iterator():",
            "    author.delete()",
        ],
    )

    done = project.manage("runsqlmigrations", "--with-django")

    assert done.code == 0, done.out


def test_data_migration_when_it_translates_stores_no_language(project):
    project.write({"shop/models.py": "from django.db import models\n"})
    settings = (project.path / "site_settings.py").read_text()
    project.write({"site_settings.py": f"{settings}\nLANGUAGE_CODE = 'de'\nUSE_I18N = True\n"})
    add_migration(
        project,
        [
            "from django.utils.translation import gettext",
            "apps.get_model('shop', 'Author').objects.create(id=7, name=gettext('Yes'))",
        ],
    )

    done = project.manage("runsqlmigrations", "--with-django")

    assert done.code == 0, done.out
    assert project.database.execute("SELECT name FROM shop_author WHERE id = 7") == [("Yes",)]


def test_receiver_when_it_closes_the_connection_stops_nothing(project):
    project.write(
        {
            "shop/management/__init__.py": """\
                from django.db import connections
                from django.db.models.signals import post_migrate

                def close(sender, **kwargs):
                    connections["default"].close()

                post_migrate.connect(close, weak=False)
            """
        }
    )

    done = project.manage("runsqlmigrations", "--with-django")

    assert done.code == 0, done.out
    assert applied(project.database) == ["0001_genres", "0002_isbn"]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_file_when_django_has_set_the_search_path_makes_its_table_where_it_should(project):
    project.database.execute("CREATE SCHEMA other")
    add_migration(project, ["editor.execute('SET search_path TO other, public')"])
    project.migrations(
        {"0003_late.sql": "-- guard: requires = shop.0002_code\nCREATE TABLE late (id integer);"}
    )

    done = project.manage("runsqlmigrations", "--with-django")

    assert done.code == 0, done.out
    assert project.database.execute(
        "SELECT schemaname FROM pg_tables WHERE tablename = 'late'"
    ) == [("public",)]


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_step_when_a_file_ran_before_it_has_the_session_of_the_project(project):
    project.database.configure(
        OPTIONS={"init_command": "SET sql_mode = 'STRICT_TRANS_TABLES,PIPES_AS_CONCAT'"}
    )
    project.configure(STATEMENT_TIMEOUT="7s")
    add_migration(
        project,
        [
            "editor.execute(\"CREATE TABLE seen AS SELECT 'a' || 'b' AS joined, \"",
            '               "@@max_statement_time + 0 AS seconds, @@sql_mode AS mode")',
        ],
        atomic=False,
    )

    done = project.manage("runsqlmigrations", "--with-django")

    assert done.code == 0, done.out
    ((joined, seconds, mode),) = project.database.execute("SELECT joined, seconds, mode FROM seen")
    assert (joined, float(seconds)) == ("ab", 0.0)
    assert "PIPES_AS_CONCAT" in mode


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
@pytest.mark.parametrize("atomic", [True, False])
def test_interruption_when_within_a_migration_of_django_says_what_is_left(project, atomic):
    add_migration(
        project,
        [
            "editor.execute('CREATE TABLE half (id integer)')",
            "editor.execute('SELECT pg_sleep(60)')",
        ],
        atomic=atomic,
    )
    process = project.start("runsqlmigrations", "--with-django")
    asleep = "SELECT pid FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
    wait_until(lambda: project.database.execute(asleep))

    process.terminate()
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 1, out
    assert "Interrupted at Django's migration shop.0002_code" in out
    assert ("was rolled back as a whole" in out) is atomic
    assert ("may stay, since it is not atomic" in out) is not atomic
    assert "Next: run manage.py runsqlmigrations --with-django again" in out
    assert ("half" in tables_of(project.database)) is not atomic


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_step_when_the_lock_is_lost_stops_before_the_next_migration(project):
    kill = (
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    add_migration(project, [f"editor.execute({kill!r})", "import time; time.sleep(1.5)"])
    add_migration(project, ["pass"], name="0003_next", after="0002_code")

    done = project.manage("runsqlmigrations", "--with-django")

    assert done.code != 0, done.out
    assert "lock was lost" in done.out
    assert project.database.execute(
        "SELECT name FROM django_migrations WHERE app = 'shop' ORDER BY name"
    ) == [("0001_initial",), ("0002_code",)]


# -- what the graph and the environment say

SQUASH = """\
    from django.db import migrations

    class Migration(migrations.Migration):
        replaces = [("shop", "0001_initial"), ("shop", "0002_code")]
        operations = []
"""


def test_file_when_it_requires_a_squash_waits_for_what_it_replaces(project):
    first = project.manage("runsqlmigrations", "--with-django")
    add_migration(project, ["pass"])
    project.write({"shop/migrations/0001_squashed.py": SQUASH})
    project.migrations(
        {
            "0003_late.sql": "-- guard: requires = shop.0001_squashed\nCREATE TABLE late (id integer);"
        }
    )

    then = project.manage("runsqlmigrations", "--with-django")

    assert (first.code, then.code) == (0, 0), first.out + then.out
    assert applied(project.database)[-1] == "0003_late"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_requirement_when_the_file_is_for_other_environments_stops_before_anything_runs(project):
    project.migrations({"0001_genres.sql": "-- guard: environments = dev\nSELECT 1;"})

    plan = project.manage("runsqlmigrations", "--with-django", "--plan")
    done = project.manage("runsqlmigrations", "--with-django")

    for run in (plan, done):
        assert run.code == 1, run.out
        assert "shop.0001_initial requires the SQL migration 0001_genres" in run.out
        assert "does not run here" in run.out
    assert tables(project) == set()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_plan_when_there_is_no_file_lists_what_django_has_pending(project):
    for path in (project.path / "sql_migrations").glob("*.sql"):
        path.unlink()
    project.write(
        {
            "shop/migrations/0001_initial.py": "from django.db import migrations\nclass Migration(migrations.Migration):\n    operations = []\n"
        }
    )

    plan = project.manage("runsqlmigrations", "--with-django", "--plan")

    assert plan.code == 0, plan.out
    assert "shop.0001_initial" in plan.out
    assert "nothing to do" not in plan.out
