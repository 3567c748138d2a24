"""The brief: what a mentor should know before writing to a mentee, and what no one knows.

Nothing in it is a guess: each quote is in the thread, the mentee gave each number, the advice comes
from escalation/brief.toml, and the brief names what is missing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from escalation.decide import Quadrant
from escalation.speech.i18n import Phrase, gettext_noop, joined, phrase
from gateway.handoffs.brief.facts import CHECK_INS_WITHIN, SKILLS_WITHIN, Facts
from gateway.handoffs.brief.guide import Advice, Guidance, Guide
from gateway.handoffs.brief.trend import Trend, build_trend, score_in_unit
from gateway.handoffs.decisions import highlight_evidence
from gateway.runtime.labels import CHECK_IN_NAMES, NEEDS, display_name
from models import GoalResult, Need, Person, SkillOutcome, SkillUse, Urgency

MOST_QUOTES = 6

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
    def shows(self) -> str:
        return phrase(AXES.get(self.axis, self.axis))


@dataclass(frozen=True)
class TriedSkill:
    """`rates` is what its numbers rate; `change` says whether they are better afterwards."""

    use: SkillUse
    rates: str | None
    change: str | None


@dataclass(frozen=True)
class Brief:
    """`quadrant` is None when no decision led to the handoff. In a crisis it is what the mentee
    wanted before, and brings no advice.
    """

    crisis: bool
    quadrant: Quadrant | None
    quadrant_in_words: str | None
    quotes: tuple[Quote, ...]
    asked_for: tuple[str, ...]
    skills: tuple[TriedSkill, ...]
    trend: Trend | None
    other_check_ins: tuple[str, ...]
    unknown: tuple[str, ...]
    do: tuple[Advice, ...]
    do_not: tuple[Advice, ...]
    first_line: str


def build_brief(facts: Facts, guide: Guide) -> Brief:
    handoff = facts.handoff
    crisis = handoff.urgency is Urgency.CRISIS
    quadrant = _quadrant(facts)
    about_quadrant = guide.quadrant[quadrant] if quadrant else None
    guidance = [guide.about(handoff)]
    if about_quadrant and not crisis:
        guidance.append(about_quadrant)
    trend = build_trend(facts.check_ins, facts.cut_offs)
    return Brief(
        crisis=crisis,
        quadrant=quadrant,
        quadrant_in_words=about_quadrant.in_words if about_quadrant else None,
        quotes=_quotes(facts),
        asked_for=tuple(_asked_for(facts)),
        skills=tuple(_tried(use, guide) for use in facts.skills),
        trend=trend,
        other_check_ins=tuple(_other_check_ins(facts, trend)),
        unknown=(*_unknown_now(facts, quadrant), *_unknown_before(facts)),
        do=tuple(line for one in guidance for line in one.do),
        do_not=tuple(line for one in guidance for line in one.do_not),
        first_line=_first_line(handoff.conversation.person, guidance),
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
    yield phrase(
        "{name} {needs}.", name=display_name(facts.handoff.conversation), needs=phrase(NEEDS[need])
    )
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


def _tried(use: SkillUse, guide: Guide) -> TriedSkill:
    rating = guide.rating.get(use.skill)
    change = None
    if use.outcome is SkillOutcome.DONE and use.before is not None and use.after is not None:
        gained = (use.after - use.before) * (1 if rating and rating.more_is_better else -1)
        change = phrase("no change") if gained == 0 else phrase("better" if gained > 0 else "worse")
    return TriedSkill(use, rating.rates if rating else None, change)


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
    handoff = facts.handoff
    name = display_name(handoff.conversation)
    for other in facts.also_on_phone:
        yield phrase("Who is writing: {other} uses this phone, too. Ask for a name.", other=other)
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
    name = display_name(facts.handoff.conversation)
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


def _first_line(person: Person | None, guidance: Sequence[Guidance]) -> Phrase:
    lines = [one.first_line.text for one in guidance]
    if person is not None:
        return joined((phrase(line, name=person.name) for line in lines), " ")
    # Without the gap that a missing name would leave.
    fit = partial(re.sub, r" (?=[ ,.!?])", "")
    return joined((Phrase(line, {"name": ""}, spelled=fit) for line in lines), " ")


def _ago(time: timedelta) -> str:
    days = max(time.days, 0)
    if days < 2:
        return phrase("yesterday") if days else phrase("today")
    return phrase("{count} days ago", count=days)
