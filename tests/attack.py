"""Attacks on a served gateway: `python -m tests.attack [NAME ...]` prints what each one gets now.

Each attack is a function marked with `@attack`. It gets a `Target` and returns a `Result`. The
command ends with 1 if an attack succeeded.
"""

import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx
from sqlalchemy import select

from gateway.accounts.passwords import hash_password, set_password
from gateway.chat.sign_in import COOKIE as CHAT_COOKIE
from gateway.privacy.terms import TERMS_VERSION
from gateway.runtime.database import Database
from models import AgeBand, Consent, Person, Role
from tests.processes import Process, demo_database
from tests.rasa_server import free_port
from tests.web_client import begins_session

PASSWORD = "a long walk by the river"
FORM = "Content-Type: application/x-www-form-urlencoded"


class Result(NamedTuple):
    held: bool
    said: str


@dataclass
class Target:
    """A gateway in its own process, which texts through Twilio, and its database."""

    gateway: Process
    database: Database

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.gateway.port), timeout=30)

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.gateway.url, timeout=30)

    def person(self, role: Role) -> Person:
        with self.database.reading() as session:
            found = select(Person).where(Person.role == role).order_by(Person.id)
            return session.scalars(found).first()  # type: ignore[return-value]


Attack = Callable[[Target], Result]
ATTACKS: dict[str, Attack] = {}


def attack(run: Attack) -> Attack:
    ATTACKS[run.__name__] = run
    return run


@contextlib.contextmanager
def target(**environment: str) -> Iterator[Target]:
    with tempfile.TemporaryDirectory(prefix="warmline-attack-") as name:
        folder = Path(name)
        with demo_database(folder) as database:
            gateway = Process(
                folder,
                "serve",
                SMS="twilio",
                TWILIO_ACCOUNT_SID="AC" + "0" * 32,
                TWILIO_AUTH_TOKEN="for-attacks-only",
                TWILIO_FROM="+12025550100",
                # Nothing listens there: no attack may send a text.
                TWILIO_BASE_URL=f"http://127.0.0.1:{free_port()}",
                RASA_URL=f"http://127.0.0.1:{free_port()}",
                RASA_TOKEN="for-attacks-only",
                **environment,
            )
            gateway.start()
            try:
                yield Target(gateway, database)
            finally:
                gateway.kill()


# --- what others notice ---


# In its own process, so that our sending does not slow its measuring.
PROBE = """
import http.client, sys, time
port, status = int(sys.argv[1]), sys.argv[2]
client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
while True:
    began = time.perf_counter()
    client.request("GET", "/healthz")
    client.getresponse().read()
    took = time.perf_counter() - began
    [memory] = [line for line in open(status) if line.startswith("VmRSS")]
    print(took, int(memory.split()[1]) / 1024, flush=True)
    time.sleep(0.05)
"""


@dataclass
class Watch:
    """Asks for /healthz every 50 ms, and looks at the gateway's memory, in MB."""

    target: Target
    times: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    def __enter__(self) -> "Watch":
        port, status = str(self.target.gateway.port), f"/proc/{self.target.gateway.pid}/status"
        self._probe = subprocess.Popen(
            [sys.executable, "-c", PROBE, port, status], stdout=subprocess.PIPE, text=True
        )
        assert self._probe.stdout is not None
        self._probe.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.5)
        self._probe.terminate()
        for line in self._probe.communicate()[0].splitlines():
            took, memory = line.split()
            self.times.append(float(took))
            self.memory.append(float(memory))

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def slowest(self) -> float:
        return max(self.times)

    def __str__(self) -> str:
        half, most = self.median * 1000, self.slowest * 1000
        grown = max(self.memory) - self.memory[0]
        return (
            f"/healthz took {half:.0f} ms (median) and {most:.0f} ms (slowest of "
            f"{len(self.times)}); memory grew by {grown:.0f} MB"
        )


def answer_to(connection: socket.socket) -> str:
    """The status of the answer, or that the connection was closed without one."""
    try:
        head = connection.recv(65_536)
    except OSError as error:
        return type(error).__name__
    return head.split(b"\r\n")[0].decode("latin1") or "closed"


def send_raw(target: Target, head: str, parts: Iterator[bytes]) -> str:
    """Send a request until the gateway stops reading it, then return its answer."""
    with target.connect() as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        with contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
        return answer_to(connection)


