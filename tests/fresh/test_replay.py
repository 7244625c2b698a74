"""``checkschema --fresh --replay``: what order, an edit, and neither made, each told as it is."""

import pytest
from django.core.management import call_command

from migration_guard.fresh.replay import differences
from migration_guard.reports import github, junit, sarif
from migration_guard.results import Doubt, Late, Replay
from tests.fresh.support import throwaways
from tests.reports.examples import ALL_KEPT


def create(number):
    return f"CREATE TABLE t{number} (id integer PRIMARY KEY, size integer);\n"


def thirty():
    files = {f"{number:04}_t{number}.sql": create(number) for number in range(1, 31)}
    # Which of the two comes first decides what the view shows.
    files["0010_view.sql"] = "DROP VIEW IF EXISTS sizes;\nCREATE VIEW sizes AS SELECT id FROM t1;\n"
    files["0011_view_again.sql"] = (
        "DROP VIEW IF EXISTS sizes;\nCREATE VIEW sizes AS SELECT id, size FROM t1;\n"
    )
    for name in ("0010_t10.sql", "0011_t11.sql"):
        del files[name]
    return files


def replayed(guard, *options):
    result = guard("checkschema", "--fresh", "--replay", "--format", "json", *options)
    assert result.code in {0, 1, 2}, result.err
    return result


def told(result):
    return {(one["rule"], one["table"], one["object"]) for one in result.json["violations"]}


def test_replay_when_one_is_swapped_one_edited_one_changed_live_then_each_is_told(
    database, migrations, guard
):
    files = thirty()
    late = "0010_view.sql"
    migrations({name: text for name, text in files.items() if name != late})
    call_command("migrate", verbosity=0)
    assert guard("runsqlmigrations").code == 0
    migrations(files)
    assert guard("runsqlmigrations", "--allow-out-of-order").code == 0
    migrations({**files, "0020_t20.sql": "CREATE TABLE t20 (id integer PRIMARY KEY);\n"})
    database.execute("ALTER TABLE t25 ADD COLUMN by_hand integer")

    result = replayed(guard)

    assert result.code == 1
    assert told(result) == {
        ("replay-order", "sizes", ""),
        ("replay-edited", "t20", "column size"),
        ("replay-unexplained", "t25", "column by_hand"),
    }
    (pair,) = result.json["replay"]["out_of_order"]
    assert (pair["id"], pair["after"][0]) == ("0010_view", "0011_view_again")
    assert "--allow-out-of-order" in pair["why"][0]


# What the rows leave open: listed, and a difference is then unknown


def production(guard, migrations, files=None):
    migrations(files or PLAIN)
    result = guard("runsqlmigrations", "--with-django")
    assert result.code == 0, result.err


PLAIN = {"0001_a.sql": create(1), "0002_b.sql": create(2)}
BY_HAND = "CREATE TABLE by_hand (id integer)"
SET_NULL = {
    "postgresql": "UPDATE applied_migrations SET sql = NULL WHERE id = '0002_b'",
    "sqlite": "UPDATE applied_migrations SET sql = NULL WHERE id = '0002_b'",
    "mysql": "UPDATE applied_migrations SET `sql` = NULL WHERE id = '0002_b'",
}
ROWS = "UPDATE applied_migrations SET how = '{}' WHERE id = '0002_b'"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        pytest.param(ROWS.format("fake"), "marked as applied (fake)", id="fake"),
        pytest.param(ROWS.format("baseline"), "marked as applied (baseline)", id="baseline"),
        pytest.param(ROWS.format("adopted"), "adopted from another tool", id="adopted"),
        pytest.param(SET_NULL["sqlite"], "the history has no SQL of it", id="null"),
        pytest.param(
            "UPDATE applied_migrations SET sql = sql || ' ' WHERE id = '0002_b'",
            "its checksum is another",
            id="other text",
        ),
    ],
)
def test_replay_when_a_row_leaves_it_open_then_what_differs_is_unknown(
    sqlite, migrations, guard, statement, words
):
    production(guard, migrations)
    sqlite.execute(statement)

    sqlite.execute(BY_HAND)

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    assert [one["table"] for one in result.json["unknown"]] == ["by_hand"]
    (doubt,) = result.json["replay"]["doubts"]
    assert doubt["id"] == "0002_b"
    assert words in doubt["why"]


