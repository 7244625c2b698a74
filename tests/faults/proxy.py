"""A proxy on loopback that reads a server's protocol and stops the world at a chosen message.

It decides the moment of a fault, so that nothing in the product must. The client's messages are
passed on one at a time, also those that came in one batch. Sources: PostgreSQL manual, "Message
Formats"; MariaDB knowledge base, "Clientserver protocol".
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
CANCEL_REQUEST = 80877102
COM_QUERY = 3


class Phase(Enum):
    """Where a message with a statement is when the world stops."""

    BEFORE = "before"  # it has not reached the server
    DURING = "during"  # it has reached the server; nothing else is held back
    ANSWERED = "answered"  # the server has answered, and the client does not know


@dataclass(frozen=True)
class Sent:
    """The text of a statement; `connection` counts the clients from 0, `number` the statements."""

    number: int
    connection: int
    text: str


@dataclass
class Moment:
    """The first statement that `matches`, at a phase; reached at most once."""

    matches: Callable[[Sent], bool]
    phase: Phase
    reached: threading.Event = field(default_factory=threading.Event)
    sent: Sent | None = None
    _go_on: threading.Event = field(default_factory=threading.Event)
    _dropped: bool = False

    def pass_on(self) -> None:
        """Let the world go on."""
        self._go_on.set()

    def drop(self) -> None:
        """Let the world go on without what was held back: its connection ends."""
        self._dropped = True
        self._go_on.set()

    def hold(self) -> bool:
        """Say that it is reached and wait; return whether what is held may pass."""
        self.reached.set()
        self._go_on.wait(60)
        return not self._dropped


class Proxy:
    """Listens on a port of its own while the context lasts; `vendor` is Django's word."""

    def __init__(self, host: str, port: int, vendor: str = "postgresql") -> None:
        self._server = (host, port)
        self._link = _MySQLLink if vendor == "mysql" else _Link
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.trace: list[Sent] = []
        self.pids: dict[int, int] = {}  # connection -> process of its backend
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        self._registered = 0
        self.moment: Moment | None = None

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A plain close does not wake the thread that accepts.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.begin()

    def begin(self, moment: Moment | None = None) -> None:
        """Forget all connections and statements, and stop the world at `moment`."""
        if self.moment is not None:
            self.moment.drop()
        for link in self._links:
            link.close()
        self._links, self.trace, self.pids, self._registered = [], [], {}, 0
        self.moment = moment

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._server)
            link = self._link(self, client, server)
            self._links.append(link)
            link.start()

    def note(self, link: _Link, text: str) -> Moment | None:
        """Write a statement down; return the moment if this is the one."""
        with self._lock:
            sent = Sent(len(self.trace), link.number, text)
            self.trace.append(sent)
            moment = self.moment
            if moment is None or moment.sent is not None or not moment.matches(sent):
                return None
            moment.sent = sent
            return moment

    def register(self, link: _Link) -> None:
        """Count a connection once it is known to be no cancel request."""
        with self._lock:
            link.number = self._registered
            self._registered += 1


class _Link:
    """One client and its server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.number = -1
        self._answers_held: Moment | None = None
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start(self) -> None:
        threading.Thread(target=self._run, args=(self._up,), daemon=True).start()

    def close(self) -> None:
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, EOFError):
            pass
        finally:
            self.close()

    def _up(self) -> None:
        """From the client to the server."""
        while True:
            head = _exactly(self.client, 8)
            length, code = struct.unpack("!ii", head)
            self.server.sendall(head + _exactly(self.client, length - 8))
            if code not in (SSL_REQUEST, GSS_REQUEST):
                break
            self.client.sendall(_exactly(self.server, 1))
        if code == CANCEL_REQUEST:
            _exactly(self.server, 1)  # the server answers by closing
        self.proxy.register(self)
        threading.Thread(target=self._run, args=(self._down,), daemon=True).start()
        while True:
            kind, body, message = _message(self.client)
            if not self._pass_on(message, _statement(kind, body)):
                return

    def _pass_on(self, message: bytes, text: str | None) -> bool:
        """Pass a message of the client on, perhaps with a stop; return whether that went well."""
        moment = None if text is None else self.proxy.note(self, text)
        if moment is not None and moment.phase is Phase.BEFORE and not moment.hold():
            return False
        if moment is not None and moment.phase is Phase.ANSWERED:
            self._answers_held = moment
        self.server.sendall(message)
        if moment is not None and moment.phase is Phase.DURING:
            moment.reached.set()
        return True

    def _down(self) -> None:
        """From the server to the client."""
        while True:
            kind, body, message = _message(self.server)
            if kind == b"K":
                self.proxy.pids[self.number] = struct.unpack("!i", body[:4])[0]
            moment, self._answers_held = self._answers_held, None
            if moment is not None and not moment.hold():
                return
            self.client.sendall(message)


class _MySQLLink(_Link):
    """One client and its MariaDB server, without TLS."""

    def _up(self) -> None:
        self.proxy.register(self)
        threading.Thread(target=self._run, args=(self._down,), daemon=True).start()
        while True:
            head, body = self._packet(self.client)
            is_query = head[3] == 0 and body[:1] == bytes([COM_QUERY])
            if not self._pass_on(head + body, body[1:].decode() if is_query else None):
                return

    def _down(self) -> None:
        while True:
            head, body = self._packet(self.server)
            moment, self._answers_held = self._answers_held, None
            if moment is not None and not moment.hold():
                return
            self.client.sendall(head + body)

    @staticmethod
    def _packet(end: socket.socket) -> tuple[bytes, bytes]:
        head = _exactly(end, 4)
        return head, _exactly(end, int.from_bytes(head[:3], "little"))


def _exactly(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = end.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _message(end: socket.socket) -> tuple[bytes, bytes, bytes]:
    """Return kind, body, and the message as it came."""
    head = _exactly(end, 5)
    body = _exactly(end, struct.unpack("!i", head[1:])[0] - 4)
    return head[:1], body, head + body


def _statement(kind: bytes, body: bytes) -> str | None:
    """Return the text of a Query or a Parse, or BIND and the name of what was prepared before."""
    if kind == b"Q":
        return body.partition(b"\0")[0].decode()
    if kind == b"P":
        return body.split(b"\0", 2)[1].decode()
    if kind == b"B" and (name := body.split(b"\0", 2)[1]):
        return f"BIND {name.decode()}"
    return None
