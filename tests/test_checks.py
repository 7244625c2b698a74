"""The system checks: one test an id, and what they must never do."""

import shutil
import sys
from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import call_command

from migration_guard import checks, conf
from migration_guard.planning.max_migration import MAX_MIGRATION

SQL = "SELECT 1;\n"


def found(**options):
    """Return what the app's checks say."""
    return run_checks(tags=[checks.TAG], **options)


def ids(messages):
    """Return the ids of messages, without the app's name."""
    return [message.id.removeprefix("migration_guard.") for message in messages]


@pytest.fixture
def sound(migrations):
    """Give `sound(files)`: a folder with these files, and a true max_migration.txt."""

    def make(files, **guard_settings):
        newest = max((name for name in files if name.endswith(".sql")), default="")
        return migrations(
            {MAX_MIGRATION: f"{newest.partition('.')[0]}\n", **files}, **guard_settings
        )

    return make


def test_checks_when_all_is_well_say_nothing(sound):
    sound({"0001_a.sql": SQL, "0002_b.sql": SQL, "0002_b.sqlite.sql": SQL})

    assert found() == []


def test_checks_when_nothing_is_set_say_nothing(settings):
    del settings.MIGRATION_GUARD

    assert found() == []


def test_checks_when_other_apps_are_asked_for_say_nothing(migrations):
    from django.apps import apps

    migrations({"bad.sql": SQL})

    assert found(app_configs=[apps.get_app_config("contenttypes")]) == []
    assert ids(found(app_configs=[apps.get_app_config("migration_guard")])) == ["E005"]


# -- settings


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ([], "MIGRATION_GUARD is not a dict."),
        ({"DIRS": ["sql"]}, 'MIGRATION_GUARD["DIRS"] is not a dict of database alias to folders.'),
        ({"ENVIRONMENT": "prdo"}, '"prdo" is not an environment'),
        ({"LOCK_TIMEOUT": "soon"}, "is not a time"),
        ({"WAIT": "5"}, "is not a number"),
        ({"DIRS": {"default": 5}}, "MIGRATION_GUARD"),
        ({"ENVIRONMENTS": 5}, "MIGRATION_GUARD"),
        ({"IMPACT": "1GB"}, "MIGRATION_GUARD[\"IMPACT\"] = '1GB' is not a dict."),
        ({"IMPACT": {"large": "big"}}, "[\"large\"] = 'big' is not a size."),
        ({"IMPACT": {"read": True}}, '["read"] = True is not a time.'),
    ],
)
def test_e001_when_the_setting_cannot_be_read(settings, setting, message):
    settings.MIGRATION_GUARD = setting

    (error,) = found()

    assert error.id == "migration_guard.E001"
    assert message in error.msg
    assert error.hint or "WAIT" in error.msg


@pytest.mark.parametrize(
    ("key", "hint"),
    [("ENVIROMENT", 'Did you mean "ENVIRONMENT"?'), ("XYZ", "Known are DIRS, ENVIRONMENT")],
)
def test_e002_when_a_key_is_unknown_names_the_nearest(settings, key, hint):
    settings.MIGRATION_GUARD = {key: "dev"}

    (error,) = found()

    assert error.id == "migration_guard.E002"
    assert f'"{key}"' in error.msg
    assert hint in error.hint


@pytest.mark.parametrize(
    ("limits", "hint"),
    [
        ({"large": "1GiB"}, 'Did you mean "1GB"?'),
        ({"large": "1.5 terabytes"}, 'Did you mean "1.5TB"?'),
        ({"large": "-1GB"}, 'Did you mean "1GB"?'),
        ({"read": "2 sec"}, 'Did you mean "2s"?'),
        ({"write": "3 mins"}, 'Did you mean "3min"?'),
        ({"write": "1 year"}, "The units are ms, s, min, h."),
        ({"large": "big"}, 'Write "1GB". The units are B, kB, MB, GB, TB.'),
        ({"large": "9" * 400}, "The units are B, kB, MB, GB, TB."),
    ],
)
def test_e001_when_a_unit_of_impact_is_unknown_names_the_nearest(settings, limits, hint):
    settings.MIGRATION_GUARD = {"IMPACT": limits}

    (error,) = found()

    assert error.id == "migration_guard.E001"
    assert hint in error.hint


@pytest.mark.parametrize(
    ("text", "limit", "ended"),
    [
        ("0", None, False),
        ("0.4ms", 0.001, True),
        ("5S", 5.0, False),
        ("999999h", 2_147_483, False),
    ],
)
def test_timeout_when_no_server_can_count_it_is_the_nearest_that_it_can(
    postgres, settings, migrations, guard, text, limit, ended
):
    statement = "SELECT pg_sleep(30);" if ended else "SELECT 1;"
    migrations(
        {"0001_a.sql": f"-- guard: statement_timeout = {text}\n{statement}"}, LOCK_TIMEOUT=text
    )

    assert conf.load().lock_timeout == limit
    result = guard("runsqlmigrations")

    assert result.code == int(ended)
    assert ("due to statement timeout" in result.err) is ended


