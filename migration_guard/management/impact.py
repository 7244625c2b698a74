"""The options that trace what migrations do to tables, and what comes of them."""

from argparse import ArgumentParser, _ArgumentGroup
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration_guard import conf
from migration_guard.exceptions import CannotTell, GuardError
from migration_guard.impact.closures import READERS, WRITERS
from migration_guard.management.combinations import does_nothing, find_given
from migration_guard.planning import files as planning_files
from migration_guard.problems import Problem
from migration_guard.results import Checked
from migration_guard.running import connecting, events
from migration_guard.running.tracer import TraceRequest, tracer_class_of

if TYPE_CHECKING:
    from migration_guard.impact.report import ImpactReport
    from migration_guard.impact.sizes import Sizes
    from migration_guard.impact.trace import StatementTrace


# Told before a run begins.
ANNOUNCEMENT = (
    '--impact traces an ordinary run: what is pending is applied to the database "{}" now.'
)
APPLIED = "What ran is applied all the same: --impact traces an ordinary run."


def add_option(parser: ArgumentParser) -> None:
    """Add the option of a run."""
    parser.add_argument(
        "--impact",
        action="store_true",
        help="Apply what is pending as ever, and tell which tables each statement locked, read or "
        "rewrote, and who had to wait: a rehearsal on a copy of production.",
    )


def add_fresh_options(group: "ArgumentParser | _ArgumentGroup") -> None:
    """Add the options of a check on a fresh database."""
    group.add_argument(
        "--impact",
        action="store_true",
        help="With --fresh: tell which tables the statements that this branch adds lock, read or "
        "rewrite, and who waits meanwhile.",
    )
    group.add_argument(
        "--base",
        metavar="GITREF",
        help="With --impact: what is merged, as checksqlmigrations knows it.",
    )
    group.add_argument(
        "--sizes",
        type=Path,
        metavar="FILE",
        help="With --impact: the sizes of production's tables, from checkschema --write-sizes.",
    )


class Trace:
    """The trace of one command; ``request`` goes to the runner, and ``observe`` hears of it."""

    def __init__(
        self, alias: str, request: TraceRequest, sizes: "Sizes | None", settings: conf.Conf
    ) -> None:
        self.request = request
        self._alias = alias
        self._sizes = sizes
        self._settings = settings
        self._names: list[str] = []
        self._traces: list[StatementTrace] = []
        self._untraced = 0

    def observing(self, observe: events.Observer) -> events.Observer:
        """Return an observer that keeps the traces too."""

        def hear(event: events.Event) -> None:
            if isinstance(event, events.Traced):
                self._names.append(event.id)
                self._traces += event.traces
            else:
                if isinstance(event, events.DjangoApplied):
                    self._untraced += not self.request.covers(event.id)
                observe(event)

        return hear

    def add_to_checked(self, checked: Checked) -> Checked:
        """Return the result of a check with what was traced."""
        report, fresh = self.report(), checked.fresh
        if fresh is not None:
            fresh = fresh._replace(problems=(*fresh.problems, *report.problems))
        return checked._replace(impact=report.result, fresh=fresh)

    def report(self) -> "ImpactReport":
        """Return what was traced, judged by the settings."""
        from migration_guard.impact.report import ImpactReport, Surroundings

        settings = self._settings
        vendor = connecting.supported_connection(self._alias).vendor
        tracer_class = tracer_class_of(vendor)
        files = _read_files(settings, self._alias, vendor)
        around = Surroundings(
            vendor,
            files,
            settings.impact,
            settings.lock_timeout,
            self._sizes,
            tracer_class.note,
            self._untraced if tracer_class.sees_locks else 0,
            sees_locks=tracer_class.sees_locks,
            are_new=self.request.names is None or bool(self.request.names),
        )
        return ImpactReport(self._names, self._traces, around)


def of_run(options: Mapping[str, Any]) -> Trace:
    """Return the trace of a run. Raises CannotTell where nothing would run."""
    others = find_given(options, ("--plan", "--check", "--fake", "--adopt", "--baseline"))
    if others:
        raise CannotTell(
            f"--impact traces what runs, and {others[0]} runs no migration.",
            "Give one of them.",
        )
    from migration_guard.impact.reading import read_sizes

    sizes = None
    with suppress(GuardError):  # which the run itself reports
        sizes = read_sizes(options["database"])
    return Trace(options["database"], TraceRequest(), sizes, conf.load())


def refuse_nonsense(options: Mapping[str, Any]) -> None:
    """Raise CannotTell for options of a check that would have no effect."""
    for option in ("base", "sizes"):
        if options[option] is not None and not options["impact"]:
            raise does_nothing(f"--{option}", "--impact")
    if options["impact"] and not options["fresh"]:
        raise does_nothing(
            "--impact",
            "--fresh",
            "Add --fresh; what runs on a database of yours traces runsqlmigrations --impact.",
        )
    if options["impact"] and options["template"]:
        raise CannotTell(
            "--impact watches a database being built, and --template saves building it.",
            "Choose one of them.",
        )


def of_check(options: Mapping[str, Any]) -> Trace | None:
    """Return the trace of a fresh database's migrations if it was asked for. Raises CannotTell."""
    if not options["impact"]:
        return None
    from migration_guard.impact.sizes import read
    from migration_guard.linter.lint import LintRequest, find_own_ids

    alias, settings = options["database"], conf.load()
    vendor = connecting.supported_connection(alias).vendor
    path = options["sizes"]
    sizes = read(path, vendor) if path is not None else None
    names = find_own_ids(settings, LintRequest(alias, vendor, options["base"]))
    return Trace(alias, TraceRequest(names, measures=False), sizes, settings)


def _read_files(settings: conf.Conf, alias: str, vendor: str) -> dict[str, Any]:
    folders = settings.folders(alias)
    read = planning_files.read(folders, vendor, settings.environments)
    return {file.id: file for file in read.files}


def without_own(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return the problems that the text of a trace does not have."""
    return tuple(problem for problem in problems if problem.rule not in (READERS, WRITERS))
