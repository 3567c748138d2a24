"""What must hold whatever broke. Each is a function of a history that returns what is wrong."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from escalation.speech.message_writer import CONFIRM_STOP
from models import Delivery, Move
from tests.faults.cast import ASKS, CRISIS, SAY
from tests.faults.floor import Floor, operations, step
from tests.faults.history import History, Row
from tests.faults.injector import CRASHES
from tests.faults.linearizability import Undecided, is_linearizable

# The watchdog looks every two seconds for what has been due for five.
LATE = timedelta(seconds=20)
RESUMED_WITHIN = timedelta(seconds=10)
ENDS = (Move.RELEASE, Move.RESOLVE, Move.WITHDRAW)

Invariant = Callable[[History], list[str]]


def each_text_is_recorded_once(history: History) -> list[str]:
    rows: dict[str | None, list[Row]] = defaultdict(list)
    for row in history.inbound():
        rows[row.sid].append(row)
    posted = {one.sid: one for one in history.posted}
    wrong = [f"{sid} was never posted" for sid in rows if sid not in posted]
    for one in history.posted:
        found = rows[one.sid]
        if one.answered_at is not None and len(found) != 1:
            wrong.append(f"{one.sid} has {len(found)} rows")
        wrong += [
            f"{one.sid} was changed"
            for row in found
            if (row.number, row.words) != (one.number, one.words)
        ]
    return wrong


def texts_are_recorded_in_order(history: History) -> list[str]:
    """A text that was answered before another of the same person was posted comes before it."""
    ids = {row.sid: row.id for row in history.inbound()}
    wrong = []
    latest: dict[str, tuple[int, str]] = {}
    moments: list[tuple[datetime, int, str, str]] = []
    for one in history.posted:
        if one.sid in ids:
            moments.append((one.began_at, 1, one.number, one.sid))
            if one.answered_at is not None:
                moments.append((one.answered_at, 0, one.number, one.sid))
    for _, begins, number, sid in sorted(moments):
        before, other = latest.get(number, (0, ""))
        if begins and ids[sid] < before:
            wrong.append(f"{sid} is recorded before {other}")
        elif not begins and ids[sid] > before:
            latest[number] = ids[sid], sid
    return wrong


def each_text_is_handled(history: History) -> list[str]:
    return [f"text {row.id} is not handled" for row in history.inbound() if row.handled_at is None]


def texts_are_handled_in_order(history: History) -> list[str]:
    wrong = []
    threads = {row.id: row.thread for row in history.rows}
    decided: dict[int, int] = {}
    for one in sorted(history.decided, key=lambda one: one.id):
        thread = threads[one.message]
        if one.message < decided.get(thread, 0):
            wrong.append(f"text {one.message} was decided after text {decided[thread]}")
        decided[thread] = max(one.message, decided.get(thread, 0))
    handled: dict[int, Row] = {}
    for row in sorted(history.inbound(), key=lambda row: row.id):
        before = handled.get(row.thread)
        if row.handled_at is None:
            continue
        if before is not None and before.handled_at and row.handled_at < before.handled_at:
            wrong.append(f"text {row.id} was handled before text {before.id}")
        handled[row.thread] = row
    return wrong


def each_text_is_decided_once(history: History) -> list[str]:
    """STOP is a command, about which nothing is decided."""
    counts = Counter(one.message for one in history.decided)
    to_decide = {*SAY, ASKS, CRISIS}
    return [
        f"text {row.id} has {counts[row.id]} decisions"
        for row in history.inbound()
        if counts[row.id] > 1 or (row.words in to_decide and counts[row.id] != 1)
    ]


def each_alert_is_once(history: History) -> list[str]:
    counts = Counter((one.handoff, one.ladder, one.rung, one.person) for one in history.paged)
    wrong = [f"{count} alerts of {alert}" for alert, count in counts.items() if count > 1]
    alerted = Counter((one.handoff, one.person) for one in history.paged)
    logged = Counter(
        (one.handoff, person)
        for one in history.moved
        if one.move is Move.PAGE
        for person in one.people
    )
    wrong += [
        f"person {person} was paged {logged[handoff, person]} times about handoff {handoff} and "
        f"has {alerted[handoff, person]} alerts"
        for handoff, person in alerted | logged
        if alerted[handoff, person] != logged[handoff, person]
    ]
    return wrong


def every_text_goes_out(history: History) -> list[str]:
    """Those of the last moments aside, which may still be on their way: ladders go on."""
    unsent = (Delivery.QUEUED, Delivery.SENDING)
    never = (Delivery.FAILED, Delivery.UNDELIVERED)
    return [
        f"text {row.id} is {row.delivery}"
        for row in history.rows
        if row.delivery in never or (row.delivery in unsent and row.at < history.read_at - 2 * LATE)
    ]


def the_bot_is_silent_in_a_human_stretch(history: History) -> list[str]:
    """In the order of the rows, and in the order in which Twilio took the texts.

    A claim and its end are marked by what the mentee reads of them, which is written with them.
    """
    rows = {row.id: row for row in history.rows}
    markers = _markers(history)
    in_the_record: dict[int, list[int]] = defaultdict(list)
    at_twilio: dict[int, list[int]] = defaultdict(list)
    for row in sorted(history.rows, key=lambda row: row.id):
        if row.outgoing and (row.delivery is not Delivery.DROPPED or row.id in markers):
            in_the_record[row.thread].append(row.id)
    for attempt in history.attempts:
        if attempt.sid is not None and attempt.message in rows:
            at_twilio[rows[attempt.message].thread].append(attempt.message)
    wrong = []
    for where, orders in (("the record", in_the_record), ("Twilio's order", at_twilio)):
        for texts in orders.values():
            held = False
            for text in texts:
                held = markers.get(text, held)
                if held and rows[text].by_bot:
                    row = rows[text]
                    wrong.append(
                        f"in {where}, the bot's text {text} is in a human stretch of conversation "
                        f"{row.thread}: written {row.at:%X}, last tried {row.sending_at:%X}, "
                        f"{row.tries} tries"
                    )
    return wrong


def _markers(history: History) -> dict[int, bool]:
    """The texts with which a human stretch begins (True) or ends."""
    lines: dict[tuple[int, datetime], list[Row]] = defaultdict(list)
    for row in history.rows:
        if row.outgoing and row.script is not None:
            lines[row.thread, row.at].append(row)
    markers = {}
    for one in history.moved:
        if one.move in (Move.CLAIM, *ENDS):
            for row in lines[one.thread, one.at][:1]:
                markers[row.id] = one.move is Move.CLAIM
    return markers


def every_open_handoff_has_a_due_step(history: History) -> list[str]:
    wrong = []
    for one in history.open_handoffs:
        if one.owes_step and one.due is None:
            wrong.append(f"handoff {one.id} has no next step")
        elif one.owes_step and one.due is not None and one.due < history.read_at - LATE:
            wrong.append(f"handoff {one.id} was due {history.read_at - one.due} ago")
    return wrong


def every_attempt_has_a_row(history: History) -> list[str]:
    """Of each request to Twilio the record says: this text, to this person, tried so often."""
    rows = {row.id: row for row in history.rows}
    tries = Counter(one.message for one in history.attempts)
    taken = {one.message for one in history.attempts if one.sid is not None}
    wrong = []
    for one in history.attempts:
        row = rows.get(one.message or 0)
        if row is None or not row.outgoing:
            wrong.append(f"no row for a text to {one.to[-4:]}")
        elif row.number != one.to or not one.body.endswith(row.words):
            wrong.append(f"text {row.id} is not what Twilio got")
    for message, count in tries.items():
        row = rows.get(message or 0)
        if row is None:
            continue
        if count > row.tries:
            wrong.append(
                f"text {row.id} ({row.script}) was tried {count} times and says {row.tries}"
            )
        if message in taken and row.delivery in (Delivery.DROPPED, Delivery.FAILED):
            told = f"{row.delivery} after {row.tries} tries"
            wrong.append(f"text {row.id} ({row.script}) was taken by Twilio and says {told}")
    return wrong


def people_who_stopped_get_none(history: History) -> list[str]:
    """Nothing is marked for sending after the STOP, except its confirmation."""
    sent = {one.message for one in history.attempts}
    return [
        f"text {row.id} ({row.script}) went to a number that stopped texts"
        for row in history.rows
        if row.outgoing
        and row.id in sent
        and (stopped_at := history.stopped.get(row.number)) is not None
        and row.sending_at is not None
        and row.sending_at > stopped_at
        and row.script not in CONFIRM_STOP
    ]


def the_floor_is_linearizable(history: History) -> list[str]:
    wrong = []
    for thread, acts in sorted(operations(history).items()):
        try:
            if not is_linearizable(acts, Floor(), step):
                told = sorted(acts, key=lambda act: act.called)
                wrong.append(f"conversation {thread}: {[act.what for act in told]}")
        except Undecided as undecided:
            wrong.append(f"conversation {thread}: not decided, {undecided}")
    return wrong


def each_handoff_has_one_holder(history: History) -> list[str]:
    """By the moves alone: a claim of a held handoff is a takeover, and says so."""
    held: dict[int, int | None] = {}
    wrong = []
    for one in history.moved:
        if one.move is Move.CLAIM:
            if held.get(one.handoff) is not None and not one.taken_over:
                wrong.append(f"handoff {one.handoff} was claimed by {one.by} while it was held")
            held[one.handoff] = one.by
        elif one.move in ENDS:
            held[one.handoff] = None
    return wrong


def work_of_a_killed_gateway_is_resumed(history: History) -> list[str]:
    wrong = []
    for fault, seconds in resume_times(history):
        if seconds > RESUMED_WITHIN.total_seconds():
            wrong.append(f"{seconds:.1f} s after the kill at {fault:%H:%M:%S}")
    return wrong


def resume_times(history: History) -> list[tuple[datetime, float]]:
    """For each kill of one of several gateways: until all earlier texts were handled."""
    times = []
    for fault in history.faults:
        if fault.kind == "kill_gateway" and fault.detail:
            left = [
                (row.handled_at - fault.began_at).total_seconds()
                for row in history.inbound()
                if row.at <= fault.began_at and row.handled_at and row.handled_at > fault.began_at
            ]
            times.append((fault.began_at, max(left, default=0.0)))
    return times


def sent_twice(history: History) -> list[int]:
    """Texts that Twilio took again although it had not reported the first as undelivered."""
    taken: dict[int, list[str]] = defaultdict(list)
    for one in history.attempts:
        if one.sid is not None and one.message is not None:
            taken[one.message].append(one.sid)
    return [
        message
        for message, sids in taken.items()
        for _ in [sid for sid in sids if sid not in history.given_up][1:]
    ]


def few_texts_are_sent_twice(history: History) -> list[str]:
    """Twilio cannot tell that a text is the same. At most 1 in 1,000 with crashes, 0 without."""
    twice = sent_twice(history)
    sent = sum(one.sid is not None for one in history.attempts)
    crashed = any(fault.kind in CRASHES for fault in history.faults)
    most = max(1, sent // 1000) if crashed else 0
    return [] if len(twice) <= most else [f"{len(twice)} of {sent}: {_some(twice)}"]


def twilio_understands_every_request(history: History) -> list[str]:
    return history.violations


def _some(things: Iterable[object]) -> str:
    return ", ".join(str(one) for one in list(things)[:10])


INVARIANTS: tuple[Invariant, ...] = (
    each_text_is_recorded_once,
    texts_are_recorded_in_order,
    each_text_is_handled,
    texts_are_handled_in_order,
    each_text_is_decided_once,
    each_alert_is_once,
    every_text_goes_out,
    the_bot_is_silent_in_a_human_stretch,
    each_handoff_has_one_holder,
    the_floor_is_linearizable,
    every_open_handoff_has_a_due_step,
    every_attempt_has_a_row,
    few_texts_are_sent_twice,
    people_who_stopped_get_none,
    work_of_a_killed_gateway_is_resumed,
    twilio_understands_every_request,
)


def check(history: History) -> dict[str, list[str]]:
    return {one.__name__: one(history) for one in INVARIANTS}
