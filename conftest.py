"""Groups of tests that take minutes or need a browser: plain `pytest` leaves them out.

`--groups all` runs everything, `--groups faults,browser` only these groups. Without the option a
group still runs where the command names its folder or file: `pytest tests/faults/test_kill.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
GROUPS = {
    "faults": ("tests/faults",),
    "browser": ("tests/admin/test_browser.py", "tests/admin/test_geometry.py"),
    "documentation": ("tests/docs",),
    "laws": ("tests/laws",),
    "benchmarks": ("tests/benchmarks",),
    "packaging": ("tests/test_copyable_ci.py", "tests/test_wheel.py", "tests/test_workflows.py"),
}
ALL = "all"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--groups`."""
    parser.addoption(
        "--groups",
        default="",
        metavar="NAMES",
        help=f"run only these groups of tests, or {ALL} tests: {', '.join(GROUPS)}",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Reject a group that does not exist, and a path, of which pytest-xdist says nothing."""
    for name in _asked_for(config) - {ALL, *GROUPS}:
        raise pytest.UsageError(f"--groups: {name!r} is none of {ALL}, {', '.join(GROUPS)}")

    for path in () if config.option.pyargs else _named_paths(config):
        if not path.exists():
            raise pytest.UsageError(f"file or directory not found: {path}")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run in one process under `--pdb`, and where the fault suite is to write its table.

    pytest-xdist refuses `--pdb` beside `-n 2`; the table is made of what one process saw.
    """
    if config.getoption("usepdb") or os.environ.keys() & {"FAULTS", "FAULTS_TABLE"}:
        config.option.numprocesses = 0
        config.option.dist = "no"


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the groups that are left out, and the way to run them."""
    left_out = [name for name in GROUPS if not _runs(config, name)]
    if _asked_for(config) or not left_out:
        return None
    return f"Left out: {', '.join(left_out)} (--groups {ALL}, or --groups {','.join(left_out[:2])})"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files of a group that does not run, before they are imported."""
    group = _group_of(collection_path)
    asked_for = _asked_for(config)
    if group is None:
        leave_out = bool(asked_for) and ALL not in asked_for and not collection_path.is_dir()
    else:
        leave_out = not _runs(config, group)
    return True if leave_out else None


def _asked_for(config: pytest.Config) -> set[str]:
    return set(filter(None, config.getoption("--groups").split(",")))


def _runs(config: pytest.Config, group: str) -> bool:
    """Return True if the command asks for the group by its name or by a path within it."""
    if asked_for := _asked_for(config):
        return bool(asked_for & {ALL, group})
    return any(_group_of(path.resolve()) == group for path in _named_paths(config))


def _named_paths(config: pytest.Config) -> list[Path]:
    """Return the files and folders that the command names, else `testpaths`."""
    return [config.invocation_params.dir / arg.split("::")[0] for arg in config.args]


def _group_of(path: Path) -> str | None:
    for group, places in GROUPS.items():
        if any(path.is_relative_to(ROOT / place) for place in places):
            return group
    return None
