"""The brief: what a mentor should know before writing to a mentee, and what no one knows.

Nothing in it is a guess: each quote is in the thread, the mentee gave each number, the advice comes
from escalation/brief.toml, and the brief names what is missing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from escalation.decide import Quadrant
from escalation.speech.i18n import Phrase, gettext_noop, joined, phrase
from gateway.handoffs.brief.facts import CHECK_INS_WITHIN, SKILLS_WITHIN, Facts
from gateway.handoffs.brief.guide import Advice, Guidance, Guide
from gateway.handoffs.brief.trend import Trend, build_trend, score_in_unit
from gateway.handoffs.decisions import highlight_evidence
from gateway.runtime.labels import CHECK_IN_NAMES, NEEDS, display_name, skill_end, skill_name
from models import GoalResult, Need, SkillOutcome, SkillUse, Urgency

MOST_QUOTES = 6

QUADRANTS = {
    Quadrant.NEITHER: gettext_noop("Not clear whether they want company or practical help."),
    Quadrant.TOOLS: gettext_noop("Wants practical help. Not clear whether they want company."),
    Quadrant.CONNECTION: gettext_noop(
        "Wants to talk with a person. Not clear whether they want practical help."
    ),
    Quadrant.BOTH: gettext_noop("Wants to talk with a person, and wants practical help too."),
}
# What the numbers before and after a skill rate, and whether a higher number is better.
RATED = {
    "activation": (gettext_noop("how much they feel like doing something"), True),
    "breathing": (gettext_noop("how tense they feel"), False),
    "goal": (gettext_noop("how sure they are that they will do it"), True),
    "grounding": (gettext_noop("how strong the fear or stress is"), False),
    "hard_conversation": (gettext_noop("how hard the talk feels"), False),
    "muscle_relaxation": (gettext_noop("how tense their body is"), False),
    "problem_solving": (gettext_noop("how heavy the problem feels"), False),
    "self_compassion": (gettext_noop("how hard they are on themselves"), False),
    "sleep_plan": (gettext_noop("how much sleep stresses them"), False),
    "thought_record": (gettext_noop("how strong the bad feeling is"), False),
    "worry_time": (gettext_noop("how much worries fill their head"), False),
}
GOAL_RESULTS = {
    GoalResult.DONE: gettext_noop("done"),
    GoalResult.PARTLY: gettext_noop("partly"),
    GoalResult.NOT_YET: gettext_noop("not yet"),
}
AXES = {
    "crisis": gettext_noop("danger"),
    "connection": gettext_noop("wanting a person"),
    "tools": gettext_noop("wanting practical help"),
    "person": gettext_noop("asking for a person"),
}


@dataclass(frozen=True)
class Quote:
    words: str
    axis: str

    @property
    def of(self) -> str:
        return phrase(AXES.get(self.axis, self.axis))


@dataclass(frozen=True)
class TriedSkill:
    """A skill that the bot practiced with the mentee, and how the mentee rated it."""

    skill: str
    at: datetime
    how: str
    before: int | None
    after: int | None
    rating: str | None
    change: str | None


@dataclass(frozen=True)
class Brief:
    """`quadrant` is None when no decision led to the handoff. In a crisis it is what the mentee
    wanted before, and brings no advice.
    """

    crisis: bool
    quadrant: Quadrant | None
    quotes: tuple[Quote, ...]
    asked_for: tuple[str, ...]
    skills: tuple[TriedSkill, ...]
    trend: Trend | None
    other_check_ins: tuple[str, ...]
    unknown: tuple[str, ...]
    do: tuple[Advice, ...]
    do_not: tuple[Advice, ...]
    first_line: str

    @property
    def quadrant_in_words(self) -> str | None:
        return QUADRANTS[self.quadrant] if self.quadrant else None


def build_brief(facts: Facts, guide: Guide) -> Brief:
    handoff = facts.handoff
    crisis = handoff.urgency is Urgency.CRISIS
    quadrant = _quadrant(facts)
    need = guide.needs[Need.CRISIS if crisis else handoff.need]
    wants = None if crisis or quadrant is None else guide.quadrants[quadrant]
    trend = build_trend(facts.check_ins, facts.cut_offs)
    return Brief(
        crisis=crisis,
        quadrant=quadrant,
        quotes=_quotes(facts),
        asked_for=tuple(_asked_for(facts)),
        skills=tuple(_tried(use) for use in facts.skills),
        trend=trend,
        other_check_ins=tuple(_other_check_ins(facts, trend)),
        unknown=(*_unknown_now(facts, quadrant), *_unknown_before(facts)),
        do=need.do + (wants.do if wants else ()),
        do_not=need.do_not + (wants.do_not if wants else ()),
        first_line=_first_line(facts.name, need, wants),
    )


def _quadrant(facts: Facts) -> Quadrant | None:
    named = [record.quadrant for record, _ in facts.decisions if record.quadrant]
    return Quadrant(named[-1]) if named else None


def _quotes(facts: Facts) -> tuple[Quote, ...]:
    """The evidence, word for word, danger first."""
    quotes = [
        Quote(piece.words.strip(), piece.axis)
        for record, words in facts.decisions
        if words is not None
        for piece in highlight_evidence(record, words)
        if piece.axis and piece.words.strip()
    ]
    once = dict.fromkeys(sorted(quotes, key=lambda quote: quote.axis != "crisis"))
    return tuple(once)[:MOST_QUOTES]


def _asked_for(facts: Facts) -> Iterator[str]:
    need = facts.handoff.need
    yield phrase("{name} {needs}.", name=_name(facts), needs=phrase(NEEDS[need]))
    asked = any(record.asked_for_person for record, _ in facts.decisions)
    if asked and need is not Need.REQUEST:
        yield phrase("Asked for a person directly.")
    if facts.goal is not None:
        goal = phrase("Goal: “{words}”", words=facts.goal.words.strip())
        if facts.goal.result is None:
            yield goal
        else:
            result = phrase(GOAL_RESULTS[facts.goal.result])
            yield phrase("{goal} ({result})", goal=goal, result=result)


def _tried(use: SkillUse) -> TriedSkill:
    rating, more_is_better = RATED.get(use.skill, (None, False))
    change = None
    if use.outcome is SkillOutcome.DONE and use.before is not None and use.after is not None:
        gained = (use.after - use.before) * (1 if more_is_better else -1)
        change = phrase("no change") if gained == 0 else phrase("better" if gained > 0 else "worse")
    return TriedSkill(
        skill=skill_name(use.skill),
        at=use.started_at,
        how=skill_end(use.outcome),
        before=use.before,
        after=use.after,
        rating=rating,
        change=change,
    )


def _other_check_ins(facts: Facts, trend: Trend | None) -> Iterator[str]:
    latest = {check_in.kind: check_in for check_in in facts.check_ins}
    for kind, check_in in latest.items():
        name = CHECK_IN_NAMES.get(kind, kind)
        if trend is None or name != trend.name:
            no_score = check_in.score is None
            score = phrase("without a score") if no_score else score_in_unit(check_in)
            ago = _ago(facts.now - check_in.at)
            yield phrase("{name}: {score}, {ago}", name=phrase(name), score=score, ago=ago)


def _unknown_now(facts: Facts, quadrant: Quadrant | None) -> Iterator[str]:
    """What no one knows about what the mentee wrote, so that no mentor takes it as answered."""
    name, handoff = _name(facts), facts.handoff
    if handoff.urgency is Urgency.CRISIS or handoff.need in (Need.CRISIS, Need.CONCERN):
        yield phrase("Where {name} is, and who is with them.", name=name)
    if quadrant is None:
        yield phrase(
            "Whether they want company or practical help: no message was scored "
            "when this handoff opened."
        )
    if any(record.seen and not record.seen.get("covered", True) for record, _ in facts.decisions):
        yield phrase(
            "What the scores mean: {name} writes in a language that detection does not cover.",
            name=name,
        )
    if not facts.shares_whole:
        yield phrase(
            "What {name} wrote earlier: they share only what came after they needed a person.",
            name=name,
        )


def _unknown_before(facts: Facts) -> Iterator[str]:
    name = _name(facts)
    if not facts.check_ins:
        yield phrase(
            "How {name} has been: no check-in in {days} days.",
            name=name,
            days=CHECK_INS_WITHIN.days,
        )
    if not facts.skills:
        yield phrase(
            "Whether a skill helps: they tried none in {days} days.", days=SKILLS_WITHIN.days
        )
    elif all(use.after is None for use in facts.skills):
        yield phrase("Whether the skill helped: they did not rate it.")
    if facts.earlier == 0:
        yield phrase("How {name} talks with a mentor: this is their first handoff.", name=name)
    elif facts.with_reader == 0:
        yield phrase("How {name} talks with you: this is your first handoff with them.", name=name)
    if not facts.has_own_mentor:
        yield phrase("Who they know here: they have no mentor of their own.")


def _first_line(name: str | None, need: Guidance, wants: Guidance | None) -> Phrase:
    lines = (need.first_line, wants.first_line) if wants else (need.first_line,)
    return joined((_addressed(line.text, name) for line in lines), " ")


def _addressed(words: str, name: str | None) -> Phrase:
    """`words` with the first name, or without the gap that a missing name would leave."""
    if name is not None:
        return phrase(words, name=name)
    return Phrase(words, {"name": ""}, spelled=lambda said: re.sub(r" (?=[ ,.!?])", "", said))


def _name(facts: Facts) -> str:
    return facts.name or display_name(facts.handoff.conversation)


def _ago(time: timedelta) -> str:
    days = max(time.days, 0)
    if days < 2:
        return phrase("yesterday") if days else phrase("today")
    return phrase("{count} days ago", count=days)
