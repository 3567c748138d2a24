"""Anything, in any order: mentees, mentors, the manager, the clock, the provider, and the bot.

Hypothesis chooses who does what next. After each step, the laws below hold for all that is recorded
and for all that phones show. A command, not a test, because three hours of an unanswered crisis are
hundreds of texts:

    python -m tests.any_order --steps 10000

It prints how often each kind of step ran.
"""

import argparse
import logging
import random
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import structlog
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Row, select
from sqlalchemy.orm import InstrumentedAttribute

from escalation.handoffs.jobs import CheckReply, Climb, Work
from escalation.handoffs.replies import HOPELESS, get_unanswered
from gateway.messaging.outbox import note_delivery
from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import TextFailed
from models import (
    Alert,
    Channel,
    Delivery,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Speaker,
    Status,
    Urgency,
    use_key,
)
from tests.conftest import KEY
from tests.keys import KEYS
from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk

MENTEES = st.sampled_from([MAYA, JO])
STAFF = st.sampled_from([SAM, NOOR, RUTH])
EVERYBODY = st.sampled_from([MAYA, JO, SAM, NOOR, RUTH])

MENTEE_WORDS = st.sampled_from(
    [
        *(ASKS, CRISIS, "hi", "nvm", "i dont want a person", "im scared", "are you there"),
        *("how can i sleep better", "ok", "NEVER MIND", "Liked “hello”", "STOP", "START", ""),
    ]
)
"""What staff text: {code} is one of their own codes, if they have one."""
STAFF_WORDS = st.sampled_from(
    [
        *("TAKE {code}", "TAKE {code}", "Hi, it is me. How are you?", "#{code} I read your text."),
        *("DONE {code} talked", "DONE {code} she is with her aunt now", "PASS {code}"),
        *("LATER {code} 30", "GIVE {code} to Noor", "GIVE {code} to Sam", "ACCEPT {code}"),
        *("AWAY", "ON", "WAITING", "STOP", "START", "NOTE {code} worried", "Loved “TAKE {code}”"),
        *("RAISE {code} crisis I am worried", "LOWER {code} routine she is fine now"),
        *("ASSIGN {code} to Noor she knows her", "RELEASE {code}", "CLOSE {code} talked by phone"),
    ]
)
PASSING = st.sampled_from(
    [
        *({"seconds": 5}, {"seconds": 40}, {"minutes": 2}, {"minutes": 6}, {"minutes": 20}),
        *({"hours": 1}, {"hours": 3}),
    ]
)
WORLD = (
    *("the watchdog looks", "the provider refuses a number", "the provider is down for a number"),
    *("the provider reports later", "the provider works", "a text arrives", "a text is lost"),
    *("the bot goes away", "the bot comes back"),
)
TEXT: tuple[InstrumentedAttribute[Any], ...] = (
    *(Message.id, Message.conversation_id, Message.at, Message.sent_at, Message.outgoing),
    *(Message.speaker, Message.script, Message.channel, Message.delivery),
)
# Lines that say whom we asked, or that we are asking. The alerts are written in the same moment.
SAYS_WHO_WAS_ASKED = ("who_own", "who_team", "raised", "released")
RAN: Counter[str] = Counter()


@cache
def template() -> Path:
    """A database with the cast, made once."""
    use_key(KEY, KEYS)
    file = Path(tempfile.mkdtemp(prefix="any-order-")) / "cast.db"
    database = Database(make_engine(f"sqlite:///{file}"))
    database.migrate()
    Talk(database)
    database.engine.dispose()
    return file


