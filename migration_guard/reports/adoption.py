"""What was, or would be, taken over from another tool, as text for a person."""

from collections.abc import Iterator, Sequence

from migration_guard.planning.names import list_ids
from migration_guard.reports.check import tally
from migration_guard.reports.text import count, moment
from migration_guard.results import Adoption, Checked, Outcome, TakenOver


def foresight(outcome: Outcome) -> str:
    """Return what ``--adopt`` would record, with the times of the tool."""
    lines = []
    for adoption in outcome.adoptions:
        lines.append(f"From {adoption.tool} ({adoption.table}), as --adopt would record it:")
        for migration_id, time in adoption.recorded:
            at = f" @ {moment(time)}" if time is not None else ""
            lines.append(f"  applied  {migration_id}{at}")
        lines += [f"  pending  {migration_id}" for migration_id in adoption.pending]
        lines += _details(adoption)
    return "\n".join(lines)


def recording(outcome: Outcome) -> str:
    """Return what ``--adopt`` has recorded, and of what it says nothing."""
    lines = []
    for adoption in outcome.adoptions:
        if adoption.ids:
            lines.append(
                f"Adopted {count(len(adoption.ids), 'migration')} from {adoption.tool} "
                f"({adoption.table}). Its table was only read. The audit has an entry."
            )
        else:
            lines.append(f"Nothing left to adopt from {adoption.tool} ({adoption.table}).")
        if adoption.pending:
            lines.append(
                f"Still pending, and not run: {list_ids(adoption.pending)}. "
                "Next: manage.py runsqlmigrations"
            )
        lines += _details(adoption)
    return "\n".join(lines)


def proof(checked: Checked, adoptions: Sequence[Adoption]) -> str:
    """Return whether the database is what the recorded files make, where that was compared."""
    if checked.error is None:
        return f"Proof: {tally(checked)}"
    return (
        f"Recorded, not proven: {checked.error.message}\n"
        f"Next, with a user who may create databases: {drift_command(adoptions)}"
    )


def drift_command(adoptions: Sequence[Adoption]) -> str:
    """Return the command that compares later, and leaves the tools' own tables out."""
    names = dict.fromkeys(name for adoption in adoptions for name in adoption.own_names)
    command = f"manage.py checkschema --drift --ignore {' '.join(names)}"
    if any(adoption.pending for adoption in adoptions):
        return f"{command}, once what is pending has run"
    return command


def takeover_report(taken: TakenOver) -> str:
    """Return how many files were written, what was left out, and the next command."""
    if not taken.paths:
        return "\n".join([f"All files of {taken.tool} were taken over before.", *taken.notes])
    lines = [
        f"Took over {count(len(taken.paths), 'file')} of {taken.tool}. "
        f"Left out: {count(taken.down_parts, 'down part')}.",
        *taken.notes,
    ]
    if taken.not_built is None:
        lines.append("A throwaway database was built from them, and dropped.")
    else:
        lines.append(
            f"Written, not built: {taken.not_built.message}\n"
            "Next, where a database server is available: manage.py checkschema --fresh"
        )
    lines.append(
        "Then on each database: manage.py runsqlmigrations --adopt (--plan only shows what it "
        "would do)."
    )
    return "\n".join(lines)


def _details(adoption: Adoption) -> Iterator[str]:
    if adoption.known:
        yield f"In the history already: {list_ids(adoption.known)}."
    reasons: dict[str, list[str]] = {}
    for migration_id, reason in adoption.believed:
        reasons.setdefault(reason, []).append(migration_id)
    for reason, ids in reasons.items():
        yield f"Believed, not proven by a row ({reason}): {list_ids(ids)}."
    if adoption.accepted:
        yield f"Another text ran, and the edit is accepted: {list_ids(adoption.accepted)}."
    if adoption.ids and all(time is None for _id, time in adoption.recorded):
        yield f"{adoption.tool} records no times: applied_at is the time of the adoption."
