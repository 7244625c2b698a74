"""The least rights of docs/rights.md suffice, and none is too much; the history stays as it is."""

import asyncio
import re
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import models

from migration_guard.models import (
    AppliedMigration,
    AuditEntry,
    EnvironmentStamp,
    HistoryIsImmutable,
    JournalEntry,
    ReadOnlyModel,
)
from tests.conftest import ROOT
from tests.faults import record
from tests.faults.state import journal
from tests.running.support import applied

OFF = "-- guard: transaction = off\n"
PAGE = (ROOT / "docs" / "rights.md").read_text(encoding="utf-8")
FILES = {"1_a.sql": "SELECT 1", "3_b.sql": f"{OFF}SELECT 2;\nSELECT 3;"}
MAKING = {
    "1_a.sql": "CREATE TABLE a (id int); INSERT INTO a VALUES (1)",
    "3_b.sql": f"{OFF}CREATE INDEX CONCURRENTLY a_id ON a (id); DROP TABLE a;",
}

DROPS = [
    f"DROP TABLE IF EXISTS {table}"
    for table in (
        "applied_migrations",
        "migration_guard_audit",
        "migration_guard_environment",
        "migration_guard_journal",
        "django_migrations",
    )
]


def grants(block):
    """Return the statements of a block of the page."""
    match = re.search(rf"```sql {block}\n(.*?)```", PAGE, re.DOTALL)
    return [" ".join(statement.split()) for statement in match[1].split(";") if statement.strip()]


def parts(statements):
    """Take the grants apart: one right on one object each."""
    for statement in statements:
        match = re.fullmatch(r"GRANT (.+) ON (.+) TO deploy", statement)
        kind, _, names = match[2].rpartition(" ") if "," not in match[2] else ("", "", match[2])
        for name in names.split(", "):
            for right in match[1].split(", "):
                yield right, f"{kind} {name}".strip()


