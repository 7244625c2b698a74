"""A rolling deploy as text: how much of each code the other schema keeps, and what it breaks."""

from typing import Any

from django.core.management.color import no_style

from migration_guard.reports.check import table_blocks
from migration_guard.results import Cell, Matrix, Verdict


def matrix_report(matrix: Matrix, style: Any = None) -> str:
    """Return a line for each cell, and what is broken in those that do not fail the check."""
    parts = [counts(matrix)]
    for cell in matrix.spared:
        blocks = table_blocks(cell.assertions, style or no_style())
        if blocks:
            parts.append("\n".join([f"{cell.moment.capitalize()}: {exemption(matrix)}", *blocks]))
    return "\n\n".join(parts) + "\n"


def counts(matrix: Matrix) -> str:
    """Return how many statements each cell keeps and breaks, a line each."""
    names = [f"code of {cell.code} on the schema of {cell.schema}" for cell in matrix.cells]
    width = max(map(len, names), default=0)
    cells = zip(names, matrix.cells, strict=True)
    lines = [_count(name.ljust(width), cell) for name, cell in cells]
    commit = "" if matrix.commit.startswith(matrix.ref) else f" ({matrix.commit[:10]})"
    head = f"Rolling deploy from {matrix.ref}{commit}, {matrix.deploy}:"
    return "\n".join([head, *lines])


def exemption(matrix: Matrix) -> str:
    """Return why a cell does not fail the check."""
    deploy = f'MIGRATION_GUARD["DEPLOY"] = "{matrix.deploy}"'
    return f"{deploy} rules that out, so it does not fail the check."


def _count(name: str, cell: Cell) -> str:
    numbers = cell.counts
    kept, broken, unknown = (
        numbers[verdict] for verdict in (Verdict.KEPT, Verdict.VIOLATED, Verdict.UNKNOWN)
    )
    more = f"{unknown:>5} unknown" if unknown else ""
    more += f"{cell.left_out:>5} not checked" if cell.left_out else ""
    return f"{name}{kept:>8} kept{broken:>5} broken{more}   <- {cell.moment}"
