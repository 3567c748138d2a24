"""The warm brief: what a mentor should know before the first words, and what nobody knows.

`what_is_known` reads the rows, and `build_brief` makes the brief of them, purely. Nothing in it is
guessed: each quote stands in the thread, each number was given by the mentee, what to do and not
to do comes from escalation/brief.toml, and what is missing is said.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.check_ins.scales import SCALES
from escalation.decide import Quadrant
from escalation.handoffs.ladder import get_own_mentor
from escalation.policy import CheckInCutOffs
from escalation.speech.i18n import Phrase, gettext_noop, joined, phrase
from gateway.conversations.visibility import what_may_be_read
from gateway.handoffs.decisions import highlight_evidence
from gateway.runtime.labels import CHECK_IN_NAMES, NEEDS, SKILL_ENDS, called, called_skill
from models import (
    CheckIn,
    DecisionRecord,
    Goal,
    GoalResult,
    Handoff,
    Message,
    Need,
    Person,
    SkillOutcome,
    SkillUse,
    Urgency,
)

BRIEF_FILE = Path(__file__).resolve().parents[2] / "escalation" / "brief.toml"

# What a mentee practiced, and how they were, counts for the brief this long.
TRIED_WITHIN = timedelta(days=30)
TREND_OVER = timedelta(days=90)
MOST_TRIED = 5
MOST_POINTS = 12
MOST_QUOTES = 6

CORNERS = {
    Quadrant.NEITHER: gettext_noop(
        "Neither a wish for company nor one for something practical is plain."
    ),
    Quadrant.TOOLS: gettext_noop("Wants something practical; a wish for company is not plain."),
    Quadrant.CONNECTION: gettext_noop(
        "Wants a person; a wish for something practical is not plain."
    ),
    Quadrant.BOTH: gettext_noop("Wants a person, and something practical too."),
}
# What the numbers before and after a skill rate, and whether more of it is better.
RATED = {
    "activation": (gettext_noop("how much they feel like doing something"), True),
    "breathing": (gettext_noop("how tense they feel"), False),
    "goal": (gettext_noop("how sure they are to do it"), True),
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
    "connection": gettext_noop("a wish for a person"),
    "tools": gettext_noop("a wish for something practical"),
    "person": gettext_noop("asking for a person"),
}


class BadBrief(Exception):
    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}. Correct it and start again.")


@dataclass(frozen=True)
class Advice:
    """One line that says what to do, what not, or how one might begin; and what it rests on."""

    text: str
    source: str


@dataclass(frozen=True)
class Guidance:
    """What brief.toml says for one need or one corner."""

    do: tuple[Advice, ...]
    do_not: tuple[Advice, ...]
    first_line: Advice


@dataclass(frozen=True)
class Guide:
    needs: Mapping[Need, Guidance]
    corners: Mapping[Quadrant, Guidance]


@dataclass(frozen=True)
class Known:
    """All that the brief is made of.

    `decided` holds the decisions that opened or raised the handoff, each with the words it was
    taken on where those may be read. `earlier` counts the handoffs of this mentee before this one,
    `with_reader` those of them that the reader held.
    """

    handoff: Handoff
    name: str | None
    decided: Sequence[tuple[DecisionRecord, str | None]]
    tried: Sequence[SkillUse]
    check_ins: Sequence[CheckIn]
    goal: Goal | None
    earlier: int
    with_reader: int
    has_own_mentor: bool
    shares_whole: bool
    cut_offs: CheckInCutOffs
    now: datetime


@dataclass(frozen=True)
class Quote:
    """Words of the mentee, as they stand in the thread, and what they were evidence of."""

    words: str
    axis: str

    @property
    def of(self) -> str:
        return phrase(AXES.get(self.axis, self.axis))


@dataclass(frozen=True)
class Tried:
    """A skill that the bot went through with the mentee, and how they rated it."""

    skill: str
    at: datetime
    how: str
    before: int | None
    after: int | None
    rating: str | None
    change: str | None


@dataclass(frozen=True)
class Point:
    """One check-in on the chart: where it stands, in the chart's own units."""

    at: datetime
    score: int
    x: float
    y: float


