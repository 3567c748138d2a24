"""A way to a server that takes as long as we say: a plain TCP relay that holds back answers."""

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit


class SlowWay:
    """Relays to `url`; every answer is delayed by `seconds`, which may be changed any time."""

    def __init__(self, url: str, *, seconds: float = 0) -> None:
        self.seconds = seconds
        address = urlsplit(url)
        self._target = (address.hostname, address.port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()  # nobody is there, and the caller is to see that
                continue
            threading.Thread(target=self._relay, args=(client, server, 0), daemon=True).start()
            threading.Thread(target=self._relay, args=(server, client, 1), daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket, delayed: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                time.sleep(self.seconds * delayed)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        if delayed:
            source.close()
            sink.close()