class AnyOrder(RuleBasedStateMachine):
    @initialize(at_night=st.booleans(), opening=st.sampled_from([ASKS, CRISIS]))
    def open_the_line(self, at_night: bool, opening: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="any-order-"))
        shutil.copy(template(), self.folder / "line.db")
        self.database = Database(make_engine(f"sqlite:///{self.folder / 'line.db'}"))
        self.talk = Talk(self.database)
        self.stopped: dict[str, int] = {}
        if at_night:
            self.talk.clock.now = datetime(2026, 11, 11, 7, 0, tzinfo=UTC)  # 2 a.m. in New York
        self._texts(MAYA, opening)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.engine.dispose()
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- what happens ---

    @rule(mentee=MENTEES, words=MENTEE_WORDS)
    def a_mentee_texts(self, mentee: str, words: str) -> None:
        RAN["a mentee texts"] += 1
        self._texts(mentee, words)

    @rule(person=STAFF, words=STAFF_WORDS, which=st.integers(0, 3))
    def staff_text(self, person: str, words: str, which: int) -> None:
        RAN["staff text"] += 1
        codes = list(self.talk._codes(person).values())
        if "{code}" in words and not codes:
            words = "WAITING"
        if codes:
            words = words.replace("{code}", codes[-1 - which % len(codes)])
        self._texts(person, words)

    @rule(time=PASSING)
    def time_passes(self, time: dict[str, float]) -> None:
        RAN["time passes"] += 1
        self.talk.passes(**time)

    @rule(what=st.sampled_from(WORLD), number=EVERYBODY, which=st.integers(0, 5))
    def the_world_changes(self, what: str, number: str, which: int) -> None:
        RAN[what] += 1
        phones = self.talk.phones
        match what:
            case "the watchdog looks":
                self.talk.runs_watchdog()
            case "the provider refuses a number":
                phones.refuse[number] = TextFailed("30006", final=True)
            case "the provider is down for a number":
                phones.refuse[number] = TextFailed("503", final=False)
            case "the provider reports later":
                phones.reports = Delivery.SENT
            case "the provider works":
                phones.refuse.clear()
                phones.reports = Delivery.DELIVERED
            case "a text arrives" | "a text is lost":
                self._a_report_comes(which, lost=what == "a text is lost")
            case _:
                self.talk.bot.away = what == "the bot goes away"

    def _a_report_comes(self, which: int, *, lost: bool) -> None:
        sent = [one for one in self.talk.rows(Message) if one.delivery is Delivery.SENT]
        if sent:
            text = sent[-1 - which % len(sent)]
            state = Delivery.UNDELIVERED if lost else Delivery.DELIVERED
            note_delivery(self.talk.line, text.id, state, error_code="30003" if lost else None)

    def _texts(self, number: str, words: str) -> None:
        shown = len(self.talk.phones.shown)
        self.talk.texts(number, words)
        if words == "STOP":
            self.stopped.setdefault(number, shown)
        elif words == "START":
            self.stopped.pop(number, None)

    # --- what always holds ---

    @invariant()
    def every_law_holds(self) -> None:
        """One invariant, so that the rows are read once."""
        with self.database.reading() as session:
            record = Record(
                handoffs=session.scalars(select(Handoff).order_by(Handoff.id)).all(),
                events=session.scalars(select(HandoffEvent).order_by(HandoffEvent.id)).all(),
                alerts=session.scalars(select(Alert)).all(),
                # Without the words: each would have to be decrypted.
                texts=session.execute(select(*TEXT).order_by(Message.id)).all(),
                owed=[
                    handoff.id
                    for handoff in session.scalars(select(Handoff))
                    if get_unanswered(session, handoff, self.talk.line.rules) is not None
                ],
            )
        the_bot_is_silent_while_a_person_has_the_conversation(record)
        an_open_handoff_has_a_next_step(record, [work for _, work in self.talk.kept.work])
        who_was_said_to_be_asked_was_asked(record)
        only_words_that_may_have_arrived_are_a_reply(record)
        nobody_gets_two_alert_texts_in_a_minute(record)
        self.nobody_who_stopped_texts_gets_one()

    def nobody_who_stopped_texts_gets_one(self) -> None:
        """Except the confirmation, which the first STOP brings."""
        for number, since in self.stopped.items():
            texts = [words for to, words in self.talk.phones.shown[since:] if to == number]
            assert len(texts) <= 1, (number, texts)


@dataclass(frozen=True)
class Record:
    """What is recorded after a step. `owed`: handoffs whose holder owes an answer."""

    handoffs: Sequence[Handoff]
    events: Sequence[HandoffEvent]
    alerts: Sequence[Alert]
    texts: Sequence[Row[Any]]
    owed: Sequence[int]


