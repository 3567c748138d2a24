"""The order in which people are paged, and what happens when a page reaches no one."""

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from escalation.handoffs.jobs import Climb
from escalation.speech.names import your_mentee
from gateway.runtime.line import TextFailed
from gateway.worker import do_work
from models import Alert, Delivery, HandoffEvent, Match, Move, Program, Status
from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk


@pytest.fixture
def night(talk: Talk) -> Talk:
    """It is 02:00 in New York, and the program opens from 08:00 to 21:00."""
    with talk.database.writing() as session:
        program = session.scalars(select(Program)).one()
        program.opens_at, program.closes_at = time(8), time(21)
    talk.clock.now = datetime(2026, 11, 11, 7, 0, tzinfo=UTC)
    return talk


def test_the_first_alert_is_written_before_the_mentee_reads_about_it(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    told = next(m for m in talk.thread(MAYA) if m.script and m.script.startswith("why_"))
    with talk.database.reading() as session:
        alert = session.scalars(select(Alert)).one()
    assert alert.message_id < told.id


def test_when_a_text_cannot_reach_sam_the_next_mentor_is_paged_at_once(talk: Talk) -> None:
    talk.phones.refuse[SAM] = TextFailed("21211", final=True)  # there is no such number
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["noor"]
    assert talk.person(SAM).unreachable_code == "21211"
    talk.texts(MAYA, "never mind")
    talk.sets(SAM, unreachable_code=None)
    talk.phones.refuse[SAM] = TextFailed("21610", final=True)  # he told his carrier STOP
    talk.passes(minutes=1)
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["noor"]
    assert talk.handoff().rung == 1
    assert talk.person(SAM).opted_out_at is not None
    talk.texts(MAYA, "never mind")
    talk.passes(minutes=1)
    talk.new_texts()
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["noor"], "and then without a try"


def test_a_page_that_is_sent_but_not_delivered_counts_for_two_minutes(talk: Talk) -> None:
    """Sent is not delivered: after two minutes the next rung is called, not after five."""
    talk.phones.reports = Delivery.SENT
    talk.texts(MAYA, ASKS)
    talk.new_texts()
    talk.passes(minutes=2)
    assert talk.paged() == ["noor"]


def test_while_the_provider_is_down_the_ladder_climbs_on_and_the_text_is_tried_again(
    talk: Talk,
) -> None:
    talk.phones.refuse[SAM] = TextFailed("503", final=False)
    talk.texts(MAYA, ASKS)
    assert talk.paged() == []
    talk.passes(minutes=2)
    assert talk.paged() == ["noor"]
    del talk.phones.refuse[SAM]
    talk.passes(minutes=4)
    assert "sam" in talk.paged(), "Sam's text arrives late, and he may still take it"


def needs_a_person(talk: Talk) -> None:
    """The bot does not help Maya, so her request is routine."""
    talk.bot.away = True
    for words in ("hm", "hello", "anything"):
        talk.texts(MAYA, words)


def test_at_night_a_routine_request_waits_for_the_opening_and_says_so(night: Talk) -> None:
    needs_a_person(night)
    assert "I will ask Sam when the team is back, 08:00" in night.read_by(MAYA)[-1]
    assert night.paged() == []
    night.passes(hours=5, minutes=59)
    assert night.paged() == []
    night.passes(minutes=1)
    assert night.paged() == ["sam"]


def test_a_mentee_who_waits_for_the_opening_never_reads_that_nobody_was_reached(
    night: Talk,
) -> None:
    needs_a_person(night)
    assert (
        "I will ask Sam when the team is back, 08:00. If it can't wait, write PERSON."
        in night.says(MAYA, "are you there")
    )


@pytest.mark.parametrize(
    ("number", "words", "why"),
    [
        (SAM, "PASS {1}", "Sam had to step away."),
        (MAYA, "CONCERN he shouts at me", "Sam no longer has this talk."),
    ],
)
def test_a_mentor_who_goes_at_night_is_replaced_at_the_opening_and_the_mentee_reads_so(
    night: Talk, number: str, words: str, why: str
) -> None:
    night.clock.now -= timedelta(hours=8)
    needs_a_person(night)
    for taken in ("TAKE {1}", "Hi Maya"):
        night.texts(SAM, taken)
    night.clock.now += timedelta(hours=8)
    night.texts(number, words)
    assert (
        f"Warmline bot: {why} I will ask another mentor when the team is back. What you wrote is "
        "saved. If it can't wait, write PERSON."
    ) in night.read_by(MAYA)
    assert "I will ask a mentor when the team is back, 08:00." in night.says(
        MAYA, "are you there"
    ), "not Sam, whom we do not ask again"


def test_at_night_a_request_for_a_person_pages_the_mentor_on_duty_and_not_sam(night: Talk) -> None:
    night.texts(MAYA, ASKS)
    assert "I asked Noor to write to you here" in night.read_by(MAYA)[-1]
    assert night.paged() == ["noor"]


def test_a_crisis_pages_at_any_hour(night: Talk) -> None:
    night.texts(MAYA, CRISIS)
    assert night.paged() == ["noor", "ruth"]
    night.passes(minutes=3)
    assert night.paged() == ["noor", "ruth", "sam"]


def test_when_no_one_can_be_texted_the_mentee_reads_so_and_we_try_again(
    talk: Talk,
) -> None:
    for number in (SAM, NOOR, RUTH):
        talk.texts(number, "STOP")
    talk.texts(MAYA, ASKS)
    assert "I couldn't reach anyone by text. I try again at 10:10." in talk.read_by(MAYA)[-1]
    assert talk.handoff().status is Status.WAITING
    talk.sets(RUTH, opted_out_at=None)
    talk.passes(minutes=10)
    assert talk.paged() == ["ruth"]


def test_for_a_mentee_without_a_mentor_the_mentor_on_duty_is_paged(talk: Talk) -> None:
    with talk.database.writing() as session:
        jo = talk.person(JO).id
        for match in session.scalars(select(Match).where(Match.mentee_id == jo)):
            session.delete(match)
    talk.texts(JO, ASKS)
    assert "I asked Noor to write to you here" in talk.read_by(JO)[-1]


def test_a_page_whose_job_was_lost_is_found_by_the_watchdog(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.kept.work.clear()
    talk.new_texts()
    talk.clock.now += timedelta(minutes=6)
    talk.runs_watchdog()
    assert talk.paged() == ["noor"]


def test_a_claim_whose_check_was_lost_is_found_by_the_watchdog(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "take {}")
    talk.kept.work.clear()
    talk.clock.now += timedelta(minutes=16)
    talk.runs_watchdog()
    assert talk.handoff().status is Status.WAITING


def test_a_page_contains_no_word_and_no_name_of_the_mentee(talk: Talk) -> None:
    talk.texts(MAYA, "i want to kill myself, the thing with grandpa is too much")
    talk.passes(minutes=30)
    for number in (SAM, NOOR, RUTH):
        for words in talk.read_by(number):
            assert not {"maya", "kill", "grandpa"} & set(words.casefold().split())


def test_climbing_several_times_pages_once(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.new_texts()
    for _ in range(5):
        do_work(talk.line, Climb(talk.handoff().id, talk.handoff().ladder, 1))
    assert talk.paged() == ["noor"]
    pages = [event for event in talk.rows(HandoffEvent) if event.move is Move.PAGE]
    assert len(pages) == len(talk.rows(Alert)) == 2


def test_an_alert_says_which_mentee_to_their_own_mentor_alone(talk: Talk) -> None:
    for names, yours in (
        ("initial", "your mentee M."),
        ("first_name", "your mentee Maya"),
        ("no", "your mentee"),
    ):
        talk.adopts("alert", names_mentee=names)
        for words, needs in ((ASKS, "needs a person soon."), (CRISIS, "needs a person now.")):
            talk.texts(MAYA, words)
            talk.passes(minutes=6)
            assert f": {yours} {needs}" in " ".join(talk.read_by(SAM)), names
            to_others = [*talk.read_by(NOOR), *talk.read_by(RUTH)]
            assert not any("your mentee" in said or "Maya" in said for said in to_others)
            assert f": a mentee {needs}" in " ".join(to_others)
        talk.texts(RUTH, f"CLOSE {{{talk.handoff().id}}} talked she is safe")
        talk.passes(hours=1)


def test_the_name_in_an_alert_never_costs_a_second_segment() -> None:
    for name, initial, first in (
        ("Maya", " M.", " Maya"),
        ("maya lee", " M.", " maya"),
        ("Zo\u00eb", " Z.", " Zoe"),
        ("\u0141ukasz", " L.", " Lukasz"),
        ("Maximiliananna", " M.", " M."),
        ("\u0418\u0440\u0438\u043d\u0430", "", ""),
        ("\u674e", "", ""),
        ("(deleted)", "", ""),
        ("7", "", ""),
        (" ", "", ""),
        ("", "", ""),
    ):
        assert your_mentee(name, "initial") == f"your mentee{initial}"
        assert your_mentee(name, "first_name") == f"your mentee{first}"
        assert your_mentee(name, "no") == "your mentee"
