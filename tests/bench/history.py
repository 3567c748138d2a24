"""What a long history costs: the message path, every page, and the watchdog's look.

    python -m tests.bench.history                     10 thousand messages, and 1 million
    python -m tests.bench.history --large 100000      the same with less

The two databases are made once, in --folder. Each round handles a message of a mentee on one and
then on the other, so that a busy machine slows both. Pages are asked for in this process, as Ruth
and as Sam; a page's time is the median of some calls, and its CPU time the least.
"""

import argparse
import itertools
import time
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import func, select

from gateway.runtime.database import Database, make_engine
from gateway.worker import GRACE, KINDS, find_due
from models import Conversation, Handoff, Message, Person, Role, Status, phone_index, use_key
from tests.conftest import KEY
from tests.history.__main__ import make_history, sized
from tests.line import JO, MAYA, RUTH, SAM, Talk
from tests.web_client import Web

FACES = Path(__file__).parents[1] / "faces.toml"
WARM, ROUNDS, CALLS = 20, 200, 5
PAUSE = timedelta(seconds=20)
SAYS = ("my exam is on friday", "i cant sleep again", "thanks that helped a bit", "idk what to do")
STAFF = {"Ruth": RUTH, "Sam": SAM}
# Beside the pages of faces.toml.
MORE = (
    ("Ruth", "/log/rows"),
    ("Ruth", "/log?show=open"),
    ("Ruth", "/log?need=crisis&outcome=talked"),
    ("Ruth", "/log?urgency=routine"),
    ("Ruth", "/log?mentor={sam}"),
    ("Ruth", "/log?unreached=words"),
    ("Ruth", "/log?unreached=taken"),
    ("Ruth", "/log?unreached=phones"),
    ("Ruth", "/log?since={month_ago}"),
    ("Ruth", "/log?before=40000"),
    ("Ruth", "/log/measures?weeks=52"),
    ("Ruth", "/console?tab=all"),
    ("Ruth", "/console?tab=waiting"),
    ("Ruth", "/people?show=mentee"),
    ("Ruth", "/people?show=mentor"),
    ("Ruth", "/people?show=left"),
    ("Ruth", "/log/audit?before=5000"),
)


@dataclass(eq=False)
class History:
    """A database with a history, with everything that runs on it in this process."""

    talk: Talk
    web: Web
    mentees: list[str]

    @classmethod
    def open(cls, file: Path, keys: Path, messages: int) -> "History":
        if not file.exists():
            print(f"filling {file} with {messages:,} messages", flush=True)
            make_history(f"sqlite:///{file}", keys, sized(messages))
        use_key(KEY, keys)
        database = Database(make_engine(f"sqlite:///{file}"))
        talk = Talk(database)
        # Other ids of the provider than in an earlier run on this database.
        talk._ids = talk.phones._numbers = itertools.count(time.time_ns())
        with database.reading() as session:
            newest = session.scalar(select(func.max(Message.at)))
            assert newest is not None
            talk.clock.now = newest
            with_a_person = (
                select(Conversation.person_id)
                .join(Handoff)
                .where(Handoff.status.in_([Status.WAITING, Status.CLAIMED]))
            )
            to_bot = (
                select(Person)
                .where(Person.role == Role.MENTEE, Person.id.not_in(with_a_person))
                .order_by((Person.id * 7919) % 10_007)
                .limit(WARM + ROUNDS)
            )
            mentees = [one.phone for one in session.scalars(to_bot) if one.phone]
        return cls(talk, Web(talk), mentees)

    def number_of(self, phone: str) -> int:
        with self.talk.database.reading() as session:
            found = select(Person.id).where(Person.phone_index == phone_index(phone))
            return session.scalars(found).one()


def measure_messages(small: History, large: History, rounds: int) -> tuple[float, float]:
    """The medians of recording and handling one message, in milliseconds."""
    took: dict[History, list[float]] = {small: [], large: []}
    for n in range(WARM + rounds):
        for one in (small, large) if n % 2 else (large, small):
            began = time.perf_counter()
            one.talk.texts(one.mentees[n % len(one.mentees)], SAYS[n % len(SAYS)])
            if n >= WARM:
                took[one].append(1000 * (time.perf_counter() - began))
            one.talk.clock.now += PAUSE
    return median(took[small]), median(took[large])