@pytest.mark.parametrize(
    ("limit", "hint"), [("soon", 'Write "5s".'), ("3 mins", 'Did you mean "3min"?')]
)
@pytest.mark.parametrize("key", ["LOCK_TIMEOUT", "STATEMENT_TIMEOUT"])
def test_e001_when_a_unit_of_a_timeout_is_unknown_names_the_nearest(settings, key, limit, hint):
    settings.MIGRATION_GUARD = {key: limit}

    (error,) = found()

    assert f'["{key}"] = {limit!r} is not a time.' in error.msg
    assert hint in error.hint


def test_e002_when_a_key_of_impact_is_unknown_names_the_nearest(settings):
    settings.MIGRATION_GUARD = {"IMPACT": {"lagre": "1GB"}}

    (error,) = found()

    assert error.id == "migration_guard.E002"
    assert error.msg.startswith('MIGRATION_GUARD["IMPACT"] has a key "lagre"')
    assert error.hint == 'Did you mean "large"?'


@pytest.mark.parametrize(
    ("limits", "values"),
    [
        ({}, (1 << 30, 1, 5)),
        ({"large": "1.5 gb"}, (3 << 29, 1, 5)),
        ({"large": 4096, "read": 2, "write": "1min"}, (4096, 2, 60)),
        ({"large": None, "read": None, "write": "0"}, (None, None, 0)),
        ({"read": "500ms"}, (1 << 30, 0.5, 5)),
    ],
)
def test_limits_of_impact_when_set_stand_beside_the_defaults(settings, limits, values):
    settings.MIGRATION_GUARD = {"IMPACT": limits}

    assert conf.load().impact == values


def test_e003_when_the_alias_is_not_in_databases_names_the_nearest(sound, settings):
    folder = sound({"0001_a.sql": SQL})
    settings.MIGRATION_GUARD = {"DIRS": {"defualt": [folder]}}

    (error,) = found()

    assert error.id == "migration_guard.E003"
    assert '"defualt", which is not in DATABASES' in error.msg
    assert error.hint == 'Did you mean "default"?'


# -- folders and names


def test_w004_when_the_folder_is_missing_lets_the_check_pass(migrations):
    folder = migrations({})
    shutil.rmtree(folder)

    (warning,) = found()
    call_command("check", fail_level="ERROR")

    assert warning.id == "migration_guard.W004"
    assert f"{folder} does not exist yet" in warning.msg
    assert "Make the folder" in warning.hint


def test_e004_when_the_folder_is_a_file(migrations):
    folder = migrations({})
    shutil.rmtree(folder)
    folder.write_text("")

    assert ids(found()) == ["E004"]


def test_e004_when_the_alias_has_no_folder(settings):
    settings.MIGRATION_GUARD = {"DIRS": {"default": []}}

    assert ids(found()) == ["E004"]


def test_e005_when_a_name_does_not_fit_the_grammar(sound):
    folder = sound({"0001_a.sql": SQL, "0002-b.SQL": SQL})

    (error,) = found()

    assert error.id == "migration_guard.E005"
    assert error.obj == str(folder / "0002-b.SQL")
    assert "<number>_<name>.sql" in error.hint


def test_e006_when_an_id_is_in_two_folders(sound, settings, tmp_path):
    folder = sound({"0001_a.sql": SQL})
    other = shutil.copytree(folder, tmp_path / "copy")
    settings.MIGRATION_GUARD = {"DIRS": {"default": [folder, other]}}

    (error,) = found()

    assert error.id == "migration_guard.E006"
    assert "0001_a exists twice" in error.msg


def test_e007_when_two_files_have_one_number_names_the_later(sound):
    folder = sound({"0027_b.sql": SQL, "27_a.sql": SQL, MAX_MIGRATION: "27_a\n"})

    (error,) = found()

    assert error.id == "migration_guard.E007"
    assert error.obj == str(folder / "27_a.sql")
    assert error.msg == "27_a and 0027_b have the same number"
    assert "allow = duplicate-number" in error.hint


def test_e007_when_the_later_file_allows_it_is_silent(sound):
    allow = "-- guard: allow = duplicate-number, merged late\n"

    sound({"0027_a.sql": SQL, "0027_b.sql": allow + SQL})

    assert found() == []


def test_e007_when_only_the_earlier_file_allows_it_stays(sound):
    allow = "-- guard: allow = duplicate-number, merged late\n"

    sound({"0027_a.sql": allow + SQL, "0027_b.sql": SQL})

    assert ids(found()) == ["E007"]


def test_e007_when_the_later_file_is_no_text_stays(sound):
    sound({"0027_a.sql": SQL, "0027_b.sql": b"\xff\xfe\x00"})

    assert ids(found()) == ["E007"]


# -- max_migration.txt


def test_w001_when_max_migration_is_missing_says_what_to_write(migrations):
    folder = migrations({"0001_a.sql": SQL, "0002_b.sql": SQL})

    (warning,) = found()

    assert warning.id == "migration_guard.W001"
    assert warning.obj == str(folder / MAX_MIGRATION)
    assert '"0002_b"' in warning.hint


def test_w001_when_the_folder_is_empty_is_silent(migrations):
    migrations({})

    assert found() == []


