"""Who answers a mentee, as one shared thing: the bot, the queue, or one mentor.

From the texts of mentees and mentors, and from how Warmline answered each, this makes a history of
operations on each conversation, for the linearizability checker.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from models import Move, Owner
from tests.faults.history import Decided, History, Row
from tests.faults.linearizability import Operation

# A text whose answer nobody saw was acted on within this time of the clock in its row: no
# transaction lasts longer, not even one that was frozen.
LONGEST_TRANSACTION = timedelta(seconds=60)

Verb = Literal["hear", "take", "write", "done", "release", "withdraw"]
Result = Literal["ok", "taken_over", "held_by_other", "already_yours", "closed"]


@dataclass(frozen=True)
class Act:
    """`hear`: a mentee's text found `owner` in charge, and opened `handoff` unless it is 0."""

    verb: Verb
    handoff: int
    by: int = 0
    result: Result = "ok"
    owner: Owner = Owner.BOT


@dataclass(frozen=True)
class Floor:
    """The newest handoff, 0 before the first, and who answers. Handoffs are numbered upward."""

    handoff: int = 0
    owner: Owner = Owner.BOT
    holder: int = 0


def step(now: Floor, act: Act) -> Floor | None:
    """The floor after the act, or None if it cannot have had this result."""
    if act.verb == "hear":
        if act.owner is not now.owner:
            return None
        if not act.handoff:
            return now
        opens = now.owner is Owner.BOT and act.handoff > now.handoff
        return Floor(act.handoff, Owner.QUEUE) if opens else None
    is_open = act.handoff == now.handoff and now.owner is not Owner.BOT
    holds = is_open and now.owner is Owner.MENTOR and now.holder == act.by
    if act.result == "ok":
        return _succeed(now, act, is_open=is_open, holds=holds)
    held = is_open and now.owner is Owner.MENTOR and not holds
    if act.result == "taken_over":
        return Floor(act.handoff, Owner.MENTOR, act.by) if held else None
    closed = act.handoff <= now.handoff and not is_open
    other = held if act.verb == "take" else is_open and not holds
    fits = {"held_by_other": other, "already_yours": holds, "closed": closed}
    return now if fits[act.result] else None


def _succeed(now: Floor, act: Act, *, is_open: bool, holds: bool) -> Floor | None:
    if act.verb == "take":
        waits = is_open and now.owner is Owner.QUEUE
        return Floor(act.handoff, Owner.MENTOR, act.by) if waits else None
    if act.verb == "write":
        return now if holds else None
    if act.verb == "done":
        return Floor(act.handoff) if holds else None
    if act.verb == "release":
        held = is_open and now.owner is Owner.MENTOR
        return Floor(act.handoff, Owner.QUEUE) if held else None
    return Floor(act.handoff) if is_open else None


# How a mentor's text was answered. Other answers are about no handoff.
RESULTS: dict[str, Result] = {
    "you_have": "ok",
    "done": "ok",
    "taken_by_other": "held_by_other",
    "not_yours": "held_by_other",
    "already_yours": "already_yours",
    "is_closed": "closed",
}
VERBS: dict[str, Verb] = {"TAKE": "take", "DONE": "done"}


def operations(history: History) -> dict[int, list[Operation[Act]]]:
    """What was done with each mentee's conversation."""
    found: dict[int, list[Operation[Act]]] = defaultdict(list)
    answers = _Answers(history)
    decisions = {one.message: one for one in history.decided}
    threads = {one.handoff: one.thread for one in history.moved}
    takeovers = {(one.by, one.at) for one in history.moved if one.taken_over}
    for row in history.inbound():
        if row.handled_at is None:
            continue
        if (decision := decisions.get(row.id)) is not None:
            found[row.thread].append(answers.span(row, _heard(history, row, decision)))
        elif (act := _mentors_act(history, answers, row, takeovers)) is not None:
            found[threads[act.handoff]].append(answers.span(row, act))
    for thread, operation in _own_moves(history):
        found[thread].append(operation)
    return found


class _Answers:
    """What Warmline answered to a text, and when the first of it reached Twilio."""

    def __init__(self, history: History) -> None:
        self.written: dict[datetime, list[Row]] = defaultdict(list)
        for row in history.rows:
            if row.outgoing:
                self.written[row.at].append(row)
        self.relayed = {row.relayed_from for row in history.rows if row.relayed_from}
        self.reached: dict[int, datetime] = {}
        for attempt in history.attempts:
            if attempt.message is not None:
                earlier = self.reached.get(attempt.message, attempt.at)
                self.reached[attempt.message] = min(earlier, attempt.at)
        self.began = {one.sid: one.began_at for one in history.posted}

    def to(self, row: Row) -> list[Row]:
        """A line is written when its text is handled, so both have the same time."""
        assert row.handled_at is not None
        return [line for line in self.written[row.handled_at] if line.thread == row.thread]

    def span(self, row: Row, act: Act) -> Operation[Act]:
        assert row.handled_at is not None
        written = self.written[row.handled_at]
        seen = [self.reached[line.id] for line in written if line.id in self.reached]
        end = min([*seen, row.handled_at + LONGEST_TRANSACTION])
        began = self.began.get(row.sid or "", row.at)
        return Operation(act, began.timestamp(), end.timestamp())


def _heard(history: History, row: Row, decision: Decided) -> Act:
    return Act("hear", history.opened_by.get(row.id, 0), owner=decision.owner)


def _mentors_act(
    history: History, answers: _Answers, row: Row, takeovers: set[tuple[int | None, datetime]]
) -> Act | None:
    first, _, rest = row.words.partition(" ")
    code = first[1:] if first.startswith("#") else rest.partition(" ")[0]
    handoff, by = history.codes.get((row.number, code)), history.people.get(row.number, 0)
    if handoff is None:
        return None
    if row.id in answers.relayed:
        return Act("write", handoff, by)
    for line in answers.to(row):
        result = RESULTS.get((line.script or "").split("+")[0])
        if result is not None:
            if result == "ok" and (by, row.handled_at) in takeovers:
                result = "taken_over"
            return Act(VERBS.get(first, "write"), handoff, by, result)
    return None


def _own_moves(history: History) -> Iterator[tuple[int, Operation[Act]]]:
    """Warmline took a handoff back from a mentor who did not answer, or the mentee withdrew it."""
    for one in history.moved:
        if one.move in (Move.RELEASE, Move.WITHDRAW):
            verb: Verb = "release" if one.move is Move.RELEASE else "withdraw"
            # Its clock was read a moment before or after the lock was taken.
            called = one.at - timedelta(seconds=5)
            ended = one.at + LONGEST_TRANSACTION
            yield (
                one.thread,
                Operation(Act(verb, one.handoff), called.timestamp(), ended.timestamp()),
            )
