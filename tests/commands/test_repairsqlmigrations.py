"""repairsqlmigrations: history and stamp changed by hand, each act whole and in the audit."""

import json
import re
import shlex

import pytest

from migration_guard.management.commands import repairsqlmigrations
from migration_guard.models import AppliedMigration
from migration_guard.results import Action
from migration_guard.running import connecting, repairing
from migration_guard.running.locks import run_lock
from migration_guard.running.repairing import Repair

A = "CREATE TABLE a (id integer);\n"
B = "CREATE TABLE b (id integer);\n"
WHY = ("--reason", "ticket 42")
EXCEPT_SQLITE = pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)


@pytest.fixture
def applied(database, migrations, guard):
    """Give `applied(files, **settings)`: a dev database to which these files were applied."""

    def run(files, **guard_settings):
        folder = migrations(files, **{"ENVIRONMENT": "dev", **guard_settings})
        result = guard("runsqlmigrations")
        assert result.code == 0, result.err
        return folder

    return run


@pytest.fixture
def repair(guard):
    """Give `repair(*args)`: the command with a reason."""
    return lambda *args: guard("repairsqlmigrations", *args, *WHY)


def history(database):
    """Return id -> how of the applied migrations."""
    return dict(database.execute("SELECT id, how FROM applied_migrations ORDER BY id"))


def audit(database):
    """Return (action, migration, reason, details) of each act, the oldest first."""
    rows = database.execute(
        "SELECT action, migration_id, reason, details FROM migration_guard_audit ORDER BY id"
    )
    return [(action, one, reason, json.loads(details)) for action, one, reason, details in rows]


def stamp(database):
    """Return what the database is stamped with."""
    return database.execute("SELECT environment FROM migration_guard_environment")[0][0]


def tables(database):
    """Return everything that a repair could change, for comparison."""
    return [
        database.execute(f"SELECT * FROM {table} ORDER BY 1")
        for table in (
            "applied_migrations",
            "migration_guard_journal",
            "migration_guard_audit",
            "migration_guard_environment",
        )
    ]


def states(guard):
    """Return id -> state as runsqlmigrations plans it."""
    plan = guard("runsqlmigrations", "--plan", "--format", "json").json
    return {migration["id"]: migration["state"] for migration in plan["migrations"]}


def half_done(database, migrations, guard):
    """Leave 0002_b failed, one statement of two done, in the journal."""
    folder = migrations(
        {"0001_a.sql": A, "0002_b.sql": f"-- guard: transaction = off\n{B}SELECT * FROM nowhere;"},
        ENVIRONMENT="dev",
    )
    assert guard("runsqlmigrations").code == 1
    assert database.execute("SELECT id, state FROM migration_guard_journal") == [
        ("0002_b", "failed")
    ]
    return folder


# -- --accept-edit


def test_accept_edit_when_a_file_was_edited_makes_it_the_text_of_record(
    database, applied, repair, guard
):
    folder = applied({"0001_a.sql": A, "0002_b.sql": B})
    (folder / "0001_a.sql").write_text("CREATE TABLE a (id bigint);\n")
    assert states(guard)["0001_a"] == "edited"

    result = repair("0001_a", "--accept-edit")

    assert (result.code, result.err) == (0, "")
    assert "0001_a: the text of the file now counts as the applied one" in result.out
    assert "it was edited); now applied." in result.out
    assert states(guard) == {"0001_a": "applied", "0002_b": "applied"}
    assert AppliedMigration.objects.get(id="0001_a").sql == "CREATE TABLE a (id bigint);\n"


def test_accept_edit_when_done_leaves_the_old_text_and_digests_in_the_audit(
    database, applied, repair
):
    folder = applied({"0001_a.sql": A})
    (old,) = database.execute("SELECT checksum, fingerprint FROM applied_migrations")
    (folder / "0001_a.sql").write_text("CREATE TABLE a (id bigint);\n")

    repair("0001_a", "--accept-edit")

    (new,) = database.execute("SELECT checksum FROM applied_migrations")
    ((action, migration, reason, details),) = audit(database)
    assert (action, migration, reason) == ("accept-edit", "0001_a", "ticket 42")
    assert (details["checksum"], details["fingerprint"], details["sql"]) == (*old, A)
    assert details["accepted_checksum"] == new[0]


def test_accept_edit_when_the_edit_is_cosmetic_ends_the_warning(applied, repair, guard):
    folder = applied({"0001_a.sql": A})
    (folder / "0001_a.sql").write_text(f"-- a comment\n{A}")
    assert "cosmetic-edit" in guard("runsqlmigrations").err

    assert repair("0001_a", "--accept-edit").code == 0

    assert guard("runsqlmigrations").err == ""


