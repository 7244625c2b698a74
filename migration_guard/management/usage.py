"""The options of ``checkschema`` about the statements that code sends."""

import shlex
from argparse import ArgumentParser, _ArgumentGroup
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from migration_guard.exceptions import CannotTell
from migration_guard.management.combinations import does_nothing

if TYPE_CHECKING:
    from migration_guard.fresh.matrix import MatrixCheck
    from migration_guard.usage.check import UsageCheck

_ADD_USAGE: Final = "Add --usage FILE."


def add_options(parser: ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("the statements that code sends (pytest --record-usage=FILE)")
    _add_files(
        group, "--usage", "Tell which recorded statements the database breaks. No statement is run."
    )
    group.add_argument(
        "--as",
        dest="role",
        default="",
        metavar="ROLE",
        help="With --usage, on PostgreSQL: prepare them with the rights of this role.",
    )


def add_matrix(parser: ArgumentParser) -> None:
    """Add the options about a rolling deploy."""
    group = parser.add_argument_group("a rolling deploy, in which old and new code and schema meet")
    group.add_argument(
        "--matrix",
        metavar="GITREF",
        help="With --fresh and --usage: tell what today's schema breaks of the code of that "
        "commit, which is what production runs, and what its schema breaks of today's code.",
    )
    _add_files(
        group,
        "--usage-of-ref",
        "With --matrix: the statements that the code of that commit sends, recorded there.",
    )


def _add_files(group: _ArgumentGroup, option: str, help_: str) -> None:
    """Add an option that takes usage files."""
    group.add_argument(
        option, nargs="+", action="extend", default=[], type=Path, metavar="FILE", help=help_
    )


def read_request(options: dict[str, Any]) -> "UsageCheck | None":
    """Read the usage files, None without any. Raises CannotTell."""
    if not options["usage"]:
        if options["role"]:
            raise does_nothing("--as", "--usage", _ADD_USAGE)
        return None
    return _read(options["usage"], options)


def read_matrix(options: dict[str, Any], of_today: "UsageCheck | None") -> "MatrixCheck | None":
    """Read what a rolling deploy compares, None without --matrix. Raises CannotTell."""
    from migration_guard.fresh.matrix import MatrixCheck

    ref = options["matrix"]
    if ref is None:
        return None
    if of_today is None:
        raise does_nothing("--matrix", "--usage", _ADD_USAGE)
    if not options["usage_of_ref"]:
        raise CannotTell(
            f"--matrix {ref} needs what the code of {ref} sends: --usage-of-ref FILE.",
            f"Take the file that CI kept of that commit, or record it in a checkout of it: git "
            f"worktree add ../of-ref {shlex.quote(ref)}, and there pytest "
            "--record-usage=usage-of-ref.jsonl.",
        )
    return MatrixCheck(ref, _read(options["usage_of_ref"], options), of_today)


def _read(paths: Sequence[Path], options: dict[str, Any]) -> "UsageCheck":
    """Read usage files. Raises CannotTell where they have nothing for the database."""
    # Imported late: a check without usage needs none of it.
    from migration_guard.running.connecting import supported_connection
    from migration_guard.usage.check import UsageCheck
    from migration_guard.usage.merging import merge
    from migration_guard.usage.scope import refuse_nothing, without_others
    from migration_guard.usage.statement import read

    vendor = supported_connection(options["database"], read_only=True).vendor
    first, *others = (without_others(read(path), options["database"]) for path in paths)
    # A recorder has merged what one file holds.
    statements = merge([*first, *chain(*others)]) if others else first
    refuse_nothing(statements, vendor, ", ".join(map(str, paths)))
    return UsageCheck(tuple(statements), Path.cwd(), options["role"])
