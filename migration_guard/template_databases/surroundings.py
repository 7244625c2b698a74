"""What a database depends on beside the migrations: settings, versions, routers, models, server."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from warnings import catch_warnings, simplefilter

import django
from django.apps import AppConfig
from django.conf import settings
from django.db import connections, router
from django.db.backends.signals import connection_created
from django.db.models.signals import post_save, pre_save

import migration_guard
from migration_guard.template_databases.canonical import canonical
from migration_guard.template_databases.django_code import receiver_modules
from migration_guard.template_databases.recipe import Recipe
from migration_guard.template_databases.sources import Sources

# It changes where a key means something else.
_FORMAT: Final = "1"
# They may differ in each process, and count where a source of the project names them.
_VOLATILE: Final = (
    *("SECRET_KEY", "SECRET_KEY_FALLBACKS", "LOGGING", "MEDIA_ROOT", "STATIC_ROOT"),
    *("FILE_UPLOAD_TEMP_DIR", "EMAIL_FILE_PATH"),
)
# Their receivers may run while a database is made, beside those of ``migrate`` itself.
_SIGNALS: Final = (connection_created, pre_save, post_save)
# Read from the connections, without the names of databases and without passwords.
_ELSEWHERE: Final = ("DATABASES",)


def read_surroundings(recipe: Recipe, unmigrated: Iterable[AppConfig], sources: Sources) -> bytes:
    """Return the digest of all of it. ``unmigrated`` are the apps whose tables come from models."""
    models = [name for config in unmigrated for name in _model_modules(config)]
    routers = [type(instance).__module__ for instance in router.routers]
    engine = type(connections[recipe.alias]).__module__
    code = sources.digest(*models, *routers, *receiver_modules(*_SIGNALS), engine)
    texts = (
        *(_FORMAT, recipe.environment, recipe.likeness, sys.version, django.get_version()),
        *_packages(),
        *_own_files(),
        *_databases(recipe.alias),
        *_settings(sources),
    )
    digest = sha256(code)
    for text in texts:
        part = text.encode(errors="surrogateescape")
        digest.update(b"%d:%b" % (len(part), part))
    return digest.digest()


def _model_modules(config: AppConfig) -> Iterator[str]:
    """Yield the modules that make the tables of an app, of fields that settings name too."""
    if config.models_module:
        yield config.models_module.__name__
    for model in config.get_models(include_auto_created=True):
        kinds = [model, *map(type, model._meta.local_fields)]
        yield from (base.__module__ for kind in kinds for base in kind.__mro__)


def _packages() -> Iterator[str]:
    """Yield names and versions of all packages that are installed, and digests of their files."""
    for path in dict.fromkeys(sys.path):
        if path.endswith(("site-packages", "dist-packages")) and os.path.isdir(path):  # noqa: PTH112
            names = os.listdir(path)  # noqa: PTH208
            for name in sorted(names):
                if name.endswith((".dist-info", ".egg-info")):
                    yield f"{name}:{_digest(f'{path}/{name}/RECORD')}"


def _digest(path: str) -> str:
    """Return the digest of a file, "" if there is none."""
    with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123 - there may be hundreds
        return sha256(file.read()).hexdigest()
    return ""


def _own_files() -> Iterator[str]:
    """Yield size and time of the app's own modules, which a checkout may have without a version."""
    root = Path(migration_guard.__file__).parent
    for folder, _folders, names in sorted(os.walk(root)):
        for name in sorted(names):
            if name.endswith(".py"):
                status = os.stat(f"{folder}/{name}")  # noqa: PTH116
                yield f"{folder}/{name}:{status.st_size}:{status.st_mtime_ns}"


def _databases(alias: str) -> Iterator[str]:
    """Yield the settings of the databases, first of this one."""
    for name in (alias, *sorted(connections.settings)):
        values = {**connections.settings[name]}
        values.pop("NAME", None)
        values.pop("PASSWORD", None)
        values["TEST"] = {k: v for k, v in values.get("TEST", {}).items() if k != "NAME"}
        yield f"{name}={canonical(values)}"


def _settings(sources: Sources) -> Iterator[str]:
    for name in sorted(filter(str.isupper, dir(settings))):
        if name in _ELSEWHERE or (name in _VOLATILE and not sources.mentions(name)):
            continue
        with catch_warnings():
            simplefilter("ignore")  # of a setting that Django will drop
            value: Any = getattr(settings, name)
        yield f"{name}={canonical(value)}"