def test_accept_edit_when_nothing_was_edited_is_refused(database, applied, repair):
    applied({"0001_a.sql": A})
    before = tables(database)

    result = repair("0001_a", "--accept-edit")

    assert result.code == 1
    assert "0001_a is as it was when it was applied; nothing was changed." in result.err
    assert tables(database) == before


def test_accept_edit_when_not_applied_is_refused(database, applied, repair):
    folder = applied({"0001_a.sql": A})
    (folder / "0002_b.sql").write_text(B)

    result = repair("0002_b", "--accept-edit")

    assert result.code == 1
    assert "0002_b is pending, not applied, so there is no edit to accept" in result.err


def test_accept_edit_when_the_file_is_gone_is_refused(database, applied, repair):
    folder = applied({"0001_a.sql": A, "0002_b.sql": B})
    (folder / "0001_a.sql").unlink()

    result = repair("0001_a", "--accept-edit")

    assert result.code == 1
    assert "0001_a has no file" in result.err
    assert "Restore the file" in result.err


@pytest.mark.parametrize("text", [b"\xff", b"-- guard: nonsense\nSELECT 1;"])
def test_accept_edit_when_the_file_has_a_problem_is_refused(database, applied, repair, text):
    folder = applied({"0001_a.sql": A})
    (folder / "0001_a.sql").write_bytes(text)
    before = tables(database)

    result = repair("0001_a", "--accept-edit")

    assert result.code == 1
    assert "0001_a" in result.err
    assert tables(database) == before


def test_accept_edit_when_the_file_is_no_sql_is_refused(database, applied, repair):
    folder = applied({"0001_a.sql": A})
    (folder / "0001_a.sql").write_text("SELECT 'never closed")

    result = repair("0001_a", "--accept-edit")

    assert result.code == 1
    assert "never ends" in result.err


def test_accept_edit_when_one_of_two_is_refused_changes_neither(database, applied, repair):
    folder = applied({"0001_a.sql": A, "0002_b.sql": B})
    (folder / "0001_a.sql").write_text("CREATE TABLE a (id bigint);\n")
    before = tables(database)

    assert repair("0001_a", "0002_b", "--accept-edit").code == 1

    assert tables(database) == before


# -- --mark-applied


def test_mark_applied_when_pending_records_it_without_running_it(database, applied, repair, guard):
    folder = applied({"0001_a.sql": A})
    (folder / "0002_b.sql").write_text("SELECT * FROM nowhere;")

    result = repair("0002_b", "--mark-applied")

    assert (result.code, result.err) == (0, "")
    assert "0002_b: recorded as applied, not run (it was pending); now applied." in result.out
    assert history(database) == {"0001_a": "run", "0002_b": "fake"}
    ((action, migration, reason, details),) = audit(database)
    assert (action, migration, reason) == ("mark-applied", "0002_b", "ticket 42")
    assert details == {"state": "pending"}
    assert guard("runsqlmigrations").code == 0


def test_mark_applied_when_failed_halfway_closes_the_journal(database, migrations, guard, repair):
    half_done(database, migrations, guard)

    result = repair("0002_b", "--mark-applied")

    assert (result.code, result.err) == (0, "")
    assert "it was failed" in result.out
    assert history(database) == {"0001_a": "run", "0002_b": "fake"}
    assert database.execute("SELECT id FROM migration_guard_journal") == []
    ((_action, _migration, _reason, details),) = audit(database)
    assert (details["state"], details["done"], details["total"]) == ("failed", 1, 2)


def test_mark_applied_when_out_of_order_records_it(applied, repair, guard):
    folder = applied({"0002_b.sql": B})
    (folder / "0001_a.sql").write_text(A)
    assert guard("runsqlmigrations").code == 1

    assert repair("0001_a", "--mark-applied").code == 0

    assert states(guard) == {"0001_a": "applied", "0002_b": "applied"}


def test_mark_applied_when_applied_already_is_refused(database, applied, repair):
    applied({"0001_a.sql": A})
    before = tables(database)

    result = repair("0001_a", "--mark-applied")

    assert result.code == 1
    assert "0001_a is applied already; nothing was changed." in result.err
    assert tables(database) == before


