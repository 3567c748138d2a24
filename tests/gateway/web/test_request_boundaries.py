"""Where one request ends and the next begins, on the served gateway."""

import socket
from pathlib import Path

from tests.processes import Process, demo_database

SMUGGLED = b"0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def answers(gateway: Process, head: bytes, body: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(head + b"Host: 127.0.0.1\r\nConnection: close\r\n\r\n" + body)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def test_a_request_with_two_lengths_is_one_request_or_refused(tmp_path: Path) -> None:
    with demo_database(tmp_path):
        gateway = Process(tmp_path, "serve", SMS="phones").start()
    try:
        for lengths in (
            f"Content-Length: {len(SMUGGLED)}\r\nTransfer-Encoding: chunked\r\n",
            f"Transfer-Encoding: chunked\r\nContent-Length: {len(SMUGGLED)}\r\n",
            f"Content-Length: 5\r\nContent-Length: {len(SMUGGLED)}\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            f"Content-Length: +{len(SMUGGLED)}\r\n",
        ):
            received = answers(gateway, b"POST /sign-in HTTP/1.1\r\n" + lengths.encode(), SMUGGLED)
            assert received.count(b"HTTP/1.1 ") == 1, (lengths, received[:200])
            assert b"warmline_messages_total" not in received, lengths
    finally:
        gateway.kill()