@dataclass(frozen=True)
class Trend:
    """One kind of check-in over time. `worse` is higher or lower; `cut_off` is None for a mood."""

    name: str
    points: tuple[Point, ...]
    lowest: int
    highest: int
    unit: str
    worse: str
    cut_off: int | None
    cut_off_y: float | None

    @property
    def line(self) -> str:
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)

    @property
    def in_words(self) -> str:
        """The chart for whoever does not see it."""
        first, last = self.points[0].score, self.points[-1].score
        name, count = phrase(self.name), len(self.points)
        if count == 1:
            return phrase("{name}: {last}, once.", name=name, last=last)
        went = phrase("the same") if first == last else phrase("up" if last > first else "down")
        return phrase(
            "{name}: from {first} to {last}, {went}, in {count} check-ins.",
            name=name,
            first=first,
            last=last,
            went=went,
            count=count,
        )


# The chart's own units; the page scales it.
WIDTH, HEIGHT, MARGIN = 280, 96, 10


@dataclass(frozen=True)
class Brief:
    """`corner` is None where no decision stands behind the handoff. In a crisis it is what the
    wishes were, and counts for nothing now.
    """

    crisis: bool
    corner: Quadrant | None
    quotes: tuple[Quote, ...]
    asked_for: tuple[str, ...]
    tried: tuple[Tried, ...]
    trend: Trend | None
    other_check_ins: tuple[str, ...]
    unknown: tuple[str, ...]
    do: tuple[Advice, ...]
    do_not: tuple[Advice, ...]
    first_line: str

    @property
    def corner_in_words(self) -> str | None:
        return CORNERS[self.corner] if self.corner else None


# --- reading ---


@cache
def load_guide(file: Path = BRIEF_FILE) -> Guide:
    """Raises BadBrief, naming what is missing."""
    try:
        read = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadBrief(file, str(error)) from error
    return Guide(
        {need: _guidance(file, read, "need", need.value) for need in Need},
        {corner: _guidance(file, read, "corner", corner.value) for corner in Quadrant},
    )


def _guidance(file: Path, read: Mapping[str, object], table: str, key: str) -> Guidance:
    tables = read.get(table)
    entry = tables.get(key) if isinstance(tables, dict) else None
    where = f"[{table}.{key}]"
    if not isinstance(entry, dict):
        raise BadBrief(file, f"there is no {where}")
    return Guidance(
        _advice(file, where, entry.get("do"), "do"),
        _advice(file, where, entry.get("do_not"), "do_not"),
        _advice(file, where, [entry.get("first_line")], "first_line")[0],
    )


def _advice(file: Path, where: str, lines: object, part: str) -> tuple[Advice, ...]:
    if not isinstance(lines, list) or not lines:
        raise BadBrief(file, f"{where} has no {part}")
    for line in lines:
        complete = isinstance(line, dict) and all(
            str(line.get(key, "")).strip() for key in ("text", "source")
        )
        if not complete:
            raise BadBrief(file, f"a line of {part} in {where} has no text or no source")
    return tuple(Advice(line["text"], line["source"]) for line in lines)


def what_is_known(
    session: Session,
    handoff: Handoff,
    reader: Person,
    *,
    cut_offs: CheckInCutOffs,
    now: datetime,
) -> Known:
    """Read what the brief is made of, as it stood while the handoff was open."""
    until = handoff.closed_at or now
    thread = handoff.conversation_id
    person = handoff.conversation.person
    first_readable = what_may_be_read(session, handoff, person)
    decided = session.execute(
        select(DecisionRecord, Message)
        .join(Message, Message.id == DecisionRecord.message_id)
        .where(
            DecisionRecord.handoff_id == handoff.id,
            DecisionRecord.decision.in_(["hand_off", "raise"]),
        )
        .order_by(DecisionRecord.id)
    ).all()
    tried = session.scalars(
        select(SkillUse)
        .where(
            SkillUse.conversation_id == thread,
            SkillUse.started_at > handoff.opened_at - TRIED_WITHIN,
            SkillUse.started_at <= until,
        )
        .order_by(SkillUse.id.desc())
        .limit(MOST_TRIED)
    )
    check_ins = session.scalars(
        select(CheckIn)
        .where(
            CheckIn.conversation_id == thread,
            CheckIn.at > handoff.opened_at - TREND_OVER,
            CheckIn.at <= until,
        )
        .order_by(CheckIn.at, CheckIn.id)
    )
    goal = session.scalar(
        select(Goal)
        .where(Goal.conversation_id == thread, Goal.set_at <= until)
        .order_by(Goal.id.desc())
        .limit(1)
    )
    before = select(func.count()).where(Handoff.conversation_id == thread, Handoff.id < handoff.id)
    return Known(
        handoff=handoff,
        name=person.name if person else None,
        decided=[
            (record, message.words if message.id >= (first_readable or 0) else None)
            for record, message in decided
        ],
        tried=tried.all(),
        check_ins=check_ins.all(),
        goal=goal if first_readable is None else None,
        earlier=session.scalar(before) or 0,
        with_reader=session.scalar(before.where(Handoff.mentor_id == reader.id)) or 0,
        has_own_mentor=get_own_mentor(session, handoff.conversation) is not None,
        shares_whole=first_readable is None,
        cut_offs=cut_offs,
        now=now,
    )


