"""Runs the shell steps of a CI file as its runner would: in order, in bash, in a checkout.

Actions and the installation are left out: they make the machine, which the tests already have. What
a step reads from GitHub is looked up in the contexts that the test gives.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
# What the job of this repository needs of it.
PARTS = (
    ".github", "manage.py", "migration_guard", "project", "pyproject.toml", "schema_contract.toml",
    "sql_migrations", "tests",
)  # fmt: skip
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
ALWAYS = "${{ always() }}"
INSTALL = "Install"
# GitHub Actions, "Workflow syntax", jobs.<job_id>.steps[*].shell: what ``bash`` stands for.
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
_OF_THE_TESTS = ("PYTEST", "DJANGO_SETTINGS_MODULE", "TEST_SETTINGS_JSON", "GITHUB_", "GIT_", "CI_")
WHO = {
    "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
}  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a job ended: the step that failed, all output, and the job summary."""

    failed: str | None
    out: str
    summary: str
    ran: list[str] = field(default_factory=list)


def load(path: Path) -> dict[str, Any]:
    """Read a workflow; YAML 1.1 takes the key ``on`` for the value true."""
    found = yaml.safe_load(path.read_text())
    return {"on" if key is True else key: value for key, value in found.items()}


def only_job(path: Path) -> dict[str, Any]:
    """Return the one job of a workflow."""
    (job,) = load(path)["jobs"].values()
    return dict(job)


def run_job(
    job: Mapping[str, Any],
    checkout: Path,
    contexts: Mapping[str, Any],
    env: Mapping[str, str],
    without: tuple[str, ...] = (INSTALL,),
) -> Ended:
    """Run the shell steps; ``env`` are the values that the job's services have here."""
    temp = checkout.parent / "runner-temp"
    temp.mkdir(exist_ok=True)
    summary = temp / "summary.md"
    summary.touch()
    of_job = {**values(job.get("env", {}), contexts), **env}
    outside = {"RUNNER_TEMP": str(temp), "GITHUB_STEP_SUMMARY": str(summary), **of_job}
    failed, out, ran = None, "", []
    for step in job["steps"]:
        name = step.get("name", "")
        assert step.get("if", ALWAYS) == ALWAYS, f"the test does not know this condition: {step}"
        if "run" not in step or name in without or (failed is not None and "if" not in step):
            continue
        done = bash(step["run"], checkout, {**outside, **values(step.get("env", {}), contexts)})
        ran.append(name)
        out += done.stdout
        if done.returncode and failed is None:
            failed = name
    return Ended(failed, out, summary.read_text(), ran)


def bash(script: str, folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script as GitHub Actions does; its programs are those of this Python's environment."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(_OF_THE_TESTS)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [*BASH, "-c", script],
        cwd=folder,
        env={**inherited, **WHO, "PATH": path, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def values(env: Mapping[str, Any], contexts: Mapping[str, Any]) -> dict[str, str]:
    """Fill in the expressions; each is a path through the contexts, and what is missing is ""."""

    def look_up(match: re.Match[str]) -> str:
        value: Any = contexts
        for key in match[1].split("."):
            value = value.get(key, {}) if isinstance(value, dict) else {}
        return "" if value in ({}, None) else str(value)

    return {key: EXPRESSION.sub(look_up, str(value)) for key, value in env.items()}


class Repository:
    """An origin with what is merged, and a checkout of it, in which a test makes a change."""

    def __init__(self, folder: Path) -> None:
        self.origin = folder / "origin"
        self.checkout = folder / "checkout"
        self.origin.mkdir(parents=True)
        self.git("init", "-q", "-b", "main", folder=self.origin)

    def merge(self, message: str = "x") -> str:
        """Commit the origin as it is; return the commit."""
        self.git("add", "-A", folder=self.origin)
        self.git("commit", "-q", "-m", message, folder=self.origin)
        return self.git("rev-parse", "HEAD", folder=self.origin).strip()

    def clone(self) -> Path:
        """Check it out as a runner does, on a branch of its own."""
        self.git("clone", "-q", str(self.origin), str(self.checkout), folder=self.origin)
        self.git("checkout", "-q", "-b", "change", folder=self.checkout)
        return self.checkout

    def commit(self, files: Mapping[str, str | None] | None = None) -> None:
        """Commit a change in the checkout; None removes a file."""
        for name, text in (files or {}).items():
            path = self.checkout / name
            path.unlink() if text is None else path.write_text(text)
        self.git("add", "-A", folder=self.checkout)
        self.git("commit", "-q", "--allow-empty", "-m", "x", folder=self.checkout)

    @staticmethod
    def git(*arguments: str, folder: Path) -> str:
        """Run git; it must succeed."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env={**os.environ, **WHO},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def copy_project(target: Path) -> None:
    """Copy what the job of this repository needs, as it is now, committed or not."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "__screenshots__")
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=ignore)
        else:
            shutil.copy2(source, target / part)