def test_mark_applied_when_the_environment_excludes_it_is_refused(database, applied, repair):
    applied({"0001_a.sql": A, "0002_b.sql": f"-- DEV/TEST ONLY\n{B}"}, ENVIRONMENT="production")

    result = repair("0002_b", "--mark-applied")

    assert result.code == 1
    assert "0002_b is skipped here" in result.err
    assert history(database) == {"0001_a": "run"}


def test_mark_applied_when_several_are_named_keeps_their_order(database, applied, repair):
    folder = applied({"0001_a.sql": A})
    for number in (4, 2, 3):
        (folder / f"000{number}_x.sql").write_text(B)

    assert repair("0004_x", "0002_x", "0003_x", "--mark-applied").code == 0

    rows = database.execute("SELECT id FROM applied_migrations ORDER BY applied_at")
    assert [row[0] for row in rows] == ["0001_a", "0002_x", "0003_x", "0004_x"]
    assert [entry[1] for entry in audit(database)] == ["0002_x", "0003_x", "0004_x"]


# -- --forget


def test_forget_when_applied_makes_it_pending_again(database, applied, repair, guard):
    applied({"0001_a.sql": A, "0002_b.sql": B})

    result = repair("0002_b", "--forget")

    assert (result.code, result.err) == (0, "")
    assert "0002_b: removed from history and journal (it was applied); now pending" in result.out
    assert history(database) == {"0001_a": "run"}
    ((action, migration, reason, details),) = audit(database)
    assert (action, migration, reason) == ("forget", "0002_b", "ticket 42")
    assert details["sql"] == B
    assert re.fullmatch("[0-9a-f]{64}", details["checksum"])


def test_forget_when_a_higher_number_is_applied_says_what_it_takes(applied, repair):
    applied({"0001_a.sql": A, "0002_b.sql": B})

    result = repair("0001_a", "--forget")

    assert "now out_of_order" in result.out
    assert "--allow-out-of-order" in result.out


def test_forget_when_the_file_is_gone_leaves_nothing(database, applied, repair, guard):
    folder = applied({"0001_a.sql": A, "0002_b.sql": B})
    (folder / "0001_a.sql").unlink()
    assert guard("runsqlmigrations").code == 1

    result = repair("0001_a", "--forget")

    assert "it has no file, so it is gone" in result.out
    assert guard("runsqlmigrations").code == 0
    assert history(database) == {"0002_b": "run"}


def test_forget_when_failed_halfway_removes_the_journal_entry(database, migrations, guard, repair):
    half_done(database, migrations, guard)

    assert repair("0002_b", "--forget").code == 0

    assert database.execute("SELECT id FROM migration_guard_journal") == []
    assert states(guard) == {"0001_a": "applied", "0002_b": "pending"}


def test_forget_when_nothing_is_recorded_is_refused(database, applied, repair):
    folder = applied({"0001_a.sql": A})
    (folder / "0002_b.sql").write_text(B)

    result = repair("0002_b", "--forget")

    assert result.code == 1
    assert "0002_b is pending: neither history nor journal has it" in result.err


@pytest.mark.parametrize(
    ("stamped", "setting", "fact"),
    [
        ("production", "dev", "is stamped production"),
        ("dev", "production", '"ENVIRONMENT"] is production'),
        ("production", "production", "is stamped production"),
    ],
)
def test_forget_when_the_stamp_or_the_setting_says_production_is_refused(
    database, applied, repair, migrations, stamped, setting, fact
):
    files = {"0001_a.sql": A}
    applied(files, ENVIRONMENT=stamped)
    migrations(files, ENVIRONMENT=setting)
    before = tables(database)

    result = repair("0001_a", "--forget")

    assert result.code == 1
    assert "--forget is refused" in result.err
    assert fact in result.err
    assert tables(database) == before


# -- --stamp


def test_stamp_when_not_production_needs_no_confirmation(database, applied, repair):
    applied({"0001_a.sql": A})

    result = repair("--stamp", "staging")

    assert (result.code, result.err) == (0, "")
    assert "default is stamped staging now (before: dev)." in result.out
    assert stamp(database) == "staging"
    assert audit(database) == [("stamp", "", "ticket 42", {"from": "dev", "to": "staging"})]


def test_stamp_when_it_leaves_production_needs_the_name_that_the_message_gives(
    database, applied, repair
):
    applied({"0001_a.sql": A}, ENVIRONMENT="production")
    before = tables(database)

    refused = repair("--stamp", "staging")

    assert refused.code == 1
    assert "is production" in refused.err
    assert tables(database) == before
    words = shlex.split(refused.err.strip().rpartition("--confirm ")[2])
    assert repair("--stamp", "staging", "--confirm", *words).code == 0
    assert stamp(database) == "staging"


