"""The brief: only facts from the rows, for any conversation, and the gaps by name."""

import itertools
import json
import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.check_ins.scales import SCALES
from escalation.decide import Quadrant
from escalation.policy_file import load_policy
from gateway.authoring import gsm
from gateway.authoring.content import read_content
from gateway.handoffs.brief.build import Brief, build_brief
from gateway.handoffs.brief.facts import Facts, read_facts
from gateway.handoffs.brief.guide import BRIEF_FILE, BadBrief, load_guide
from gateway.handoffs.brief.trend import HEIGHT, WIDTH
from models import (
    CHECK_INS,
    CheckIn,
    Conversation,
    DecisionRecord,
    Goal,
    GoalResult,
    Handoff,
    Need,
    Person,
    SkillOutcome,
    SkillUse,
    Status,
    Urgency,
)
from tests.line import MAYA, MORNING, NOOR, SAM, Talk

GUIDE = load_guide()
CUT_OFFS = load_policy().check_ins
LONELY = "nobody would notice if i was gone, i just want someone to talk to"

times = st.timedeltas(timedelta(), timedelta(days=300)).map(lambda ago: MORNING - ago)
any_words = st.text(max_size=60)
spans = st.fixed_dictionaries(
    {
        "axis": st.sampled_from(["crisis", "connection", "tools", "person", "something new"]),
        "start": st.integers(-5, 70),
        "end": st.integers(-5, 70),
        "rule": any_words,
    }
)
records = st.builds(
    DecisionRecord,
    evidence=st.lists(spans, max_size=6).map(json.dumps),
    quadrant=st.sampled_from([None, *(one.value for one in Quadrant)]),
    asked_for_person=st.booleans(),
    seen=st.sampled_from([None, {}, {"covered": True}, {"covered": False}]),
)
uses = st.builds(
    SkillUse,
    skill=st.sampled_from([*GUIDE.rating, "a_new_skill"]),
    started_at=times,
    outcome=st.sampled_from([None, *SkillOutcome]),
    before=st.none() | st.integers(0, 10),
    after=st.none() | st.integers(0, 10),
)
check_ins = st.builds(
    CheckIn,
    kind=st.sampled_from([*CHECK_INS, "a_new_kind"]),
    at=times,
    score=st.none() | st.integers(-1, 100),
)
goals = st.builds(Goal, words=any_words, result=st.sampled_from([None, *GoalResult]), set_at=times)
handoffs = st.builds(
    Handoff,
    id=st.just(7),
    need=st.sampled_from(Need),
    urgency=st.sampled_from(Urgency),
    status=st.sampled_from(Status),
    conversation=st.builds(Conversation, stranger_phone=st.just("+12025550199"))
    | st.builds(Conversation, person=st.builds(Person, name=any_words)),
)
any_facts = st.builds(
    Facts,
    handoff=handoffs,
    decisions=st.lists(st.tuples(records, st.none() | any_words), max_size=4),
    skills=st.lists(uses, max_size=4),
    check_ins=st.lists(check_ins, max_size=20).map(lambda they: sorted(they, key=lambda c: c.at)),
    goal=st.none() | goals,
    earlier=st.integers(0, 9),
    with_reader=st.integers(0, 3),
    has_own_mentor=st.booleans(),
    shares_whole=st.booleans(),
    cut_offs=st.just(CUT_OFFS),
    now=times,
)


@given(any_facts)
def test_any_conversation_has_a_brief_that_quotes_only_readable_messages(facts: Facts) -> None:
    brief = build_brief(facts, GUIDE)
    readable = [words for _, words in facts.decisions if words is not None]
    for quote in brief.quotes:
        assert quote.words.strip()
        assert any(quote.words in words for words in readable)
    if brief.trend is not None:
        assert all(0 <= point.x <= WIDTH and 0 <= point.y <= HEIGHT for point in brief.trend.points)
        assert brief.trend.in_words
        assert brief.trend.line
    assert brief.do
    assert brief.do_not
    assert brief.first_line
    assert "{name}" not in brief.first_line


