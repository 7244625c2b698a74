"""Another host on a link that can be cut: a network namespace of its own.

A process there reaches the servers of the test as if over a network. A proxy will not do for a
host that vanishes: its kernel would answer the probes.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.servers import on_sudden_death

if TYPE_CHECKING:
    from collections.abc import Iterator

NETWORK = "198.18"  # for tests of networks (RFC 2544), so nobody's
MASK = 30


@dataclass
class Host:
    """A namespace; `address` is where it reaches this machine."""

    name: str
    address: str

    def command(self, *args: str) -> list[str]:
        """Return the command that runs `args` on that host."""
        return ["ip", "netns", "exec", self.name, *args]

    def cut(self) -> None:
        """Cut the link: from now on each end hears nothing of the other, not even a refusal."""
        _ip("-n", self.name, "link", "set", "eth0", "down")


def missing() -> str:
    """Say why there can be no other host here, or an empty string."""
    if shutil.which("ip") is None:
        return "there is no ip (Debian: apt-get install iproute2)"
    try:
        with another_host():
            return ""
    except OSError as error:
        return str(error)


@contextlib.contextmanager
def another_host() -> Iterator[Host]:
    """Make a host and the link to it, both gone at the end; raises OSError where that is not allowed."""
    unique = uuid.uuid4()
    name, device = f"guard-{unique.hex[:8]}", f"guard{unique.hex[:8]}"
    net = f"{NETWORK}.{unique.bytes[8]}.{unique.bytes[9] & ~3}".rpartition(".")
    here, there = (f"{net[0]}.{int(net[2]) + number}" for number in (1, 2))
    remains = (
        f"ip netns pids {name} | xargs -r kill -KILL; ip netns del {name}; ip link del {device}"
    )
    with on_sudden_death(remains):
        try:
            _ip("netns", "add", name)
            _ip("link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", name)
            _ip("addr", "add", f"{here}/{MASK}", "dev", device)
            _ip("link", "set", device, "up")
            _ip("-n", name, "addr", "add", f"{there}/{MASK}", "dev", "eth0")
            _ip("-n", name, "link", "set", "eth0", "address", "02:00:00:00:00:02", "up")
            # Else the kernel finds out, by asking for the address, that the host is away.
            permanent = ("lladdr", "02:00:00:00:00:02", "nud", "permanent")
            _ip("neigh", "replace", there, "dev", device, *permanent)
            yield Host(name, here)
        finally:
            _remove(name, device)


def _remove(name: str, device: str) -> None:
    """Kill what runs there, and remove it and the link."""
    listed = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
    )
    for pid in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    for command in (("netns", "del", name), ("link", "del", device)):
        subprocess.run(["ip", *command], capture_output=True, check=False)


def _ip(*args: str) -> None:
    done = subprocess.run(["ip", *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())