def test_replay_when_another_tools_table_is_left_then_it_is_called_that_whatever_is_open(
    sqlite, migrations, guard
):
    production(guard, migrations)
    sqlite.execute(ROWS.format("adopted"))
    sqlite.execute("CREATE TABLE schema_migrations (version text PRIMARY KEY)")

    result = replayed(guard)

    (violation,) = result.json["violations"]
    assert (result.code, violation["table"]) == (1, "schema_migrations")
    assert violation["hint"].startswith("dbmate")
    assert "--ignore schema_migrations" in violation["hint"]


def test_replay_when_a_row_leaves_it_open_and_nothing_differs_then_it_passes(
    sqlite, migrations, guard
):
    production(guard, migrations)
    sqlite.execute(ROWS.format("fake"))

    result = replayed(guard)

    assert (result.code, len(result.json["replay"]["doubts"])) == (0, 1)


def test_replay_when_a_row_has_no_sql_then_it_is_so_on_each_vendor(database, migrations, guard):
    production(guard, migrations)
    database.execute(SET_NULL[database.vendor])
    database.execute(BY_HAND)

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    assert [one["table"] for one in result.json["unknown"]] == ["by_hand"]


def test_replay_when_neither_sql_nor_file_is_left_then_what_differs_is_unknown(
    sqlite, migrations, guard
):
    production(guard, migrations)
    sqlite.execute(SET_NULL["sqlite"])
    migrations({"0001_a.sql": create(1)})

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    assert [one["table"] for one in result.json["unknown"]] == ["t2"]


def test_replay_when_a_squash_stands_for_a_row_without_sql_then_the_others_run_alone(
    sqlite, migrations, guard
):
    production(guard, migrations)
    sqlite.execute(SET_NULL["sqlite"])
    lines = "-- guard: replaces = 0001_a\n-- guard: replaces = 0002_b\n"
    migrations({"0002_all.sql": f"{lines}{create(1)}{create(2)}"})

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    assert {part["table"] for part in result.json["unknown"]} == {"t2"}
    (doubt,) = result.json["replay"]["doubts"]
    assert doubt["why"] == "the history has no SQL of it; there is no file of it alone"


def test_replay_when_an_edit_was_accepted_then_the_live_difference_is_unknown(
    sqlite, migrations, guard
):
    production(guard, migrations)
    migrations({**PLAIN, "0002_b.sql": "CREATE TABLE t2 (id integer PRIMARY KEY);\n"})
    accept = ("0002_b", "--accept-edit", "--reason", "size went away by hand")
    assert guard("repairsqlmigrations", *accept).code == 0

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    (doubt,) = result.json["replay"]["doubts"]
    assert "size went away by hand" in doubt["why"]


def test_replay_when_only_a_comment_was_accepted_then_there_is_no_doubt(sqlite, migrations, guard):
    production(guard, migrations)
    migrations({**PLAIN, "0002_b.sql": f"-- two\n{create(2)}"})
    accept = ("0002_b", "--accept-edit", "--reason", "a comment")
    assert guard("repairsqlmigrations", *accept).code == 0
    sqlite.execute(BY_HAND)

    result = replayed(guard)

    assert told(result) == {("replay-unexplained", "by_hand", "")}


def test_replay_when_one_was_forgotten_then_what_it_left_is_unknown(sqlite, migrations, guard):
    migrations(PLAIN, ENVIRONMENT="dev")
    assert guard("runsqlmigrations", "--with-django").code == 0
    forget = ("0002_b", "--forget", "--reason", "wrong branch")
    assert guard("repairsqlmigrations", *forget).code == 0
    migrations({"0001_a.sql": create(1)})

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    assert "wrong branch" in result.json["replay"]["doubts"][0]["why"]


def test_replay_when_one_is_half_done_then_what_it_did_is_unknown(sqlite, migrations, guard):
    half = f"-- guard: transaction = off\n{create(3)}SELECT * FROM nowhere;\n"
    production(guard, migrations)
    migrations({**PLAIN, "0003_c.sql": half})
    assert guard("runsqlmigrations").code == 1
    migrations({**PLAIN, "0003_c.sql": f"-- guard: transaction = off\n{create(3)}"})

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    assert [one["id"] for one in result.json["unknown"]] == ["replay::live::t3::table"]
    assert "1 of its 2 statements" in result.json["replay"]["doubts"][0]["why"]