def decision(quadrant: str | None = None, **seen: bool) -> DecisionRecord:
    return DecisionRecord(evidence="[]", quadrant=quadrant, asked_for_person=False, seen=seen)


def make_brief(
    need: Need = Need.CONNECTION,
    urgency: Urgency = Urgency.ROUTINE,
    quadrant: str | None = None,
    **facts: Any,
) -> Brief:
    """The brief of a first handoff of which only this is known."""
    handoff = Handoff(
        id=7,
        need=need,
        urgency=urgency,
        status=Status.CLAIMED,
        opened_at=MORNING,
        conversation=Conversation(person=Person(name="Maya")),
    )
    known: dict[str, Any] = {
        "decisions": [(decision(quadrant), "hello")],
        "skills": (),
        "check_ins": (),
        "goal": None,
        "earlier": 0,
        "with_reader": 0,
        "has_own_mentor": True,
        "shares_whole": True,
        "cut_offs": CUT_OFFS,
        "now": MORNING,
    }
    return build_brief(Facts(handoff=handoff, **known | facts), GUIDE)


def texts(lines: Any) -> set[str]:
    return {line.text for line in lines}


def test_each_need_and_quadrant_brings_its_own_advice() -> None:
    for need in Need:
        brief = make_brief(need)
        assert texts(brief.do) == texts(GUIDE.need[need].do), need
        assert brief.first_line.startswith("Hi Maya"), need
    for quadrant in Quadrant:
        brief, advice = make_brief(quadrant=quadrant.value), GUIDE.quadrant[quadrant]
        assert texts(advice.do) <= texts(brief.do), quadrant
        assert texts(advice.do_not) <= texts(brief.do_not), quadrant
        others = [GUIDE.quadrant[other].do for other in Quadrant if other is not quadrant]
        assert not texts(brief.do) & {text for do in others for text in texts(do)}, quadrant
        assert brief.quadrant_in_words == advice.in_words


def test_a_crisis_brings_only_crisis_advice() -> None:
    advice = GUIDE.need[Need.CRISIS]
    for need in Need:
        brief = make_brief(need, Urgency.CRISIS, quadrant="tools")
        assert brief.crisis
        assert texts(brief.do) == texts(advice.do), need
        assert brief.first_line == advice.first_line.text.replace("{name}", "Maya"), need
        assert any("who is with them" in gap for gap in brief.unknown), need


def test_a_suggested_line_fits_two_texts_with_a_long_name() -> None:
    for need, quadrant in itertools.product(Need, Quadrant):
        first = make_brief(need, quadrant=quadrant.value).first_line
        sent = "Maximilian: " + first.replace("Maya", "Alexandra")
        assert not gsm.outside_gsm_7(sent), sent
        assert gsm.segments(sent) <= 2, sent


def test_every_skill_that_is_rated_says_what_its_numbers_mean() -> None:
    forms = read_content().forms
    rated = {skill for skill, slots in forms.items() if f"{skill}_before" in slots}
    assert rated == set(GUIDE.rating)


def test_a_rating_is_better_or_worse_by_what_it_rates() -> None:
    for skill, before, after, change in (
        ("breathing", 8, 5, "better"),
        ("breathing", 5, 8, "worse"),
        ("activation", 2, 6, "better"),
        ("grounding", 4, 4, "no change"),
        ("breathing", None, 4, None),
    ):
        use = SkillUse(skill=skill, outcome=SkillOutcome.DONE, before=before, after=after)
        [tried] = make_brief(skills=[use]).skills
        assert tried.change == change, (skill, before, after)


def checked_in(kind: str, *scores: int | None) -> list[CheckIn]:
    return [
        CheckIn(kind=kind, score=score, at=MORNING - timedelta(days=len(scores) - n))
        for n, score in enumerate(scores)
    ]


def test_the_chart_rises_with_the_score_and_has_a_text_alternative() -> None:
    trend = make_brief(check_ins=checked_in("mood", 2, 5, 8)).trend
    assert trend is not None
    first, _, last = trend.points
    assert (first.x, last.x) == (10, WIDTH - 10)
    assert first.y > last.y, "y counts from the top"
    assert trend.in_words == "Mood: up from 2 to 8 over 3 check-ins."
    assert trend.cut_off is None


