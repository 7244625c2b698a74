"""The program that migrates a database by the code of an older release, in a process of its own.

It is run as a file, with nothing of this app imported, and gets a pickled request on standard
input. It goes the way of the release's own ``manage.py``, up to the moment when Django would carry
out the command. What it needs of Django is replaced before: DATABASES of the release lead to its
own databases, and here one alias leads to the throwaway database, the others nowhere.
"""

import ast
import hashlib
import importlib.util
import json
import os
import pickle
import runpy
import signal
import sys
import threading
import traceback
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

SETTINGS_VARIABLE: Final = "DJANGO_SETTINGS_MODULE"
# What is said of the release where it ends: at its start, before its migrations, in them.
STAGES: Final = ("does not start", "cannot be used", "fails to migrate an empty database")
# The folders of installed packages; Debian has a word of its own.
_PACKAGES: Final = frozenset({"site-packages", "dist-packages"})


class Refusal(Exception):
    """The release cannot be used; ``hint`` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Process:
    """The work, from the request to the report."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.alias: str = request["alias"]
        self.release = Path(request["release"])
        self.today = Path(request["today"])
        self.report: dict[str, Any] = {"stage": STAGES[0], "done": False}

    def run(self) -> None:
        """Do all of it. Nothing is raised: the report says what went wrong."""
        try:
            self._lead_to_release()
            self.entry = pickle.loads(self.request["entry"])  # noqa: S301 - of our own parent
            self._replace_databases()
            self._start()
            self._note(Refusal("Its manage.py ended without running a command."))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the release raises
            self._note(error)
        self._write()

    def _write(self) -> None:
        Path(self.request["report"]).write_text(json.dumps(self.report), encoding="utf-8")

    def _note(self, error: BaseException) -> None:
        """Note what went wrong, unless all was done before."""
        if self.report["done"]:
            return
        text, kind = str(getattr(error, "message", "") or error).strip(), type(error).__name__
        is_told = hasattr(error, "hint") or kind == "CommandError"
        self.report["error"] = text if is_told and text else f"{kind}: {text}" if text else kind
        self.report["hint"] = getattr(error, "hint", "")
        frames = reversed(traceback.extract_tb(error.__traceback__))
        places = (
            f"{Path(frame.filename).relative_to(self.release)}:{frame.lineno}"
            for frame in frames
            if Path(frame.filename).is_relative_to(self.release)
        )
        self.report["place"] = "" if is_told else next(places, "")

    # -- where Python finds the project

    def _lead_to_release(self) -> None:
        """Let each entry of ``sys.path`` that lies in today's project lie in the release."""
        paths = [self._in_release(path) for path in sys.path]
        paths += [
            path for path in map(self._in_release, self.request["paths"]) if path not in paths
        ]
        sys.path[:] = paths
        inherited = os.environ.get("PYTHONPATH", "")
        if inherited:
            mapped = map(self._in_release, inherited.split(os.pathsep))
            os.environ["PYTHONPATH"] = os.pathsep.join(mapped)

    def _in_release(self, path: str) -> str:
        folder = Path(path or os.curdir).resolve()
        if self._is_todays(folder):
            return str(self.release / folder.relative_to(self.today))
        return path

    def _is_todays(self, path: Path) -> bool:
        """Return whether a path is part of today's project, and not of an environment in it."""
        return path.is_relative_to(self.today) and not is_installed(path, self.today)

    def _start(self) -> None:
        """Run the release's own script; without one, do what ``python -m django`` does."""
        from django.core.management import ManagementUtility

        self._intercept(ManagementUtility)
        script = self.request["script"]
        if script:
            path = self.release / script
            sys.path.insert(0, str(path.parent))
            self._forget_settings_of_today()
            sys.argv = [str(path), "migrate"]
            runpy.run_path(str(path), run_name="__main__")
        else:
            sys.path.insert(0, str(Path.cwd()))
            ManagementUtility(["django-admin", "migrate"]).execute()

    def _forget_settings_of_today(self) -> None:
        """Let manage.py say which settings it has, where those that it has today are not there."""
        name = os.environ.get(SETTINGS_VARIABLE, "")
        if not name or not self.request["settings_by_script"]:
            return
        try:
            is_there = importlib.util.find_spec(name) is not None
        except ModuleNotFoundError:
            is_there = False
        except Exception:  # noqa: BLE001 - it is there, and its parent fails; the import will tell
            is_there = True
        if not is_there:
            del os.environ[SETTINGS_VARIABLE]

    # -- what is replaced

    def _intercept(self, utility: type[Any]) -> None:
        """Migrate where Django would carry out the command of manage.py."""

        def execute(_self: Any) -> None:
            self._migrate()

        utility.execute = execute

    def _replace_databases(self) -> None:
        from django.conf import Settings
        from django.db.utils import ConnectionHandler

        settings_class: Any = Settings
        handler_class: Any = ConnectionHandler
        read_settings = settings_class.__init__
        configure = handler_class.configure_settings
        connect = handler_class.create_connection

        def init(settings: Any, module: str) -> None:
            read_settings(settings, module)
            settings.DATABASES = self._replaced(settings.DATABASES)

        def configure_settings(handler: Any, databases: Any) -> Any:
            from django.conf import settings

            return configure(handler, self._replaced(databases or settings.DATABASES))

        def create_connection(handler: Any, alias: str) -> Any:
            connection: Any = connect(handler, alias)
            if alias != self.alias:
                connection.connect = lambda: self._refuse_other(alias)
            return connection

        settings_class.__init__ = init
        handler_class.configure_settings = configure_settings
        handler_class.create_connection = create_connection

    def _replaced(self, databases: Any) -> Any:
        if self.alias not in databases:
            return databases
        return {**databases, self.alias: {**databases[self.alias], **self.entry}}

    def _refuse_other(self, alias: str) -> None:
        raise Refusal(
            f'A migration reached for the database "{alias}" while a throwaway database stood for '
            f'"{self.alias}": only that one is not real.'
        )

    # -- the migrations

    def _migrate(self) -> None:
        import django

        django.setup()
        self.report["stage"] = STAGES[1]
        from django.apps import apps
        from django.core.management import call_command, get_commands, load_command_class

        self._refuse_todays_code()
        provider = get_commands().get("runsqlmigrations")
        if provider is None:
            raise Refusal("It does not have migration_guard in INSTALLED_APPS.")
        self._refuse_folders()
        self._refuse_database()
        self.report["stage"] = STAGES[2]
        self._write()
        parser = load_command_class(provider, "runsqlmigrations").create_parser("", "")
        options = {"database": self.alias, "environment": self.request["environment"]}
        if parser.get_default("with_django") is not None:
            call_command("runsqlmigrations", with_django=True, **options)
        else:
            call_command("migrate", database=self.alias, interactive=False)
            call_command("runsqlmigrations", **options)
        self._refuse_todays_code()
        self.report["digests"] = {id_: digest(path) for id_, path in migration_files().items()}
        self.report["tables"] = {
            config.label: [
                model._meta.db_table
                for model in config.get_models(include_auto_created=True)
                if model._meta.managed
            ]
            for config in apps.get_app_configs()
        }
        self.report["done"] = True

    def _refuse_todays_code(self) -> None:
        for module in [*sys.modules.values()]:
            file = getattr(module, "__file__", None) or __file__
            if file != __file__ and self._is_todays(Path(file).resolve()):
                raise Refusal(
                    f"Its process loaded {file}, which is today's code.",
                    "An editable installation (pip install -e) leads there. Run this where the "
                    "project is not installed, or is installed by a path on sys.path.",
                )

    def _refuse_folders(self) -> None:
        """Refuse folders of SQL migrations that are not there, not the release's, or empty."""
        from migration_guard import conf

        folders = [Path(os.path.abspath(folder)) for folder in conf.load().folders(self.alias)]  # noqa: PTH100
        for folder in folders:
            resolved = folder.resolve()
            if not (resolved.is_relative_to(self.release) or is_installed(resolved, self.today)):
                raise Refusal(
                    f'Its MIGRATION_GUARD["DIRS"] leads out of the release, to {folder}.',
                    'A folder that is written as BASE_DIR / "sql_migrations" goes with the code.',
                )
        if not any(path.suffix == ".sql" and path.name[0] not in "_." for path in _files(folders)):
            names = ", ".join(_name(folder, self.release) for folder in folders)
            raise Refusal(f"It has no SQL migration in {names}.")

    def _refuse_database(self) -> None:
        from django.db import connections

        if self.alias not in connections.settings:
            raise Refusal(f'It has no database "{self.alias}" in DATABASES.')
        connection = connections[self.alias]
        if connection.vendor != self.request["vendor"]:
            raise Refusal(
                f'Its database "{self.alias}" is {connection.vendor}, and today\'s is '
                f"{self.request['vendor']}."
            )
        with connection.cursor() as cursor:
            cursor.execute(self.request["current_database"])
            name = str(cursor.fetchone()[0])
        expected = str(self.entry["NAME"])
        if name != expected and os.path.realpath(name) != os.path.realpath(expected):
            raise Refusal(
                f'Its connection leads to the database "{name}", and not to the throwaway one.'
            )


