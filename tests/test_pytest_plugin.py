"""The pytest plugin: a contract as tests against the test database of pytest-django."""

import importlib.util
import tomllib
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest

from tests.projects import PLUGIN, Project

pytest_plugins = ["pytester"]

MIGRATIONS = {
    "0001_users.sql": "CREATE TABLE users (id integer PRIMARY KEY, email varchar(40) NOT NULL);",
    "0002_profiles.sql": "CREATE TABLE profiles (id integer PRIMARY KEY);",
}
CONTRACT = """\
[tables.users]
primary_key = ["id"]
[tables.users.columns]
email = { type = "varchar(40)", null = false }
[migrations]
applied = ["0001-0002"]
"""
BROKEN = (
    CONTRACT
    + """\
[tables.profiles.columns]
relationship_type = { type = "varchar(40)", owner = "the export" }
"""
)
IDS = [
    "schema_contract.toml::users::exists",
    "schema_contract.toml::users::primary_key(id)",
    "schema_contract.toml::users::email::exists",
    "schema_contract.toml::users::email::type",
    "schema_contract.toml::users::email::null",
    "schema_contract.toml::migrations::0001_users::applied",
    "schema_contract.toml::migrations::0002_profiles::applied",
]
# One test of each kind that pytest-django orders, the last of which flushes.
TESTS = """\
    import pytest

    def test_plain():
        pass

    @pytest.mark.django_db
    def test_database():
        pass

    @pytest.mark.django_db(transaction=True)
    def test_flushes():
        pass
"""


@pytest.fixture
def project(database, tmp_path):
    project = Project(tmp_path / "site", database)
    project.migrations(MIGRATIONS)
    project.write(
        {"schema_contract.toml": CONTRACT, "test_site.py": TESTS, "pytest.ini": "[pytest]\n"}
    )
    yield project
    project.drop_test_databases()


on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def results(run):
    """Return the outcome of each test by its id, from `pytest -v`."""
    lines = [line.split() for line in run.out.splitlines()]
    found = {}
    for line in lines:
        if (
            len(line) > 1
            and "::" in line[0]
            and line[1] in ("PASSED", "FAILED", "SKIPPED", "ERROR")
        ):
            found[line[0]] = line[1]
    return found


def of_contract(run):
    return {id_: one for id_, one in results(run).items() if id_.startswith("schema_contract")}


# A contract as tests


def test_contract_when_asked_for_is_a_test_for_each_assertion(project):
    run = project.pytest("-v", "--schema-contract", "schema_contract.toml")

    assert run.code == 0, run.out
    assert sorted(of_contract(run)) == sorted(IDS)
    assert set(of_contract(run).values()) == {"PASSED"}
    assert len(results(run)) == len(IDS) + 3


def test_contract_when_it_is_violated_fails_and_names_the_line(project):
    project.write({"schema_contract.toml": BROKEN})

    run = project.pytest("-v", "--schema-contract", "schema_contract.toml")

    assert run.code == 1, run.out
    failed = {id_ for id_, outcome in results(run).items() if outcome != "PASSED"}
    assert failed == {
        "schema_contract.toml::profiles::relationship_type::exists",
        "schema_contract.toml::profiles::relationship_type::type",
    }
    assert "[missing-column] profiles.relationship_type: expected varchar(40)" in run.out
    assert "the export relies on it" in run.out
    assert "schema_contract.toml:8" in run.out
    assert "Traceback" not in run.out
    assert "pytest_plugin" not in run.out


@on_sqlite
@pytest.mark.parametrize("args", [[], ["."]], ids=str)
def test_contract_when_an_ini_option_asks_is_tested(project, args):
    project.write({"pytest.ini": "[pytest]\nschema_contract = schema_contract.toml\n"})

    run = project.pytest("-v", *args)

    assert run.code == 0, run.out
    assert sorted(of_contract(run)) == sorted(IDS)
    assert "schema contract: " in run.out