@pytest.mark.parametrize("content", ["0001_a\n", "", "\xff", "0003_gone"])
def test_w002_when_max_migration_is_stale_says_what_to_write(migrations, content):
    migrations({"0001_a.sql": SQL, "0002_b.sql": SQL, MAX_MIGRATION: content})

    (warning,) = found()

    assert warning.id == "migration_guard.W002"
    assert "the newest migration is 0002_b" in warning.msg
    assert '"0002_b"' in warning.hint


def test_w002_when_two_branches_were_merged_says_so(migrations):
    conflict = "<<<<<<< HEAD\n0002_b\n=======\n0002_c\n>>>>>>> c\n"
    allow = "-- guard: allow = duplicate-number, a test\n"
    migrations({"0002_b.sql": SQL, "0002_c.sql": allow, MAX_MIGRATION: conflict})

    (warning,) = found()

    assert warning.id == "migration_guard.W002"
    assert "merge conflict" in warning.msg
    assert "next free number" in warning.hint


def test_w002_when_the_file_cannot_be_read_is_no_exception(migrations):
    migrations({"0001_a.sql": SQL, f"{MAX_MIGRATION}/folder": ""})

    assert ids(found()) == ["W002"]


def test_max_migration_after_makesqlmigration_is_neither_missing_nor_stale(migrations, guard):
    migrations({"0001_a.sql": SQL})

    guard("makesqlmigration", "b")

    assert found() == []


def test_max_migration_when_there_are_two_folders_is_kept_in_each(sound, settings, tmp_path):
    folder = sound({"0001_a.sql": SQL})
    other = tmp_path / "other"
    other.mkdir()
    (other / "0002_b.sql").write_text(SQL)
    settings.MIGRATION_GUARD = {"DIRS": {"default": [folder, other]}}

    (warning,) = found()

    assert warning.id == "migration_guard.W001"
    assert warning.obj == str(other / MAX_MIGRATION)


# -- commands


@pytest.fixture
def write_test_command(tmp_path, settings, install_apps, monkeypatch):
    """Give `write_test_command(source, first=…)`: an app with a command `test`, before ours or not."""
    name = "other_app"

    def write(source, *, first):
        folder = tmp_path / "apps" / name / "management" / "commands"
        folder.mkdir(parents=True)
        (folder / "test.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)  # of another test
        monkeypatch.syspath_prepend(str(tmp_path / "apps"))
        (tmp_path / "apps" / name / "__init__.py").write_text("")
        apps = settings.INSTALLED_APPS
        install_apps(*([name, *apps] if first else [*apps, name]))
        return folder / "test.py"

    return write


def test_w003_when_another_test_command_runs_instead_of_ours(sound, write_test_command):
    sound({"0001_a.sql": SQL})
    path = write_test_command(
        "from django.core.management.commands.test import Command", first=True
    )

    (warning,) = found()

    assert warning.id == "migration_guard.W003"
    assert warning.obj == str(path)
    assert 'The command "test" of the app "other_app" runs instead' in warning.msg
    assert "migration_guard.testing.install()" in warning.hint


@pytest.mark.parametrize(
    ("source", "first", "options"),
    [
        ("from django.core.management.commands.test import Command", False, {}),
        ("from migration_guard import testing", True, {}),
        (
            "from django.core.management.commands.test import Command",
            True,
            {"APPLY_IN_TESTS": False},
        ),
    ],
    ids=["behind ours", "calls ours", "not asked for"],
)
def test_w003_when_nothing_is_left_out_is_silent(sound, write_test_command, source, first, options):
    sound({"0001_a.sql": SQL}, **options)
    write_test_command(source, first=first)

    assert found() == []


# -- as Django runs them


def test_ids_are_all_in_the_table_of_the_module():
    for rule, check_id in checks.IDS.items():
        assert f"| {check_id} | {rule} |" in checks.__doc__


def test_a_check_when_silenced_the_usual_way_is_silent(migrations, settings, guard):
    migrations({"bad.sql": SQL})
    settings.SILENCED_SYSTEM_CHECKS = ["migration_guard.E005"]

    assert guard("check").code == 0


def test_manage_check_when_a_name_is_bad_fails_with_place_and_hint(migrations, guard):
    folder = migrations({"bad.sql": SQL})

    result = guard("check")

    assert result.code == 1
    assert f"{folder / 'bad.sql'}: (migration_guard.E005)" in result.err
    assert "HINT: Name it <number>_<name>.sql" in result.err


def test_checks_open_neither_a_database_nor_a_migration(migrations, settings):
    migrations({"0001_a.sql": SQL, MAX_MIGRATION: "0001_a"})
    opened = []
    is_over = []

    def note(event, args):
        if event == "open" and not is_over:
            opened.append(Path(str(args[0])).name)

    sys.addaudithook(note)

    assert found() == []

    is_over.append(True)  # Python cannot take a hook away
    assert MAX_MIGRATION in opened
    assert "0001_a.sql" not in opened


def test_makemigrations_check_stays_clean(sqlite, guard):
    assert guard("makemigrations", "--check", "migration_guard").code == 0
