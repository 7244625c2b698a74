"""Which options of ``checkschema`` go together: what would have no effect is refused."""

from typing import Any, Final, NamedTuple

from migration_guard.exceptions import CannotTell
from migration_guard.management import impact
from migration_guard.management.combinations import does_nothing, find_given


class _Mode(NamedTuple):
    """An option that makes the command do something else, and what has no effect beside it."""

    option: str
    duty: str
    idle: tuple[str, ...]


_CHECKS: Final = ("--contract", "--usage", "--fresh", "--drift")
_MODES: Final = (
    _Mode(
        "--clear-templates",
        "drops templates, says so as text, and checks nothing",
        ("TABLE", "--no-models", *_CHECKS, "--upgrade-from", "--write", "--output", "--format"),
    ),
    _Mode(
        "--write-sizes",
        "writes the sizes of all tables of the configured database, and checks nothing",
        ("TABLE", "--no-models", *_CHECKS, "--upgrade-from", "--write", "--output"),
    ),
    _Mode(
        "--upgrade-from",
        "compares an upgraded database with a fresh one, and nothing else",
        ("TABLE", "--no-models", *_CHECKS, "--write"),
    ),
    _Mode(
        "--write",
        "describes the configured database, and checks nothing",
        (*_CHECKS, "--output"),
    ),
)


def needs_fresh(options: dict[str, Any]) -> bool:
    """Return True if a fresh database is built."""
    return bool(options["fresh"] or options["drift"])


def refuse_nonsense(options: dict[str, Any]) -> None:
    """Raise CannotTell for options that would have no effect."""
    _require_others(options)
    for mode in _MODES:
        idle = find_given(options, mode.idle) if find_given(options, [mode.option]) else []
        if idle:
            raise CannotTell(f"{mode.option} {mode.duty}.", f"Leave {' and '.join(idle)} out.")
    impact.refuse_nonsense(options)
    if options["drift"] and not options["fresh"] and (options["tables"] or options["contract"]):
        raise CannotTell(
            "--drift compares all tables, and asks no contract.",
            "Leave TABLE and --contract out (--ignore PATTERN narrows it), or add --fresh.",
        )
    if options["timeline"] and options["template"]:
        raise CannotTell(
            "--timeline watches a database being built, and --template saves building it.",
            "Choose one of them.",
        )


def _require_others(options: dict[str, Any]) -> None:
    """Raise CannotTell for an option without the one that it belongs to."""
    upgrades = options["upgrade_from"] is not None
    needs = [
        ("timeline", "fresh", options["fresh"]),
        ("template", "fresh", needs_fresh(options)),
        ("replay", "fresh", options["fresh"]),
        ("environment", "fresh", needs_fresh(options) or upgrades),
        ("ignore", "drift", options["drift"] or options["replay"] or upgrades),
        ("rows", "upgrade-from", upgrades),
        ("matrix", "fresh", options["fresh"]),
        ("usage_of_ref", "matrix", options["matrix"] is not None),
    ]
    for option, needed, is_there in needs:
        if options[option] and not is_there:
            raise does_nothing(f"--{option.replace('_', '-')}", f"--{needed}")