def test_replay_when_a_dev_only_file_ran_before_the_stamp_then_it_is_unknown(
    sqlite, migrations, guard
):
    files = {**PLAIN, "0002_b.sql": f"-- guard: environments = dev\n{create(2)}"}
    migrations(files, ENVIRONMENT="dev")
    assert guard("runsqlmigrations", "--with-django").code == 0
    assert guard("repairsqlmigrations", "--stamp", "production", "--reason", "promoted").code == 0

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    assert [one["id"] for one in result.json["unknown"]] == ["replay::fresh::t2::table"]


# What could not be had


def test_replay_when_two_rows_have_one_time_then_their_order_is_unknown(
    database, migrations, guard
):
    production(guard, migrations)
    database.execute("UPDATE applied_migrations SET applied_at = '2026-05-01 12:00:00.000001'")

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    (unknown,) = result.json["unknown"]
    assert unknown["reason"] == "0001_a and 0002_b were recorded at the same time"


def test_replay_when_the_order_of_two_decides_and_is_unknown_then_nothing_is_red(
    sqlite, migrations, guard
):
    views = {
        "0001_a.sql": "DROP VIEW IF EXISTS v;\nCREATE VIEW v AS SELECT 1 AS a;\n",
        "0002_b.sql": "DROP VIEW IF EXISTS v;\nCREATE VIEW v AS SELECT 2 AS b;\n",
    }
    migrations({"0002_b.sql": views["0002_b.sql"]})
    assert guard("runsqlmigrations", "--with-django").code == 0
    migrations(views)
    assert guard("runsqlmigrations", "--allow-out-of-order").code == 0
    sqlite.execute("UPDATE applied_migrations SET applied_at = '2026-05-01 12:00:00.000001'")

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    assert {one["object"] for one in result.json["unknown"]} == {
        "the order of 0001_a and 0002_b",
        "",
    }


def test_replay_when_the_history_cannot_be_built_again_then_that_is_unknown(
    sqlite, migrations, guard
):
    production(guard, migrations)
    sqlite.execute("UPDATE applied_migrations SET applied_at = '2001-01-01' WHERE id = '0002_b'")
    sqlite.execute(
        "UPDATE applied_migrations SET sql = 'ALTER TABLE t1 ADD COLUMN a integer;' "
        "WHERE id = '0002_b'"
    )

    result = replayed(guard)

    assert (result.code, told(result)) == (2, set())
    (unknown,) = result.json["unknown"]
    assert "it cannot be built again: 0002_b" in unknown["reason"]
    assert "no such table: t1" in unknown["reason"]


def test_replay_when_only_todays_files_fail_in_that_order_then_it_is_order_or_edit(
    sqlite, migrations, guard
):
    migrations({"0002_b.sql": create(2)})
    assert guard("runsqlmigrations", "--with-django").code == 0
    migrations(PLAIN)
    assert guard("runsqlmigrations", "--allow-out-of-order").code == 0
    migrations({**PLAIN, "0002_b.sql": "ALTER TABLE t1 ADD COLUMN b integer;\n"})

    result = replayed(guard)

    assert result.code == 1
    assert {rule for rule, _, _ in told(result)} == {"replay-order-or-edit"}
    (unknown,) = result.json["unknown"]
    assert "today's files cannot be built in the recorded order" in unknown["reason"]


def test_replay_when_there_is_no_history_then_it_cannot_tell(database, migrations, guard):
    migrations(PLAIN)

    result = replayed(guard)

    assert result.code == 2
    assert "has no migration history" in result.json["error"]["message"]


def test_replay_when_a_time_of_django_is_none_then_it_cannot_tell(sqlite, migrations, guard):
    production(guard, migrations)
    sqlite.execute("UPDATE django_migrations SET applied = 'soon' WHERE name = '0001_initial'")

    result = replayed(guard)

    assert result.code == 2
    assert result.json["error"]["message"] == (
        "A time in django_migrations cannot be read: contenttypes.0001_initial."
    )


# What is not a difference


