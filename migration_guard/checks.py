"""Django system checks: settings, folders and names, so that every ``manage.py`` stays fast.

Invariants: they ask no database and raise nothing. They open no SQL file, except two with the
same number, because a header may allow that. ``checksqlmigrations`` and
``runsqlmigrations`` read the SQL itself.

| id | rule | what it stops |
|---|---|---|
| migration_guard.E001 | bad-setting | the setting cannot be read, so no command can run |
| migration_guard.E002 | unknown-setting | a misspelt key, which would be ignored |
| migration_guard.E003 | unknown-database | an alias in DIRS or CONTRACTS that is not in DATABASES |
| migration_guard.E004 | bad-folder | a folder that cannot be read, or none |
| migration_guard.E005 | bad-name | a .sql file that would not be run |
| migration_guard.E006 | duplicate-id | one migration in two places |
| migration_guard.E007 | duplicate-number | two branches took one number |
| migration_guard.E008 | not-a-file | a folder, FIFO or dead link with the name of a migration |
| migration_guard.W001 | max-migration-missing | that they will, without a conflict in git |
| migration_guard.W002 | max-migration-stale | a merge, or a file made by hand, left it behind |
| migration_guard.W003 | hidden-command | another app's test command leaves the migrations out |
| migration_guard.W004 | missing-folder | a folder that is not there yet |
"""

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

from migration_guard import conf
from migration_guard.exceptions import CannotTell
from migration_guard.planning import max_migration
from migration_guard.planning.names import FileName, scan
from migration_guard.problems import Problem, Severity

if TYPE_CHECKING:
    from migration_guard.planning.directives import Directives

APP: Final = "migration_guard"
TAG: Final = "migration_guard"
_TEST_COMMANDS: Final = ("test", "testserver")
IDS: Final = {
    "bad-setting": f"{APP}.E001",
    "unknown-setting": f"{APP}.E002",
    "unknown-database": f"{APP}.E003",
    "bad-folder": f"{APP}.E004",
    "bad-name": f"{APP}.E005",
    "duplicate-id": f"{APP}.E006",
    "duplicate-number": f"{APP}.E007",
    "not-a-file": f"{APP}.E008",
    "max-migration-missing": f"{APP}.W001",
    "max-migration-stale": f"{APP}.W002",
    "hidden-command": f"{APP}.W003",
    "missing-folder": f"{APP}.W004",
}


def check(app_configs: Sequence[AppConfig] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Return the problems of the setting, and of the names in its folders."""
    if app_configs is not None and APP not in {config.label for config in app_configs}:
        return []
    return [_as_message(problem) for problem in _find_problems()]


def _find_problems() -> Iterator[Problem]:
    try:
        yield from _report_unknown_keys(conf.unknown_names())
        loaded = conf.load()
    except CannotTell as error:
        yield Problem("bad-setting", error.message, error.hint)
        return
    except (TypeError, ValueError) as error:
        yield Problem(
            "bad-setting",
            f"{conf.SETTING} cannot be read: {error}",
            'Write lists and strings as in {"DIRS": {"default": [BASE_DIR / "sql_migrations"]}}.',
        )
        return
    for alias in loaded.dirs:
        yield from _check_database(loaded, alias)
    if loaded.apply_in_tests and any(loaded.dirs.values()):
        yield from _check_test_commands()


def _report_unknown_keys(unknown: Iterable[conf.UnknownKey]) -> Iterator[Problem]:
    for key in unknown:
        rule = "unknown-database" if key.is_database else "unknown-setting"
        yield Problem(rule, key.fact, key.hint)


def _check_test_commands() -> Iterator[Problem]:
    """Yield a problem for each test command of another app that runs instead of ours."""
    for config in takewhile(lambda config: config.name != APP, apps.get_app_configs()):
        for name in _TEST_COMMANDS:
            path = Path(config.path, "management", "commands", f"{name}.py")
            # One that mentions this app is taken to call it.
            if path.is_file() and APP not in path.read_text(encoding="utf-8", errors="replace"):
                yield Problem(
                    "hidden-command",
                    f'The command "{name}" of the app "{config.name}" runs instead of that of '
                    f"{APP}, so test databases do not get the SQL migrations",
                    f'Put "{APP}" before "{config.name}" in INSTALLED_APPS: its command calls '
                    f"that of {config.name}. Or let that command call {APP}.testing.install().",
                    severity=Severity.WARNING,
                    path=path,
                )


def _check_database(loaded: conf.Conf, alias: str) -> Iterator[Problem]:
    try:
        folders = loaded.folders(alias)
        # Only a warning, so that Django's own commands go on without it.
        missing = [folder for folder in folders if not os.path.lexists(folder)]
        yield from map(_missing_folder_problem, missing)
        names, name_problems = scan([folder for folder in folders if folder not in missing])
    except CannotTell as error:
        yield Problem("bad-folder", error.message, error.hint)
        return
    yield from name_problems
    yield from _check_duplicate_numbers(names, loaded.environments)
    yield from max_migration.problems(names)


def _missing_folder_problem(folder: Path) -> Problem:
    return Problem(
        "missing-folder",
        f"The migration folder {folder} does not exist yet, and the app's commands need it",
        'Make the folder, or correct MIGRATION_GUARD["DIRS"].',
        severity=Severity.WARNING,
        path=folder,
    )


def _check_duplicate_numbers(
    names: Sequence[FileName], environments: Collection[str]
) -> Iterator[Problem]:
    by_number: dict[int, dict[str, list[FileName]]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        by_number[name.number][name.id].append(name)
    for by_id in by_number.values():
        ids = list(by_id)
        for earlier, later in pairwise(ids):
            for name in by_id[later]:
                if not _allows_duplicate(name.path, environments) and not _is_replaced(
                    by_id[earlier][0], by_id[later][0], environments
                ):
                    yield Problem(
                        "duplicate-number",
                        f"{later} and {earlier} have the same number",
                        f"Give {later} the next free number (if it is applied nowhere yet), or "
                        "let it say -- guard: allow = duplicate-number, <reason>.",
                        path=name.path,
                    )


def _allows_duplicate(path: Path, environments: Collection[str]) -> bool:
    return "duplicate-number" in _directives(path, environments).allow


def _is_replaced(first: FileName, second: FileName, environments: Collection[str]) -> bool:
    """Return whether one of two files is a squash that replaces the other, which is not read."""
    return any(
        name.id in ids
        for name, other in ((first, second), (second, first))
        for ids in _directives(other.path, environments).replaces
    )


def _directives(path: Path, environments: Collection[str]) -> "Directives":
    # Imported late: no other check reads a file.
    from migration_guard.planning.directives import Directives, parse
    from migration_guard.planning.regular_files import read_text

    try:
        return parse(read_text(str(path)), environments)[0]
    except OSError:
        return Directives()


def _as_message(problem: Problem) -> CheckMessage:
    # Imported late: most projects have no problem, and start without the lexer.
    from migration_guard.reports.escaping import escape_text

    kind = Error if problem.severity is Severity.ERROR else CheckWarning
    return kind(
        escape_text(problem.message),
        hint=escape_text(problem.hint) or None,
        obj=escape_text(problem.place) or None,
        id=IDS[problem.rule],
    )