def test_a_scale_is_charted_in_its_own_unit_with_its_cut_off() -> None:
    trend = make_brief(check_ins=checked_in("who5", 7, 13)).trend
    assert trend is not None
    assert [point.score for point in trend.points] == [28, 52]
    assert (trend.lowest, trend.highest, trend.worse) == (0, 100, "lower")
    assert trend.cut_off == CUT_OFFS.of(SCALES["who5"]).cut_off


def test_the_most_frequent_check_in_is_charted_and_the_others_are_listed() -> None:
    brief = make_brief(check_ins=[*checked_in("phq2", 4), *checked_in("mood", 3, 4)])
    assert brief.trend is not None
    assert brief.trend.name == "Mood"
    assert brief.other_check_ins == ("PHQ-2: 4, yesterday",)


def test_gaps_are_named() -> None:
    gaps = " ".join(make_brief(decisions=[(decision(covered=False), "hola")]).unknown)
    company, language = "Whether they want company", "a language that detection does not cover"
    for gap in (company, language, "no check-in", "they tried none", "their first handoff"):
        assert gap in gaps
    rated = SkillUse(skill="breathing", outcome=SkillOutcome.DONE, after=3)
    full = make_brief(quadrant="both", skills=[rated], check_ins=checked_in("mood", 4))
    assert full.unknown == ("How Maya talks with a mentor: this is their first handoff.",)


def test_a_line_without_a_source_is_refused_by_name(tmp_path: Path) -> None:
    text = BRIEF_FILE.read_text("utf-8")
    source = tomllib.loads(text)["need"]["stuck"]["do"][0]["source"]
    for written, instead, problem in (
        ("[quadrant.tools]", "[quadrant.other]", "quadrant.other"),
        (f'source = "{source}"', 'source = " "', "need.*source"),
        ("[need.stuck]", "[need.stuck", "at line"),
        (re.findall(r"\[need.stuck\].*?(?=\n\[)", text, re.DOTALL)[0], "", "no .need.stuck"),
    ):
        broken = tmp_path / f"{problem}.toml"
        broken.write_text(text.replace(written, instead), "utf-8")
        with pytest.raises(BadBrief, match=problem):
            load_guide(broken)


def read_brief(talk: Talk, reader: str) -> Brief:
    number, now = talk.handoff().id, talk.clock()
    with talk.database.reading() as session:
        handoff = session.get_one(Handoff, number)
        facts = read_facts(session, handoff, talk.person(reader), cut_offs=CUT_OFFS, now=now)
        return build_brief(facts, GUIDE)


def test_the_brief_quotes_maya_and_knows_which_mentors_know_her(talk: Talk) -> None:
    talk.claims(asks=LONELY)
    brief = read_brief(talk, SAM)
    assert brief.quotes
    assert all(quote.words in LONELY for quote in brief.quotes)
    assert "How Maya talks with a mentor: this is their first handoff." in brief.unknown
    talk.texts(SAM, "DONE {1}")
    talk.passes(days=1)
    talk.texts(MAYA, LONELY)
    gaps = " ".join(read_brief(talk, SAM).unknown)
    assert "first handoff" not in gaps
    assert "with you" not in gaps
    assert "with you" in " ".join(read_brief(talk, NOOR).unknown)


def test_a_mentee_who_shares_a_summary_is_quoted_from_her_request_on(talk: Talk) -> None:
    talk.sets(MAYA, shares_whole=False)
    talk.texts(MAYA, "my goal is a secret")
    goal = Goal(
        conversation_id=talk.conversation(MAYA).id, words="a secret goal", set_at=talk.clock()
    )
    with talk.database.writing() as session:
        session.add(goal)
    talk.texts(MAYA, LONELY)
    brief = read_brief(talk, SAM)
    assert brief.quotes
    assert not any("secret" in line for line in brief.asked_for)
    assert any("share only" in gap for gap in brief.unknown)
