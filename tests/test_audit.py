"""The audit of packages, with a small server in place of OSV."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.audit import main, read_pins
from tests.rasa_server import free_port


@contextmanager
def osv(faulty: dict[str, str]) -> Iterator[str]:
    """Knows of one fault for each package of `faulty`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            names = [query["package"]["name"] for query in asked]
            results: list[Any] = [
                {"vulns": [{"id": faulty[name]}]} if name in faulty else {} for name in names
            ]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"results": results}).encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_pinned_package_is_asked_about() -> None:
    names = {name for name, _ in read_pins()}
    assert {"fastapi", "cryptography", "rasa", "pytest", "psycopg-binary"} <= names
    assert len(names) > 150


def test_a_package_with_a_known_fault_ends_the_audit_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with osv({"jinja2": "GHSA-example"}) as url:
        assert main(url) == 1
    said = capsys.readouterr().out
    assert said.startswith("jinja2 ")
    assert "GHSA-example" in said
    assert said.count("\n") == 1


def test_without_known_faults_the_audit_says_how_many_packages_it_asked_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with osv({}) as url:
        assert main(url) == 0
    assert f"None of {len(read_pins())} packages" in capsys.readouterr().out


def test_without_the_network_the_audit_says_so_and_ends_with_3(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(f"http://127.0.0.1:{free_port()}") == 3
    assert "The packages were not audited" in capsys.readouterr().err