@on_sqlite
def test_contract_when_the_setting_names_it_needs_no_file(project):
    project.configure(CONTRACTS={"default": [str(project.path / "schema_contract.toml")]})

    run = project.pytest("-v", "--schema-contract")

    assert run.code == 0, run.out
    assert sorted(of_contract(run)) == sorted(IDS)


@on_sqlite
@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["schema_contract.toml"], IDS),
        (["schema_contract.toml::users"], IDS[:5]),
        (["schema_contract.toml::users::email"], IDS[2:5]),
        ([IDS[3]], [IDS[3]]),
        (["-k", "primary_key"], [IDS[1]]),
        (["test_site.py"], []),
        (["test_site.py::test_plain"], []),
        (["test_site.py", "--schema-contract=schema_contract.toml"], IDS),
    ],
    ids=str,
)
def test_contract_when_a_part_is_selected_runs_that_part(project, args, expected):
    project.write({"pytest.ini": "[pytest]\nschema_contract = schema_contract.toml\n"})

    run = project.pytest("-v", *args)

    assert run.code == 0, run.out
    assert sorted(of_contract(run)) == sorted(expected)


@on_sqlite
def test_contract_when_nobody_asks_is_not_collected(project):
    run = project.pytest("-v")

    assert run.code == 0, run.out
    assert of_contract(run) == {}
    assert "schema contract" not in run.out


@on_postgresql
@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="no pytest-xdist")
def test_contract_when_workers_are_parallel_is_checked_in_their_databases(project):
    project.write({"schema_contract.toml": BROKEN})

    run = project.pytest("-n", "2", "--schema-contract", "schema_contract.toml")

    assert run.code == 1, run.out
    assert "2 failed" in run.out
    assert f"{len(IDS) + 1 + 3} passed" in run.out


@on_postgresql
def test_contract_when_a_database_is_kept_is_checked_as_it_is(project):
    first = project.pytest("--reuse-db", "--schema-contract", "schema_contract.toml")
    project.migrations({"0003_drop.sql": "ALTER TABLE users DROP COLUMN email;"})

    second = project.pytest("--reuse-db", "--schema-contract", "schema_contract.toml")

    assert first.code == 0, first.out
    assert second.code == 1, second.out
    assert "[missing-column] users.email" in second.out


@on_sqlite
def test_contract_when_something_is_unknown_fails_unless_it_may(project):
    project.configure(DIRS={})
    asked = ("-v", "-k", "migrations", "--schema-contract=schema_contract.toml")

    refused = project.pytest(*asked)
    allowed = project.pytest(*asked, "--schema-contract-allow-unknown")

    assert refused.code == 1, refused.out
    assert set(of_contract(refused).values()) == {"FAILED"}
    assert "--schema-contract-allow-unknown" in refused.out
    assert allowed.code == 0, allowed.out
    assert set(of_contract(allowed).values()) == {"SKIPPED"}


@on_sqlite
def test_contract_when_fixtures_are_automatic_in_each_scope_runs_with_them(project):
    scopes = ("session", "package", "module", "class", "function")
    fixtures = "\n\n".join(
        f'@pytest.fixture(scope="{scope}", autouse=True)\ndef around_{scope}(request):\n    yield'
        for scope in scopes
    )
    project.write({"conftest.py": f"import pytest\n\n{fixtures}\n"})

    run = project.pytest("--schema-contract", "schema_contract.toml")

    assert run.code == 0, run.out


# What stops it


@on_sqlite
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tabels.users]\n", "schema_contract.toml:1"),
        ("", "states nothing"),
    ],
)
def test_contract_when_it_is_invalid_or_empty_stops_the_run(project, text, said):
    project.write({"schema_contract.toml": text})

    run = project.pytest("--schema-contract", "schema_contract.toml")

    assert run.code == 2, run.out
    assert said in run.out
    assert "Traceback" not in run.out


@on_sqlite
@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--schema-contract", "nowhere.toml"], "there is no contract file"),
        (["--schema-contract", "shop"], "write --schema-contract=FILE"),
    ],
    ids=str,
)
def test_contract_when_its_file_is_not_there_says_what_to_write(project, args, said):
    run = project.pytest(*args)

    assert run.code == 4, run.out
    assert said in run.out
    assert "Traceback" not in run.out