@contextmanager
def role(database):
    """Give the name of a role without any right."""
    name = database.settings["NAME"].replace("guard", "deploy")
    if database.vendor == "postgresql":
        database.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x'")
        database.execute(f"REVOKE ALL ON DATABASE {database.settings['NAME']} FROM PUBLIC")
        database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        end = (f"DROP OWNED BY {name} CASCADE", f"DROP ROLE {name}")
    else:
        database.execute(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY 'x'")
        end = (f"DROP USER {name}@'127.0.0.1'",)
    try:
        yield name
    finally:
        for sql in end:
            database.execute(sql)


@contextmanager
def acting(database, name):
    """Let Django connect as the role."""
    before = {key: database.settings[key] for key in ("USER", "PASSWORD")}
    database.configure(USER=name, PASSWORD="x")
    try:
        yield
    finally:
        database.configure(**before)


def give(database, name, verb, right, on):
    """GRANT or REVOKE one right, with the names of this test for those of the page."""
    home = database.settings["NAME"]
    on = on.replace("DATABASE app", f"DATABASE {home}").replace("app.", f"`{home}`.")
    role = name if database.vendor == "postgresql" else f"{name}@'127.0.0.1'"
    database.execute(f"{verb} {right} ON {on} {'TO' if verb == 'GRANT' else 'FROM'} {role}")


@pytest.mark.parametrize("vendor", ["postgres", pytest.param("mariadb", marks=pytest.mark.mariadb)])
@pytest.mark.parametrize("block", ["first", "prepared"])
def test_rights_when_they_are_those_of_the_page_suffice_and_none_is_too_much(
    block, vendor, request, migrations, guard, tried
):
    database = request.getfixturevalue(vendor)
    rights = list(parts(grants(f"{database.vendor}-{block}")))
    files = MAKING if block == "first" else FILES
    if database.vendor == "mysql":
        files = {key: text.replace("CONCURRENTLY ", "") for key, text in files.items()}

    def runs(name):
        """Run twice on a database that is as new, the second time out of order."""
        for sql in ["DROP TABLE IF EXISTS a", *DROPS]:
            database.execute(sql)
        if block == "prepared":
            made = guard("migrate", "migration_guard")
            assert made.code == 0, made.err
        for right, on in given:  # dropping a table drops the grants on it
            give(database, name, "GRANT", right, on)
        with acting(database, name):
            migrations(files)
            first = guard("runsqlmigrations")
            migrations({**files, "2_late.sql": "SELECT 5"})
            return first, guard("runsqlmigrations", "--allow-out-of-order")

    given = rights
    with role(database) as name:
        results = runs(name)
        assert [result.code for result in results] == [0, 0], results
        assert (applied(database), journal(database)) == (["1_a", "3_b", "2_late"], [])

    for missing in rights[:: record.stride(bounded=4)]:
        given = [one for one in rights if one != missing]
        with role(database) as name:
            results = runs(name)
        codes = {result.code for result in results}
        assert codes & {1, 2}, f"{missing} is not needed"
        assert "Traceback" not in "".join(result.err for result in results)
        tried(
            f"a role with the rights of the page but one ({database.vendor})",
            item=9,
            result="told, exit 1 or 2; with all of them the run is complete",
        )


def test_rights_when_they_are_to_read_suffice_for_the_plan(postgres, migrations, guard):
    migrations(FILES)
    assert guard("runsqlmigrations").code == 0
    migrations({**FILES, "4_c.sql": "SELECT 3"})
    with role(postgres) as name:
        for right, on in parts(grants("postgresql-read")):
            give(postgres, name, "GRANT", right, on)

        with acting(postgres, name):
            plan = guard("runsqlmigrations", "--plan")
            check = guard("runsqlmigrations", "--check")
            run = guard("runsqlmigrations")

    assert (plan.code, check.code) == (0, 1), plan.err
    assert run.code in (1, 2)
    assert "permission denied" in run.err
    assert "Traceback" not in run.err
    assert applied(postgres) == ["1_a", "3_b"]


# -- links

LINKS = {
    "absolute": lambda folder, outside: outside / "1_a.sql",
    "relative": lambda folder, outside: Path("..") / outside.name / "1_a.sql",
    "through a folder": lambda folder, outside: folder / "inner" / "1_a.sql",
    "through a link": lambda folder, outside: folder / "_hop.sql",
    "to the password file": lambda folder, outside: "/etc/passwd",
    "to nothing": lambda folder, outside: outside / "nothing.sql",
}


@pytest.mark.parametrize("kind", LINKS)
def test_link_when_it_leads_out_of_the_folder_is_refused(
    kind, database, migrations, guard, tmp_path, tried
):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1_a.sql").write_text("CREATE TABLE stolen (id int)")
    folder = migrations({})
    (folder / "inner").symlink_to(outside)
    (folder / "_hop.sql").symlink_to(outside / "1_a.sql")
    (folder / "1_a.sql").symlink_to(LINKS[kind](folder, outside))

    result = guard("runsqlmigrations")

    assert result.code == 1
    assert "a symbolic link that leads out of the migration folder" in result.err
    assert "root:" not in result.err
    with pytest.raises(Exception, match=r"stolen|exist|such"):
        database.execute("SELECT * FROM stolen")
    tried("a symbolic link that leads out of the folder", item=9, result="refused, not read")


def test_link_when_it_stays_in_the_folder_is_read(sqlite, migrations, guard):
    folder = migrations({"_shared.sql": "CREATE TABLE a (id int)"})
    (folder / "1_a.sql").symlink_to(folder / "_shared.sql")

    assert guard("runsqlmigrations").code == 0
    assert applied(sqlite) == ["1_a"]


# -- the ORM

OWN = [AppliedMigration, AuditEntry, EnvironmentStamp, JournalEntry]
# Public methods of a query set that only read, make another query set, or manage one.
READING = {
    *("aggregate", "alias", "all", "annotate", "as_manager", "complex_filter", "contains", "count"),
    *("dates", "datetimes", "db", "defer", "difference", "distinct", "earliest", "exclude"),
    *("exists", "explain", "extra", "filter", "first", "get", "in_bulk", "intersection"),
    *("iterator", "last", "latest", "none", "only", "order_by", "ordered", "prefetch_related"),
    *("query", "raw", "resolve_expression", "reverse", "select_for_update", "select_related"),
    *("totally_ordered", "union", "using", "values", "values_list", "fetch_mode"),
    *("aaggregate", "acontains", "acount", "aearliest", "aexists", "aexplain", "afirst", "aget"),
    *("ain_bulk", "aiterator", "alast", "alatest"),
}
CALLS = {
    "create": lambda query, row: query.create(id=row.pk),
    "get_or_create": lambda query, row: query.get_or_create(id="9_z"),
    "update_or_create": lambda query, row: query.update_or_create(id=row.pk),
    "update": lambda query, row: query.update(pk=row.pk),
    "delete": lambda query, row: query.delete(),
    "bulk_create": lambda query, row: query.bulk_create([row]),
    "bulk_update": lambda query, row: query.bulk_update([row], ["id"]),
}


@pytest.fixture
def history(postgres, migrations, guard):
    """Give a database in which each own table has a row; afterwards nothing may have changed."""
    migrations({"1_a.sql": "SELECT 1", "2_b.sql": f"{OFF}SELECT 1/0"})
    guard("runsqlmigrations")
    migrations({"1_a.sql": "SELECT 2", "2_b.sql": f"{OFF}SELECT 1/0"})
    guard("repairsqlmigrations", "1_a", "--accept-edit", "--reason", "a test")

    def rows():
        return [list(model.objects.values_list()) for model in OWN]

    before = rows()
    assert all(before)
    yield
    assert rows() == before


def test_query_set_when_django_has_a_method_that_is_new_to_us_is_looked_at():
    """A version of Django with another way to write must not pass unseen."""
    public = {name for name in dir(models.QuerySet) if not name.startswith("_")}

    writing = public - READING

    assert {name.removeprefix("a") for name in writing if name not in CALLS} <= set(CALLS)


@pytest.mark.parametrize("model", OWN)
@pytest.mark.parametrize("manager", ["objects", "_base_manager", "_default_manager"])
@pytest.mark.parametrize("name", CALLS)
def test_query_set_when_it_is_asked_to_write_refuses(name, manager, model, history, tried):
    row = model.objects.first()
    queries = [getattr(model, manager), getattr(model, manager).all(), model.objects.filter(pk=1)]

    for query in queries:
        with pytest.raises(HistoryIsImmutable, match=r"use manage\.py repairsqlmigrations"):
            CALLS[name](query, row)
        call = getattr(query, f"a{name}")
        with pytest.raises(HistoryIsImmutable):
            asyncio.run(_awaited(call))
    tried(
        "the ORM's public methods on the history, also async",
        item=9,
        result="refused, with the command that is meant for it",
        times=2 * len(queries),
    )


async def _awaited(call):
    await call()


@pytest.mark.parametrize("model", OWN)
def test_row_when_it_is_asked_to_write_refuses(model, history):
    row = model.objects.first()

    for call in (
        row.save,
        row.save_base,
        row.delete,
        lambda: row.save(force_insert=True),
        lambda: row.save(update_fields=[row._meta.pk.name]),
        lambda: models.Model.save(row),
        lambda: models.Model.save_base(row, raw=True),
        lambda: models.Model.delete(row),
        lambda: asyncio.run(_awaited(row.asave)),
        lambda: asyncio.run(_awaited(row.adelete)),
        lambda: model(pk=row.pk).save(),
        next(iter(model.objects.raw(f"SELECT * FROM {model._meta.db_table}"))).delete,
    ):
        with pytest.raises(HistoryIsImmutable):
            call()


def test_models_when_they_are_asked_for_others_that_refer_to_them_have_none():
    """No related manager, and no cascade, is a door."""
    for model in OWN:
        assert issubclass(model, ReadOnlyModel)
        assert model._meta.related_objects == ()
        assert not [field for field in model._meta.get_fields() if field.is_relation]
    assert not ContentType._meta.fields_map.keys() & {"appliedmigration"}


# -- row-level security

SECURED = [*(model._meta.db_table for model in OWN), "django_migrations"]
HIDDEN = {
    "no policy": "",
    "a policy that hides a row": "CREATE POLICY p ON {} USING (false)",
    "a policy for another role": "CREATE POLICY p ON {} TO pg_monitor USING (true)",
    "a policy to read": "CREATE POLICY p ON {} FOR SELECT USING (true)",
    "a restrictive policy": "CREATE POLICY p ON {0} USING (true); "
    "CREATE POLICY q ON {0} AS RESTRICTIVE USING (false)",
}
ACTS = [
    ["runsqlmigrations"],
    ["runsqlmigrations", "--plan"],
    ["runsqlmigrations", "--check"],
    ["runsqlmigrations", "--fake", "4_c"],
    ["repairsqlmigrations", "--stamp", "dev", "--reason", "x"],
    ["repairsqlmigrations", "3_b", "--forget", "--reason", "x"],
]


@contextmanager
def deploying(postgres, migrations, guard):
    """Let a role that owns nothing and may do everything deploy, with one migration pending."""
    migrations(FILES)
    assert guard("runsqlmigrations").code == 0
    migrations({**FILES, "4_c.sql": "SELECT 3"})
    with role(postgres) as name:
        postgres.execute(f"GRANT CONNECT ON DATABASE {postgres.settings['NAME']} TO {name}")
        postgres.execute(f"GRANT ALL ON SCHEMA public TO {name}")
        postgres.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
        postgres.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {name}")
        yield name


def cures(message):
    """Return the ways out that the message names, each as SQL."""
    lines = [line for line in message.splitlines() if re.match(r"(As|Or, as) ", line)]
    return [line.partition(": ")[2].partition(";,")[0] for line in lines]


@pytest.mark.parametrize("table", SECURED)
@pytest.mark.parametrize("case", HIDDEN)
def test_row_security_when_it_may_hide_rows_gives_2_and_each_named_way_out_works(
    case, table, postgres, migrations, guard, tried
):
    policy = HIDDEN[case].format(table)
    with deploying(postgres, migrations, guard) as name:
        postgres.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; {policy}")

        with acting(postgres, name):
            for args in ACTS if case == "no policy" else ACTS[:2]:
                result = guard(*args)
                assert result.code == 2, (args, result.err)
                assert f"Row-level security may hide rows of {table} from the user" in result.err
        ways = cures(result.err)
        # Where a restrictive policy stands, another one shows nothing more.
        assert len(ways) == (2 if "restrictive" in case else 3)
        for cure in ways:
            postgres.execute(cure)
            with acting(postgres, name):
                assert guard("runsqlmigrations", "--plan").code == 0, cure
            postgres.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
            postgres.execute(f"DROP POLICY IF EXISTS migration_guard ON {table}")
            postgres.execute(f"ALTER ROLE {name} NOBYPASSRLS")
    assert applied(postgres) == ["1_a", "3_b"]
    tried(
        "row-level security on an own table, or on django_migrations",
        item=9,
        result="told, exit 2, nothing run; each way out that the message names works",
    )


@pytest.mark.parametrize("setting", ["on", "off"])
def test_row_security_when_it_is_forced_on_the_owner_gives_2_and_the_way_out(
    setting, postgres, migrations, guard
):
    with role(postgres) as name:
        postgres.execute(f"GRANT CONNECT, CREATE ON DATABASE {postgres.settings['NAME']} TO {name}")
        postgres.execute(f"GRANT ALL ON SCHEMA public TO {name}")
        postgres.execute(f"ALTER ROLE {name} SET row_security = {setting}")
        with acting(postgres, name):
            migrations(FILES)
            assert guard("runsqlmigrations").code == 0
            postgres.execute("ALTER TABLE applied_migrations ENABLE ROW LEVEL SECURITY")
            assert guard("runsqlmigrations").code == 0  # the owner sees all
            postgres.execute("ALTER TABLE applied_migrations FORCE ROW LEVEL SECURITY")

            result = guard("runsqlmigrations")
            assert result.code == 2
            postgres.execute(cures(result.err)[0])
            assert guard("runsqlmigrations").code == 0
        for sql in DROPS:
            postgres.execute(sql)


def test_rule_when_it_is_on_an_own_table_gives_2_and_the_way_out(postgres, migrations, guard):
    migrations(FILES)
    assert guard("runsqlmigrations").code == 0
    migrations({**FILES, "4_c.sql": "SELECT 3"})
    postgres.execute("CREATE RULE r AS ON INSERT TO applied_migrations DO INSTEAD NOTHING")

    result = guard("runsqlmigrations")

    assert result.code == 2
    postgres.execute(result.err[result.err.index("DROP RULE") :])
    assert guard("runsqlmigrations").code == 0
    assert applied(postgres) == ["1_a", "3_b", "4_c"]


def test_columns_when_only_some_may_be_read_give_2_and_no_plan(postgres, migrations, guard):
    migrations(FILES)
    assert guard("runsqlmigrations").code == 0
    with role(postgres) as name:
        postgres.execute(f"GRANT CONNECT ON DATABASE {postgres.settings['NAME']} TO {name}")
        postgres.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
        postgres.execute(f"GRANT SELECT (id, applied_at) ON applied_migrations TO {name}")

        with acting(postgres, name):
            result = guard("runsqlmigrations", "--plan")

    assert (result.code, result.out) == (2, "")
    assert "permission denied" in result.err


def test_schema_check_when_rows_are_hidden_says_nothing_of_pending_migrations(
    postgres, migrations, guard
):
    with deploying(postgres, migrations, guard) as name:
        postgres.execute("ALTER TABLE applied_migrations ENABLE ROW LEVEL SECURITY")
        with acting(postgres, name):
            result = guard("checkschema", "--no-models", "--format", "json")

    assert result.json["migrations"] == []
    assert "pending" not in result.out + result.err
