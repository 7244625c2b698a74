"""A search path that changed begins no second history, and hides no table that is lacking."""

import contextlib
import re
import uuid

import pytest
from django.db import connections

from migration_guard import history
from tests.commands.test_bad_connection import role

A, B = "CREATE TABLE a (id integer);", "CREATE TABLE b (id integer);"
WHY = ("--reason", "the tables moved")
# The stamp of version 0.1, in whichever schema it is.
OLD_STAMP = "ALTER TABLE public.migration_guard_environment DROP COLUMN schema_name"
OLD_RECORD = "DELETE FROM public.django_migrations WHERE name LIKE '0002%'"


@pytest.fixture
def path(postgres):
    """Give `path(*schemas)`, which makes them and sets the search path of the database."""
    schemas = {"public", "$user"}

    def set_path(*names):
        for name in set(names) - schemas:
            postgres.execute(f'CREATE SCHEMA "{name}"')
            schemas.add(name)
        quoted = ", ".join(f'"{name}"' for name in names)
        postgres.configure()
        postgres.execute(f'ALTER DATABASE "{postgres.settings["NAME"]}" SET search_path = {quoted}')

    return set_path


@pytest.fixture
def history_in_public(postgres, migrations, guard):
    """Give a database with a first run in the schema public, and a second file."""
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    return migrations({"0001_a.sql": A, "0002_b.sql": B})


def tables(database):
    """Return (schema, table) of all tables but Django's record."""
    return set(
        database.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT LIKE 'pg%' "
            "AND schemaname <> 'information_schema' AND tablename NOT LIKE 'django%' "
            "AND tablename NOT LIKE 'migration_guard%'"
        )
    )


def stamped_schema(database, schema="public"):
    found = database.execute(f'SELECT schema_name FROM "{schema}".migration_guard_environment')
    return found[0][0]