# The models as a contract, where there is no file

NUMBERED = {
    "postgresql": "GENERATED BY DEFAULT AS IDENTITY",
    "sqlite": "",
    "mysql": "AUTO_INCREMENT",
}


def write_books(project, title="title"):
    sql = f"""
        CREATE TABLE books (
            id integer {NUMBERED[project.database.vendor]} PRIMARY KEY,
            author_id integer NOT NULL,
            {title} varchar(40) NOT NULL,
            FOREIGN KEY (author_id) REFERENCES shop_author (id)
        );
        CREATE INDEX books_author ON books (author_id);
    """
    project.migrations({"0003_books.sql": sql})


SEVERAL = """
DATABASES["other"] = {**DATABASES["default"], "NAME": OTHER}
DATABASES["copy"] = {**DATABASES["default"], "TEST": {"MIRROR": "default"}}
DATABASE_ROUTERS = ["site_settings.Router"]


class Router:
    def db_for_read(self, model, **hints):
        return "default"

    def allow_migrate(self, db, app_label, **hints):
        return db == "copy" or (db == "other") == (app_label == "clubs")
"""


def of_models(run):
    return {id_: one for id_, one in results(run).items() if id_.startswith("models")}


def test_models_when_there_is_no_contract_are_one_with_a_test_for_each_table(project):
    write_books(project)

    run = project.pytest("-v", "--schema-contract")

    assert run.code == 0, run.out
    tables = {id_.partition("models::default::")[2] for id_ in of_models(run)}
    assert tables >= {"books", "clubs_club", "shop_author", "django_content_type"}
    assert set(of_models(run).values()) == {"PASSED"}
    assert len(results(run)) == len(tables) + 3
    assert f"collected {len(tables) + 3} items" in run.out


@on_sqlite
def test_models_when_a_table_breaks_one_fail_and_name_the_field(project):
    write_books(project, title="name")

    run = project.pytest("-v", "--schema-contract", "-k", "books or clubs")

    assert run.code == 1, run.out
    assert of_models(run) == {
        "models::default::books": "FAILED",
        "models::default::clubs_club": "PASSED",
    }
    assert "[missing-column] books.title" in run.out
    assert "shop.Book.title" in run.out
    assert "Traceback" not in run.out


@on_postgresql
def test_models_when_several_processes_reuse_a_database_are_tested_once_each(project):
    write_books(project)
    args = ("-v", "--schema-contract", "-n", "2", "--reuse-db", "-p", "xdist")

    runs = [project.pytest(*args), project.pytest(*args)]

    for run in runs:
        assert run.code == 0, run.out
        assert run.out.count("models::default::books") == 2  # where it starts, where it ends


@on_sqlite
def test_models_when_there_are_several_databases_are_tested_where_they_belong(project):
    write_books(project)
    settings = project.path / "site_settings.py"
    other = f"OTHER = {str(project.path / 'other.sqlite3')!r}\n"
    settings.write_text(settings.read_text() + other + SEVERAL)

    run = project.pytest("-v", "--schema-contract")

    assert run.code == 0, run.out
    assert "models::other::clubs_club" in of_models(run)
    assert "models::default::clubs_club" not in of_models(run)
    assert "models::default::books" in of_models(run)
    assert not any(id_.startswith("models::copy") for id_ in of_models(run))


@on_sqlite
def test_contract_when_its_database_mirrors_another_makes_the_other_one_first(project):
    settings = project.path / "site_settings.py"
    contracts = 'MIGRATION_GUARD["CONTRACTS"] = {"copy": [BASE_DIR / "schema_contract.toml"]}\n'
    settings.write_text(settings.read_text() + 'OTHER = ""\n' + SEVERAL + contracts)
    project.write({"schema_contract.toml": CONTRACT.partition("[migrations]")[0]})

    run = project.pytest("-v", "--schema-contract", "-k", "users")

    assert run.code == 0, run.out
    assert len(of_contract(run)) == 5


