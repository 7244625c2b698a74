"""How the client's kernel notices within a minute that the host of the server is gone.

A session whose peer is gone may wait for the two hours of the operating system. Source: tcp(7).
"""

import socket
from collections.abc import Collection
from contextlib import suppress
from typing import Final

IDLE: Final = 20  # seconds of silence before the first probe
INTERVAL: Final = 10  # seconds between two probes
PROBES: Final = 3
UNANSWERED: Final = 50  # seconds that what was sent may wait for its acknowledgement
# libpq's name, the names of the kernel's option (one is that of macOS), and its value.
_OPTIONS: Final = (
    ("keepalives_idle", ("TCP_KEEPIDLE", "TCP_KEEPALIVE"), IDLE),
    ("keepalives_interval", ("TCP_KEEPINTVL",), INTERVAL),
    ("keepalives_count", ("TCP_KEEPCNT",), PROBES),
    ("tcp_user_timeout", ("TCP_USER_TIMEOUT",), UNANSWERED * 1000),
)


def bound_socket(fileno: int, chosen: Collection[str] = ()) -> None:
    """Let the kernel probe this connection, but for the options that the project has ``chosen``.

    What the platform does not know is left out, and so is all of it on a Unix socket.
    """
    with suppress(OSError), socket.fromfd(fileno, socket.AF_INET, socket.SOCK_STREAM) as line:
        line.getpeername()
        if "keepalives" not in chosen:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, options, value in _OPTIONS:
            option = next((o for o in options if hasattr(socket, o)), None)
            if name not in chosen and option is not None:
                with suppress(OSError):
                    line.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
