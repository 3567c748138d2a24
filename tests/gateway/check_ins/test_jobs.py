"""Maya's check-ins: asked as agreed, reminded of once, then left alone and shown to Ruth."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from bot.client import Answer, CheckIn, SkillStep
from escalation.check_ins.schedules import read_days
from escalation.handoffs.handoffs import claim, open_handoff
from escalation.handoffs.jobs import Work
from gateway.check_ins.answers import missed_check_ins
from gateway.check_ins.schedules import agree_on
from gateway.cli import app
from gateway.conversations.bot_events import open_goal
from gateway.conversations.lease import acquire_lease
from gateway.handoffs.timeline import timeline
from gateway.runtime.database import Database, make_engine
from gateway.runtime.labels import CHECK_IN_NAMES
from gateway.worker import do_work
from models import (
    CHECK_INS,
    Conversation,
    Need,
    Person,
    Schedule,
    ScheduledCheckIn,
    SkillOutcome,
    SkillUse,
    SkipReason,
    Urgency,
)
from tests.conftest import KEY
from tests.line import JO, MAYA, MORNING, NOOR, RUTH, SAM, Talk
from tests.web_client import Web

# The clock stands at ten on a Tuesday morning in New York.
TODAY = date(2026, 11, 10)
NEW_YORK = ZoneInfo("America/New_York")
REMINDER = "Your check-in is still open"


def agrees(
    talk: Talk, number: str, check_in: str = "mood", days: str = "tue", at: time = time(18)
) -> None:
    with talk.database.writing() as session:
        person = session.get_one(Person, talk.person(number).id)
        agree_on(session, person, check_in, days=read_days(days), at=at, now=talk.clock())


def is_taken(talk: Talk, mentor: str) -> None:
    """Maya is given a person, and `mentor` takes it, as over another process."""
    rules, later, now = talk.line.rules, talk.line.later, talk.clock()
    with talk.database.writing() as session:
        handoff, _ = open_handoff(
            session,
            session.get_one(Conversation, get_conversation(talk).id),
            Need.CONNECTION,
            Urgency.SOON,
            message=None,
            now=now,
            rules=rules,
            later=later,
        )
        person = session.get_one(Person, talk.person(mentor).id)
        claim(session, handoff, person, now=now, rules=rules, later=later)


def scheduled(talk: Talk, number: str = MAYA) -> list[ScheduledCheckIn]:
    with talk.database.reading() as session:
        return list(
            session.scalars(
                select(ScheduledCheckIn)
                .join(Schedule)
                .where(Schedule.person_id == talk.person(number).id)
                .order_by(ScheduledCheckIn.id)
            )
        )


def get_conversation(talk: Talk, number: str = MAYA) -> Conversation:
    with talk.database.reading() as session:
        return session.scalars(
            select(Conversation).where(Conversation.person_id == talk.person(number).id)
        ).one()


def uses(talk: Talk) -> list[SkillUse]:
    with talk.database.reading() as session:
        return list(session.scalars(select(SkillUse).order_by(SkillUse.id)))


def on_ruths_list(talk: Talk) -> list[str]:
    with talk.database.reading() as session:
        missed = missed_check_ins(session, since=talk.clock() - timedelta(days=14))
    return [f"{one.mentee} {one.check_in}" for one in missed]


def times_of(talk: Talk, words: str, number: str = MAYA) -> list[str]:
    """When the line wrote something like `words` to somebody, on the clocks of New York."""
    return [
        f"{message.at.astimezone(NEW_YORK):%a %H:%M}"
        for message in talk.thread(number)
        if message.outgoing and words in message.words
    ]


@pytest.fixture
def talk(talk: Talk) -> Talk:
    talk.kept.ignored = ()
    return talk


@pytest.fixture
def maya(talk: Talk) -> Talk:
    """Maya knows the line, and has agreed to a mood check-in on Tuesdays at six."""
    with talk.database.writing() as session:
        for schedule in session.scalars(select(Schedule)):
            session.delete(schedule)  # the demo's own
    talk.texts(MAYA, "hello")
    agrees(talk, MAYA)
    talk.bot.answers["7"] = Answer(
        words=("Noted.",), check_in=CheckIn("mood", 7), skills=(SkillStep("mood", "done"),)
    )
    talk.new_texts()
    return talk


# --- asked ---


def test_maya_is_asked_at_six_by_a_bot_that_says_what_it_is(maya: Talk) -> None:
    maya.passes(hours=7, minutes=50)
    assert maya.new_texts() == []
    maya.passes(minutes=10)
    (first, asks) = maya.new_texts()
    assert first[0] == "maya"
    assert "automated assistant" in first[1]
    assert "PAUSE" in first[1]
    assert asks == ("maya", "Warmline bot: The bot asks: mood")
    assert (get_conversation(maya).skill, maya.bot.begun) == ("mood", ["mood"])
    assert times_of(maya, "The bot asks") == ["Tue 18:00"]


def test_jo_who_never_wrote_reads_first_what_the_line_is(talk: Talk) -> None:
    agrees(talk, JO)
    talk.passes(hours=8)
    first, *rest = talk.read_by(JO)
    assert "not a person" in first
    assert "STOP ends texts" in first
    assert len(rest) == 2


def test_next_week_she_is_asked_again_and_once_a_week(maya: Talk) -> None:
    maya.passes(days=22)
    dates = [TODAY + timedelta(weeks=week) for week in range(4)]
    assert [one.local_date for one in scheduled(maya)] == dates
    assert len(times_of(maya, "The bot asks")) == 4


def test_a_check_in_wished_for_at_ten_at_night_comes_at_eight(maya: Talk) -> None:
    agrees(maya, MAYA, at=time(22))
    maya.passes(hours=24)
    assert times_of(maya, "The bot asks") == ["Wed 08:00"]
    assert scheduled(maya)[0].local_date == TODAY


def test_six_in_the_evening_is_mayas_six(maya: Talk) -> None:
    with maya.database.writing() as session:
        session.get_one(Person, maya.person(MAYA).id).timezone = "America/Los_Angeles"
    maya.passes(hours=10, minutes=50)
    assert maya.bot.begun == []
    maya.passes(minutes=10)
    assert maya.bot.begun == ["mood"]


def test_a_schedule_made_after_its_hour_begins_next_week(maya: Talk) -> None:
    agrees(maya, MAYA, at=time(9))
    maya.passes(days=6)
    assert maya.bot.begun == []
    maya.passes(days=1)
    assert maya.bot.begun == ["mood"]


def test_moving_the_hour_after_she_was_asked_asks_nothing_twice_that_day(maya: Talk) -> None:
    maya.passes(hours=8)
    agrees(maya, MAYA, days="tue,wed", at=time(19))
    maya.passes(hours=3)
    assert maya.bot.begun == ["mood"]
    maya.passes(days=1)
    assert times_of(maya, "The bot asks") == ["Tue 18:00", "Wed 19:00"]


# --- answered ---


def test_an_answer_is_enough_and_nothing_more_is_said(maya: Talk) -> None:
    maya.passes(hours=9)
    maya.texts(MAYA, "7")
    maya.new_texts()
    maya.passes(days=3)
    assert maya.new_texts() == []
    assert scheduled(maya)[0].answered_at == MORNING + timedelta(hours=9)
    assert on_ruths_list(maya) == []


def test_a_mood_she_gave_before_she_was_asked_is_no_answer(maya: Talk) -> None:
    maya.texts(MAYA, "7")
    maya.passes(hours=9)
    assert scheduled(maya)[0].answered_at is None


def test_an_answer_after_the_reminder_counts(maya: Talk) -> None:
    maya.passes(hours=23)
    maya.texts(MAYA, "7")
    maya.passes(days=2)
    assert len(times_of(maya, REMINDER)) == 1
    assert on_ruths_list(maya) == []


def test_the_long_form_answers_the_short_one(maya: Talk) -> None:
    agrees(maya, MAYA, "phq2")
    maya.bot.answers["all of it"] = Answer(
        words=("Thanks.",), check_in=CheckIn("phq9", 6, answers=("1", "1", "skip") + ("1",) * 6)
    )
    maya.passes(hours=8)
    maya.texts(MAYA, "all of it")
    maya.passes(minutes=10)
    answered = {one.schedule.check_in for one in scheduled(maya) if one.answered_at}
    assert answered == {"phq2"}


def test_leaving_it_is_an_answer_too(maya: Talk) -> None:
    maya.bot.answers["leave"] = Answer(
        words=("All right, no check-in now.",), skills=(SkillStep("mood", "left"),)
    )
    maya.passes(hours=8)
    maya.texts(MAYA, "leave")
    maya.passes(days=2)
    assert times_of(maya, REMINDER) == []
    assert scheduled(maya)[0].skip_reason is SkipReason.LEFT
    assert on_ruths_list(maya) == []


# --- not answered ---


def test_silence_brings_one_reminder_by_day_then_silence_and_a_line_on_ruths_list(
    maya: Talk,
) -> None:
    agrees(maya, MAYA, days="tue", at=time(12))
    maya.passes(days=6)
    assert times_of(maya, "The bot asks") == ["Tue 12:00"]
    assert times_of(maya, REMINDER) == ["Tue 16:00"]
    (one,) = scheduled(maya)
    assert one.missed_at == one.sent_at + timedelta(hours=24) if one.sent_at else None
    assert on_ruths_list(maya) == ["Maya Mood"]


def test_a_reminder_is_not_sent_at_night(maya: Talk) -> None:
    maya.passes(days=2)
    assert times_of(maya, REMINDER) == ["Wed 08:00"]
    assert "Text MOOD to do it" in " ".join(maya.read_by(MAYA))


def test_a_late_answer_takes_her_off_ruths_list(maya: Talk) -> None:
    maya.passes(days=3)
    assert on_ruths_list(maya) == ["Maya Mood"]
    maya.texts(MAYA, "7")
    maya.passes(minutes=10)
    assert on_ruths_list(maya) == []


def test_next_weeks_answer_is_no_answer_to_this_week(maya: Talk) -> None:
    maya.passes(days=7, hours=8)
    maya.texts(MAYA, "7")
    maya.passes(days=1)
    assert [bool(one.answered_at) for one in scheduled(maya)] == [False, True]
    assert on_ruths_list(maya) == ["Maya Mood"]


def test_ruth_reads_it_in_the_log_and_only_for_two_weeks(maya: Talk) -> None:
    web = Web(maya)
    maya.passes(days=2)
    web.is_now(RUTH)
    page = web.gets("/log").text
    assert "Missed check-ins" in page
    assert "Mood: asked" in page
    with maya.database.writing() as session:
        session.scalars(select(Schedule)).one().paused = True
    maya.passes(days=14)
    assert "Mood: asked" not in web.gets("/log").text


def test_the_manager_of_another_program_does_not_read_it(maya: Talk) -> None:
    maya.passes(days=2)
    with maya.database.reading() as session:
        since = MORNING - timedelta(days=1)
        assert missed_check_ins(session, maya.person(RUTH).program_id + 1, since=since) == []


# --- not asked ---


def test_after_stop_nothing_is_asked(maya: Talk) -> None:
    maya.texts(MAYA, "STOP")
    maya.passes(days=2)
    assert (maya.bot.begun, maya.new_texts()) == ([], [])
    assert scheduled(maya)[0].skip_reason is SkipReason.OPTED_OUT


def test_stop_after_she_was_asked_ends_it_and_is_not_held_against_her(maya: Talk) -> None:
    maya.passes(hours=9)
    maya.texts(MAYA, "STOP")
    maya.new_texts()
    maya.passes(days=2)
    assert maya.new_texts() == []
    assert on_ruths_list(maya) == []


def test_pause_stops_the_check_ins_and_resume_brings_them_back(maya: Talk) -> None:
    maya.texts(MAYA, "Pause.")
    assert "RESUME" in maya.new_texts()[0][1]
    maya.passes(days=6)
    assert (maya.bot.begun, maya.new_texts()) == ([], [])
    assert scheduled(maya)[0].skip_reason is SkipReason.PAUSED
    maya.texts(MAYA, "resume")
    assert "Tuesday at 18:00" in maya.new_texts()[0][1]
    maya.passes(days=2)
    assert maya.bot.begun == ["mood"]
    assert maya.bot.heard == ["hello"], "neither word is for the bot"


def test_pause_after_she_was_asked_spares_her_the_reminder(maya: Talk) -> None:
    maya.passes(hours=8)
    maya.texts(MAYA, "pause")
    maya.passes(days=2)
    assert times_of(maya, REMINDER) == []
    assert on_ruths_list(maya) == []


def test_jo_has_nothing_to_pause_so_the_words_are_for_the_bot(maya: Talk) -> None:
    maya.texts(JO, "pause")
    maya.texts(JO, "resume")
    maya.texts(MAYA, "resume")
    assert maya.bot.heard == ["hello", "pause", "resume", "resume"]


def test_while_a_person_is_awaited_no_check_in_comes(maya: Talk) -> None:
    maya.clock.now += timedelta(hours=7, minutes=55)
    maya.texts(MAYA, "can i talk to a person please")
    maya.new_texts()
    maya.passes(minutes=6)
    assert maya.bot.begun == []
    assert scheduled(maya)[0].skip_reason is SkipReason.WITH_A_PERSON


def test_a_talk_with_sam_is_not_broken_into_by_a_reminder(maya: Talk) -> None:
    agrees(maya, MAYA, at=time(12))
    maya.passes(hours=3)
    maya.texts(MAYA, "can i talk to a person please")
    maya.texts(SAM, "take")
    maya.texts(SAM, "Hi Maya")
    maya.passes(days=2)
    assert times_of(maya, REMINDER) == []
    assert on_ruths_list(maya) == []


def test_sam_who_claims_while_the_bot_is_asked_is_not_talked_over(maya: Talk) -> None:
    maya.bot.while_answering = lambda: is_taken(maya, SAM)
    maya.passes(hours=8)
    assert times_of(maya, "The bot asks") == []
    assert scheduled(maya)[0].skip_reason is SkipReason.WITH_A_PERSON
    assert get_conversation(maya).forget_bot, "it must not take her next words for the answer"


def test_in_the_middle_of_an_exercise_the_check_in_waits_for_its_end(maya: Talk) -> None:
    maya.bot.answers["breathe"] = Answer(
        words=("In.",), skills=(SkillStep("breathing", "started"),)
    )
    maya.bot.answers["done"] = Answer(
        words=("Out.",), skills=(SkillStep("breathing", "done", before=8, after=4),)
    )
    maya.passes(hours=7, minutes=50)
    maya.texts(MAYA, "breathe")
    maya.passes(minutes=20)
    assert maya.bot.begun == []
    maya.texts(MAYA, "done")
    maya.passes(minutes=10)
    assert times_of(maya, "The bot asks") == ["Tue 18:11"]


def test_an_exercise_that_goes_on_for_an_hour_lets_that_days_check_in_fall(maya: Talk) -> None:
    maya.bot.answers["breathe"] = Answer(
        words=("In.",), skills=(SkillStep("breathing", "started"),)
    )
    maya.passes(hours=7, minutes=50)
    for _ in range(8):
        maya.texts(MAYA, "breathe")
        maya.passes(minutes=10)
    assert maya.bot.begun == []
    (one,) = scheduled(maya)
    assert (one.skip_reason, bool(one.skipped_at)) == (SkipReason.IN_AN_EXERCISE, True)


def test_an_exercise_dropped_in_silence_days_ago_is_in_nobodys_way(maya: Talk) -> None:
    maya.bot.answers["breathe"] = Answer(
        words=("In.",), skills=(SkillStep("breathing", "started"),)
    )
    maya.texts(MAYA, "breathe")
    maya.passes(hours=8)
    assert maya.bot.begun == ["mood"]
    assert [use.outcome for use in uses(maya)] == [SkillOutcome.LEFT]
    assert get_conversation(maya).skill == "mood"


# --- when something is down ---


def test_with_rasa_away_nothing_is_said_and_it_is_asked_when_rasa_is_back(maya: Talk) -> None:
    maya.bot.away = True
    maya.passes(hours=8, minutes=30)
    assert maya.new_texts() == []
    maya.bot.away = False
    maya.passes(minutes=10)
    assert times_of(maya, "The bot asks") == ["Tue 18:31"]
    assert scheduled(maya)[0].skip_reason is None


def test_with_rasa_away_for_longer_that_days_check_in_falls_and_says_why(maya: Talk) -> None:
    agrees(maya, JO)
    maya.bot.away = True
    maya.passes(hours=9, minutes=10)
    maya.bot.away = False
    maya.passes(hours=5)
    assert (maya.bot.begun, maya.new_texts()) == ([], [])
    for number in (MAYA, JO):
        (one,) = scheduled(maya, number)
        assert (one.skip_reason, bool(one.skipped_at)) == (SkipReason.BOT_AWAY, True)


def test_rasa_back_at_night_asks_nobody(maya: Talk) -> None:
    agrees(maya, MAYA, at=time(20, 45))
    maya.bot.away = True
    maya.passes(hours=11)
    maya.bot.away = False
    maya.passes(hours=13)
    assert maya.bot.begun == []


def test_a_bot_that_lacks_one_check_in_still_asks_the_others(maya: Talk) -> None:
    agrees(maya, MAYA, "who5", at=time(17))
    agrees(maya, JO, at=time(17))
    maya.bot.answers["/who5"] = Answer(words=("Pardon?",), not_understood=True)
    maya.passes(hours=7)
    assert times_of(maya, "The bot asks", JO) == ["Tue 17:00"]
    maya.passes(hours=1)
    assert times_of(maya, "The bot asks") == ["Tue 18:00"]
    assert times_of(maya, "Pardon?") == []


def test_after_days_of_standing_still_nothing_comes_late_and_each_day_is_noted(maya: Talk) -> None:
    agrees(maya, MAYA, days="mon,tue,wed,thu,fri,sat,sun")
    maya.clock.now += timedelta(days=3)  # Friday, ten in the morning
    maya.passes(seconds=0)
    assert maya.bot.begun == []
    assert [one.skip_reason for one in scheduled(maya)] == [SkipReason.TOO_LATE] * 3
    maya.passes(hours=8)
    assert maya.bot.begun == ["mood"]


def test_a_worker_that_died_while_asking_is_followed_by_one_that_asks_once(maya: Talk) -> None:
    maya.passes(hours=7, minutes=59)
    assert acquire_lease(maya.line, get_conversation(maya).id, "dead")
    maya.clock.now += timedelta(minutes=1)
    with maya.database.writing() as session:
        conversation = session.get_one(Conversation, get_conversation(maya).id)
        conversation.held_until = maya.clock() + timedelta(seconds=20)
    maya.passes(seconds=0)
    assert maya.bot.begun == [], "its hold has not run out yet"
    maya.passes(minutes=2)
    assert times_of(maya, "The bot asks") == ["Tue 18:01"]


def test_a_worker_killed_between_asking_rasa_and_writing_leaves_nothing_half_done(
    maya: Talk,
) -> None:
    def dies() -> None:
        maya.bot.while_answering = None
        raise ConnectionError("killed")

    maya.bot.while_answering = dies
    with pytest.raises(ConnectionError):
        maya.passes(hours=8)
    assert maya.new_texts() == []
    assert scheduled(maya)[0].sent_at is None
    maya.passes(minutes=20)
    assert times_of(maya, "The bot asks") == [], "the watchdog has not looked yet"
    maya.sweeps()
    assert len(times_of(maya, "The bot asks")) == 1


def test_eight_processes_at_once_ask_and_remind_once(maya: Talk) -> None:
    def eight_times(work: Work) -> None:
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(do_work, maya.line, work) for _ in range(8)]:
                done.result()

    for hours in (8, 14, 12):
        maya.clock.now += timedelta(hours=hours)
        while (work := maya.kept.take_due(maya.clock())) is not None:
            eight_times(work)
    assert len(scheduled(maya)) == 1
    assert len(times_of(maya, "The bot asks")) == 1
    assert len(times_of(maya, REMINDER)) == 1
    assert on_ruths_list(maya) == ["Maya Mood"]


def test_what_maya_writes_while_the_bot_is_asked_is_answered_right_after(maya: Talk) -> None:
    def she_writes() -> None:
        maya.bot.while_answering = None
        conversation_id = maya.arrives(MAYA, "7")
        assert conversation_id is not None
        assert not acquire_lease(maya.line, conversation_id, "another worker")

    maya.bot.while_answering = she_writes
    maya.passes(hours=8)
    words = maya.read_by(MAYA)
    assert words.index("Warmline bot: The bot asks: mood") < words.index("Warmline bot: Noted.")


# --- what helped ---


def test_the_timeline_of_a_handoff_tells_what_she_practiced_and_how_she_was(maya: Talk) -> None:
    steps = {
        "breathe": SkillStep("breathing", "started"),
        "done": SkillStep("breathing", "done", before=8, after=4),
        "relax": SkillStep("muscle_relaxation", "started", before=6),
    }
    for words, step in steps.items():
        maya.bot.answers[words] = Answer(words=("Go on.",), skills=(step,))
        maya.texts(MAYA, words)
        maya.passes(minutes=5)
    maya.texts(MAYA, "7")
    maya.passes(minutes=5)
    maya.texts(MAYA, "can i talk to a person please")
    with maya.database.reading() as session:
        told = [entry.what for entry in timeline(session, maya.handoff().id)]
    assert told[:4] == [
        "Maya practiced breathing: 8 before, 4 after",
        "Maya began muscle relaxation: 6 before",
        "Maya checked in: Mood 7",
        "Maya wrote",
    ]


def test_a_skill_left_and_gone_on_with_is_one_use(maya: Talk) -> None:
    story = [
        ("breathe", SkillStep("breathing", "started")),
        ("leave", SkillStep("breathing", "left", before=8)),
        ("go on", SkillStep("breathing", "resumed")),
        ("done", SkillStep("breathing", "done", before=8, after=3)),
    ]
    for words, step in story:
        maya.bot.answers[words] = Answer(words=("Go on.",), skills=(step,))
        maya.texts(MAYA, words)
    (use,) = uses(maya)
    assert (use.outcome, use.before, use.after) == (SkillOutcome.DONE, 8, 3)
    assert use.message_id is not None
    assert get_conversation(maya).skill is None


def test_another_skill_sets_the_first_one_aside(maya: Talk) -> None:
    maya.bot.answers["breathe"] = Answer(
        words=("In.",), skills=(SkillStep("breathing", "started"),)
    )
    maya.bot.answers["ground"] = Answer(
        words=("Five.",),
        skills=(SkillStep("breathing", "left", before=7), SkillStep("grounding", "started")),
    )
    maya.texts(MAYA, "breathe")
    maya.texts(MAYA, "ground")
    assert [(use.skill, use.outcome, use.before) for use in uses(maya)] == [
        ("breathing", SkillOutcome.LEFT, 7),
        ("grounding", None, None),
    ]
    assert get_conversation(maya).skill == "grounding"


def test_a_person_who_takes_over_ends_the_exercise(maya: Talk) -> None:
    maya.bot.answers["breathe"] = Answer(
        words=("In.",), skills=(SkillStep("breathing", "started"),)
    )
    maya.texts(MAYA, "breathe")

    maya.bot.while_answering = lambda: is_taken(maya, NOOR)
    maya.texts(MAYA, "in and out")
    assert [use.outcome for use in uses(maya)] == [SkillOutcome.LEFT]


def test_a_goal_is_asked_about_once(maya: Talk) -> None:
    maya.bot.answers["a walk on friday"] = Answer(words=("Good.",), goal="a walk on friday")
    maya.bot.answers["sort of"] = Answer(words=("Fine.",), goal_result="partly")
    maya.texts(MAYA, "a walk on friday")
    with maya.database.reading() as session:
        goal = open_goal(session, get_conversation(maya))
        assert goal is not None
        assert goal.words == "a walk on friday"
    maya.texts(MAYA, "sort of")
    with maya.database.reading() as session:
        assert open_goal(session, get_conversation(maya)) is None


def test_every_check_in_has_a_name_for_ruth() -> None:
    assert set(CHECK_IN_NAMES) == set(CHECK_INS)


# --- commands ---


@pytest.fixture
def warmline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'warmline.db'}")
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    database = Database(make_engine(f"sqlite:///{tmp_path / 'warmline.db'}"))
    database.migrate()
    Talk(database)
    return CliRunner()


def test_a_check_in_is_agreed_on_paused_and_listed(warmline: CliRunner) -> None:
    agreed = warmline.invoke(
        app, ["schedule", MAYA, "mood", "--days", "mon,thu", "--at", "18:00"]
    ).stdout
    assert agreed.startswith("Maya: mood, mon,thu at 18:00, next ")
    assert "18:00 (America/New_York)" in agreed
    assert "paused" in warmline.invoke(app, ["schedule", MAYA, "mood", "--pause"]).stdout
    assert "paused" in warmline.invoke(app, ["schedule"]).stdout
    assert "next" in warmline.invoke(app, ["schedule", MAYA, "mood", "--resume"]).stdout
    moved = warmline.invoke(app, ["schedule", MAYA, "mood", "--at", "22:00"]).stdout
    assert "mon,thu at 22:00" in moved
    assert "08:00 (America/New_York)" in moved, "the quiet hours are kept"
    assert warmline.invoke(app, ["schedule", JO]).stdout == "No check-ins are scheduled.\n"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ([MAYA, "mood", "--days", "someday", "--at", "18:00"], "'someday' cannot be read"),
        ([MAYA, "mood", "--days", "mon", "--at", "six"], "'six' is not a time"),
        ([MAYA, "horoscope", "--days", "mon", "--at", "18:00"], "There is no check-in 'horoscope'"),
        ([SAM, "mood", "--days", "mon", "--at", "18:00"], "Sam is not a mentee"),
        ([JO, "mood", "--days", "mon"], "Give both --days and --at"),
        ([JO, "mood", "--pause"], "Jo has no mood check-in yet"),
        (["--pause"], "Name the mentee's number"),
    ],
)
def test_what_cannot_be_agreed_on_is_said_in_one_line(
    warmline: CliRunner, asked: list[str], said: str
) -> None:
    ran = warmline.invoke(app, ["schedule", *asked])
    assert (ran.exit_code, len(ran.stderr.splitlines())) == (2, 1)
    assert said in ran.stderr


def test_nobody_missed_is_good_news_and_a_cron_job_notices_the_rest(
    warmline: CliRunner, tmp_path: Path
) -> None:
    ran = warmline.invoke(app, ["missed-check-ins"])
    assert (ran.exit_code, ran.stdout) == (0, "No check-ins were missed.\n")
    database = Database(make_engine(f"sqlite:///{tmp_path / 'warmline.db'}"))
    now = datetime.now(UTC)
    with database.writing() as session:
        schedule = session.scalars(select(Schedule)).one()
        session.add(
            ScheduledCheckIn(
                schedule=schedule,
                local_date=now.date(),
                due_at=now - timedelta(days=1),
                sent_at=now - timedelta(days=1),
                missed_at=now,
            )
        )
    ran = warmline.invoke(app, ["missed-check-ins"])
    assert ran.exit_code == 1
    assert ran.stdout.startswith("Maya: Mood, sent ")
    database.engine.dispose()