def test_stamp_when_the_confirmed_name_is_another_is_refused(database, applied, repair):
    applied({"0001_a.sql": A}, ENVIRONMENT="production")

    result = repair("--stamp", "staging", "--confirm", "elsewhere")

    assert result.code == 1
    assert '--confirm says "elsewhere", and this database is' in result.err
    assert stamp(database) == "production"


def test_stamp_when_there_is_none_and_the_setting_is_production_needs_the_name(
    database, applied, repair
):
    applied({"0001_a.sql": A}, ENVIRONMENT="production")
    database.execute("DELETE FROM migration_guard_environment")

    result = repair("--stamp", "dev")

    assert result.code == 1
    assert "--confirm" in result.err


def test_stamp_when_it_becomes_production_needs_no_confirmation(database, applied, repair):
    applied({"0001_a.sql": A})

    assert repair("--stamp", "prod").code == 0
    assert stamp(database) == "production"


def test_stamp_when_it_is_so_already_is_refused(database, applied, repair):
    applied({"0001_a.sql": A})

    result = repair("--stamp", "dev")

    assert result.code == 1
    assert "is stamped dev already; nothing was changed." in result.err
    assert audit(database) == []


def test_stamp_when_the_environment_is_unknown_is_an_error_of_usage(applied, repair):
    applied({"0001_a.sql": A})

    result = repair("--stamp", "stagin")

    assert result.code == 2
    assert '"stagin" is not an environment; known are dev, production, staging, test' in result.err
    assert 'Did you mean "staging"?' in result.err


def test_stamp_when_the_environment_is_the_teams_own_is_written(database, applied, repair):
    applied({"0001_a.sql": A}, ENVIRONMENTS=["qa"])

    assert repair("--stamp", "qa").code == 0
    assert stamp(database) == "qa"


# -- usage


@pytest.mark.parametrize(
    "args",
    [
        ("0001_a", *WHY),
        ("--accept-edit", *WHY),
        ("--forget", *WHY),
        ("--mark-applied", *WHY),
        ("0001_a", "--accept-edit"),
        ("0001_a", "--accept-edit", "--reason", "  "),
        ("0001_a", "--accept-edit", "--forget", *WHY),
        ("0001_a", "--forget", "--stamp", "dev", *WHY),
        ("0001_a", "--stamp", "dev", *WHY),
        ("--stamp", "", *WHY),
        ("0001_a", "--forget", "--confirm", "x", *WHY),
    ],
)
def test_usage_when_it_is_not_exactly_one_act_with_a_reason_is_an_error(
    sqlite, migrations, guard, args
):
    migrations({"0001_a.sql": A}, ENVIRONMENT="dev")
    guard("runsqlmigrations")
    before = tables(sqlite)

    result = guard("repairsqlmigrations", *args)

    assert result.code == 2
    assert result.err
    assert tables(sqlite) == before


@pytest.mark.parametrize("act", ["--accept-edit", "--mark-applied", "--forget"])
def test_id_when_unknown_is_an_error_that_names_the_nearest(database, applied, repair, act):
    applied({"0001_a.sql": A})

    result = repair("0001_b", act)

    assert result.code == 2
    assert 'There is no migration "0001_b"; nothing was changed.' in result.err
    assert 'Did you mean "0001_a"?' in result.err


def test_history_when_there_is_none_is_said_and_nothing_is_made(
    database, migrations, repair, tmp_path
):
    migrations({"0001_a.sql": A}, ENVIRONMENT="dev")

    result = repair("0001_a", "--mark-applied")

    assert result.code == 2
    assert result.err
    if database.vendor == "sqlite":
        assert not (tmp_path / "db.sqlite3").exists()
        return
    assert "has no migration history" in result.err
    assert "manage.py runsqlmigrations creates it" in result.err
    assert database.execute(
        "SELECT count(*) FROM information_schema.tables "
        "WHERE table_name IN ('applied_migrations', 'django_migrations')"
    ) == [(0,)]


@EXCEPT_SQLITE
def test_database_when_down_is_said_without_the_password(database, migrations, repair):
    migrations({"0001_a.sql": A}, ENVIRONMENT="dev")
    database.configure(PASSWORD="wrong-secret")

    result = repair("--stamp", "dev")

    assert result.code == 2
    assert "No connection to" in result.err
    assert "wrong-secret" not in result.err


# -- as a whole


