"""Reading a one-off script, and checking that it may run here, before the database is touched."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migration_guard.conf import Conf
from migration_guard.exceptions import CannotTell, Refused
from migration_guard.one_off.script import parse_script
from migration_guard.planning.scripts import Script
from migration_guard.problems import place
from migration_guard.reports.text import count

_STANDARD_INPUT: Final = Path("<stdin>")


@dataclass(frozen=True, slots=True)
class Request:
    """What to run: the ``file``, or ``content``, which came from standard input.

    ``expected`` is the number of rows that must be written, None to ask.
    """

    file: str
    reason: str
    expected: int | None = None
    content: bytes | None = None


def check_usage(request: Request, *, can_ask: bool) -> None:
    """Raise CannotTell where the reason is blank, or nobody can confirm the numbers."""
    if not request.reason.strip():
        raise CannotTell(
            "--reason is blank.", "Say why, for those who read the audit: --reason TEXT."
        )
    for what, text in (("--reason", request.reason), ("The name of the file", request.file)):
        if not text.isascii() and text.encode(errors="replace").decode() != text:
            raise CannotTell(f"{what} is not UTF-8.", "Nobody could read it in the audit.")
    if request.expected is None and not can_ask:
        why = "standard input holds the script" if request.content is not None else "no terminal"
        raise CannotTell(
            f"Nobody can confirm the number of rows here ({why}), so nothing was run.",
            "Say how many rows the script must write: --expect-rows N; or run it on a terminal, "
            "which shows the numbers and asks.",
        )


def read_script(request: Request, loaded: Conf, vendor: str) -> Script:
    """Return the script, all its statements in one unit.

    Raises CannotTell where it cannot be opened; Refused for a migration, for any problem in it, and
    where its environments exclude this one.
    """
    path, content = _content(request)
    _refuse_migration(path, loaded)
    script, problems = parse_script(path, content, vendor, loaded.environments)
    if problems or script is None:
        raise Refused(f"{count(len(problems), 'problem')}; nothing was run.", problems=problems)
    refuse_environment(script, loaded.environment, 'MIGRATION_GUARD["ENVIRONMENT"]')
    return script


def refuse_environment(script: Script, environment: str, source: str) -> None:
    """Raise Refused where the script is not for ``environment``, which ``source`` says it is."""
    directives = script.file.directives
    if not directives.runs_in(environment):
        named = ", ".join(sorted(directives.environments or ()))
        raise Refused(
            f"{script.file.id} is for {named} only, and this is {environment} ({source}); "
            "nothing was run.",
            "Check --database; or change the script's header, if it may run here too.",
        )


def display_name(request: Request) -> str:
    """Return the name of the script as a person and the audit know it."""
    return "standard input" if request.content is not None else place(Path(request.file))


def _content(request: Request) -> tuple[Path, bytes]:
    if request.content is not None:
        return _STANDARD_INPUT, request.content
    path = Path(request.file)
    try:
        return path, path.read_bytes()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotTell(
            f"{request.file} cannot be opened: {why}.", "Name a file of SQL that can be read."
        ) from error


def _refuse_migration(path: Path, loaded: Conf) -> None:
    folders = {folder.resolve() for folders in loaded.dirs.values() for folder in folders}
    if path.resolve().parent in folders:
        raise Refused(
            f"{place(path)} is in a folder of migrations, so it is a migration; nothing was run.",
            "manage.py runsqlmigrations applies it. Put a script that is not a migration "
            "into another folder.",
        )
