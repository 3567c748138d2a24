"""The warm brief: only what stands in the rows, for any thread; and its gaps by name."""

import json
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.check_ins.scales import SCALES
from escalation.decide import Quadrant
from escalation.policy import load_policy
from gateway.authoring import gsm
from gateway.authoring.content import read_content
from gateway.handoffs.brief import (
    BRIEF_FILE,
    HEIGHT,
    RATED,
    WIDTH,
    BadBrief,
    Brief,
    Known,
    build_brief,
    load_guide,
    what_is_known,
)
from models import (
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
from models.check_ins import CHECK_INS
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
    quadrant=st.sampled_from([None, *(corner.value for corner in Quadrant)]),
    asked_for_person=st.booleans(),
    seen=st.sampled_from([None, {}, {"covered": True}, {"covered": False}]),
)
uses = st.builds(
    SkillUse,
    skill=st.sampled_from([*RATED, "a_new_skill"]),
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
    conversation=st.builds(Conversation, stranger_phone=st.just("+12025550199")),
)
anything_known = st.builds(
    Known,
    handoff=handoffs,
    name=st.none() | any_words,
    decided=st.lists(st.tuples(records, st.none() | any_words), max_size=4),
    tried=st.lists(uses, max_size=4),
    check_ins=st.lists(check_ins, max_size=20).map(lambda they: sorted(they, key=lambda c: c.at)),
    goal=st.none() | goals,
    earlier=st.integers(0, 9),
    with_reader=st.integers(0, 3),
    has_own_mentor=st.booleans(),
    shares_whole=st.booleans(),
    cut_offs=st.just(CUT_OFFS),
    now=times,
)


@given(anything_known)
def test_a_brief_is_made_of_any_thread_and_quotes_only_what_stands_in_it(known: Known) -> None:
    brief = build_brief(known, GUIDE)
    readable = [words for _, words in known.decided if words is not None]
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
    assert "{" not in brief.first_line.replace(known.name or "{", "")


def known_of(**what: Any) -> Known:
    """A thread of which nothing is known but what the test says."""
    given_ = {
        "need": Need.CONNECTION,
        "urgency": Urgency.ROUTINE,
        "quadrant": None,
        "decided": None,
        "tried": (),
        "check_ins": (),
        **what,
    }
    record = DecisionRecord(
        evidence="[]", quadrant=given_["quadrant"], asked_for_person=False, seen=None
    )
    return Known(
        handoff=Handoff(
            id=7,
            need=given_["need"],
            urgency=given_["urgency"],
            status=Status.CLAIMED,
            opened_at=MORNING,
            conversation=Conversation(person=Person(name="Maya")),
        ),
        name="Maya",
        decided=given_["decided"] or [(record, "hello")],
        tried=given_["tried"],
        check_ins=given_["check_ins"],
        goal=None,
        earlier=0,
        with_reader=0,
        has_own_mentor=True,
        shares_whole=True,
        cut_offs=CUT_OFFS,
        now=MORNING,
    )


def texts(lines: Any) -> set[str]:
    return {line.text for line in lines}


@pytest.mark.parametrize("corner", Quadrant)
def test_each_corner_brings_its_own_lines(corner: Quadrant) -> None:
    brief = build_brief(known_of(quadrant=corner.value), GUIDE)
    assert texts(GUIDE.corners[corner].do) <= texts(brief.do)
    assert texts(GUIDE.corners[corner].do_not) <= texts(brief.do_not)
    others = [GUIDE.corners[other] for other in Quadrant if other is not corner]
    assert not texts(brief.do) & {text for other in others for text in texts(other.do)}
    assert brief.corner_in_words


@pytest.mark.parametrize("need", Need)
def test_each_need_has_its_lines_and_a_first_line_with_the_name(need: Need) -> None:
    brief = build_brief(known_of(need=need), GUIDE)
    assert texts(brief.do) == texts(GUIDE.needs[need].do)
    assert brief.first_line.startswith("Hi Maya")


def test_in_a_crisis_no_corner_counts_whatever_opened_it() -> None:
    for need in Need:
        known = known_of(need=need, urgency=Urgency.CRISIS, quadrant="tools")
        brief = build_brief(known, GUIDE)
        assert texts(brief.do) == texts(GUIDE.needs[Need.CRISIS].do)
        assert brief.first_line == GUIDE.needs[Need.CRISIS].first_line.text.replace(
            "{name}", "Maya"
        )
        assert brief.crisis
        assert any("who is with them" in gap for gap in brief.unknown)


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("corner", Quadrant)
def test_a_suggested_line_fits_two_texts_under_a_long_name(need: Need, corner: Quadrant) -> None:
    first = build_brief(known_of(need=need, quadrant=corner.value), GUIDE).first_line
    sent = "Maximilian: " + first.replace("Maya", "Alexandra")
    assert not gsm.outside_gsm_7(sent)
    assert gsm.segments(sent) <= 2


def test_every_skill_that_is_rated_says_what_its_numbers_mean() -> None:
    forms = read_content().forms
    rated = {skill for skill, slots in forms.items() if f"{skill}_before" in slots}
    assert rated == set(RATED)


