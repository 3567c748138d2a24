"""What Maya's answers to a check-in lead to, and what we record of her practice."""

import json

from bot.client import Answer, SkillStep
from bot.client import CheckIn as Reported
from models import (
    CheckIn,
    DecisionRecord,
    Delivery,
    Goal,
    GoalResult,
    Need,
    SkillOutcome,
    SkillUse,
    Urgency,
)
from tests.line import MAYA, SAM, Talk


def ends_with(talk: Talk, words: str, check_in: Reported) -> list[str]:
    """Maya's `words` end a check-in; returns what her phone then shows, after the greeting."""
    talk.bot.answers["hi"] = Answer(words=("hello",))
    talk.texts(MAYA, "hi")
    talk.bot.answers[words] = Answer(check_in=check_in)
    talk.new_texts()
    talk.texts(MAYA, words)
    return [shown for name, shown in talk.new_texts() if name == "maya"]


def test_a_short_scale_at_its_cut_off_goes_on_with_the_long_one(talk: Talk) -> None:
    shown = ends_with(talk, "1", Reported("phq2", answers=("2", "1")))
    assert talk.bot.begun == ["phq9"]
    assert shown == ["Warmline bot: The bot asks: phq9"]
    [phq2] = talk.rows(CheckIn)
    assert (phq2.kind, phq2.score, phq2.missing) == ("phq2", 3, 0)


def test_below_its_cut_off_it_does_not(talk: Talk) -> None:
    shown = ends_with(talk, "1", Reported("gad2", answers=("1", "1")))
    assert talk.bot.begun == []
    assert len(shown) == 1
    assert shown[0].startswith("Warmline bot: Thank you, your answers are saved.")


def test_thoughts_of_death_in_phq9_bring_a_person_at_once_whatever_the_total(talk: Talk) -> None:
    answers = ("not at all",) * 8 + ("several days",)
    shown = ends_with(talk, "several days", Reported("phq9", answers=answers))
    handoff = talk.handoff()
    assert (handoff.need, handoff.urgency) == (Need.CRISIS, Urgency.CRISIS)
    assert any("988" in words for words in shown)
    assert not any("noted" in words for words in shown)
    [phq9] = talk.rows(CheckIn)
    assert (phq9.score, json.loads(phq9.answers or "")[8]) == (1, "several days")
    *_, record = talk.rows(DecisionRecord)
    assert record.why == "PHQ-9 item 9 above 0"
    [quote] = json.loads(record.evidence)
    assert (quote["quote"], quote["rule"]) == ("several days", "phq9 item 9")


def test_too_many_skipped_answers_are_not_scored(talk: Talk) -> None:
    shown = ends_with(talk, "skip", Reported("who5", answers=("5", "skip", "skip", "skip", "5")))
    assert "You skipped too many questions" in shown[-1]
    [who5] = talk.rows(CheckIn)
    assert (who5.score, who5.missing) == (None, 3)


def test_low_wellbeing_gets_an_answer_without_a_diagnosis(talk: Talk) -> None:
    shown = ends_with(talk, "1", Reported("who5", answers=("1", "1", "1", "1", "1")))
    assert "That is not a diagnosis" in shown[-1]
    assert talk.rows(CheckIn)[0].score == 5


def test_a_check_in_left_half_way_has_no_score_and_leads_to_nothing(talk: Talk) -> None:
    half = Reported("phq9", answers=("3", "3", "3", "", "", "", "", "", ""), finished=False)
    ends_with(talk, "leave", half)
    assert talk.bot.begun == []
    [phq9] = talk.rows(CheckIn)
    assert (phq9.score, phq9.missing) == (None, 6)


def test_an_answer_the_scale_does_not_have_is_missing_and_loses_nothing(talk: Talk) -> None:
    ends_with(talk, "9", Reported("phq2", answers=("9", "3")))
    [phq2] = talk.rows(CheckIn)
    assert phq2.missing == 1