@on_sqlite
def test_models_when_the_project_has_none_says_what_to_write(project):
    settings = project.path / "site_settings.py"
    text = settings.read_text()
    for app in ("django.contrib.contenttypes", "clubs", "shop"):
        text = text.replace(f'    "{app}",\n', "")
    settings.write_text(text)

    run = project.pytest("--schema-contract")

    assert run.code == 4, run.out
    assert "this project has neither" in run.out
    assert "--schema-contract=schema_contract.toml" in run.out
    assert "Traceback" not in run.out


# Clauses with a day


@on_sqlite
def test_contract_when_a_clause_expires_warns_first_and_fails_afterwards(project):
    today = datetime.now(UTC).date()
    clause = 'email = { type = "varchar(40)", until = "%s" }'
    for days, outcome, said in (
        (400, "PASSED", ""),
        (5, "PASSED", "users::email::until: the clause is to be settled by"),
        (-2, "FAILED", "[expired] users.email"),
    ):
        line = clause % (today + timedelta(days))
        project.write({"schema_contract.toml": f"[tables.users.columns]\n{line}\n"})

        run = project.pytest("-v", "-W", "error", "--schema-contract=schema_contract.toml")

        assert of_contract(run)["schema_contract.toml::users::email::until"] == outcome, run.out
        assert said in run.out
        assert ("clauses that expire" in run.out) is (days == 5)


# Projects that are none of ours


def test_plugin_when_pytest_django_is_missing_says_so(pytester):
    pytester.makefile(".toml", schema_contract=CONTRACT)

    asked = pytester.runpytest_subprocess(*PLUGIN, "-p", "no:django", "--schema-contract")

    assert asked.ret == 4
    asked.stderr.fnmatch_lines(["*pip install pytest-django*"])


def test_plugin_when_there_are_no_django_settings_says_so(pytester, monkeypatch):
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    pytester.makefile(".toml", schema_contract=CONTRACT)

    asked = pytester.runpytest_subprocess(*PLUGIN, "--schema-contract=schema_contract.toml")

    assert asked.ret == 4
    asked.stderr.fnmatch_lines(["*set DJANGO_SETTINGS_MODULE*"])


@on_sqlite
def test_plugin_when_the_app_is_not_installed_says_so(project):
    settings = project.path / "site_settings.py"
    settings.write_text(settings.read_text().replace('    "migration_guard",\n', ""))

    run = project.pytest("--schema-contract=schema_contract.toml")

    assert run.code == 4, run.out
    assert 'needs "migration_guard" in INSTALLED_APPS' in run.out


@on_sqlite
def test_contract_when_the_setting_names_another_is_of_the_default_database(project):
    project.write({"first.toml": CONTRACT})
    project.configure(CONTRACTS={"default": [str(project.path / "first.toml")]})

    run = project.pytest("-v", "--schema-contract=schema_contract.toml")

    assert run.code == 0, run.out
    assert sorted(of_contract(run)) == sorted(IDS)


@pytest.mark.parametrize("without", [(), ("-p", "no:django")], ids=str)
def test_plugin_when_nobody_asks_is_harmless_and_imports_no_django(pytester, monkeypatch, without):
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    pytester.makepyfile(
        """
        import sys

        def test_nothing_is_loaded():
            assert "migration_guard.pytest_plugin" in sys.modules
            assert "django.db" not in sys.modules or "pytest_django" in sys.modules
            ours = [name.split(".") for name in sys.modules if name.startswith("migration_guard.")]
            assert {room for _app, room, *_modules in ours} == {"pytest_plugin"}
        """
    )

    run = pytester.runpytest_subprocess(*PLUGIN, *without)

    assert run.ret == 0


def test_plugin_when_installed_is_offered_by_an_entry_point():
    pyproject = Path(__file__).resolve().parent.parent / "pyproject.toml"
    offered = tomllib.loads(pyproject.read_text())["project"]["entry-points"]["pytest11"]

    assert hasattr(import_module(offered["migration_guard"]), "pytest_addoption")