# --- making the brief ---


def build_brief(known: Known, guide: Guide) -> Brief:
    """The brief, made of what is known and of nothing else."""
    handoff = known.handoff
    crisis = handoff.urgency is Urgency.CRISIS
    corner = _corner(known)
    need = guide.needs[Need.CRISIS if crisis else handoff.need]
    # A crisis is no corner of the square: it stands above both wishes.
    at_corner = None if crisis or corner is None else guide.corners[corner]
    trend = _trend(known)
    return Brief(
        crisis=crisis,
        corner=corner,
        quotes=_quotes(known),
        asked_for=_asked_for(known),
        tried=tuple(_tried(use) for use in known.tried),
        trend=trend,
        other_check_ins=_other_check_ins(known, trend),
        unknown=_unknown(known, corner, crisis=crisis),
        do=need.do + (at_corner.do if at_corner else ()),
        do_not=need.do_not + (at_corner.do_not if at_corner else ()),
        first_line=_first_line(known.name, need, at_corner),
    )


def _corner(known: Known) -> Quadrant | None:
    named = [record.quadrant for record, _ in known.decided if record.quadrant]
    return Quadrant(named[-1]) if named else None


def _quotes(known: Known) -> tuple[Quote, ...]:
    """The evidence, word for word; what speaks of danger comes first."""
    quotes = [
        Quote(piece.words.strip(), piece.axis)
        for record, words in known.decided
        if words is not None
        for piece in highlight_evidence(record, words)
        if piece.axis and piece.words.strip()
    ]
    once = dict.fromkeys(sorted(quotes, key=lambda quote: quote.axis != "crisis"))
    return tuple(once)[:MOST_QUOTES]


def _asked_for(known: Known) -> tuple[str, ...]:
    name = _name(known)
    told: list[str] = [
        phrase("{name} {needs}.", name=name, needs=phrase(NEEDS[known.handoff.need]))
    ]
    if known.handoff.need is not Need.REQUEST and any(
        record.asked_for_person for record, _ in known.decided
    ):
        told.append(phrase("Asked for a person in so many words."))
    if known.goal is not None:
        goal = phrase("Set out to do: “{words}”", words=known.goal.words.strip())
        if known.goal.result is not None:
            result = phrase(GOAL_RESULTS[known.goal.result])
            goal = phrase("{goal} ({result})", goal=goal, result=result)
        told.append(goal)
    return tuple(told)


def _tried(use: SkillUse) -> Tried:
    rating, more_is_better = RATED.get(use.skill, (None, False))
    change = None
    if use.outcome is SkillOutcome.DONE and use.before is not None and use.after is not None:
        gained = (use.after - use.before) * (1 if more_is_better else -1)
        change = phrase("no change") if gained == 0 else phrase("better" if gained > 0 else "worse")
    return Tried(
        skill=called_skill(use.skill),
        at=use.started_at,
        how=SKILL_ENDS[use.outcome],
        before=use.before,
        after=use.after,
        rating=rating,
        change=change,
    )


