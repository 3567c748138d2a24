"""Maya's check-ins: asked as agreed, one reminder, and then shown to Ruth as missed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.client import Answer, CheckIn, SkillStep
from escalation.check_ins.schedules import read_days
from escalation.handoffs.handoffs import claim, open_handoff
from escalation.handoffs.jobs import Work
from gateway.check_ins.answers import missed_check_ins
from gateway.check_ins.schedules import agree_on
from gateway.conversations.lease import acquire_lease
from gateway.handoffs.timeline import timeline
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
from tests.commands import warmline
from tests.line import JO, MAYA, MORNING, NOOR, RUTH, SAM, Talk
from tests.web_client import Web

# It is ten on a Tuesday morning in New York.
TODAY = date(2026, 11, 10)
NEW_YORK = ZoneInfo("America/New_York")
REMINDER = "Your check-in is still open"
STARTED = Answer(words=("In.",), skills=(SkillStep("breathing", "started"),))


def agrees(
    talk: Talk, number: str, check_in: str = "mood", days: str = "tue", at: time = time(18)
) -> None:
    with talk.database.writing() as session:
        person = session.get_one(Person, talk.person(number).id)
        agree_on(session, person, check_in, days=read_days(days), at=at, now=talk.clock())


def is_taken(talk: Talk, mentor: str) -> None:
    """Maya gets a handoff, and `mentor` claims it, as in another process."""
    with talk.database.writing() as session:
        tx = talk.line.at(session)
        conversation = session.get_one(Conversation, talk.conversation(MAYA).id)
        handoff, _ = open_handoff(tx, conversation, Need.CONNECTION, Urgency.SOON, message=None)
        person = session.get_one(Person, talk.person(mentor).id)
        claim(tx, handoff, person)


def scheduled(talk: Talk, number: str = MAYA) -> list[ScheduledCheckIn]:
    person = talk.person(number)
    return [one for one in talk.rows(ScheduledCheckIn) if one.schedule.person_id == person.id]


def on_ruths_list(talk: Talk) -> list[str]:
    program_id, since = talk.person(RUTH).program_id, talk.clock() - timedelta(days=14)
    with talk.database.reading() as session:
        missed = missed_check_ins(session, program_id, since=since)
    return [f"{one.mentee} {one.check_in}" for one in missed]


def is_missed_quietly(talk: Talk) -> bool:
    """Whether nobody was reminded, and Ruth's list is empty."""
    return times(talk, REMINDER) == [] and on_ruths_list(talk) == []


def times(talk: Talk, words: str, number: str = MAYA) -> list[str]:
    """When Warmline wrote something like `words` to somebody, in New York's time."""
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
    """Maya has texted before, and agreed to a mood check-in on Tuesdays at six."""
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


def test_maya_is_asked_at_six_by_a_bot_that_says_what_it_is(maya: Talk) -> None:
    maya.passes(hours=7, minutes=50)
    assert maya.new_texts() == []
    maya.passes(minutes=10)
    (first, asks) = maya.new_texts()
    assert first[0] == "maya"
    assert "automated assistant" in first[1]
    assert "PAUSE" in first[1]
    assert asks == ("maya", "Warmline bot: The bot asks: mood")
    assert (maya.conversation(MAYA).skill, maya.bot.begun) == ("mood", ["mood"])
    assert times(maya, "The bot asks") == ["Tue 18:00"]


def test_jo_who_never_wrote_reads_first_what_warmline_is(talk: Talk) -> None:
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
    assert len(times(maya, "The bot asks")) == 4


def test_a_check_in_planned_for_ten_at_night_comes_at_eight(maya: Talk) -> None:
    agrees(maya, MAYA, at=time(22))
    maya.passes(hours=24)
    assert times(maya, "The bot asks") == ["Wed 08:00"]
    assert scheduled(maya)[0].local_date == TODAY


def test_six_in_the_evening_is_mayas_six(maya: Talk) -> None:
    maya.sets(MAYA, timezone="America/Los_Angeles")
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


def test_a_new_hour_after_she_was_asked_does_not_ask_twice_that_day(maya: Talk) -> None:
    maya.passes(hours=8)
    agrees(maya, MAYA, days="tue,wed", at=time(19))
    maya.passes(hours=3)
    assert maya.bot.begun == ["mood"]
    maya.passes(days=1)
    assert times(maya, "The bot asks") == ["Tue 18:00", "Wed 19:00"]


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
    assert len(times(maya, REMINDER)) == 1
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


