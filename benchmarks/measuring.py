"""Whole processes, measured in turn.

Contestants take turns within a round, so that a machine that grows slower grows slower for all, and
each round begins with another of them, so that none always comes behind the same.
What a round needs beforehand, an empty database for instance, is not measured.
"""

# ruff: noqa: S603

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from resource import struct_rusage
from statistics import median

# In seconds: beyond the first a process is ended and counts as failed; who has run for more than
# the second in all is not run again.
TIMEOUT = 1800
ENOUGH = 40


@dataclass(frozen=True)
class Contestant:
    """A process to measure; `missing` says how to install what it needs, where that is missing.

    `prepare` comes before each run, `verify` after it, with what the process said: it raises
    FailedError where the work was not done. Neither is measured.
    """

    name: str
    command: Sequence[str]
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    missing: str = ""
    accepted: tuple[int, ...] = (0,)  # a checker that finds something has not failed
    verify: Callable[[str], None] = lambda _said: None


@dataclass(frozen=True)
class Run:
    """One process: seconds by the clock, seconds of processor with its children, peak in MB."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True)
class Measured:
    """All runs of one contestant; none where it is missing or failed, and `note` says why."""

    name: str
    runs: tuple[Run, ...] = ()
    note: str = ""

    @property
    def wall(self) -> float:
        """Return the median in seconds."""
        return median(run.wall for run in self.runs)

    @property
    def spread(self) -> str:
        """Return the quickest and the slowest, and how many runs there were."""
        walls = [run.wall for run in self.runs]
        return f"{min(walls):.2f} to {max(walls):.2f} s, {len(walls)}"

    @property
    def cpu(self) -> float:
        """Return the median in seconds."""
        return median(run.cpu for run in self.runs)

    @property
    def memory(self) -> float:
        """Return the highest peak in MB."""
        return max(run.memory for run in self.runs)


class FailedError(Exception):
    """A process did not succeed, or not do its work; the text says what is wrong."""


def in_turn(contestants: Sequence[Contestant], rounds: int) -> list[Measured]:
    """Run every contestant once a round; return their runs in the order of `contestants`.

    One whose runs took more than ENOUGH in all sits out the other rounds.
    """
    runs: dict[str, list[Run]] = {each.name: [] for each in contestants if not each.missing}
    notes = {each.name: f"missing: {each.missing}" for each in contestants if each.missing}
    for number in range(1, rounds + 1):
        first = (number - 1) % len(contestants)
        for each in (*contestants[first:], *contestants[:first]):
            if each.name in notes or sum(run.wall for run in runs[each.name]) > ENOUGH:
                continue
            say(f"  round {number}: {each.name}")
            try:
                each.prepare()
                runs[each.name].append(run(each))
            except FailedError as error:
                notes[each.name] = f"failed: {error}"
                say(f"  {each.name} failed: {error}")
    return [
        Measured(each.name, note=notes[each.name])
        if each.name in notes
        else Measured(each.name, tuple(runs[each.name]))
        for each in contestants
    ]


def seconds(measured: Sequence[Measured]) -> dict[str, float]:
    """Return the medians by name, of those that have any."""
    return {each.name: each.wall for each in measured if each.runs}


def run(contestant: Contestant) -> Run:
    """Run one process to its end; raise FailedError where it takes too long, fails, or did less."""
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            contestant.command,
            cwd=contestant.cwd,
            env={**os.environ, **contestant.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        status, usage = _wait(process, started + TIMEOUT)
        wall = time.perf_counter() - started
        if wall > TIMEOUT:
            raise FailedError(f"not done within {TIMEOUT} s")
        output.seek(0)
        said = output.read().decode(errors="replace")
    if status not in contestant.accepted:
        raise FailedError(f"exit {status}: {' / '.join(said.strip().splitlines()[-3:])}")
    contestant.verify(said)
    peak = usage.ru_maxrss / (1024 * (1024 if sys.platform == "darwin" else 1))
    return Run(wall, usage.ru_utime + usage.ru_stime, peak)


def _wait(process: subprocess.Popen[bytes], deadline: float) -> tuple[int, struct_rusage]:
    """Wait with `wait4`, which alone tells what one child used."""
    pause = 0.001
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        if time.perf_counter() > deadline:
            process.kill()
        time.sleep(pause)
        pause = min(pause * 1.2, 0.01)


def say(text: str) -> None:
    """Tell on standard error how far it is."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201