PATHS = {
    "another schema": (("app",), 'in the schema "public" 0001_a is applied'),
    "a tenant before": (("tenant_30", "public"), 'would make them in "tenant_30"'),
    "a quoted name": (("Tenant 30", "public"), 'would make them in "Tenant 30"'),
}
COMMANDS = (
    ("runsqlmigrations",),
    ("runsqlmigrations", "--plan"),
    ("runsqlmigrations", "--check"),
    ("runsqlmigrations", "--baseline", "1"),
    ("runsqlmigrations", "--fake", "0001_a"),
    ("runsqlmigrations", "--target", "1"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("schemas", "fact"),
    [(("app",), PATHS["another schema"][1]), PATHS["a tenant before"]],
    ids=["not found", "found behind"],
)
def test_search_path_when_it_changed_stops_every_way_to_run(
    schemas, fact, command, postgres, history_in_public, path, guard
):
    before = tables(postgres)
    path(*schemas)

    result = guard(*command)

    assert result.code == 2, result.err
    assert fact in result.err
    assert "search_path = " in result.err
    assert 'MIGRATION_GUARD["SEPARATE_SCHEMAS"] = True' in result.err
    assert "repairsqlmigrations --stamp" in result.err
    assert tables(postgres) == before


@pytest.mark.parametrize(("schemas", "fact"), PATHS.values(), ids=PATHS)
def test_search_path_when_it_names_another_schema_stops_the_run(
    schemas, fact, postgres, history_in_public, path, guard
):
    path(*schemas)

    result = guard("runsqlmigrations")

    assert result.code == 2, result.err
    assert fact in result.err


def test_schema_when_it_is_made_later_and_shadows_public_stops_the_run(
    postgres, history_in_public, guard
):
    postgres.execute(f'CREATE SCHEMA "{postgres.settings["USER"]}"')  # "$user", public

    result = guard("runsqlmigrations")

    assert result.code == 2, result.err
    assert f'would make them in "{postgres.settings["USER"]}"' in result.err


@pytest.mark.parametrize(
    "command",
    [
        ("repairsqlmigrations", "0001_a", "--accept-edit"),
        ("repairsqlmigrations", "0002_b", "--mark-applied"),
    ],
    ids=lambda command: command[-1],
)
def test_repair_when_the_search_path_changed_is_refused_but_for_the_stamp(
    command, postgres, history_in_public, path, guard
):
    path("tenant_30", "public")

    result = guard(*command, *WHY)

    assert result.code == 2, result.err
    assert 'would make them in "tenant_30"' in result.err


def test_one_off_sql_when_the_search_path_changed_is_refused(
    postgres, history_in_public, path, guard, tmp_path
):
    path("tenant_30", "public")
    script = tmp_path / "x.sql"
    script.write_text("INSERT INTO a VALUES (1);")

    result = guard("runauditedsql", str(script), "--expect-rows", "1", *WHY)

    assert result.code == 2, result.err
    assert 'would make them in "tenant_30"' in result.err
    assert postgres.execute("SELECT * FROM public.a") == []


# -- the cures


def test_cure_when_the_search_path_is_put_right_goes_on(postgres, history_in_public, path, guard):
    path("app")
    assert guard("runsqlmigrations").code == 2
    path("public")

    result = guard("runsqlmigrations", "--format", "json")

    assert (result.code, result.json["applied"]) == (0, ["0002_b"])


@pytest.mark.parametrize("schemas", [("app",), ("app", "public")], ids=["alone", "public behind"])
def test_cure_when_each_schema_has_its_own_history_makes_one(
    schemas, postgres, history_in_public, path, guard, migrations
):
    migrations({"0001_a.sql": A, "0002_b.sql": B}, SEPARATE_SCHEMAS=True)
    path(*schemas)

    first = guard("runsqlmigrations", "--format", "json")
    again = guard("runsqlmigrations", "--check")

    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert first.json["applied"] == ["0001_a", "0002_b"]
    own = {("app", name) for name in ("a", "b", "applied_migrations")}
    assert tables(postgres) == {("public", "a"), ("public", "applied_migrations"), *own}
    assert postgres.execute("SELECT id FROM public.applied_migrations") == [("0001_a",)]
    assert stamped_schema(postgres, "app") == "app"


def test_cure_when_the_stamp_says_so_makes_the_next_tables_in_the_other_schema(
    postgres, history_in_public, path, guard
):
    path("app", "public")
    told = guard("runsqlmigrations").err
    assert "manage.py repairsqlmigrations --stamp production --reason TEXT" in told

    stamped = guard("repairsqlmigrations", "--stamp", "production", *WHY)
    result = guard("runsqlmigrations", "--format", "json")

    assert (stamped.code, result.code) == (0, 0), stamped.err + result.err
    assert result.json["applied"] == ["0002_b"]
    assert ("app", "b") in tables(postgres)
    assert postgres.execute("SELECT count(*) FROM public.applied_migrations") == [(2,)]
    details = postgres.execute("SELECT details FROM public.migration_guard_audit")[0][0]
    assert '"from_schema": "public", "to_schema": "app"' in details


@pytest.mark.parametrize("args", [(), ("--plan",)], ids=["run", "plan"])
@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "not to be used"])
def test_tenant_when_its_schema_cannot_be_used_is_not_replaced_by_the_next(
    is_there, args, postgres, migrations, guard
):
    migrations({"0001_a.sql": A}, SEPARATE_SCHEMAS=True)
    if is_there:
        postgres.execute('CREATE SCHEMA "C 31"')
    with role(postgres) as name:
        postgres.execute(f"GRANT ALL ON SCHEMA public TO {name}")
        postgres.configure(OPTIONS={"options": '-c search_path="C\\ 31",public'})

        result = guard("runsqlmigrations", *args)

    assert result.code == 2, result.err
    assert 'The schema "C 31", the first of the search_path' in result.err
    assert tables(postgres) == set()


def test_user_when_it_has_no_schema_of_its_own_works_in_the_next(postgres, migrations, guard):
    migrations({"0001_a.sql": A}, SEPARATE_SCHEMAS=True)  # "$user", public

    assert guard("runsqlmigrations").code == 0
    assert ("public", "a") in tables(postgres)


# -- what is no second history


def test_history_when_it_is_another_projects_does_not_stop_a_first_run(
    postgres, history_in_public, path, guard, migrations
):
    migrations({"0001_a.sql": "CREATE TABLE a (id bigint);"})
    path("app")

    result = guard("runsqlmigrations", "--format", "json")

    assert (result.code, result.json["applied"]) == (0, ["0001_a"])