def test_the_goal_is_asked_about_after_the_check_in_that_comes_next(talk: Talk) -> None:
    talk.bot.answers["8"] = Answer(
        words=("Your goal stands.",),
        skills=(SkillStep("goal", "done", before=4, after=8),),
        goal="read ten minutes on sunday",
    )
    talk.texts(MAYA, "8")
    shown = ends_with(talk, "skip", Reported("mood", 6))
    assert talk.bot.begun == ["goal_follow_up"]
    assert shown == [
        'Warmline bot: A while ago you set this goal: "read ten minutes on sunday"',
        "Warmline bot: The bot asks: goal_follow_up",
    ]
    talk.bot.answers["half of it"] = Answer(words=("Half is half.",), goal_result="partly")
    talk.texts(MAYA, "half of it")
    [goal] = talk.rows(Goal)
    assert goal.result is GoalResult.PARTLY

    ends_with(talk, "no", Reported("mood", 7))
    assert talk.bot.begun == ["goal_follow_up"], "it is asked about once"


def test_a_skill_is_recorded_with_its_ratings_finished_or_left(talk: Talk) -> None:
    steps: list[tuple[str, tuple[SkillStep, ...]]] = [
        ("breathe", (SkillStep("breathing", "started"),)),
        ("leave", (SkillStep("breathing", "left", before=8),)),
        ("go on", (SkillStep("breathing", "resumed"),)),
        ("3", (SkillStep("breathing", "done", before=8, after=3),)),
        ("ground", (SkillStep("grounding", "started"),)),
        (
            "relax",
            (
                SkillStep("grounding", "left", before=7),
                SkillStep("muscle_relaxation", "started"),
            ),
        ),
    ]
    for words, skills in steps:
        talk.bot.answers[words] = Answer(words=("ok",), skills=skills)
        talk.texts(MAYA, words)
    found = [(use.skill, use.outcome, use.before, use.after) for use in talk.rows(SkillUse)]
    assert found == [
        ("breathing", SkillOutcome.DONE, 8, 3),
        ("grounding", SkillOutcome.LEFT, 7, None),
        ("muscle_relaxation", None, None, None),
    ]
    assert talk.rows(SkillUse)[0].message_id is not None
    assert talk.conversation(MAYA).skill == "muscle_relaxation"


def test_a_check_in_is_recorded_even_if_a_mentor_takes_over_meanwhile(talk: Talk) -> None:
    """Sam claims while the bot composes: its words are not sent, the number stays."""
    talk.texts(MAYA, "can i talk to a person")
    talk.bot.answers["check in 3"] = Answer(words=("Noted.",), check_in=Reported("mood", 3))
    talk.bot.while_answering = lambda: talk.texts(SAM, "TAKE {}")
    talk.texts(MAYA, "check in 3")
    assert [check_in.score for check_in in talk.rows(CheckIn)] == [3]
    noted = [message for message in talk.thread(MAYA) if message.words == "Noted."]
    assert [message.delivery for message in noted] == [Delivery.DROPPED]


def test_if_the_bot_fails_between_two_scales_the_first_one_is_recorded(talk: Talk) -> None:
    talk.texts(MAYA, "hi")
    talk.bot.answers["3"] = Answer(check_in=Reported("phq2", answers=("3", "3")))

    talk.bot.while_answering = lambda: setattr(talk.bot, "away", True)
    talk.new_texts()
    talk.texts(MAYA, "3")
    assert [words for _, words in talk.new_texts()] == [
        "Warmline bot: Thank you, your answers are saved. They show one moment, and that can "
        "change. MENU shows what else I can do. PERSON asks for a mentor."
    ]
    assert [check_in.score for check_in in talk.rows(CheckIn)] == [6]


def test_a_crisis_sentence_inside_an_exercise_leaves_it(talk: Talk) -> None:
    """The exercise does not resume by itself: afterwards the bot begins afresh."""
    begun = Answer(words=("ok",), skills=(SkillStep("breathing", "started"),))
    talk.bot.answers["breathe"] = begun
    talk.texts(MAYA, "breathe")
    talk.texts(MAYA, "i want to kill myself")
    assert talk.bot.heard == ["breathe"], "the bot was not asked"
    assert talk.handoff().urgency is Urgency.CRISIS
    assert [(use.skill, use.outcome) for use in talk.rows(SkillUse)] == [
        ("breathing", SkillOutcome.LEFT)
    ]
    thread = talk.conversation(MAYA)
    assert (thread.skill, thread.forget_bot) == (None, True)
