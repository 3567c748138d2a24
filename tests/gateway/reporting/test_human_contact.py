"""Active days and the contact rate of each mentee."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from gateway.reporting.human_contact import Days, HumanContact, get_human_contact
from gateway.reporting.period import Period, Scope, get_month
from models import Delivery
from tests.gateway.reporting.past import Past
from tests.line import JO, MAYA, SAM

ZONE = "America/New_York"
NOVEMBER = get_month(date(2026, 11, 10), ZONE)


def at(day: int, hour: int = 12, minute: int = 0, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(ZONE))


def test_each_active_day_has_a_person_or_awaits_one_or_has_only_the_bot(past: Past) -> None:
    past.writes(MAYA, at(2))
    past.writes(MAYA, at(2))
    past.hears(MAYA, at(2))
    past.writes(MAYA, at(3), handoff=past.handoff(MAYA, at(3), claimed=1, closed=999))
    past.writes(MAYA, at(4))
    past.hears(MAYA, at(4), of=SAM)
    past.hears(MAYA, at(5), of=SAM)
    past.hears(MAYA, at(6), of=SAM, delivery=Delivery.DROPPED)
    past.writes(MAYA, at(30, month=10))
    past.writes(JO, at(7))
    contact = past.ask(get_human_contact, month=NOVEMBER)
    jo, maya = contact.pairs
    assert (maya.month, maya.mentee, maya.mentor) == ("2026-11", "Maya", "Sam")
    assert maya.now == Days(person=2, awaiting=1, bot_only=1, messages=2, handoffs=1)
    assert (maya.now.contact_rate, maya.before.contact_rate, maya.change) == (0.5, 0.0, 0.5)
    assert (jo.mentee, jo.mentor, jo.now.contact_rate, jo.change) == ("Jo", "Noor", 0.0, None)
    assert contact.total == Days(person=2, awaiting=1, bot_only=2, messages=2, handoffs=1)
    assert contact.total_before == Days(bot_only=1)


def test_a_day_ends_at_midnight_in_the_programs_time_zone(past: Past) -> None:
    """One minute past midnight is another day, also on the night in which the clocks change."""
    for moment in (at(31, 23, 59, month=10), at(1, 0, 1), at(1, 23, 59), at(2, 0, 1)):
        past.writes(MAYA, moment)
    [maya] = past.ask(get_human_contact, month=NOVEMBER).pairs
    assert (maya.now.bot_only, maya.before.bot_only) == (2, 1)


def test_only_the_names_of_the_shown_pairs_are_decrypted(past: Past, decrypted: list[str]) -> None:
    past.writes(MAYA, at(2))
    past.hears(MAYA, at(2), of=SAM)
    past.writes(JO, at(3))

    def ask(month: Period, **limit: int) -> tuple[HumanContact, set[str]]:
        def report(scope: Scope) -> tuple[HumanContact, set[str]]:
            decrypted.clear()
            return get_human_contact(scope, **limit), set(decrypted)

        return past.ask(report, month=month)

    contact, read = ask(NOVEMBER.month_before)
    assert read == set()
    assert (contact.pairs, contact.mentees) == ([], 0)
    contact, read = ask(NOVEMBER)
    assert [pair.mentee for pair in contact.pairs] == ["Jo", "Maya"]
    contact, read = ask(NOVEMBER, limit=1)
    assert [pair.mentee for pair in contact.pairs] == ["Jo"]
    assert (contact.mentees, contact.total.all) == (2, 2), "the limit leaves the totals alone"
    assert read == {"Jo", "Noor"}


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_contact_rate_is_a_share_and_grows_with_each_day_of_a_person(
    person: int, awaiting: int, bot: int
) -> None:
    rate = Days(person, awaiting, bot).contact_rate
    more = Days(person + 1, awaiting, bot).contact_rate
    assert more is not None
    assert (rate is None) == (person + awaiting + bot == 0)
    assert 0 <= (rate or 0) <= more <= 1


@given(st.dates(date(2, 1, 1), date(9998, 12, 31)))
def test_a_month_follows_the_one_before_it(day: date) -> None:
    month = get_month(day, ZONE)
    assert month.month_before.until == month.since
    assert get_month(month.until.date(), ZONE).month_before == month