def test_history_when_migrate_made_empty_tables_in_the_new_schema_is_still_found(
    postgres, history_in_public, path, guard
):
    path("app")
    assert guard("migrate", "migration_guard").code == 0

    result = guard("runsqlmigrations")

    assert result.code == 2, result.err
    assert 'in the schema "public" 0001_a is applied' in result.err
    assert "behind" not in result.err  # the empty tables would be found first


@contextlib.contextmanager
def owner_of(database, schema):
    """Let Django use a role that may do anything in `schema`, and nothing in public."""
    name = f"guard_{uuid.uuid4().hex[:8]}"
    database.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret-of-a-test'")
    database.execute(f'ALTER SCHEMA "{schema}" OWNER TO {name}')
    before = {key: database.settings[key] for key in ("USER", "PASSWORD")}
    database.configure(USER=name, PASSWORD="secret-of-a-test")
    try:
        yield name
    finally:
        database.configure(**before)
        database.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER")
        database.execute(f"DROP OWNED BY {name}")
        database.execute(f"DROP ROLE {name}")


@pytest.mark.parametrize("hidden", ["schema", "table", "rows"])
def test_history_when_the_user_may_not_read_it_is_not_taken_for_absent(
    hidden, postgres, history_in_public, path, guard
):
    path("app")
    with owner_of(postgres, "app") as name:
        if hidden == "schema":
            postgres.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            postgres.execute(f"GRANT SELECT ON public.applied_migrations TO {name}")
        if hidden == "rows":
            postgres.execute(f"GRANT SELECT ON public.applied_migrations TO {name}")
            postgres.execute("ALTER TABLE public.applied_migrations ENABLE ROW LEVEL SECURITY")

        result = guard("runsqlmigrations")

        assert result.code == 2, result.err
        assert f'the schema "public" has one that the user "{name}" may not read' in result.err
        assert f'GRANT USAGE ON SCHEMA "public" TO "{name}"' in result.err
        assert ("app", "applied_migrations") not in tables(postgres)
        if hidden != "rows":
            grants = re.findall(r"GRANT [^;]+? TO \S+?(?=;| )", result.err)
            assert len(grants) == 2
            for grant in grants:
                postgres.execute(grant)
            told = guard("runsqlmigrations").err
            assert 'in the schema "public" 0001_a is applied' in told


@pytest.mark.parametrize(
    ("schemas", "separate", "is_applied"),
    [
        (("public",), False, True),
        (("public",), True, True),
        (("tenant_30", "public"), False, False),
        (("tenant_30", "public"), True, False),
        (("tenant_30",), False, False),
    ],
)
def test_requires_sql_when_the_history_is_of_another_schema_is_not_met(
    schemas, separate, is_applied, postgres, history_in_public, path, migrations
):
    migrations({"0001_a.sql": A}, SEPARATE_SCHEMAS=separate)
    path(*schemas)

    assert history.is_applied(connections[postgres.alias], 1, "1") == is_applied


# -- stamps of version 0.1


def test_stamp_when_it_is_of_0_1_gets_the_schema_in_the_next_run(
    postgres, history_in_public, guard
):
    for statement in (OLD_STAMP, OLD_RECORD):
        postgres.execute(statement)
    before = postgres.execute(
        "SELECT environment, stamped_at, who FROM migration_guard_environment"
    )

    assert history.is_applied(connections[postgres.alias], 1, "1")
    plan = guard("runsqlmigrations", "--plan")
    result = guard("runsqlmigrations")

    assert (plan.code, result.code) == (0, 0), plan.err + result.err
    assert stamped_schema(postgres) == "public"
    assert before == postgres.execute(
        "SELECT environment, stamped_at, who FROM migration_guard_environment"
    )