@pytest.mark.parametrize(
    ("skill", "before", "after", "change"),
    [
        ("breathing", 8, 5, "better"),
        ("breathing", 5, 8, "worse"),
        ("activation", 2, 6, "better"),
        ("grounding", 4, 4, "no change"),
        ("breathing", None, 4, None),
    ],
)
def test_a_rating_is_better_or_worse_by_what_it_rates(
    skill: str, before: int | None, after: int, change: str | None
) -> None:
    use = SkillUse(
        skill=skill, started_at=MORNING, outcome=SkillOutcome.DONE, before=before, after=after
    )
    [tried] = build_brief(known_of(tried=[use]), GUIDE).tried
    assert tried.change == change


def checked_in(kind: str, *scores: int | None) -> list[CheckIn]:
    return [
        CheckIn(kind=kind, score=score, at=MORNING - timedelta(days=len(scores) - n))
        for n, score in enumerate(scores)
    ]


def test_the_trend_is_drawn_upside_up_and_told_in_words() -> None:
    trend = build_brief(known_of(check_ins=checked_in("mood", 2, 5, 8)), GUIDE).trend
    assert trend is not None
    first, _, last = trend.points
    assert (first.x, last.x) == (10, WIDTH - 10)
    assert first.y > last.y, "higher scores stand higher, and y counts downwards"
    assert trend.in_words == "Mood: from 2 to 8, up, in 3 check-ins."
    assert trend.cut_off is None


def test_a_scale_is_shown_in_its_own_unit_with_its_cut_off() -> None:
    trend = build_brief(known_of(check_ins=checked_in("who5", 7, 13)), GUIDE).trend
    assert trend is not None
    assert [point.score for point in trend.points] == [28, 52]
    assert (trend.lowest, trend.highest, trend.worse) == (0, 100, "lower")
    assert trend.cut_off == CUT_OFFS.of(SCALES["who5"]).cut_off


def test_what_was_asked_most_is_drawn_and_the_rest_is_told() -> None:
    known = known_of(check_ins=[*checked_in("phq2", 4), *checked_in("mood", 3, 4)])
    brief = build_brief(known, GUIDE)
    assert brief.trend is not None
    assert brief.trend.name == "Mood"
    assert brief.other_check_ins == ("PHQ-2: 4, yesterday",)


def test_gaps_are_named() -> None:
    record = DecisionRecord(
        evidence="[]", quadrant=None, asked_for_person=False, seen={"covered": False}
    )
    gaps = " ".join(build_brief(known_of(decided=[(record, "hola")]), GUIDE).unknown)
    for gap in (
        "Which corner",
        "a language that detection does not cover",
        "no check-in",
        "none was tried",
        "the first handoff",
    ):
        assert gap in gaps
    rated = SkillUse(skill="breathing", started_at=MORNING, outcome=SkillOutcome.DONE, after=3)
    full = known_of(quadrant="both", tried=[rated], check_ins=checked_in("mood", 4))
    assert build_brief(full, GUIDE).unknown == (
        "How Maya is with a person here: it is the first handoff.",
    )


def test_a_line_without_a_source_is_refused_by_name(tmp_path: Path) -> None:
    text = BRIEF_FILE.read_text("utf-8")
    broken = tmp_path / "brief.toml"
    broken.write_text(text.replace("[corner.tools]", "[corner.other]"), "utf-8")
    with pytest.raises(BadBrief, match=r"there is no \[corner.tools\]"):
        load_guide(broken)
    unsourced = tmp_path / "unsourced.toml"
    source = tomllib.loads(text)["need"]["stuck"]["do"][0]["source"]
    unsourced.write_text(text.replace(f'source = "{source}"', 'source = ""'), "utf-8")
    with pytest.raises(BadBrief, match="no source"):
        load_guide(unsourced)


# --- read from the rows ---


def brief_for(talk: Talk, reader: str) -> Brief:
    handoff = talk.handoff()
    with talk.database.reading() as session:
        known = what_is_known(
            session,
            session.get_one(Handoff, handoff.id),
            talk.person(reader),
            cut_offs=CUT_OFFS,
            now=talk.clock(),
        )
        return build_brief(known, GUIDE)


def test_the_brief_quotes_maya_and_counts_who_knows_her(talk: Talk) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(SAM, "TAKE")
    brief = brief_for(talk, SAM)
    assert brief.quotes
    assert all(quote.words in LONELY for quote in brief.quotes)
    assert "How Maya is with a person here: it is the first handoff." in brief.unknown
    talk.texts(SAM, "hello maya")
    talk.texts(SAM, "DONE 1")
    talk.passes(days=1)
    talk.texts(MAYA, LONELY)
    assert not any("first handoff" in gap for gap in brief_for(talk, SAM).unknown)
    assert not any("with you" in gap for gap in brief_for(talk, SAM).unknown)
    assert any("with you" in gap for gap in brief_for(talk, NOOR).unknown)


def test_who_shares_a_summary_is_quoted_from_the_call_on(talk: Talk) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(MAYA).id).shares_whole = False
    talk.texts(MAYA, "my goal is a secret")
    with talk.database.writing() as session:
        session.add(
            Goal(
                conversation_id=talk.thread(MAYA)[0].conversation_id,
                words="a secret goal",
                set_at=talk.clock(),
            )
        )
    talk.texts(MAYA, LONELY)
    brief = brief_for(talk, SAM)
    assert brief.quotes
    assert not any("secret" in line for line in brief.asked_for)
    assert any("shares only" in gap for gap in brief.unknown)
