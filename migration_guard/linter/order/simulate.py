"""Run migrations on a simulated catalogue, one statement after the other."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from migration_guard.linter.grammar import ParsedStatement
from migration_guard.linter.order import statements
from migration_guard.linter.order.catalogue import Catalogue
from migration_guard.linter.order.findings import Findings
from migration_guard.linter.order.search_path import SearchPath, is_ambiguous
from migration_guard.linter.order.simulation import Simulation
from migration_guard.planning.files import MigrationFile


@dataclass(frozen=True, slots=True)
class Run:
    """The files in order, each with its parsed statements, None if it cannot be read.

    ``owned`` are tables that something other than the migrations makes. ``path`` is the search
    path, None if it is not known.
    """

    files: Sequence[tuple[MigrationFile, Sequence[ParsedStatement] | None]]
    baseline: Sequence[ParsedStatement] = ()
    owned: Collection[str] = frozenset()
    path: SearchPath = ("public",)


def simulate(run: Run) -> Findings:
    """Return what is found when the baseline and then the migrations of ``run`` run."""
    everything = list(run.baseline)
    for _, parsed in run.files:
        everything += parsed or ()
    catalogue = Catalogue(is_flat=is_ambiguous(everything, run.path))
    simulation = Simulation(
        catalogue=catalogue,
        path=run.path or (),
        owned=run.owned,
        run_statement=statements.run,
    )
    _run_file(simulation, -1, None, run.baseline)
    for number, (file, parsed) in enumerate(run.files):
        _run_file(simulation, number, file, parsed)
    return simulation.findings()


def _run_file(
    simulation: Simulation,
    number: int,
    file: MigrationFile | None,
    parsed: Sequence[ParsedStatement] | None,
) -> None:
    simulation.begin_file(number, file)
    # Text that cannot be read may do anything to what it names.
    if parsed is None and file is not None:
        simulation.doubt(file.text, "")
    for position, statement in enumerate(parsed or ()):
        simulation.begin_statement(position, statement)
        if statement.kind:
            statements.run(simulation, statement.kind, statement.node)
        else:
            simulation.doubt(statement.statement.text, "")
    simulation.catalogue.end_session()
