"""When the bot says again that it is a program."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from escalation.policy import Disclosure
from escalation.speech.disclosure import AFTER_IDLE, FIRST_DISCLOSURE, MEANWHILE, disclosure_due

NOW = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)
POLICY = Disclosure(again_after_idle_days=7, again_every_hours=3)


def due(told: timedelta | None, words: timedelta | None = None) -> str | None:
    return disclosure_due(
        disclosed_at=None if told is None else NOW - told,
        last_words_at=None if words is None else NOW - words,
        now=NOW,
        policy=POLICY,
    )


def test_at_first_contact() -> None:
    assert due(None) == FIRST_DISCLOSURE


def test_every_three_hours_and_not_before() -> None:
    assert due(timedelta(hours=2, minutes=59), timedelta(minutes=1)) is None
    assert due(timedelta(hours=3), timedelta(minutes=1)) == MEANWHILE


def test_after_seven_days_without_a_message() -> None:
    assert due(timedelta(days=9), timedelta(days=7)) == AFTER_IDLE
    assert due(timedelta(days=9), timedelta(days=6)) == MEANWHILE


@given(told=st.timedeltas(timedelta(0), timedelta(days=99)), words=st.timedeltas(timedelta(0)))
def test_no_disclosure_is_later_than_the_policy_says(told: timedelta, words: timedelta) -> None:
    said = due(told, min(words, told))
    assert (said is None) == (told < timedelta(hours=POLICY.again_every_hours))