def test_replay_when_all_is_as_recorded_then_it_passes_and_writes_nothing(
    database, migrations, guard
):
    production(guard, migrations)
    before = database.execute("SELECT id, applied_at FROM applied_migrations ORDER BY id")

    result = replayed(guard)

    assert result.code == 0, result.out
    assert (result.json["violations"], result.json["unknown"]) == ([], [])
    assert result.json["replay"]["order"][-2:] == ["0001_a", "0002_b"]
    assert result.json["replay"]["doubts"] == []
    assert database.execute("SELECT id, applied_at FROM applied_migrations ORDER BY id") == before
    assert throwaways(database) == []


def test_replay_when_the_database_takes_no_writes_then_it_needs_none(postgres, migrations, guard):
    production(guard, migrations)
    name = postgres.settings["NAME"]
    postgres.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    assert replayed(guard).code == 0


@pytest.mark.usefixtures("dropped_templates")
def test_replay_beside_a_template_when_nothing_differs_then_it_passes(postgres, migrations, guard):
    production(guard, migrations)

    codes = [replayed(guard, "--template").code for _ in range(2)]

    assert codes == [0, 0]


def test_replay_when_migrations_are_pending_then_they_run_after_the_history(
    sqlite, migrations, guard
):
    production(guard, migrations)
    migrations({**PLAIN, "0003_c.sql": create(3)})

    result = replayed(guard)

    assert (result.code, told(result)) == (0, set())


def test_replay_when_a_file_is_gone_then_it_is_edited(sqlite, migrations, guard):
    production(guard, migrations)
    migrations({"0001_a.sql": create(1)})

    result = replayed(guard)

    assert told(result) == {("replay-edited", "t2", "")}
    assert "Edited or missing: 0002_b" in result.json["violations"][0]["hint"]


def test_replay_when_an_audited_script_made_it_then_the_difference_names_it(
    sqlite, migrations, guard, tmp_path
):
    production(guard, migrations)
    script = tmp_path / "grow.sql"
    script.write_text("ALTER TABLE t2 ADD COLUMN more integer;\n")
    assert guard("runauditedsql", script, "--reason", "urgent", "--expect-rows", "0").code == 0

    result = replayed(guard)

    assert told(result) == {("replay-unexplained", "t2", "column more")}
    hint = result.json["violations"][0]["hint"]
    assert hint.startswith("Not explained by the history")
    assert "urgent" in hint


# Both kinds of migrations


def test_replay_when_both_kinds_alternate_then_the_order_is_that_of_their_times(
    database, migrations, guard, install_apps
):
    install_apps("django.contrib.contenttypes", "migration_guard")
    migrations({"0001_a.sql": create(1)})
    assert guard("runsqlmigrations").code == 0
    call_command("migrate", "contenttypes", "0001", verbosity=0)
    migrations(PLAIN)
    assert guard("runsqlmigrations").code == 0
    call_command("migrate", verbosity=0)

    result = replayed(guard)

    assert result.code == 0, result.out
    assert result.json["replay"]["order"] == [
        "0001_a",
        "contenttypes.0001_initial",
        "0002_b",
        "contenttypes.0002_remove_content_type_name",
    ]


@pytest.fixture
def shop(install_apps, settings, monkeypatch, tmp_path):
    """Give `shop(name=SQL, …)`: the migrations of the app sessions are these, in this order."""
    install_apps("django.contrib.contenttypes", "django.contrib.sessions", "migration_guard")
    monkeypatch.syspath_prepend(tmp_path)
    packages = []

    def write(replaces=(), **migrations):
        package = tmp_path / f"shop_of_{tmp_path.name}_{len(packages)}"
        packages.append(package)
        package.mkdir()
        (package / "__init__.py").touch()
        before = []
        for name, sql in migrations.items():
            (package / f"{name}.py").write_text(
                "from django.db import migrations\n"
                "class Migration(migrations.Migration):\n"
                f"    dependencies = {before!r}\n"
                f"    operations = [migrations.RunSQL({sql!r})]\n"
                f"    replaces = {[('sessions', one) for one in replaces]!r}\n"
            )
            before = [("sessions", name)]
        settings.MIGRATION_MODULES = {"sessions": package.name}

    return write


BY_SQL = "CREATE TABLE IF NOT EXISTS extras (id integer PRIMARY KEY)"
BY_DJANGO = "CREATE TABLE IF NOT EXISTS extras (id integer PRIMARY KEY, size integer)"