def _trend(known: Known) -> Trend | None:
    """The kind of check-in with most scores; of several, the mood, else the latest."""
    by_kind: dict[str, list[CheckIn]] = defaultdict(list)
    for check_in in known.check_ins:
        if check_in.score is not None:
            by_kind[check_in.kind].append(check_in)
    if not by_kind:
        return None
    kind = max(by_kind, key=lambda one: (len(by_kind[one]), one == "mood", by_kind[one][-1].at))
    scale = SCALES.get(kind)
    shown = by_kind[kind][-MOST_POINTS:]
    scores = [_in_unit(one) for one in shown]
    lowest, highest = (scale.lowest_total, scale.highest_total) if scale else (0, 10)
    cut_off = known.cut_offs.of(scale).cut_off if scale else None

    def height(score: float) -> float:
        share = (min(max(score, lowest), highest) - lowest) / (highest - lowest)
        return round(HEIGHT - MARGIN - share * (HEIGHT - 2 * MARGIN), 1)

    begin, end = shown[0].at, shown[-1].at
    lasted = (end - begin).total_seconds()

    def across(at: datetime) -> float:
        share = (at - begin).total_seconds() / lasted if lasted else 0.5
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 1)

    return Trend(
        name=CHECK_IN_NAMES.get(kind, kind),
        points=tuple(
            Point(one.at, score, across(one.at), height(score))
            for one, score in zip(shown, scores, strict=True)
        ),
        lowest=lowest,
        highest=highest,
        unit=scale.unit if scale else "points",
        worse=scale.worse if scale else "lower",
        cut_off=cut_off,
        cut_off_y=None if cut_off is None else height(cut_off),
    )


def _in_unit(check_in: CheckIn) -> int:
    scale = SCALES.get(check_in.kind)
    return (check_in.score or 0) * (scale.unit_per_point if scale else 1)


def _other_check_ins(known: Known, trend: Trend | None) -> tuple[str, ...]:
    """The latest of each other kind."""
    latest = {check_in.kind: check_in for check_in in known.check_ins}
    told = []
    for kind, check_in in latest.items():
        name = CHECK_IN_NAMES.get(kind, kind)
        if trend is not None and name == trend.name:
            continue
        score = phrase("without a score") if check_in.score is None else _in_unit(check_in)
        told.append(
            phrase(
                "{name}: {score}, {ago}",
                name=phrase(name),
                score=score,
                ago=_ago(known.now - check_in.at),
            )
        )
    return tuple(told)


def _unknown(known: Known, corner: Quadrant | None, *, crisis: bool) -> tuple[str, ...]:
    """The gaps, named, so that nobody takes silence for an answer."""
    name, handoff = _name(known), known.handoff
    gaps: list[str] = []
    if crisis or handoff.need in (Need.CRISIS, Need.CONCERN):
        gaps.append(phrase("Where {name} is, and who is with them.", name=name))
    if corner is None:
        gaps.append(
            phrase("Which corner of the square: nothing was measured when this was opened.")
        )
    if any(record.seen and not record.seen.get("covered", True) for record, _ in known.decided):
        gaps.append(
            phrase("How much the scores mean: it is a language that detection does not cover.")
        )
    if not known.shares_whole:
        gaps.append(
            phrase(
                "What was said before: {name} shares only from the call for a person on.", name=name
            )
        )
    if not known.check_ins:
        gaps.append(
            phrase(
                "How {name} has been: no check-in in {days} days.", name=name, days=TREND_OVER.days
            )
        )
    if not known.tried:
        gaps.append(
            phrase("Whether a skill helps: none was tried in {days} days.", days=TRIED_WITHIN.days)
        )
    elif all(use.after is None for use in known.tried):
        gaps.append(phrase("Whether what was tried helped: it was not rated."))
    if known.earlier == 0:
        gaps.append(phrase("How {name} is with a person here: it is the first handoff.", name=name))
    elif known.with_reader == 0:
        gaps.append(
            phrase("How {name} is with you: you have not held a talk of theirs before.", name=name)
        )
    if not known.has_own_mentor:
        gaps.append(phrase("Whom they know here: no mentor of their own is matched."))
    return tuple(gaps)


def _first_line(name: str | None, need: Guidance, corner: Guidance | None) -> Phrase:
    lines = (need.first_line, corner.first_line) if corner else (need.first_line,)
    return joined((_addressed(line.text, name) for line in lines), " ")


def _addressed(words: str, name: str | None) -> Phrase:
    """With the first name put in, or without a gap where it would stand."""
    if name is not None:
        return phrase(words, name=name)
    return Phrase(words, {"name": ""}, spelled=lambda said: re.sub(r" (?=[ ,.!?])", "", said))


def _name(known: Known) -> str:
    return known.name or called(known.handoff.conversation)


def _ago(time: timedelta) -> str:
    days = max(time.days, 0)
    if days < 2:
        return phrase("yesterday") if days else phrase("today")
    return phrase("{count} days ago", count=days)