def is_installed(path: Path, project: Path) -> bool:
    """Return whether a path is part of a package, or of an environment inside the project."""
    prefix = Path(sys.prefix).resolve()
    is_inside = prefix.is_relative_to(project) and prefix != project
    return bool(_PACKAGES.intersection(path.parts)) or (is_inside and path.is_relative_to(prefix))


def migration_files() -> dict[str, Path]:
    """Return the files of Django's migrations, by ``app.name``."""
    from django.db.migrations.loader import MigrationLoader

    modules = {
        f"{app}.{name}": sys.modules[migration.__module__].__file__
        for (app, name), migration in MigrationLoader(None).disk_migrations.items()
    }
    return {id_: Path(file) for id_, file in modules.items() if file and file.endswith(".py")}


def digest(path: Path) -> str:
    """Return what is equal for two files of Python that mean the same."""
    tree = ast.dump(ast.parse(path.read_bytes()))
    return hashlib.sha256(tree.encode()).hexdigest()


def _files(folders: Iterable[Path]) -> Iterable[Path]:
    for folder in folders:
        with suppress(OSError):
            yield from folder.iterdir()


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _end_with_parent(descriptor: int) -> None:
    """End this process and its children once the one that started it has ended."""

    def watch() -> None:
        while os.read(descriptor, 1):
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Read the request; then the release's code finds standard input empty."""
    if sys.path and Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
        sys.path.pop(0)  # it is no place for the project's modules
    parent = os.dup(0)
    with os.fdopen(os.dup(0), "rb", buffering=0) as stream:
        size = int.from_bytes(_read(stream, 8), "big")
        request = pickle.loads(_read(stream, size))  # noqa: S301 - of our own parent
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    _end_with_parent(parent)
    Process(request).run()


def _read(stream: Any, size: int) -> bytes:
    content = b""
    while len(content) < size and (part := stream.read(size - len(content))):
        content += part
    return content


if __name__ == "__main__":
    main()
