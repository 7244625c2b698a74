"""Checks the rules over small sets of files, without a database and without a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration_guard.linter import run_rules
from migration_guard.linter.source import Context, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from migration_guard.problems import Problem

ENVIRONMENTS = frozenset({"production", "staging", "test", "dev"})


def found(
    folder: Path,
    files: Mapping[str, str | bytes | None],
    vendor: str = "postgresql",
    folders: Sequence[Path] = (),
    **context: object,
) -> list[Problem]:
    """Write the files and max_migration.txt (None: leave it out), apply all rules."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        if content is None:
            continue
        raw = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(raw)
    newest = max((name[:-4] for name in files if name[0] in "0123456789"), default="")
    if "max_migration.txt" not in files:
        (folder / "max_migration.txt").write_text(f"{newest}\n")
    source = read([folder.resolve(), *folders], Context(vendor, ENVIRONMENTS, **context))
    return list(run_rules.check(source)[0])


def slugs(problems: list[Problem]) -> list[str]:
    return [problem.rule for problem in problems]