@EXCEPT_SQLITE
def test_repair_when_another_run_holds_the_lock_waits_and_gives_up(
    database, applied, repair, migrations
):
    applied({"0001_a.sql": A})
    migrations({"0001_a.sql": A}, ENVIRONMENT="dev", WAIT=0)

    with connecting.open_connection("default") as (connection, _facts):
        lock = run_lock(connection)
        try:
            assert lock.try_acquire()
            result = repair("--stamp", "staging")
        finally:
            lock.release()

    assert result.code == 1
    assert "Another run of the SQL migrations holds the run lock" in result.err
    assert stamp(database) == "dev"


def test_repair_when_two_do_the_same_at_once_happens_once(database, applied, guard_process):
    folder = applied({"0001_a.sql": A})
    (folder / "0002_b.sql").write_text(B)
    command = ("repairsqlmigrations", "0002_b", "--mark-applied", *WHY)

    racing = [guard_process.start(*command) for _ in range(3)]
    codes = sorted(process.wait(60) for process in racing)

    assert codes == [0, 1, 1]
    assert history(database) == {"0001_a": "run", "0002_b": "fake"}
    assert len(audit(database)) == 1


@EXCEPT_SQLITE
def test_repair_when_terminated_while_it_waits_changes_nothing(database, applied, guard_process):
    applied({"0001_a.sql": A})
    before = tables(database)

    with connecting.open_connection("default") as (connection, _facts):
        lock = run_lock(connection)
        try:
            assert lock.try_acquire()
            process = guard_process.start("repairsqlmigrations", "--stamp", "staging", *WHY)
            assert "Waiting for another run" in process.stderr.readline()
            process.terminate()
            _out, err = process.communicate(timeout=30)
        finally:
            lock.release()

    assert process.returncode == 1
    assert "Interrupted: the repair and its audit entry are there, or neither." in err
    assert tables(database) == before


@pytest.mark.parametrize("act", ["--forget", "--accept-edit", "--stamp"])
def test_repair_when_the_audit_cannot_be_written_does_not_happen(database, applied, repair, act):
    folder = applied({"0001_a.sql": A})
    (folder / "0001_a.sql").write_text(B)
    database.execute("ALTER TABLE migration_guard_audit RENAME TO audit_elsewhere")
    database.execute("CREATE TABLE migration_guard_audit (action text, migration_id text)")
    before = database.execute("SELECT * FROM applied_migrations")

    result = repair(*(("--stamp", "staging") if act == "--stamp" else ("0001_a", act)))

    assert result.code == 2
    assert "Traceback" not in result.err
    assert database.execute("SELECT * FROM applied_migrations") == before
    assert stamp(database) == "dev"


def test_audit_says_who_and_as_which_database_user(database, applied, repair):
    applied({"0001_a.sql": A})

    repair("--stamp", "staging")

    ((who, database_user, at),) = database.execute(
        "SELECT who, database_user, at FROM migration_guard_audit"
    )
    assert "@" in who
    assert database_user
    assert at


# -- output


def test_json_when_asked_for_is_alone_on_standard_output(database, applied, guard):
    applied({"0001_a.sql": A, "0002_b.sql": B})

    result = guard("repairsqlmigrations", "0002_b", "0001_a", "--forget", *WHY, "--format", "json")

    assert result.json == {
        "database": "default",
        "vendor": database.vendor,
        "action": "forget",
        "migrations": ["0001_a", "0002_b"],
        "environment": "dev",
        "problems": [],
    }


def test_json_when_refused_has_the_problem(database, applied, guard):
    applied({"0001_a.sql": A})

    result = guard("repairsqlmigrations", "0001_a", "--mark-applied", *WHY, "--format", "json")

    assert result.code == 1
    assert result.json["migrations"] == []
    (problem,) = result.json["problems"]
    assert problem["message"] == "0001_a is applied already; nothing was changed."


def test_verbosity_zero_when_all_is_well_is_silent(database, applied, repair):
    applied({"0001_a.sql": A})

    result = repair("--stamp", "staging", "--verbosity", "0")

    assert (result.code, result.out, result.err) == (0, "", "")


def test_library_when_refused_returns_the_error_and_raises_nothing(database, applied):
    applied({"0001_a.sql": A})

    done = repairing.repair(Repair(Action.MARK_APPLIED, "because", ("0001_a",)))

    assert done.changes == ()
    assert done.error is not None
    assert done.error.returncode == 1


def test_options_of_the_command_are_the_actions():
    parser = repairsqlmigrations.Command().create_parser("manage.py", "repairsqlmigrations")

    for action in Action:
        assert f"--{action}" in parser.format_help()