def test_leaving_the_check_in_is_an_answer_too(maya: Talk) -> None:
    maya.bot.answers["leave"] = Answer(
        words=("All right, no check-in now.",), skills=(SkillStep("mood", "left"),)
    )
    maya.passes(hours=8)
    maya.texts(MAYA, "leave")
    maya.passes(days=2)
    assert scheduled(maya)[0].skip_reason is SkipReason.LEFT
    assert is_missed_quietly(maya)


def test_without_an_answer_she_is_reminded_once_and_shown_to_ruth(maya: Talk) -> None:
    agrees(maya, MAYA, days="tue", at=time(12))
    maya.passes(days=6)
    assert times(maya, "The bot asks") == ["Tue 12:00"]
    assert times(maya, REMINDER) == ["Tue 16:00"]
    (one,) = scheduled(maya)
    assert one.missed_at == one.sent_at + timedelta(hours=24) if one.sent_at else None
    assert on_ruths_list(maya) == ["Maya Mood"]


def test_the_reminder_waits_for_the_morning_and_a_late_answer_still_counts(maya: Talk) -> None:
    maya.passes(days=3)
    assert times(maya, REMINDER) == ["Wed 08:00"]
    assert "Text MOOD to do it" in " ".join(maya.read_by(MAYA))
    assert on_ruths_list(maya) == ["Maya Mood"]
    maya.texts(MAYA, "7")
    maya.passes(minutes=10)
    assert on_ruths_list(maya) == []


def test_next_weeks_answer_does_not_answer_this_week(maya: Talk) -> None:
    maya.passes(days=7, hours=8)
    maya.texts(MAYA, "7")
    maya.passes(days=1)
    assert [bool(one.answered_at) for one in scheduled(maya)] == [False, True]
    assert on_ruths_list(maya) == ["Maya Mood"]


def test_ruth_and_no_other_manager_reads_it_in_the_log_for_two_weeks(maya: Talk) -> None:
    web = Web(maya)
    maya.passes(days=2)
    web.is_now(maya.a_manager_elsewhere())
    assert "Mood: asked" not in web.gets("/log").text
    web.is_now(RUTH)
    page = web.gets("/log").text
    assert "Missed check-ins" in page
    assert "Mood: asked" in page
    with maya.database.writing() as session:
        session.scalars(select(Schedule)).one().paused = True
    maya.passes(days=14)
    assert "Mood: asked" not in web.gets("/log").text


def test_after_stop_nothing_is_asked(maya: Talk) -> None:
    maya.texts(MAYA, "STOP")
    maya.passes(days=2)
    assert (maya.bot.begun, maya.new_texts()) == ([], [])
    assert scheduled(maya)[0].skip_reason is SkipReason.OPTED_OUT


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


def test_stop_or_pause_after_she_was_asked_spares_her_the_reminder(maya: Talk) -> None:
    agrees(maya, JO)
    maya.passes(hours=9)
    maya.texts(MAYA, "STOP")
    maya.texts(JO, "pause")
    maya.passes(days=2)
    assert times(maya, REMINDER, JO) == []
    assert is_missed_quietly(maya)


def test_without_anything_to_pause_the_words_are_for_the_bot(maya: Talk) -> None:
    maya.texts(JO, "pause")
    maya.texts(JO, "resume")
    maya.texts(MAYA, "resume")
    assert maya.bot.heard == ["hello", "pause", "resume", "resume"]


def test_no_check_in_comes_while_she_waits_for_a_person(maya: Talk) -> None:
    maya.clock.now += timedelta(hours=7, minutes=55)
    maya.texts(MAYA, "can i talk to a person please")
    maya.new_texts()
    maya.passes(minutes=6)
    assert maya.bot.begun == []
    assert scheduled(maya)[0].skip_reason is SkipReason.WITH_A_PERSON


def test_no_reminder_interrupts_a_talk_with_sam(maya: Talk) -> None:
    agrees(maya, MAYA, at=time(12))
    maya.passes(hours=3)
    maya.texts(MAYA, "can i talk to a person please")
    maya.texts(SAM, "take {}")
    maya.texts(SAM, "Hi Maya")
    maya.passes(days=2)
    assert is_missed_quietly(maya)