def test_stamp_when_it_is_of_0_1_and_the_tables_are_here_goes_on_beside_its_history(
    postgres, path, guard, migrations
):
    """The own tables lie in public, made there by `migrate`; migrations work in the schema app."""
    assert guard("migrate", "migration_guard").code == 0
    path("app", "public")
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    assert stamped_schema(postgres) == "app"
    for statement in (OLD_STAMP, OLD_RECORD):
        postgres.execute(statement)
    migrations({"0001_a.sql": A, "0002_b.sql": B})

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert tables(postgres) == {("public", "applied_migrations"), ("app", "a"), ("app", "b")}
    assert stamped_schema(postgres) == "app"


@pytest.mark.parametrize("args", [(), ("--plan",)], ids=["run", "plan"])
def test_stamp_when_it_is_of_0_1_and_the_tables_are_elsewhere_stops_the_run(
    args, postgres, history_in_public, path, guard
):
    for statement in (OLD_STAMP, OLD_RECORD):
        postgres.execute(statement)
    path("tenant_30", "public")

    result = guard("runsqlmigrations", *args)

    assert result.code == 2, result.err
    assert 'would make them in "tenant_30"' in result.err


def test_first_run_when_no_schema_of_the_path_exists_is_refused_by_plan_too(
    postgres, history_in_public, guard
):
    postgres.configure(OPTIONS={"options": "-c search_path=nowhere"})

    result = guard("runsqlmigrations", "--plan")

    assert result.code == 2
    assert "search_path = nowhere" in result.err


# -- a path that leads elsewhere in the middle of a run


MOVES = {
    "a schema of the user's name": "CREATE SCHEMA {user};",
    "by code": "DO $$ BEGIN EXECUTE 'CREATE SCHEMA {user}'; END $$;",
    "alone": "-- guard: transaction = off\nCREATE SCHEMA {user};",
    "another name": 'ALTER SCHEMA app RENAME TO "{user}";',
}


@pytest.mark.parametrize("sql", MOVES.values(), ids=MOVES)
def test_migration_when_its_schema_comes_first_from_now_on_is_followed_by_the_stamp(
    sql, postgres, migrations, guard
):
    user = postgres.settings["USER"]
    postgres.execute("CREATE SCHEMA app")
    migrations({"0001_a.sql": A, "0002_s.sql": sql.format(user=user), "0003_b.sql": B})

    results = [guard("runsqlmigrations", "--format", "json") for _ in range(2)]

    assert [result.code for result in results] == [0, 0], results
    assert [result.json["applied"] for result in results] == [["0001_a", "0002_s", "0003_b"], []]
    assert tables(postgres) == {("public", "a"), ("public", "applied_migrations"), (user, "b")}
    assert stamped_schema(postgres) == user


def test_migration_when_its_schema_comes_first_and_each_is_separate_is_the_last(
    postgres, migrations, guard
):
    user = postgres.settings["USER"]
    files = {"0001_a.sql": A, "0002_s.sql": f"CREATE SCHEMA {user};", "0003_b.sql": B}
    migrations(files, SEPARATE_SCHEMAS=True)

    result = guard("runsqlmigrations", "--format", "json")

    assert (result.code, result.json["applied"]) == (2, ["0001_a", "0002_s"]), result.err
    assert f'would make them in "{user}"' in result.err


def test_migration_when_it_makes_a_schema_that_shadows_nothing_goes_on(postgres, migrations, guard):
    migrations({"0001_s.sql": "CREATE SCHEMA app;", "0002_b.sql": "CREATE TABLE app.b (id int);"})

    assert guard("runsqlmigrations").code == 0


@pytest.mark.parametrize("name", ['te"nant', '"tenant"'])
def test_run_when_the_schema_has_a_quote_in_its_name_keeps_the_history_there(
    name, postgres, migrations, guard
):
    quoted = '"{}"'.format(name.replace('"', '""'))
    postgres.execute(f"CREATE SCHEMA {quoted}")
    postgres.execute(f'ALTER DATABASE "{postgres.settings["NAME"]}" SET search_path = {quoted}')
    postgres.configure()
    migrations({"0001_a.sql": A})

    runs = [guard("runsqlmigrations", *options) for options in ([], [], ["--check"])]
    contract = guard("checkschema", "--no-models", "--write", "-")

    assert [run.code for run in runs] == [0, 0, 0], runs
    assert tables(postgres) == {(name, "a"), (name, "applied_migrations")}
    assert contract.code == 0, contract.err
