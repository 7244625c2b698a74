"""squawk: its own rules find what is unsafe on a live PostgreSQL.

https://squawkhq.com: the PyPI package squawk-cli (extra ``lint``) carries the program. A project's
``.squawk.toml`` counts, and so do ``-- squawk-ignore`` comments. Rules of squawk that the runner
makes pointless, or that a rule of ours covers, are left out.
"""

import glob
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from migration_guard.exceptions import CannotTell
from migration_guard.linter.danger.calm import OF_NOT_NULL, OF_TABLES, Calm, read_calm
from migration_guard.linter.needs import Need
from migration_guard.linter.source import Source
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.scripts import excludes_production
from migration_guard.problems import Problem, Severity

SLUG = "squawk"
SEVERITY = Severity.WARNING
NEEDS = frozenset({Need.POSTGRESQL, Need.SQUAWK})

DOCS: Final = "https://squawkhq.com/docs"
_BATCH_SIZE: Final = 200  # files, since the length of a command line is limited
_EXCLUDED: Final = (
    # A failed migration rolls back, or goes on where it failed: it need not be safe to run twice.
    "prefer-robust-stmts",
    # Decided once in MIGRATION_GUARD, not in each file.
    "require-statement-timeout",
    # Our rules blanket-delete, mixed-concurrently, transaction-control and syntax-error cover it.
    "ban-drop-table",
    "ban-drop-column",
    "ban-drop-schema",
    "ban-truncate-cascade",
    "ban-concurrent-index-creation-in-transaction",
    "transaction-nesting",
    "ban-uncommitted-transaction",
)
# How to write new tables better. Of files that may be old it would be advice too late.
_ADVICE: Final = (
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-text-field",
    "prefer-timestamp-tz",
    "ban-char-field",
    "ban-create-domain-with-constraint",
    "require-enum-value-ordering",
)
_SYNTAX: Final = "syntax-error"


def check(source: Source) -> Iterator[Problem]:
    """Yield what squawk finds in the new and changed files that may run in production."""
    calm: dict[Path, list[Calm]] | None = None
    groups: dict[tuple[bool, bool], list[MigrationFile]] = {}
    for file in source.files:
        if file.id in source.new_files and not excludes_production(file):
            key = (file.directives.transaction, _has_lock_timeout(file, source))
            groups.setdefault(key, []).append(file)
    for (transaction, has_lock_timeout), files in groups.items():
        excluded = [*_EXCLUDED, *(["require-lock-timeout"] if has_lock_timeout else [])]
        if source.context.merge_base is None:
            excluded += _ADVICE
        options = [f"--exclude={','.join(excluded)}"]
        options += ["--assume-in-transaction"] * transaction
        if source.context.server_version:
            options.append(f"--pg-version={source.context.server_version}")
        for start in range(0, len(files), _BATCH_SIZE):
            for problem in _run(files[start : start + _BATCH_SIZE], options):
                if calm is None and problem.rule in OF_TABLES:
                    calm = _calm_places(source)
                if not _is_calm(problem, calm or {}):
                    yield problem


def _calm_places(source: Source) -> dict[Path, list[Calm]]:
    """Return by file where a lock or a scan hurts nobody."""
    places: dict[Path, list[Calm]] = {}
    for step in source.walk.steps():
        calm = read_calm(step)
        if calm is not None:
            places.setdefault(step.file.path, []).append(calm)
    return places


def _is_calm(problem: Problem, places: dict[Path, list[Calm]]) -> bool:
    line, rule = problem.line or 0, problem.rule
    return any(
        calm.first_line <= line <= calm.last_line
        and (rule in OF_TABLES if calm.is_fresh else rule in OF_NOT_NULL)
        for calm in places.get(problem.path or Path(), ())
    )


def executable() -> str | None:
    """Return the path of squawk, beside this Python or on the PATH."""
    return shutil.which("squawk", path=str(Path(sys.executable).parent)) or shutil.which("squawk")


def explain(rule: str, page: str) -> str:
    """Return a page for one of squawk's own rules, after the page of this rule."""
    return (
        f"# {rule}\n\nOne of squawk's rules; its page: {DOCS}/{rule}\n\n{page.partition('## ')[2]}"
    )


def _has_lock_timeout(file: MigrationFile, source: Source) -> bool:
    own = file.directives.lock_timeout
    return bool(own) if own is not None else source.context.lock_timeout


def _run(files: Sequence[MigrationFile], options: Sequence[str]) -> Iterator[Problem]:
    program = executable()
    if program is None:
        return
    paths = [glob.escape(str(file.path)) for file in files]
    command = [program, "--reporter=json", *options, "--", *paths]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        findings = json.loads(result.stdout)
    except ValueError as error:
        raise CannotTell(
            f"squawk failed (exit {result.returncode}): {result.stderr.strip()[:500]}",
            f"Run it by hand: squawk {paths[0]}",
        ) from error
    for finding in findings:
        if finding["rule_name"] != _SYNTAX:
            yield _problem(finding)


def _problem(finding: dict[str, Any]) -> Problem:
    rule = finding["rule_name"]
    return Problem(
        rule,
        finding["message"],
        " ".join(filter(None, (finding["help"], f"({DOCS}/{rule})"))),
        SEVERITY,
        Path(finding["file"]),
        finding["line"] + 1,
        column=finding["column"] + 1,
    )


# The rules of squawk 2.70. They serve to explain and to correct spelling, never to decide.
RULES: Final = frozenset(
    """
    require-concurrent-index-creation require-concurrent-index-deletion
    constraint-missing-not-valid adding-field-with-default adding-foreign-key-constraint
    changing-column-type adding-not-nullable-field adding-serial-primary-key-field
    renaming-column renaming-table disallowed-unique-constraint ban-drop-database
    prefer-bigint-over-int prefer-bigint-over-smallint prefer-identity prefer-repack
    prefer-robust-stmts prefer-text-field prefer-timestamp-tz ban-char-field ban-drop-column
    ban-drop-table ban-drop-not-null transaction-nesting adding-required-field
    ban-concurrent-index-creation-in-transaction ban-create-domain-with-constraint
    ban-alter-domain-with-add-constraint ban-truncate-cascade require-timeout-settings
    ban-uncommitted-transaction require-enum-value-ordering require-table-schema
    identifier-too-long require-concurrent-partition-detach require-concurrent-reindex
    require-lock-timeout require-statement-timeout ban-drop-view ban-drop-function
    ban-drop-type ban-drop-schema ban-drop-sequence ban-drop-domain ban-drop-constraint
    ban-drop-generated-expression renaming-object ban-set-schema ban-alter-identity
    ban-drop-extension ban-alter-generated-expression ban-drop-index ban-set-default
    ban-disable-trigger ban-replica-identity ban-drop-policy ban-revoke
    ban-replace-view-function ban-alter-policy-condition ban-alter-policy-roles
    ban-create-policy ban-alter-function-options ban-alter-view-options ban-alter-role-options
    ban-alter-database-options ban-alter-row-level-security ban-new-write-restriction
    ban-add-enum-value ban-add-composite-attribute ban-add-column ban-detach-inheritance
    ban-alter-sequence-values ban-alter-system-options ban-alter-extension
    """.split()  # noqa: SIM905
)
