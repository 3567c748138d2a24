"""Connections to the server: those that send no request are closed, and their number is limited.

uvicorn waits for a request's head without a time limit, so a few hundred idle clients could take
every connection.
"""

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# From the first byte, or from the connection, to the end of the head.
HEAD_SECONDS = 10
# Below the usual limit of 1,024 open files, which the database shares.
MOST_CONNECTIONS = 800
LARGEST_HEAD = 16 * 1024
# asyncio hands over up to 256 KiB at once. A body in chunks of one byte would then take a second
# to parse, during which no one else is answered.
READ_AT_ONCE = 2 * 1024
# How long a client may leave our answer unread.
UNREAD_MILLISECONDS = 30_000


class Connection(H11Protocol):
    """An HTTP/1.1 connection with a time limit for each request's head."""

    # The connections that wait for a head, the longest-waiting first. One server a process.
    waiting: dict["Connection", asyncio.TimerHandle] = {}  # noqa: RUF012

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.max_size = READ_AT_ONCE  # type: ignore[attr-defined]
        connected = transport.get_extra_info("socket")
        if connected and hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux has it
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_room()
        if not transport.is_closing():
            self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()
        elif self not in self.waiting and not self.transport.is_closing():
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        self.waiting[self] = self.loop.call_later(HEAD_SECONDS, self._close)

    def _stop_waiting(self) -> None:
        if timer := self.waiting.pop(self, None):
            timer.cancel()

    def _close(self) -> None:
        self._stop_waiting()
        self.transport.close()

    def _make_room(self) -> None:
        """Close the connection that has waited longest for a head; if none waits, this one."""
        next(iter(self.waiting), self)._close()


def server_options() -> dict[str, Any]:
    """For uvicorn.run."""
    return {
        "http": Connection,
        "ws": "none",
        "loop": "asyncio",  # READ_AT_ONCE needs asyncio's own transport
        "h11_max_incomplete_event_size": LARGEST_HEAD,
        "server_header": False,
    }