def test_replay_when_sql_ran_before_django_and_that_matters_then_it_is_order(
    database, migrations, guard, shop
):
    shop(a=BY_DJANGO)
    migrations({"0001_extras.sql": BY_SQL})
    assert guard("runsqlmigrations").code == 0
    call_command("migrate", verbosity=0)

    result = replayed(guard, "--no-models")

    assert told(result) == {("replay-order", "extras", "column size")}


def test_replay_when_code_of_django_is_gone_then_what_differs_is_unknown(sqlite, migrations, guard):
    production(guard, migrations)
    sqlite.execute(
        "INSERT INTO django_migrations (app, name, applied) "
        "VALUES ('gone', '0001_initial', '2999-01-01 00:00:00')"
    )
    kept = replayed(guard)
    sqlite.execute("CREATE TABLE gone_thing (id integer)")

    result = replayed(guard)

    assert (kept.code, result.code, told(result)) == (0, 2, set())
    assert [one["id"] for one in result.json["replay"]["doubts"]] == ["gone.0001_initial"]


def test_replay_when_sql_ran_within_what_is_a_squash_now_then_it_is_in_doubt(
    sqlite, migrations, guard, shop
):
    shop(a=create(7))
    migrations({"0001_a.sql": create(1)})
    assert guard("runsqlmigrations", "--with-django").code == 0
    shop(a=create(7), b=create(8))
    assert guard("runsqlmigrations", "--with-django").code == 0
    shop(["a", "b"], c=create(7) + create(8))

    result = replayed(guard, "--no-models")

    assert result.code == 0, result.out
    (doubt,) = result.json["replay"]["doubts"]
    assert doubt["id"] == "sessions.c"
    assert "0001_a ran between what it replaces" in doubt["why"]
    assert result.json["replay"]["order"][-2:] == ["sessions.c", "0001_a"]


# Options and reports


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--replay"], "--replay does nothing without --fresh"),
        (["--drift", "--replay"], "--replay does nothing without --fresh"),
        (["--fresh", "--ignore", "t1"], "--ignore does nothing without --drift."),
        (["--fresh", "--replay", "--write", "x.toml"], "--write describes the configured database"),
    ],
    ids=" ".join,
)
def test_replay_when_options_make_no_sense_then_one_message_says_so(
    sqlite, migrations, guard, arguments, words
):
    result = guard("checkschema", *arguments)

    assert result.code == 2
    assert words in result.err


def test_replay_when_a_name_is_ignored_then_its_differences_are_left_out(sqlite, migrations, guard):
    production(guard, migrations)
    sqlite.execute(BY_HAND)

    assert replayed(guard, "--ignore", "by_*").code == 0


def test_replay_when_it_is_reported_then_pairs_and_differences_are_in_it(sqlite, migrations, guard):
    migrations({"0002_b.sql": create(2)})
    assert guard("runsqlmigrations", "--with-django").code == 0
    migrations(PLAIN)
    assert guard("runsqlmigrations", "--allow-out-of-order").code == 0
    sqlite.execute(BY_HAND)

    result = guard("checkschema", "--fresh", "--replay")

    assert result.code == 1
    assert "0001_a was recorded after 0002_b: out-of-order by " in result.out
    assert "[replay-unexplained] expected nothing" in result.out
    assert "Not explained by the history" in result.out


REPORTS = {
    "github": github.schema_check,
    "junit": junit.schema_check,
    "sarif": lambda checked: sarif.schema_check(checked, differences.RULES),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_replay_when_a_program_reads_the_report_then_the_history_is_in_it(report):
    replay = Replay(
        ("0002_b", "0001_a"),
        (Late("0001_a", ("0002_b",), ("out-of-order by ann on 2026-05-01: late",)),),
        (Doubt("0002_b", "the history has no SQL of it"),),
    )

    text = report(ALL_KEPT._replace(replay=replay))

    assert "0001_a was recorded after 0002_b: out-of-order by ann" in text
    assert "0002_b: the history has no SQL of it" in text


def test_replay_beside_drift_when_something_differs_then_both_tell_it(sqlite, migrations, guard):
    production(guard, migrations)
    sqlite.execute(BY_HAND)

    result = replayed(guard, "--drift")

    assert told(result) == {("drift-extra", "by_hand", ""), ("replay-unexplained", "by_hand", "")}
