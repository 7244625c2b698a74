"""Loading Django's migrations: files of the project and of its packages, with any code in them."""

import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import django
from django.db import Error
from django.db.migrations.exceptions import (
    AmbiguityError,
    BadMigrationError,
    CircularDependencyError,
    NodeNotFoundError,
)

from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.problems import place
from migration_guard.sql.masking import mask_text

# What Django itself finds wrong with the migrations together.
LOADER_ERRORS: Final = (
    NodeNotFoundError,
    CircularDependencyError,
    BadMigrationError,
    AmbiguityError,
)
_NOT_THE_CAUSE: Final = (
    "<",
    str(Path(django.__file__).parent),
    str(Path(__file__).parent),
    sysconfig.get_path("stdlib"),
)


@contextmanager
def loading() -> Iterator[None]:
    """Raise CannotTell where a migration of Django's cannot be loaded within this block."""
    try:
        yield
    except (GuardError, Error):
        raise
    except Exception as error:
        raise loader_error(error) from error


def loader_error(error: Exception) -> CannotTell:
    """Build the error for Django migrations that cannot be loaded."""
    if isinstance(error, LOADER_ERRORS):
        cause = str(error)
    else:
        cause = mask_text(f"{_place(error)}{type(error).__name__}: {error}")
    return CannotTell(
        f"Django's own migrations cannot be loaded: {cause}",
        "manage.py showmigrations shows the same; correct that app first.",
    )


def _place(error: Exception) -> str:
    """Return where code of the project failed, with a colon; "" where it is not known."""
    if isinstance(error, SyntaxError) and error.filename:
        return ""  # its text says so
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(_NOT_THE_CAUSE):
            return f"{place(Path(frame.filename), frame.lineno)}: "
    return ""
