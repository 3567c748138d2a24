"""Everything that runs: gateways, Rasa, the database, the fake Twilio, and the disk under them."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fake_twilio import ACCOUNT_SID, NUMBER, TOKEN, FakeTwilio
from tests.faults.cast import PROGRAM, Cast, people_file, quick_policy
from tests.faults.disk import Disk
from tests.postgres import PostgresServer
from tests.processes import KEY, ROOT, Process
from tests.rasa_server import RasaServer


@dataclass
class Stage:
    folder: Path
    disk: Disk
    twilio: FakeTwilio
    rasa: RasaServer
    postgres: PostgresServer | None
    gateways: list[Process]
    policy_file: Path
    keys: Path
    database_url: str
    away: set[int] = field(default_factory=set)
    """The gateways that a balancer would leave out, because they are down."""

    def urls(self) -> list[str]:
        up = [one.url for place, one in enumerate(self.gateways) if place not in self.away]
        return up or [one.url for one in self.gateways]

    def pids(self) -> list[int]:
        return [one.process.pid for one in self.gateways if one.process is not None]


@contextlib.contextmanager
def build(
    folder: Path, cast: Cast, *, on_postgres: bool, gateways: int, rasa: RasaServer | None = None
) -> Iterator[Stage]:
    """`rasa` is one that runs already; without it one is started."""
    assert gateways == 1 or on_postgres, "SQLite takes one gateway"
    with contextlib.ExitStack() as end:
        disk = Disk()
        end.callback(disk.close)
        twilio = end.enter_context(FakeTwilio())
        postgres = PostgresServer(disk.folder) if on_postgres else None
        if postgres is not None:
            end.callback(postgres.stop)
            url = postgres.new_database()
        else:
            url = f"sqlite:///{disk.folder / 'warmline.db'}"
        bot = rasa or RasaServer(folder, key=KEY).start()
        end.callback(bot.forget_everybody if rasa else bot.kill)
        policy, keys = quick_policy(folder), disk.folder / "keys"
        line = [
            _gateway(folder, place, twilio, bot, DATABASE_URL=url, POLICY_FILE=str(policy))
            for place in range(gateways)
        ]
        for gateway in line:
            gateway.environment["KEY_FOLDER"] = str(keys)
            end.callback(gateway.kill)
        _enroll(line[0], people_file(folder, cast))
        for gateway in line:
            gateway.start()
        yield Stage(folder, disk, twilio, bot, postgres, line, policy, keys, url)


def _gateway(
    folder: Path, place: int, twilio: FakeTwilio, rasa: RasaServer, **environment: str
) -> Process:
    own = folder / f"gateway-{place}"
    own.mkdir(exist_ok=True)
    return Process(
        own,
        "serve",
        SMS="twilio",
        TWILIO_ACCOUNT_SID=ACCOUNT_SID,
        TWILIO_AUTH_TOKEN=TOKEN,
        TWILIO_FROM=NUMBER,
        TWILIO_BASE_URL=twilio.url,
        RASA_URL=rasa.url,
        RASA_TOKEN=rasa.token,
        **environment,
    )


def _enroll(gateway: Process, people: Path) -> None:
    command = [sys.executable, "-m", "gateway", "enroll", str(people)]
    command += ["--program", PROGRAM, "--hours", "00:00-00:00"]
    subprocess.run(command, cwd=ROOT, env=gateway.environment, check=True, capture_output=True)
