"""Over-reliance: mentees are pointed to their mentor once, and managers see them on a list."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from typer.testing import CliRunner

from bot.client import Answer, SkillStep
from escalation.over_reliance import Sign
from escalation.speech.guard import claims
from escalation.speech.script import load_script
from gateway.cli import app
from gateway.conversations.over_reliance import OverReliantMentee, over_reliant_mentees
from gateway.conversations.said import NUDGES
from gateway.runtime.database import Database, make_engine
from models import DecisionRecord, Match, Schedule, ScheduledCheckIn
from tests.line import JO, MAYA, RUTH, SAM, Talk
from tests.processes import KEY
from tests.web_client import Web

ONLY_YOU = "you're the only one i can talk to"
TELLS = "talking with Sam may help more than I can"
STEP = Answer(words=("Breathe in.",), skills=(SkillStep("breathing", "started"),))


@pytest.fixture
def talk(database: Database) -> Talk:
    talk = Talk(database)
    talk.bot.answers["breathing"] = STEP
    talk.texts(MAYA, "hi")
    return talk


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


def writes_daily(talk: Talk, number: str = MAYA, *, days: int, hour: int = 10) -> None:
    """Two messages a day that need no person."""
    for day in range(days):
        talk.clock.now = (talk.clock.now + timedelta(days=1)).replace(hour=hour + 5)
        talk.texts(number, f"what is a prime number {day}")
        talk.texts(number, f"and is {day} one")


def nudges(talk: Talk, number: str = MAYA) -> list[str]:
    return [words for words in talk.read_by(number) if "help more than I can" in words]


def on_the_list(talk: Talk, program: int | None = None) -> list[OverReliantMentee]:
    policy = talk.line.rules.policy.reliance
    with talk.database.reading() as session:
        return over_reliant_mentees(session, policy, program, now=talk.clock())


# --- the nudge ---


def test_daily_texts_to_the_bot_alone_lead_to_one_nudge(talk: Talk) -> None:
    writes_daily(talk, days=5)
    assert nudges(talk) == []
    writes_daily(talk, days=1)
    assert len(nudges(talk)) == 1
    assert TELLS in talk.read_by(MAYA)[-2], "after the bot's answer, and not again after the next"
    writes_daily(talk, days=5)
    assert len(nudges(talk)) == 1


def test_the_nudge_comes_again_after_a_week_and_pages_no_one(talk: Talk) -> None:
    writes_daily(talk, days=20)
    assert len(nudges(talk)) == 3
    assert talk.handoffs() == []
    assert talk.read_by(SAM) == []


def test_only_you_leads_to_one_nudge_at_once(talk: Talk) -> None:
    talk.texts(MAYA, ONLY_YOU)
    assert f"You wrote: {ONLY_YOU}" in talk.read_by(MAYA)[-2]
    assert TELLS in talk.read_by(MAYA)[-1]
    talk.texts(MAYA, ONLY_YOU)
    talk.passes(days=10)
    talk.texts(MAYA, "how do tides work")
    assert len(nudges(talk)) == 1


def test_the_nudge_names_person_and_it_works(talk: Talk) -> None:
    talk.texts(MAYA, ONLY_YOU)
    assert "write PERSON" in talk.read_by(MAYA)[-1]
    talk.texts(MAYA, "person")
    assert "I asked Sam, your mentor" in talk.read_by(MAYA)[-1]


def test_without_a_mentor_the_nudge_names_the_programs(talk: Talk) -> None:
    with talk.database.writing() as session:
        session.execute(delete(Match).where(Match.mentee_id == talk.person(MAYA).id))
    talk.texts(MAYA, ONLY_YOU)
    assert "Talking with a mentor may help more" in talk.read_by(MAYA)[-1]


def test_no_nudge_without_the_bot_or_while_she_waits_or_in_a_crisis(talk: Talk) -> None:
    talk.bot.away = True
    talk.texts(MAYA, ONLY_YOU)
    talk.bot.away = False
    talk.texts(MAYA, "can i talk to a person please")
    talk.texts(MAYA, ONLY_YOU)
    talk.texts(MAYA, "never mind")
    talk.texts(MAYA, f"i want to kill myself and {ONLY_YOU}")
    assert "988" in talk.read_by(MAYA)[-1]
    assert nudges(talk) == []


def test_only_you_to_a_mentor_is_about_the_mentor(talk: Talk) -> None:
    talk.claims()
    talk.texts(MAYA, ONLY_YOU)
    assert nudges(talk) == []
    assert on_the_list(talk) == []


def test_no_nudge_in_an_exercise_but_after_it(talk: Talk) -> None:
    writes_daily(talk, days=5)
    talk.passes(days=1)
    talk.texts(MAYA, "breathing")
    talk.texts(MAYA, "7")
    assert nudges(talk) == []
    talk.bot.answers["done"] = Answer(("Well done.",), skills=(SkillStep("breathing", "done"),))
    talk.texts(MAYA, "done")
    assert nudges(talk) == []
    talk.texts(MAYA, "how do tides work")
    assert len(nudges(talk)) == 1


def test_the_decision_record_names_the_signs_behind_a_nudge(talk: Talk) -> None:
    writes_daily(talk, days=6)
    talk.texts(MAYA, ONLY_YOU)
    seen = [record.seen or {} for record in talk.rows(DecisionRecord)]
    assert [one["nudged_for"] for one in seen if one["nudged_for"]] == [["bot", "days"]]
    assert [one["only_you"] for one in seen if one["only_you"]] == [True]


def test_the_nudge_does_not_blame_and_names_person() -> None:
    for line in (load_script().line(key, mentor="Sam") for key in NUDGES):
        assert "PERSON" in line
        assert claims(line) == ()
        assert not re.search(r"\b(?:too (?:much|often)|should|must|addict\w*|problem)\b", line)


# --- the list ---


def test_the_list_shows_figures_and_no_words(talk: Talk, web: Web) -> None:
    writes_daily(talk, days=6)
    talk.texts(MAYA, ONLY_YOU)
    (maya,) = on_the_list(talk)
    assert maya.mentee == "Maya"
    assert maya.signs == {Sign.SAID, Sign.DAYS, Sign.BOT}
    assert maya.figures == [
        "wrote that they can only talk to the bot",
        "wrote on 7 of the last 7 days",
        "100% of 14 messages to the bot only",
    ]
    web.is_now(RUTH)
    page = web.gets("/log/over-reliance").text
    assert (
        "<bdi>Maya</bdi></strong>: wrote that they can only talk to the bot; wrote on 7 of" in page
    )
    assert "the only one i can talk to" not in page


def test_night_is_measured_in_the_mentees_time_zone(talk: Talk) -> None:
    writes_daily(talk, days=7, hour=2)
    (maya,) = on_the_list(talk)
    assert Sign.NIGHT in maya.signs
    talk.sets(MAYA, timezone="Australia/Sydney")
    (maya,) = on_the_list(talk)
    assert Sign.NIGHT not in maya.signs


def test_another_programs_manager_does_not_see_our_mentees(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ONLY_YOU)
    web.is_now(talk.a_manager_elsewhere())
    page = web.gets("/log/over-reliance").text
    assert "Maya" not in page
    assert "No mentee over-relies on the bot" in page
    ours = talk.person(RUTH).program_id
    assert [one.mentee for one in on_the_list(talk, ours)] == ["Maya"]
    assert on_the_list(talk, ours + 1) == []


def test_occasional_texts_are_not_over_reliance(talk: Talk) -> None:
    for _ in range(8):
        talk.passes(days=4)
        talk.texts(JO, "how do tides work")
        talk.texts(JO, "and the moon")
    assert on_the_list(talk) == []
    assert nudges(talk, JO) == []


def test_after_four_weeks_without_signs_a_mentee_leaves_the_list(talk: Talk) -> None:
    talk.texts(MAYA, ONLY_YOU)
    assert len(on_the_list(talk)) == 1
    talk.passes(days=28)
    assert on_the_list(talk) == []


def test_less_human_contact_shows_both_figures(talk: Talk) -> None:
    talk.claims()
    for words in ("How is it going?", "I see.", "Same time next week?"):
        talk.texts(SAM, words)
    talk.texts(SAM, "done {}")
    talk.passes(days=27)
    writes_daily(talk, days=6)
    (maya,) = on_the_list(talk)
    assert maya.figures[-1] == "0 messages from people in 4 weeks, down from 4"


def test_answers_to_scheduled_check_ins_do_not_count(talk: Talk) -> None:
    writes_daily(talk, days=6)
    assert len(on_the_list(talk)) == 1
    with talk.database.writing() as session:
        schedule = session.scalars(select(Schedule)).one()
        for day in range(6):
            at = talk.clock() - timedelta(days=day)
            session.add(
                ScheduledCheckIn(
                    schedule=schedule,
                    local_date=at.date(),
                    due_at=at,
                    sent_at=at - timedelta(minutes=5),
                    answered_at=at + timedelta(minutes=5),
                )
            )
    assert on_the_list(talk) == []


# --- the command ---


def test_the_command_exits_with_1_if_a_mentee_over_relies_on_the_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'warmline.db'}")
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    database = Database(make_engine(f"sqlite:///{tmp_path / 'warmline.db'}"))
    database.migrate()
    talk = Talk(database)
    monkeypatch.setattr("gateway.cli.check_ins.utc_now", talk.clock)
    ran = CliRunner().invoke(app, ["over-reliance"])
    assert (ran.exit_code, ran.stdout) == (0, "No mentee over-relies on the bot.\n")
    talk.texts(MAYA, ONLY_YOU)
    ran = CliRunner().invoke(app, ["over-reliance"])
    assert (ran.exit_code, ran.stdout) == (1, "Maya: wrote that they can only talk to the bot\n")
    database.engine.dispose()
