"""Each invariant reports a known-bad history, and is content with a known-good one.

Maya asks for a person. Sam takes the handoff by text, writes, and ends it; then the bot answers.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models import Delivery, Move, Owner
from tests.faults import invariants
from tests.faults.cast import ASKS, SAY
from tests.faults.history import Attempt, Decided, History, Moved, OpenHandoff, Paged, Row
from tests.faults.invariants import INVARIANTS, check
from tests.faults.journal import Fault, Posted

MAYA, SAM, NOOR = "+12125550100", "+12025550111", "+12025550112"
SAMS, NOORS = 11, 12
MAYAS_THREAD, SAMS_THREAD, NOORS_THREAD = 1, 2, 3


def at(seconds: float) -> datetime:
    return datetime(2026, 11, 1, 6, 0, tzinfo=UTC) + timedelta(seconds=seconds)


def text(number: int, thread: int, phone: str, words: str, second: float) -> Row:
    sid = f"SM{number}"
    return Row(number, thread, phone, at(second), False, words, sid=sid, handled_at=at(second + 1))


def line(number: int, thread: int, phone: str, script: str | None, second: float) -> Row:
    return Row(
        id=number,
        thread=thread,
        number=phone,
        at=at(second),
        outgoing=True,
        words=f"words {number}",
        by_bot=script is None,
        script=script,
        sid=f"SMout{number}",
        handled_at=at(second),
        delivery=Delivery.DELIVERED,
        tries=1,
        sending_at=at(second + 0.1),
    )


def good() -> History:
    inbound = [
        text(1, MAYAS_THREAD, MAYA, ASKS, 0),
        text(4, SAMS_THREAD, SAM, "TAKE K4RT", 10),
        text(7, NOORS_THREAD, NOOR, "TAKE B7XY", 13),
        text(9, SAMS_THREAD, SAM, "#K4RT Hi, it is me.", 20),
        text(11, MAYAS_THREAD, MAYA, SAY[0], 30),
        text(12, SAMS_THREAD, SAM, "DONE K4RT talked We spoke.", 40),
        text(15, MAYAS_THREAD, MAYA, SAY[1], 50),
    ]
    outgoing = [
        line(2, MAYAS_THREAD, MAYA, "why_request+who_own", 1),
        replace(line(3, SAMS_THREAD, SAM, "alert_soon", 1), is_alert=True),
        line(5, MAYAS_THREAD, MAYA, "claimed_may_end", 11),
        line(6, SAMS_THREAD, SAM, "you_have", 11),
        line(8, NOORS_THREAD, NOOR, "taken_by_other", 14),
        replace(line(10, MAYAS_THREAD, MAYA, "", 21), script=None, by_bot=False, relayed_from=9),
        line(13, MAYAS_THREAD, MAYA, "returned", 41),
        line(14, SAMS_THREAD, SAM, "done", 41),
        line(16, MAYAS_THREAD, MAYA, None, 51),
    ]
    rows = sorted([*inbound, *outgoing], key=lambda row: row.id)
    return History(
        read_at=at(300),
        posted=[
            Posted(row.sid or "", row.number, row.words, row.at, row.at + timedelta(seconds=0.5))
            for row in inbound
        ],
        rows=rows,
        decided=[
            Decided(1, 1, Owner.BOT, at(1)),
            Decided(2, 11, Owner.MENTOR, at(31)),
            Decided(3, 15, Owner.BOT, at(51)),
        ],
        moved=[
            Moved(1, MAYAS_THREAD, at(1), Move.OPEN),
            Moved(1, MAYAS_THREAD, at(1), Move.PAGE, people=(SAMS,)),
            Moved(1, MAYAS_THREAD, at(11), Move.CLAIM, SAMS),
            Moved(1, MAYAS_THREAD, at(41), Move.RESOLVE, SAMS),
        ],
        paged=[Paged(1, 1, 0, SAMS, 3)],
        open_handoffs=[OpenHandoff(2, True, at(310)), OpenHandoff(3, False, None)],
        opened_by={1: 1},
        attempts=[
            Attempt(
                row.number,
                f"Warmline bot: {row.words}",
                row.id,
                row.at + timedelta(seconds=0.2),
                row.sid,
            )
            for row in outgoing
        ],
        codes={(SAM, "K4RT"): 1, (NOOR, "B7XY"): 1},
        people={SAM: SAMS, NOOR: NOORS},
        faults=[Fault("kill_gateway", at(12), at(20), "one of several")],
    )


def change(history: History, row_id: int, **values: object) -> None:
    history.rows = [
        replace(row, **values) if row.id == row_id else row  # type: ignore[arg-type]
        for row in history.rows
    ]


def remove(history: History, number: int) -> None:
    history.rows = [row for row in history.rows if row.id != number]


def moves(history: History, *more: Moved) -> None:
    history.moved = sorted([*history.moved, *more], key=lambda one: one.at)


def tries_again(history: History, number: int, sid: str | None) -> None:
    attempt = next(one for one in history.attempts if one.message == number)
    history.attempts.append(replace(attempt, sid=sid))


def _bot_speaks_beside_sam(history: History) -> None:
    history.rows.append(line(17, MAYAS_THREAD, MAYA, None, 25))
    change(history, 17, id=12)  # between the claim and the end, by the order of the record


def _bots_words_pass_the_claim(history: History) -> None:
    """The row is before the claim, and Twilio got it after the claim."""
    early = line(2, MAYAS_THREAD, MAYA, None, 1)
    history.rows[1] = early
    sent = history.attempts.pop(0)
    history.attempts.insert(3, sent)


def _noor_has_it_too(history: History) -> None:
    change(history, 8, script="you_have")


def _the_floor_is_not_given_back(history: History) -> None:
    history.decided[2] = replace(history.decided[2], owner=Owner.MENTOR)


def _twice(*numbers: int) -> Callable[[History], None]:
    def spoil(history: History) -> None:
        for number in numbers:
            tries_again(history, number, f"SMagain{number}")

    return spoil


def _once_twice_without_a_crash(history: History) -> None:
    history.faults.clear()
    tries_again(history, 16, "SMagain")


def _sam_is_told_it_is_closed(history: History) -> None:
    change(history, 6, script="is_closed")


KNOWN_BAD: list[tuple[Callable[[History], list[str]], Callable[[History], object]]] = [
    (invariants.each_text_is_recorded_once, lambda one: remove(one, 11)),
    (invariants.each_text_is_recorded_once, lambda one: change(one, 11, words="other words")),
    (invariants.each_text_is_recorded_once, lambda one: one.posted.pop()),
    (invariants.each_text_is_recorded_once, lambda one: change(one, 11, sid="SM1")),
    (invariants.texts_are_recorded_in_order, lambda one: change(one, 11, id=20)),
    (invariants.each_text_is_handled, lambda one: change(one, 11, handled_at=None)),
    (invariants.texts_are_handled_in_order, lambda one: change(one, 1, handled_at=at(35))),
    (
        invariants.texts_are_handled_in_order,
        lambda one: one.decided.append(Decided(4, 1, Owner.BOT, at(60))),
    ),
    (invariants.each_text_is_decided_once, lambda one: one.decided.pop()),
    (invariants.each_text_is_decided_once, lambda one: one.decided.append(one.decided[0])),
    (invariants.each_alert_is_once, lambda one: one.paged.append(one.paged[0])),
    (invariants.each_alert_is_once, lambda one: one.paged.clear()),
    (invariants.every_text_goes_out, lambda one: change(one, 16, delivery=Delivery.QUEUED)),
    (invariants.every_text_goes_out, lambda one: change(one, 16, delivery=Delivery.FAILED)),
    (invariants.the_bot_is_silent_in_a_human_stretch, _bot_speaks_beside_sam),
    (invariants.the_bot_is_silent_in_a_human_stretch, _bots_words_pass_the_claim),
    (
        invariants.each_handoff_has_one_holder,
        lambda one: moves(one, Moved(1, MAYAS_THREAD, at(14), Move.CLAIM, NOORS)),
    ),
    (invariants.the_floor_is_linearizable, _noor_has_it_too),
    (invariants.the_floor_is_linearizable, _the_floor_is_not_given_back),
    (invariants.the_floor_is_linearizable, _sam_is_told_it_is_closed),
    (
        invariants.the_floor_is_linearizable,
        lambda one: moves(one, Moved(1, MAYAS_THREAD, at(150), Move.RELEASE)),
    ),
    (
        invariants.every_open_handoff_has_a_due_step,
        lambda one: one.open_handoffs.append(OpenHandoff(4, True, None)),
    ),
    (
        invariants.every_open_handoff_has_a_due_step,
        lambda one: one.open_handoffs.append(OpenHandoff(4, True, at(200))),
    ),
    (invariants.every_attempt_has_a_row, lambda one: remove(one, 16)),
    (invariants.every_attempt_has_a_row, lambda one: change(one, 16, words="other words")),
    (invariants.every_attempt_has_a_row, lambda one: change(one, 16, number=SAM)),
    (invariants.every_attempt_has_a_row, lambda one: change(one, 16, delivery=Delivery.DROPPED)),
    (invariants.every_attempt_has_a_row, lambda one: tries_again(one, 16, None)),
    (invariants.few_texts_are_sent_twice, _twice(2, 16)),
    (invariants.few_texts_are_sent_twice, _once_twice_without_a_crash),
    (
        invariants.people_who_stopped_get_none,
        lambda one: one.stopped.update({MAYA: at(45)}),
    ),
    (
        invariants.work_of_a_killed_gateway_is_resumed,
        lambda one: change(one, 4, handled_at=at(22.5)),
    ),
    (
        invariants.twilio_understands_every_request,
        lambda one: one.violations.append("POST /Messages: no To"),
    ),
]


def test_a_good_history_holds() -> None:
    assert not any(check(good()).values()), check(good())


@pytest.mark.parametrize(("invariant", "spoil"), KNOWN_BAD)
def test_a_known_bad_history_is_reported(
    invariant: Callable[[History], list[str]], spoil: Callable[[History], object]
) -> None:
    history = good()
    spoil(history)
    assert invariant(history)


def test_each_invariant_can_fail() -> None:
    assert {invariant for invariant, _ in KNOWN_BAD} == set(INVARIANTS)


def test_the_confirmation_may_follow_a_stop_and_a_reported_failure_may_be_repeated() -> None:
    history = good()
    history.stopped[MAYA] = at(45)
    change(history, 16, script="stop_confirmed", by_bot=False)
    assert not invariants.people_who_stopped_get_none(history)
    history.faults.clear()
    history.given_up.add("SMout16")
    tries_again(history, 16, "SMagain")
    assert not invariants.few_texts_are_sent_twice(history)
