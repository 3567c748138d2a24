"""Active days and the contact rate of each mentee."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gateway.reporting.human_contact import Days, Month, list_pairs, program_total
from models import Delivery
from tests.gateway.reporting.past import Past
from tests.line import JO, MAYA, SAM, Talk

NOVEMBER = Month(date(2026, 11, 1), "America/New_York")


def at_noon(day: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=ZoneInfo("America/New_York"))


def test_each_day_is_a_persons_one_awaiting_or_the_bots(talk: Talk, past: Past) -> None:
    past.writes(MAYA, at_noon(2))
    past.writes(MAYA, at_noon(2))
    past.hears(MAYA, at_noon(2))
    past.writes(MAYA, at_noon(3), handoff=past.handoff(MAYA, at_noon(3), claimed=1, closed=999))
    past.writes(MAYA, at_noon(4))
    past.hears(MAYA, at_noon(4), of=SAM)
    past.hears(MAYA, at_noon(5), of=SAM)
    past.hears(MAYA, at_noon(6), of=SAM, delivery=Delivery.DROPPED)
    past.writes(MAYA, at_noon(30, month=10))
    past.writes(JO, at_noon(7))
    jo, maya = past.ask(list_pairs, NOVEMBER)
    together = past.ask(program_total, NOVEMBER)
    assert (maya.mentee, maya.mentor) == ("Maya", "Sam")
    assert maya.now == Days(person=2, awaiting=1, bot_only=1, messages=2, handoffs=1)
    assert (maya.now.contact_rate, maya.before.contact_rate, maya.change) == (0.5, 0.0, 0.5)
    assert (jo.mentee, jo.mentor, jo.now.contact_rate, jo.change) == ("Jo", "Noor", 0.0, None)
    assert together == Days(person=2, awaiting=1, bot_only=2, messages=2, handoffs=1)


def test_a_day_ends_at_the_programs_midnight(talk: Talk, past: Past) -> None:
    """One minute past midnight is another day, also on the night in which the clocks change."""
    zone = ZoneInfo("America/New_York")
    for moment in (
        datetime(2026, 10, 31, 23, 59, tzinfo=zone),
        datetime(2026, 11, 1, 0, 1, tzinfo=zone),
        datetime(2026, 11, 1, 23, 59, tzinfo=zone),
        datetime(2026, 11, 2, 0, 1, tzinfo=zone),
    ):
        past.writes(MAYA, moment)
    [maya] = past.ask(list_pairs, NOVEMBER)
    assert (maya.now.bot_only, maya.before.bot_only) == (2, 1)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_number_is_a_share_and_grows_with_each_day_of_a_person(
    person: int, awaiting: int, bot: int
) -> None:
    rate = Days(person, awaiting, bot).contact_rate
    more = Days(person + 1, awaiting, bot).contact_rate
    assert more is not None
    if rate is None:
        assert person + awaiting + bot == 0
    else:
        assert 0 <= rate <= more <= 1


@given(st.dates(date(2, 1, 1), date(9998, 12, 31)))
def test_a_month_follows_the_one_before_it(day: date) -> None:
    month = Month(day.replace(day=1), "America/New_York")
    assert month.following.before == month
    assert month.before.until == month.since