def test_no_check_in_comes_if_sam_claims_while_the_bot_is_asked(maya: Talk) -> None:
    maya.bot.while_answering = lambda: is_taken(maya, SAM)
    maya.passes(hours=8)
    assert times(maya, "The bot asks") == []
    assert scheduled(maya)[0].skip_reason is SkipReason.WITH_A_PERSON
    assert maya.conversation(MAYA).forget_bot, "it must not take her next words for the answer"


def test_the_check_in_waits_for_the_end_of_an_exercise(maya: Talk) -> None:
    maya.bot.answers["breathe"] = STARTED
    maya.bot.answers["done"] = Answer(
        words=("Out.",), skills=(SkillStep("breathing", "done", before=8, after=4),)
    )
    maya.passes(hours=7, minutes=50)
    maya.texts(MAYA, "breathe")
    maya.passes(minutes=20)
    assert maya.bot.begun == []
    maya.texts(MAYA, "done")
    maya.passes(minutes=10)
    assert times(maya, "The bot asks") == ["Tue 18:11"]


def test_an_exercise_of_an_hour_cancels_that_days_check_in(maya: Talk) -> None:
    maya.bot.answers["breathe"] = STARTED
    maya.passes(hours=7, minutes=50)
    for _ in range(8):
        maya.texts(MAYA, "breathe")
        maya.passes(minutes=10)
    assert maya.bot.begun == []
    (one,) = scheduled(maya)
    assert (one.skip_reason, bool(one.skipped_at)) == (SkipReason.IN_AN_EXERCISE, True)


def test_an_exercise_that_she_dropped_long_ago_stops_nothing(maya: Talk) -> None:
    maya.bot.answers["breathe"] = STARTED
    maya.texts(MAYA, "breathe")
    maya.passes(hours=8)
    assert maya.bot.begun == ["mood"]
    assert [use.outcome for use in maya.rows(SkillUse)] == [SkillOutcome.LEFT]
    assert maya.conversation(MAYA).skill == "mood"


# --- when something is down ---


def test_while_rasa_is_away_she_reads_nothing_and_is_asked_when_it_is_back(maya: Talk) -> None:
    maya.bot.away = True
    maya.passes(hours=8, minutes=30)
    assert maya.new_texts() == []
    maya.bot.away = False
    maya.passes(minutes=10)
    assert times(maya, "The bot asks") == ["Tue 18:31"]
    assert scheduled(maya)[0].skip_reason is None


def test_if_rasa_is_away_for_long_that_days_check_in_is_canceled(maya: Talk) -> None:
    agrees(maya, JO)
    maya.bot.away = True
    maya.passes(hours=9, minutes=10)
    maya.bot.away = False
    maya.passes(hours=5)
    assert (maya.bot.begun, maya.new_texts()) == ([], [])
    for number in (MAYA, JO):
        (one,) = scheduled(maya, number)
        assert (one.skip_reason, bool(one.skipped_at)) == (SkipReason.BOT_AWAY, True)


def test_nobody_is_asked_if_rasa_is_back_at_night(maya: Talk) -> None:
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
    assert times(maya, "The bot asks", JO) == ["Tue 17:00"]
    maya.passes(hours=1)
    assert times(maya, "The bot asks") == ["Tue 18:00"]
    assert times(maya, "Pardon?") == []


def test_after_three_days_down_nothing_comes_late_and_each_day_is_noted(maya: Talk) -> None:
    agrees(maya, MAYA, days="mon,tue,wed,thu,fri,sat,sun")
    maya.clock.now += timedelta(days=3)  # Friday, ten in the morning
    maya.passes(seconds=0)
    assert maya.bot.begun == []
    assert [one.skip_reason for one in scheduled(maya)] == [SkipReason.TOO_LATE] * 3
    maya.passes(hours=8)
    assert maya.bot.begun == ["mood"]


def test_if_a_worker_dies_while_asking_another_asks_once(maya: Talk) -> None:
    maya.passes(hours=7, minutes=59)
    assert acquire_lease(maya.line, maya.conversation(MAYA).id, "dead")
    maya.clock.now += timedelta(minutes=1)
    with maya.database.writing() as session:
        conversation = session.get_one(Conversation, maya.conversation(MAYA).id)
        conversation.held_until = maya.clock() + timedelta(seconds=20)
    maya.passes(seconds=0)
    assert maya.bot.begun == [], "its lease has not expired yet"
    maya.passes(minutes=2)
    assert times(maya, "The bot asks") == ["Tue 18:01"]


