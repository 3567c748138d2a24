"""What stands in for the world of the operators: a mail server and a web server on 127.0.0.1."""

import json
import threading
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler
from socketserver import BaseServer, StreamRequestHandler, ThreadingTCPServer
from typing import Any, Self


class _Server:
    """A server on a thread of its own, on a free port."""

    handler: type[StreamRequestHandler]

    def __init__(self) -> None:
        self._server = ThreadingTCPServer(("127.0.0.1", 0), self.handler)
        self._server.owner = self  # type: ignore[attr-defined]
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Smtp(StreamRequestHandler):
    def handle(self) -> None:
        owner = _owner(self.server)
        self._say("220 ready")
        recipients: list[str] = []
        while line := self.rfile.readline().decode().strip():
            verb = line.upper()
            if verb.startswith("RCPT"):
                recipients.append(line.partition("<")[2].rstrip(">"))
                self._say(owner.answers_recipients)
            elif verb == "DATA":
                self._say("354 go on")
                owner.got.append((recipients, message_from_bytes(self._read_data())))
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _read_data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


class MailServer(_Server):
    """Speaks SMTP, and keeps what it gets: recipients and message."""

    handler = _Smtp

    def __init__(self) -> None:
        super().__init__()
        self.got: list[tuple[list[str], Message]] = []
        self.answers_recipients = "250 ok"
        self.url = f"smtp://127.0.0.1:{self.port}"


class _Http(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _answer(self, body: Any) -> None:
        owner = _owner(self.server)
        owner.got.append(body)
        self.send_response(owner.status)
        self.end_headers()


class WebServer(_Server):
    """Keeps the JSON of each POST, and None for each GET."""

    handler = _Http

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []
        self.status = 200
        self.url = f"http://127.0.0.1:{self.port}/hook"


def _owner(server: BaseServer) -> Any:
    return server.owner  # type: ignore[attr-defined]