def the_bot_is_silent_while_a_person_has_the_conversation(record: Record) -> None:
    where = {one.id: one.conversation_id for one in record.handoffs}
    held: dict[int, list[list[datetime | None]]] = defaultdict(list)
    for event in record.events:
        spans = held[where[event.handoff_id]]
        if event.move is Move.CLAIM:
            spans.append([event.at, None])
        elif event.move in (Move.RELEASE, Move.RESOLVE, Move.WITHDRAW) and spans:
            spans[-1][1] = spans[-1][1] or event.at
    for text in record.texts:
        if (
            text.speaker is Speaker.BOT
            and text.script is None
            and text.sent_at is not None
            and text.delivery is not Delivery.DROPPED
        ):
            for start, end in held[text.conversation_id]:
                inside = start < text.sent_at and (end is None or text.sent_at < end)
                assert not inside, f"text {text.id}"


def an_open_handoff_has_a_next_step(record: Record, jobs: Sequence[Work]) -> None:
    """A waiting one: the next page. A held one whose holder owes an answer: a look at the clock."""
    climbing = {one.handoff_id for one in jobs if isinstance(one, Climb)}
    watched = {one.handoff_id for one in jobs if isinstance(one, CheckReply)}
    for handoff in record.handoffs:
        if handoff.status is Status.WAITING:
            assert handoff.next_page_at is not None, f"handoff {handoff.id}"
            assert handoff.id in climbing, f"handoff {handoff.id}"
        elif handoff.status is Status.CLAIMED and handoff.id in record.owed:
            assert handoff.id in watched, f"handoff {handoff.id}"


def who_was_said_to_be_asked_was_asked(record: Record) -> None:
    where = {one.id: one.conversation_id for one in record.handoffs}
    asked = {(where[one.handoff_id], one.at) for one in record.alerts}
    for text in record.texts:
        if (text.script or "").endswith(SAYS_WHO_WAS_ASKED):
            assert (text.conversation_id, text.at) in asked, f"text {text.id}: {text.script}"


def only_words_that_may_have_arrived_are_a_reply(record: Record) -> None:
    written = {
        one.conversation_id
        for one in record.texts
        if one.outgoing
        and one.speaker in (Speaker.MENTOR, Speaker.MANAGER)
        and (one.channel is Channel.WEB or one.delivery not in HOPELESS)
    }
    for handoff in record.handoffs:
        replied = handoff.first_reply_at is not None
        assert not replied or handoff.conversation_id in written, f"handoff {handoff.id}"


def nobody_gets_two_alert_texts_in_a_minute(record: Record) -> None:
    """A crisis waits for no other alert, only ten seconds for another crisis."""
    urgency = {one.id: one.urgency for one in record.handoffs}
    crises = {one.message_id for one in record.alerts if urgency[one.handoff_id] is Urgency.CRISIS}
    sent: dict[int, list[tuple[datetime, bool]]] = defaultdict(list)
    for text in record.texts:
        if (text.script or "").startswith("alert_") and text.sent_at is not None:
            sent[text.conversation_id].append((text.sent_at, text.id in crises))
    for texts in sent.values():
        for (earlier, _), (later, is_crisis) in pairwise(sorted(texts)):
            wait = timedelta(0) if is_crisis else timedelta(minutes=1)
            assert later - earlier >= wait, (earlier, later)
        for earlier, later in pairwise(sorted(at for at, is_crisis in texts if is_crisis)):
            assert later - earlier >= timedelta(seconds=10), (earlier, later)


def play(steps: int, *, number: int, each: int = 50) -> None:
    """Play about `steps` steps, `each` in one conversation, from the seed `number`."""
    run = settings(
        max_examples=max(1, steps // each),
        stateful_step_count=each,
        deadline=None,
        database=None,
        print_blob=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(number)(AnyOrder), settings=run)


def main() -> None:
    parser = argparse.ArgumentParser(description="Play anything in any order.")
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    play(asked.steps, number=asked.seed)
    total = sum(RAN.values())
    print(f"{total} steps from seed {asked.seed}: every law held after each of them.")
    for kind, count in RAN.most_common():
        print(f"  {count:6}  {kind}")


if __name__ == "__main__":
    main()