def test_a_worker_killed_while_rasa_answers_leaves_nothing_half_done(maya: Talk) -> None:
    def dies() -> None:
        maya.bot.while_answering = None
        raise ConnectionError("killed")

    maya.bot.while_answering = dies
    with pytest.raises(ConnectionError):
        maya.passes(hours=8)
    assert maya.new_texts() == []
    assert scheduled(maya)[0].sent_at is None
    maya.passes(minutes=20)
    assert times(maya, "The bot asks") == [], "the watchdog has not looked yet"
    maya.runs_watchdog()
    assert len(times(maya, "The bot asks")) == 1


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
    assert len(times(maya, "The bot asks")) == 1
    assert len(times(maya, REMINDER)) == 1
    assert on_ruths_list(maya) == ["Maya Mood"]


def test_a_text_that_comes_while_the_bot_is_asked_is_answered_right_after(maya: Talk) -> None:
    def she_writes() -> None:
        maya.bot.while_answering = None
        conversation_id = maya.arrives(MAYA, "7")
        assert conversation_id is not None
        assert not acquire_lease(maya.line, conversation_id, "another worker")

    maya.bot.while_answering = she_writes
    maya.passes(hours=8)
    words = maya.read_by(MAYA)
    assert words.index("Warmline bot: The bot asks: mood") < words.index("Warmline bot: Noted.")


def test_the_timeline_shows_what_she_practiced_and_how_she_felt(maya: Talk) -> None:
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


def test_a_mentor_who_takes_over_ends_the_exercise(maya: Talk) -> None:
    maya.bot.answers["breathe"] = STARTED
    maya.texts(MAYA, "breathe")

    maya.bot.while_answering = lambda: is_taken(maya, NOOR)
    maya.texts(MAYA, "in and out")
    assert [use.outcome for use in maya.rows(SkillUse)] == [SkillOutcome.LEFT]


def test_every_check_in_has_a_name_for_ruth() -> None:
    assert set(CHECK_IN_NAMES) == set(CHECK_INS)


# --- commands ---


def test_a_check_in_is_scheduled_paused_and_listed(local: Talk) -> None:
    agreed = warmline("schedule", MAYA, "mood", "--days", "mon,thu", "--at", "18:00").stdout
    assert agreed.startswith("Maya: mood, mon,thu at 18:00, next ")
    assert "18:00 (America/New_York)" in agreed
    assert "paused" in warmline("schedule", MAYA, "mood", "--pause").stdout
    assert "paused" in warmline("schedule").stdout
    assert "next" in warmline("schedule", MAYA, "mood", "--resume").stdout
    moved = warmline("schedule", MAYA, "mood", "--at", "22:00").stdout
    assert "mon,thu at 22:00" in moved
    assert "08:00 (America/New_York)" in moved, "after the quiet hours"
    assert warmline("schedule", JO).stdout == "No check-ins are scheduled.\n"


def test_a_schedule_that_cannot_be_set_is_refused_in_one_line(local: Talk) -> None:
    cases = [
        ([MAYA, "mood", "--days", "someday", "--at", "18:00"], "'someday' cannot be read"),
        ([MAYA, "mood", "--days", "mon", "--at", "six"], "'six' is not a time"),
        ([MAYA, "horoscope", "--days", "mon", "--at", "18:00"], "There is no check-in 'horoscope'"),
        ([SAM, "mood", "--days", "mon", "--at", "18:00"], "Sam is not a mentee"),
        ([JO, "mood", "--days", "mon"], "Give both --days and --at"),
        ([JO, "mood", "--pause"], "Jo has no mood check-in yet"),
        (["--pause"], "Name the mentee's number"),
    ]
    for asked, said in cases:
        ran = warmline("schedule", *asked)
        assert (ran.exit_code, len(ran.stderr.splitlines())) == (2, 1), asked
        assert said in ran.stderr


def test_missed_check_ins_are_listed_and_exit_with_an_error(local: Talk) -> None:
    ran = warmline("missed-check-ins")
    assert (ran.exit_code, ran.stdout) == (0, "No check-ins were missed.\n")
    now = datetime.now(UTC)
    with local.database.writing() as session:
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
    ran = warmline("missed-check-ins")
    assert ran.exit_code == 1
    assert ran.stdout.startswith("Maya: Mood, sent ")
