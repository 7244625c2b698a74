"""Applied files that are edited: which edits stop a run, what the diff shows, histories of 0.1."""

import re

import pytest

from migration_guard.models import AppliedMigration
from tests.commands.refusals import history, refused
from tests.commands.test_bad_history import foreign_table
from tests.planning import history_of_0_1

A = "CREATE TABLE a (id integer);\n"
FIRST = "SELECT 0;\n"
DIRECTIVES = (
    "-- guard: transaction = off\n-- guard: lock_timeout = 5s\n-- guard: allow = near-miss, a\n"
)


@pytest.fixture
def history_and_files(database, migrations, guard):
    """Give the history that 0.1 wrote of its files, and the texts of these files by id."""
    texts = history_of_0_1.TEXTS[database.vendor]
    migrations({"0000_first.sql": FIRST, **{f"{name}.sql": text for name, text in texts.items()}})
    result = guard("runsqlmigrations", "--baseline", "0")
    assert result.code == 0, result.err
    sql = "`sql`" if database.vendor == "mysql" else "sql"
    mark = "?" if database.vendor == "sqlite" else "%s"
    database.execute("DELETE FROM applied_migrations WHERE id <> '0000_first'")
    for name, digests in history_of_0_1.read()[database.vendor].items():
        stored = None if name in history_of_0_1.NOT_STORED else texts[name]
        database.execute(
            f"INSERT INTO applied_migrations (id, number, checksum, fingerprint, {sql}, how, "
            "applied_at, duration_ms, database_user, environment) "
            f"SELECT {mark}, {mark}, {mark}, {mark}, {mark}, 'run', applied_at, 1, database_user, "
            "environment FROM applied_migrations WHERE id = '0000_first'",
            (name, name[:4].zfill(40), *digests.values(), stored),
        )
    return texts


def rules(guard):
    """Return the state of each migration, and the rules of the problems, as a plan has them."""
    plan = guard("runsqlmigrations", "--plan", "--format", "json").json
    states = {migration["id"]: migration["state"] for migration in plan["migrations"]}
    return states, sorted(problem["rule"] for problem in plan["problems"])


def test_history_of_0_1_when_no_file_is_edited_is_green(history_and_files, guard):
    result = guard("runsqlmigrations", "--check")

    assert (result.code, result.err) == (0, "")
    assert guard("runsqlmigrations").code == 0


def test_history_of_0_1_when_all_looks_are_edited_warns(history_and_files, migrations, guard):
    texts = {name: f"-- a comment\n\n{text}\n-- end\n" for name, text in history_and_files.items()}
    migrations({"0000_first.sql": FIRST, **{f"{name}.sql": text for name, text in texts.items()}})

    states, problems = rules(guard)

    assert set(states.values()) == {"applied"}
    assert problems == ["cosmetic-edit"] * len(texts)
    assert guard("runsqlmigrations", "--check").code == 0
    assert guard("repairsqlmigrations", *texts, "--accept-edit", "--reason", "r").code == 0
    assert rules(guard)[1] == []
    digests = AppliedMigration.objects.exclude(id="0000_first").values_list(
        "fingerprint", flat=True
    )
    assert all(digest.startswith("v2:") for digest in digests)


def test_history_of_0_1_when_directives_are_edited_warns(history_and_files, migrations, guard):
    texts = {
        name: DIRECTIVES + re.sub(r"-- guard: (?!environments).*\n", "", text)
        for name, text in history_and_files.items()
        if name not in history_of_0_1.NOT_STORED  # nobody knows which directives these had
    }
    kept = {name: history_and_files[name] for name in history_of_0_1.NOT_STORED}
    files = {
        "0000_first.sql": FIRST,
        **{f"{name}.sql": text for name, text in (kept | texts).items()},
    }
    migrations(files)

    states, problems = rules(guard)

    assert set(states.values()) == {"applied"}
    assert problems == ["cosmetic-edit"] * len(texts)


def test_history_of_0_1_when_statements_are_edited_stops(history_and_files, migrations, guard):
    texts = {name: text + "\n;SELECT 'more'\n" for name, text in history_and_files.items()}
    migrations({"0000_first.sql": FIRST, **{f"{name}.sql": text for name, text in texts.items()}})

    states, problems = rules(guard)

    assert {name for name, state in states.items() if state == "edited"} == set(texts)
    assert problems == ["edited"] * len(texts)
    message = refused(guard, 1, "edited")
    assert message.count("No diff: the history has no SQL of") == len(history_of_0_1.NOT_STORED)


