"""Runs migrations against a simulated catalogue: parse trees in order -> findings."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from migration_guard.linter.grammar import Parsed
from migration_guard.linter.order import statements
from migration_guard.linter.order.catalogue import Catalogue
from migration_guard.linter.order.search_path import Setting, is_flat
from migration_guard.linter.order.simulation import Findings, Simulation
from migration_guard.planning.files import MigrationFile


@dataclass(frozen=True, slots=True)
class Run:
    """What is simulated: files in order, each with its parsed statements (None: unreadable).

    ``owned`` are the tables that others make; ``path`` the search path, None if it is not known.
    """

    files: Sequence[tuple[MigrationFile, Sequence[Parsed] | None]]
    baseline: Sequence[Parsed] = ()
    owned: Collection[str] = frozenset()
    path: Setting = ("public",)


def simulate(run: Run) -> Findings:
    """Run the baseline and the migrations of ``run`` one after another."""
    everything = [*run.baseline, *(one for _, parsed in run.files for one in parsed or ())]
    flat = is_flat(everything, run.path)
    simulation = Simulation(Catalogue(flat=flat), run.owned, run.path or ())
    _file(simulation, -1, None, run.baseline)
    for number, (file, parsed) in enumerate(run.files):
        _file(simulation, number, file, parsed)
    return simulation.findings()


def _file(
    simulation: Simulation,
    number: int,
    file: MigrationFile | None,
    parsed: Sequence[Parsed] | None,
) -> None:
    """Run one file; what cannot be read may do anything to what it names."""
    simulation.begin(number, file)
    if parsed is None and file is not None:
        simulation.doubt(file.text, "")
    for position, one in enumerate(parsed or ()):
        simulation.step(position, one)
        if one.kind:
            statements.run(simulation, one.kind, one.node)
        else:
            simulation.doubt(one.statement.text, "")
    simulation.catalogue.end_session()
