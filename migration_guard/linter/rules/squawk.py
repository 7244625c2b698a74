"""squawk: what is unsafe on a live PostgreSQL, as squawk's own rules find it.

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
from typing import Any

from migration_guard.exceptions import CannotTell
from migration_guard.linter.needs import Need
from migration_guard.linter.source import Source
from migration_guard.planning.files import MigrationFile
from migration_guard.planning.preflight import excludes_production
from migration_guard.problems import Problem, Severity

SLUG = "squawk"
SEVERITY = Severity.WARNING
NEEDS = frozenset({Need.POSTGRESQL, Need.SQUAWK})

DOCS = "https://squawkhq.com/docs"
_AT_ONCE = 200  # files; a command line has its limit
_LEFT_OUT = (
    # A failed migration rolls back, or goes on where it failed: it need not bear a second run.
    "prefer-robust-stmts",
    # Decided once in MIGRATION_GUARD, not in each file.
    "require-statement-timeout",
    # blanket-delete, mixed-concurrently, transaction-control and syntax-error say it.
    "ban-drop-table",
    "ban-concurrent-index-creation-in-transaction",
    "transaction-nesting",
    "ban-uncommitted-transaction",
)
_SYNTAX = "syntax-error"


def check(source: Source) -> Iterator[Problem]:
    """Yield what squawk says of the new and changed files that may run in production."""
    changed = scope(source) or frozenset()
    groups: dict[tuple[bool, bool], list[MigrationFile]] = {}
    for file in source.files:
        if file.path in changed and not excludes_production(file):
            key = (file.directives.transaction, _has_lock_timeout(file, source))
            groups.setdefault(key, []).append(file)
    for (transaction, limited), files in groups.items():
        left_out = [*_LEFT_OUT, *(["require-lock-timeout"] if limited else [])]
        options = [f"--exclude={','.join(left_out)}"]
        options += ["--assume-in-transaction"] * transaction
        if source.context.server_version:
            options.append(f"--pg-version={source.context.server_version}")
        for some in _batches(files):
            yield from _run(some, options)


def scope(source: Source) -> frozenset[Path] | None:
    """Return the new and changed files, None where they are not known."""
    past = source.context.past
    return past.changed if past is not None else source.context.uncommitted


def executable() -> str | None:
    """Return the path of squawk, beside this Python or on the PATH."""
    return shutil.which("squawk", path=str(Path(sys.executable).parent)) or shutil.which("squawk")


def explain(rule: str, page: str) -> str:
    """Return what there is to say of one of squawk's own rules."""
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
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        findings = json.loads(done.stdout)
    except ValueError as error:
        raise CannotTell(
            f"squawk failed (exit {done.returncode}): {done.stderr.strip()[:500]}",
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


def _batches(files: Sequence[MigrationFile]) -> Iterator[Sequence[MigrationFile]]:
    for start in range(0, len(files), _AT_ONCE):
        yield files[start : start + _AT_ONCE]


# squawk 2.70; used to explain and to correct spelling only, never to decide.
RULES = frozenset(
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