@pytest.mark.parametrize(
    "before", ["", "-- guard: allow = drop-column, gone\n-- guard: requires = auth.0001_initial\n"]
)
def test_directives_of_an_applied_file_when_edited_warn(before, database, migrations, guard):
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    migrations(
        {"0001_a.sql": before + DIRECTIVES + A, "0002_b.sql": "CREATE TABLE b (id integer);"}
    )

    result = guard("runsqlmigrations")

    assert result.code == 0, result.err
    assert "0001_a was edited after it was applied, in comments" in result.err
    assert history(database) == ["0001_a", "0002_b"]


@pytest.mark.parametrize("header", ["-- DEV/TEST ONLY\n", "-- guard: environments = dev\n"])
def test_environments_of_an_applied_file_when_edited_stop(header, database, migrations, guard):
    migrations({"0001_a.sql": A})
    assert guard("runsqlmigrations").code == 0
    migrations({"0001_a.sql": header + A})

    refused(guard, 1, "edited", f"+{header.strip()}")


def test_stored_sql_when_the_database_changed_it_is_no_evidence(database, migrations, guard):
    folder = migrations({"0001_a.sql": "-- →\nSELECT '→';\n"})
    assert guard("runsqlmigrations").code == 0
    sql = "`sql`" if database.vendor == "mysql" else "sql"
    database.execute(f"UPDATE applied_migrations SET {sql} = REPLACE({sql}, '→', '?')")
    (folder / "0001_a.sql").write_text("-- arrow\nSELECT '→';\n")

    assert rules(guard) == ({"0001_a": "applied"}, ["cosmetic-edit"])

    (folder / "0001_a.sql").write_text("-- →\nSELECT '?';\n")

    assert rules(guard) == ({"0001_a": "edited"}, ["edited"])


UNREADABLE = ["SELECT 'open;\n", "COPY a FROM stdin; SELECT 1;\n"]


@pytest.mark.parametrize("text", UNREADABLE)
@pytest.mark.parametrize("how", [("--fake", "0001_a"), ("--baseline", "1")])
def test_files_that_are_no_sql_when_recorded_unrun_are_compared(
    how, text, postgres, migrations, guard
):
    folder = migrations({"0001_a.sql": text})

    assert guard("runsqlmigrations", *how).code == 0
    assert guard("runsqlmigrations", "--check").code == 0

    (folder / "0001_a.sql").write_text(f"-- guard: lock_timeout = 1s\n{text}")

    assert rules(guard) == ({"0001_a": "edited"}, ["edited"])
    message = guard("repairsqlmigrations", "0001_a", "--accept-edit", "--reason", "r")
    assert message.code == 1
    assert "cannot be read as SQL" in message.err


def test_adopted_files_that_are_no_sql_are_recorded(postgres, migrations, guard):
    foreign_table(postgres)
    migrations({"0001_a.sql": UNREADABLE[0], "0002_b.sql": UNREADABLE[1]})

    result = guard("runsqlmigrations", "--adopt")

    assert result.code == 0, result.err
    assert guard("runsqlmigrations", "--check").code == 0


LOOK_THE_SAME = {
    "normal form": ("SELECT 'é';", "SELECT 'e\u0301';", "U+0301 COMBINING ACUTE ACCENT (cc 81)"),
    "no-break space": ("SELECT '1 2';", "SELECT '1\u00a02';", "U+00A0 NO-BREAK SPACE (c2 a0)"),
    "no width": ("SELECT 'ab';", "SELECT 'a\u200bb';", "U+200B ZERO WIDTH SPACE"),
    "order of letters": ("SELECT 'ab';", "SELECT 'a\u202eb';", "U+202E RIGHT-TO-LEFT OVERRIDE"),
    "other script": ("SELECT '\u0430';", "SELECT 'a';", "U+0430 CYRILLIC SMALL LETTER A"),
    "tab": ("SELECT 'a b';", "SELECT 'a\tb';", "U+0009 TAB (09)"),
    "space at the end": ("SELECT 'a\nb';", "SELECT 'a \nb';", "U+0020 SPACE (20) was added"),
    "carriage return": ("SELECT 'a';", "SELECT 'a\r';", "U+000D CARRIAGE RETURN (0d) was added"),
    "mark within the text": ("SELECT 'a';", "SELECT '\ufeffa';", "U+FEFF ZERO WIDTH NO-BREAK"),
}


@pytest.mark.parametrize("case", LOOK_THE_SAME)
def test_diff_when_both_texts_look_the_same_names_the_bytes(case, sqlite, migrations, guard):
    before, after, name = LOOK_THE_SAME[case]
    folder = migrations({"0001_a.sql": f"SELECT 1;\n{before}\n"})
    assert guard("runsqlmigrations").code == 0
    (folder / "0001_a.sql").write_bytes(f"SELECT 1;\n{after}\n".encode())

    message = refused(guard, 1, "edited", name)

    assert re.search(r"\? column \d+: ", message)
