"""A project whose keys are asked for again and again, each time by a process of its own.

`answers` runs in the project's folder. It sets Django up once and forks for each question, so that
migrations and what they import are read anew.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.projects import Project

QUESTION = {"settings": {}, "runs_code": False, "environment": "test", "path": [], "test": {}}


def answers() -> None:
    """Answer each question, a line of standard input, by a line on standard output."""
    import django

    django.setup()
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            question = json.loads(line)
            answer = _build(question["build"]) if "build" in question else _answer(**question)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(process, 0)


def _build(templates: bool | str) -> dict[str, Any]:
    """Make the test database as a test runner does; return what Django and the app say."""
    from django.conf import settings
    from django.db import connections
    from django.test import override_settings

    from migration_guard import testing

    testing.install()
    guard = {**settings.MIGRATION_GUARD, "TEMPLATES_IN_TESTS": templates}
    creation: Any = connections["default"].creation
    creation.log = (said := []).append
    with override_settings(MIGRATION_GUARD=guard), redirect_stdout(StringIO()):
        creation.create_test_db(verbosity=2, autoclobber=True, keepdb=True)
    return {"said": said}


def _answer(
    *, settings: dict[str, Any], runs_code: bool, environment: str, path: list[str], test: Any
) -> dict[str, Any]:
    from django.db import connections, router
    from django.test import override_settings

    from migration_guard.template_databases.order import read_order
    from migration_guard.template_databases.recipe import Recipe
    from migration_guard.template_databases.shelf import Obstacle, open_shelf

    sys.path[:0] = path
    connections.settings["default"].update(test)
    recipe = Recipe("default", environment, "", runs_code=runs_code, is_test=True)
    with override_settings(**settings), open_shelf("default", any_place=False) as shelf:
        vars(router).pop("routers", None)  # a cached property
        try:
            keys = read_order(recipe._replace(likeness=shelf.likeness())).keys
        except Obstacle as error:
            return {"obstacle": str(error)}
    return {"keys": keys}


class Driver:
    """Asks for the keys of a project."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def build(self, templates: bool | str) -> str:
        """Make the test database, and keep it; return what is told of templates."""
        said = self._ask({"build": templates})["said"]
        return next((line for line in said if " template" in line), "")

    def ask(self, **question: Any) -> dict[str, Any]:
        """Return the keys, or the obstacle."""
        return self._ask({**QUESTION, **question})

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def keys(self, **question: Any) -> list[str]:
        """Return the keys."""
        keys: list[str] = self.ask(**question)["keys"]
        return keys


@contextmanager
def driving(project: Project) -> Iterator[Driver]:
    """Start the process, and end it."""
    code = "from tests.template_databases.driver import answers; answers()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=project.path,
        env=project.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Driver(process)
    finally:
        process.communicate()