def list_pages(history: History) -> list[tuple[str, str]]:
    """Who asks for what: every page of faces.toml for staff that only shows something."""
    sam, jo, maya = (history.number_of(phone) for phone in (SAM, JO, MAYA))
    with history.talk.database.reading() as session:
        held = select(func.max(Handoff.id)).where(Handoff.status == Status.CLAIMED)
        numbers = {"1": "1", "2": str(session.scalar(held)), "3": "3"}
    numbers |= {"JO": str(jo), "MAYA": str(maya), "SAM": str(sam)}
    pages = []
    for face in tomllib.loads(FACES.read_text("utf-8"))["faces"].values():
        at = {name: numbers.get(value) for name, value in face.get("at", {}).items()}
        shows = face.get("who") in STAFF and "does" not in face and face.get("status", 200) == 200
        if shows and None not in at.values():
            pages.append(
                (face["who"], face["route"].format(**at).replace("=2", f"={numbers['2']}"))
            )
    month_ago = (history.talk.clock() - timedelta(days=30)).date()
    more = [(who, path.format(sam=sam, month_ago=month_ago)) for who, path in MORE]
    return list(dict.fromkeys(pages + more))


def measure_pages(history: History, calls: int) -> dict[str, tuple[float, float, float, int]]:
    """By page, in milliseconds: the first call, the median of the others, and the least CPU time;
    and its status. Some figures are kept for minutes once they were computed.
    """
    found, signed_in = {}, ""
    for who, path in sorted(list_pages(history)):
        if who != signed_in:
            number = history.number_of(STAFF[who])
            assert history.web.posts(f"/sign-in/as/{number}").status_code == 303
            signed_in = who
        took, used = [], []
        for _ in range(calls + 1):
            began, cpu = time.perf_counter(), time.process_time()
            status = history.web.gets(path).status_code
            took.append(1000 * (time.perf_counter() - began))
            used.append(1000 * (time.process_time() - cpu))
        found[f"{path} ({who})"] = took[0], median(took[1:]), min(used), status
    return found


def measure_looks(history: History) -> dict[str, float]:
    """How long the watchdog looks for the lost jobs of each kind, in milliseconds."""
    found, line = {}, history.talk.line
    for kind in KINDS:
        if kind.find_due is not None:
            began = time.perf_counter()
            find_due(line, [kind], before=line.clock() - GRACE)
            found[kind.job.name] = 1000 * (time.perf_counter() - began)
    return found


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    options.add_argument("--small", type=int, default=10_000, help="messages")
    options.add_argument("--large", type=int, default=1_000_000, help="messages")
    options.add_argument("--folder", type=Path, default=Path("var/history"))
    options.add_argument("--rounds", type=int, default=ROUNDS)
    options.add_argument("--only", choices=("messages", "pages", "watchdog"))
    given = options.parse_args()
    files = [given.folder / f"{count}.db" for count in (given.small, given.large)]
    counts = (given.small, given.large)
    small, large = (
        History.open(file, given.folder / "keys", count)
        for file, count in zip(files, counts, strict=True)
    )
    if given.only in (None, "messages"):
        few, many = measure_messages(small, large, given.rounds)
        print(f"p50 of one message: {few:.1f} ms at {given.small:,} messages,", end=" ")
        print(f"{many:.1f} ms at {given.large:,}; ratio {many / few:.2f} (goal: at most 1.15)")
    if given.only in (None, "pages"):
        pages = measure_pages(large, CALLS)
        goal = "goal: at most 100 ms"
        print(f"{'first':>8} {'ms':>8} {'CPU':>8}  page at {given.large:,} messages ({goal})")
        for path, (first, took, used, status) in sorted(pages.items(), key=lambda one: -one[1][1]):
            refused = "" if status == 200 else f" -> {status}"
            print(f"{first:8.0f} {took:8.0f} {used:8.0f}  {path}{refused}")
    if given.only in (None, "watchdog"):
        print(f"{'ms':>8}  the watchdog's look at {given.large:,} messages")
        for name, took in sorted(measure_looks(large).items(), key=lambda one: -one[1]):
            print(f"{took:8.1f}  {name}")


if __name__ == "__main__":
    main()