def post(target: Target, path: str, *headers: str) -> str:
    lines = (f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{target.gateway.port}", *headers)
    return "\n".join((*lines, "\n"))


def chunks(size: int, *, each: int) -> Iterator[bytes]:
    """A chunked body of `size` bytes, in chunks of `each`."""
    chunk = f"{each:x}\r\n".encode() + b"a" * each + b"\r\n"
    together = max(1, 65_536 // len(chunk))
    for _ in range(size // each // together):
        yield chunk * together
    yield b"0\r\n\r\n"


# --- attacks ---


@attack
def nothing(target: Target) -> Result:
    """Three quiet seconds, to compare with."""
    with Watch(target) as watch:
        time.sleep(3)
    return Result(True, str(watch))


@attack
def huge_bodies(target: Target) -> Result:
    """An unsigned post of 200,000 fields, a chunked one of 60 MB, and one of tiny chunks."""
    fields = "&".join(f"f{n}=v" for n in range(200_000)).encode()
    signature = "X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA="
    length = f"Content-Length: {len(fields)}"
    fielded = post(target, "/twilio/sms", FORM, signature, length)
    chunked = post(target, "/twilio/sms", FORM, signature, "Transfer-Encoding: chunked")
    api = post(target, "/api/v1/people", "Transfer-Encoding: chunked")
    with Watch(target) as watch, ThreadPoolExecutor(4) as senders:
        answers = [
            senders.submit(send_raw, target, fielded, iter([fields])),
            senders.submit(send_raw, target, chunked, chunks(60_000_000, each=60_000)),
            senders.submit(send_raw, target, chunked, chunks(1_000_000, each=1)),
            senders.submit(send_raw, target, api, chunks(60_000_000, each=60_000)),
        ]
        said = ", ".join(answer.result() for answer in answers)
    return Result(watch.slowest < 0.1, f"{said}; {watch}")


@attack
def slow_connections(target: Target) -> Result:
    """400 connections that send nothing, half a head, or a body one byte at a time."""
    half_head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{target.gateway.port}\r\nX: ".encode()
    slow_body = post(target, "/sign-in", FORM, "Content-Length: 900").replace("\n", "\r\n").encode()
    began = time.monotonic()
    connections = [target.connect() for _ in range(400)]
    for n, connection in enumerate(connections):
        connection.sendall((b"", half_head, slow_body)[n % 3])
        connection.setblocking(False)
    with Watch(target) as watch:
        still_open, slowest = set(range(400)), 0.0
        while still_open and time.monotonic() < began + 30:
            for n in sorted(still_open):
                if _is_closed(connections[n], trickles=n % 3 > 0):
                    still_open.discard(n)
                    slowest = time.monotonic() - began
            time.sleep(0.5)
    for connection in connections:
        connection.close()
    said = f"{len(still_open)} open after 30 s; the last was closed after {slowest:.1f} s; {watch}"
    return Result(not still_open and slowest < 15, said)


def _is_closed(connection: socket.socket, *, trickles: bool) -> bool:
    try:
        if trickles:
            connection.send(b"a")
        while True:
            if not connection.recv(65_536):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True


@attack
def many_connections(target: Target) -> Result:
    """900 connections that stay silent, and one visitor who comes after them."""
    with contextlib.ExitStack() as silent:
        for _ in range(900):
            silent.enter_context(target.connect())
        began = time.monotonic()
        with target.browser() as visitor:
            status = visitor.get("/healthz").status_code
        took = time.monotonic() - began
    return Result(status == 200 and took < 5, f"the visitor gets {status} after {took:.2f} s")


@attack
def foreign_host(target: Target) -> Result:
    """Another site's name, as in DNS rebinding, and a redirect that would lead there."""
    seen = []
    with target.browser() as browser:
        for path in ("/sign-in", "/chat", "/api/v1/people", "/console/", "/metrics", "/healthz"):
            answer = browser.get(path, headers={"Host": "evil.example"})
            seen.append((path, answer.status_code, answer.headers.get("Location", "")))
    held = all(status == 400 and not where for _, status, where in seen)
    return Result(
        held, ", ".join(f"{path} {status} {where}".strip() for path, status, where in seen)
    )


@attack
def wrong_passwords(target: Target) -> Result:
    """20 wrong passwords from the manager's own address, then the right one from her phone."""
    manager = target.person(Role.MANAGER)
    hashed = hash_password(manager, PASSWORD)
    with target.database.writing() as session:
        set_password(session.get_one(Person, manager.id), hashed)
    right = {"phone": manager.phone or "", "password": PASSWORD}
    with target.browser() as known, target.browser() as stranger:
        first = known.post("/sign-in", data=right).status_code
        known.post("/sign-out")
        wrong = right | {"password": "not the password"}
        tries = [stranger.post("/sign-in", data=wrong).status_code for _ in range(20)]
        again = known.post("/sign-in", data=right).status_code
    counted = ", ".join(f"{tries.count(status)} times {status}" for status in sorted(set(tries)))
    said = f"first {first}; wrong {counted}; then the right one from her phone: {again}"
    return Result(first == again == 303 and 429 in tries, said)


@attack
def forged_addresses(target: Target) -> Result:
    """Eight wrong passwords, each with another X-Forwarded-For."""
    form = {"phone": target.person(Role.MENTOR).phone or "", "password": "not the password"}
    with target.browser() as browser:
        tries = [
            browser.post(
                "/sign-in", data=form, headers={"X-Forwarded-For": f"203.0.113.{n}"}
            ).status_code
            for n in range(8)
        ]
    return Result(429 in tries, ", ".join(map(str, tries)))


@attack
def streams(target: Target) -> Result:
    """150 event streams of one mentee."""
    mentee = target.person(Role.MENTEE)
    with target.database.writing() as session:
        person = session.get_one(Person, mentee.id)
        now = datetime.now(UTC)
        token = begins_session(session, person, now=now)
        agreed = {"terms": TERMS_VERSION, "age_band": AgeBand.FROM_16}
        session.add(Consent(person_id=person.id, at=now, **agreed))
    host = f"Host: 127.0.0.1:{target.gateway.port}"
    cookie = f"Cookie: {CHAT_COOKIE}={token}\r\nConnection: close"
    head = f"GET /chat/live HTTP/1.1\r\n{host}\r\n{cookie}\r\n\r\n".encode()
    connections = [target.connect() for _ in range(150)]
    with Watch(target) as watch:
        for connection in connections:
            connection.sendall(head)
        time.sleep(6)
    still_open = 0
    for connection in connections:
        connection.setblocking(False)
        still_open += not _is_closed(connection, trickles=False)
        connection.close()
    return Result(still_open <= 5 and watch.median < 0.1, f"{still_open} stay open; {watch}")


def main(names: list[str]) -> int:
    succeeded = 0
    with target() as one:
        for name in names or ATTACKS:
            print(f"{name}: {(ATTACKS[name].__doc__ or '').strip()}", flush=True)
            held, said = ATTACKS[name](one)
            print(f"  {'held' if held else 'NOT HELD'}: {said}", flush=True)
            succeeded += not held
    return 1 if succeeded else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
