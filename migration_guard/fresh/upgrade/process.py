"""The process that migrates a throwaway database by the code of an older release.

It is started as today's code was: by the project's script, else as ``python -m django``.
"""

import json
import os
import pickle
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.db import connections

from migration_guard.exceptions import CannotTell
from migration_guard.fresh.host import Host
from migration_guard.fresh.throwaway import throwaway_folder
from migration_guard.fresh.upgrade import child
from migration_guard.fresh.upgrade.release import Checkout, Release, check_out, project_script
from migration_guard.running import connecting

# Seconds that an interrupted process has to end by itself.
_GRACE: Final = 5.0
# How much of what the release printed is looked at, and the lines of it that are told.
_TAIL: Final = 4_000
_LINES: Final = 5
# The keys of a release's entry in DATABASES that stay its own. All others may lead to a server.
_ITS_OWN: Final = frozenset({"ENGINE", "TIME_ZONE", "TEST", "AUTOCOMMIT", "ATOMIC_REQUESTS"})


class Deployment(NamedTuple):
    """What a release has.

    ``tables`` are those of the models that it manages, by the label of the app. ``digests`` are
    those of Django's migrations, by ``app.name``.
    """

    tables: Mapping[str, Sequence[str]]
    digests: Mapping[str, str]


def deploy(release: Release, alias: str, host: Host, environment: str) -> Deployment:
    """Migrate the throwaway database that ``alias`` is now, by the release's own code.

    Raises CannotTell where that code does not start, has no SQL migrations, or fails.
    """
    with throwaway_folder() as work:
        folder = work / "release"
        folder.mkdir()
        return _deploy(check_out(release, folder), alias, host, environment, work)


def _deploy(checkout: Checkout, alias: str, host: Host, environment: str, work: Path) -> Deployment:
    """Do so with the files of the release; ``work`` is a folder for other files."""
    report, output = work / "report.json", work / "output.txt"
    request = {
        **_entry_point(checkout),
        "alias": alias,
        "vendor": connections[alias].vendor,
        "current_database": host.current_database,
        "environment": environment,
        "release": str(checkout.folder.resolve()),
        "today": str(checkout.release.repository.root),
        "paths": _paths(checkout.release.repository.root),
        "entry": _entry(alias),
        "report": str(report),
    }
    returncode = _run(pickle.dumps(request), _working_folder(checkout, request["script"]), output)
    try:
        answer = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        answer = {"stage": child.STAGES[0], "done": False}
    if not answer["done"]:
        if "error" not in answer:
            answer["error"] = "\n".join(
                [f"its process ended with {_end(returncode)}", *_tail(output)]
            )
        raise _failure(checkout, alias, answer)
    return Deployment(answer["tables"], answer["digests"])


# -- what the process is asked to do


def _entry_point(checkout: Checkout) -> dict[str, Any]:
    """Return the script of the release, "" for none, and whether it may say which settings."""
    root, script = checkout.release.repository.root, project_script()
    if script is None or not script.is_relative_to(root):
        return {"script": "", "settings_by_script": False}
    settings = os.environ.get(child.SETTINGS_VARIABLE, "")
    text = script.read_text(encoding="utf-8", errors="replace")
    names_settings = bool(re.search(rf"""["']{re.escape(settings)}["']""", text))
    return {"script": _script_of(checkout, script), "settings_by_script": names_settings}


def _script_of(checkout: Checkout, script: Path) -> str:
    """Return the release's script: of the same path, or the only one of the name, or renamed."""
    release = checkout.release
    path = script.relative_to(release.repository.root).as_posix()
    if (checkout.folder / path).is_file():
        return path
    paths = sorted(
        file.relative_to(checkout.folder).as_posix()
        for file in checkout.folder.rglob(script.name)
        if file.is_file()
    )
    if len(paths) > 1:
        paths = [release.repository.old_path(release.commit, script) or "", *paths]
        paths = paths[:1] if paths[0] in paths[1:] else paths[1:]
    if len(paths) > 1:
        raise CannotTell(
            f"{release.name} has no {path}, and {len(paths)} other files of that name: "
            f"{', '.join(paths)}.",
            "git does not show which of them became the one that runs now. Check out a later "
            "release, in which the folder has its present name.",
        )
    return paths[0] if paths else ""


def _working_folder(checkout: Checkout, script: str) -> Path:
    root, today = checkout.release.repository.root, Path.cwd().resolve()
    same = checkout.folder / today.relative_to(root) if today.is_relative_to(root) else None
    if same is not None and same.is_dir():
        return same
    return (checkout.folder / script).parent if script else checkout.folder


def _paths(root: Path) -> list[str]:
    """Return the entries of ``sys.path`` in today's project: an option may have put them there."""
    folders = (Path(path or os.curdir).resolve() for path in sys.path)
    return [
        str(folder)
        for folder in folders
        if folder.is_relative_to(root) and not child.is_installed(folder, root)
    ]


def _entry(alias: str) -> bytes:
    """Return, pickled, what leads to the throwaway database that ``alias`` is now."""
    settings = connections.settings[alias]
    try:
        return pickle.dumps({key: settings[key] for key in settings.keys() - _ITS_OWN})
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise CannotTell(
            f'OPTIONS of the database "{alias}" cannot be handed to another process: {error}',
            "Write them as plain values, or as functions and classes of a module.",
        ) from error


# -- the process


def _run(request: bytes, folder: Path, output: Path) -> int:
    """Run the program; end it with this process, whatever becomes of it. Return its exit code."""
    with output.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, child.__file__],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        )
        try:
            if process.stdin is not None:
                with suppress(BrokenPipeError):
                    process.stdin.write(len(request).to_bytes(8, "big") + request)
                    process.stdin.flush()
            # The pipe stays open: the process ends when it closes.
            return process.wait()
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    try:
        if process.poll() is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGINT)  # a driver cancels its statement
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
    finally:
        if process.poll() is None:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()


def _end(returncode: int) -> str:
    if returncode < 0:
        return f"the signal {signal.Signals(-returncode).name}"
    return f"exit code {returncode}"


def _failure(checkout: Checkout, alias: str, answer: Mapping[str, Any]) -> CannotTell:
    """Return what the release said, without secrets."""
    name, place = checkout.release.name, answer.get("place")
    lines = [f"The code of {name} {answer['stage']}: {answer['error']}"]
    if place:
        lines.append(f"at {place}")
    if answer.get("hint"):
        lines.append(answer["hint"])
    hints = [
        "It runs with today's packages, and without files that git does not have (.env). Remove "
        f"the cause, or name another release: {checkout.release.option} GITREF.",
    ]
    if checkout.absent:
        lines.append(f"Not here: the submodule {', '.join(checkout.absent)}.")
        hints.append("git submodule update --init brings what is recorded here.")
    message = connecting.hide_password(connections[alias], "\n".join(lines))
    return CannotTell(message, "\n".join(hints))


def _tail(output: Path) -> list[str]:
    with suppress(OSError):
        text = output.read_bytes()[-_TAIL:].decode(errors="replace")
        return text.strip().splitlines()[-_LINES:]
    return []
