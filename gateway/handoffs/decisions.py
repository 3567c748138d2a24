"""A decision as the log and the brief show it: scores, reasons, and the evidence in the message."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.decide import ENDINGS
from escalation.speech.i18n import Phrase, gettext_noop, joined, phrase
from gateway.runtime.labels import BOT_STATES, DECISIONS, OWNERS, QUADRANTS
from models import DecisionRecord, Handoff, Message

SCORE_BELOW = gettext_noop(
    "With a {axis} score below {needed:.2f} (it was {score:.2f}), Warmline would have decided to "
    "{decision}."
)
SCORE_ABOVE = gettext_noop(
    "With a {axis} score of {needed:.2f} (it was {score:.2f}), Warmline would have decided to "
    "{decision}."
)


@dataclass(frozen=True)
class Segment:
    """Part of a message; `axis` names what it was evidence for, if anything."""

    words: str
    axis: str | None = None


def highlight_spans(words: str, spans: Sequence[tuple[int, int, str]]) -> tuple[Segment, ...]:
    """`words` cut at the spans (start, end, axis); joined, the segments are `words` again.

    Where spans overlap, the shortest wins because it is the most specific. A span over the whole
    message counts only when there is no other.
    """
    narrow = [span for span in spans if span[1] - span[0] < len(words)] or spans
    axis_at: list[str | None] = [None] * len(words)
    for start, end, axis in sorted(narrow, key=lambda span: span[0] - span[1]):
        axis_at[start:end] = [axis] * len(words[start:end])
    cut = groupby(zip(words, axis_at, strict=True), key=lambda letter: letter[1])
    return tuple(Segment("".join(letter for letter, _ in run), axis) for axis, run in cut)


def highlight_evidence(record: DecisionRecord | None, words: str) -> tuple[Segment, ...]:
    spans = json.loads(record.evidence) if record else []
    return highlight_spans(words, [(span["start"], span["end"], span["axis"]) for span in spans])


def find_decision(session: Session, message_id: int | None) -> DecisionRecord | None:
    return session.scalar(select(DecisionRecord).where(DecisionRecord.message_id == message_id))


def list_decisions(session: Session, handoff: Handoff) -> list[tuple[DecisionRecord, Message]]:
    """The decision that opened the handoff and those that raised it, each with its message."""
    rows = session.execute(
        select(DecisionRecord, Message)
        .join(Message, Message.id == DecisionRecord.message_id)
        .where(
            DecisionRecord.handoff_id == handoff.id,
            DecisionRecord.decision.in_(["hand_off", "raise"]),
        )
        .order_by(DecisionRecord.id)
    )
    return [(record, message) for record, message in rows]


def decision_reason(written: str) -> Phrase:
    """A stored reason as a phrase. An earlier release may have stored one no longer in use."""
    for ending in ENDINGS:
        if written.endswith(ending):
            return joined((phrase(written.removesuffix(ending)), phrase(ending)), "")
    return phrase(written)


def decision_details(record: DecisionRecord) -> tuple[str, ...]:
    thresholds = record.thresholds
    return (
        phrase(
            "Crisis {score:.2f} (crisis from {crisis:.2f}, concern from {concern:.2f})",
            score=record.crisis,
            crisis=thresholds["crisis"],
            concern=thresholds["concern"],
        ),
        phrase(
            "Connection {connection:.2f} (from {connects:.2f}), "
            "tools {tools:.2f} (from {helps:.2f})",
            connection=record.connection,
            connects=thresholds["connection"],
            tools=record.tools,
            helps=thresholds["tools"],
        ),
        phrase("Asked for a person.")
        if record.asked_for_person
        else phrase("Did not ask for a person."),
        *_evidence_details(record),
        *_limits(record),
        joined((phrase(BOT_STATES.get(record.bot, record.bot)), phrase(OWNERS[record.owner])), " "),
        phrase("Scored by {version}.", version=record.version),
    )


def _limits(record: DecisionRecord) -> Iterator[str]:
    if record.quadrant:
        yield phrase(QUADRANTS[record.quadrant])
    if point := record.counterfactual:
        decision = phrase(DECISIONS[point["decision"]])
        if point["urgency"]:
            decision = joined((decision, phrase(point["urgency"])))
        # Two decisions may differ only in their reason, for example a concern and a request that
        # are both urgent. Decisions of earlier releases have no reason here.
        if why := point.get("why"):
            decision = joined((decision, decision_reason(why)), ": ")
        # `needed` is the nearest number below a threshold, and rounds to that threshold.
        yield phrase(
            SCORE_BELOW if point["needed"] < point["score"] else SCORE_ABOVE,
            axis=phrase(point["axis"]),
            needed=point["needed"],
            score=point["score"],
            decision=decision,
        )
    if record.seen and not record.seen["covered"]:
        yield phrase("Detection does not cover this language, so the scores mean little.")


def _evidence_details(record: DecisionRecord) -> list[str]:
    """The evidence for each axis: phrases from the rules, or the score of a trained classifier."""
    rules: dict[str, list[str]] = {}
    for span in json.loads(record.evidence):
        learned = span["rule"] == f"{span['axis']} head"
        named = phrase("the trained score") if learned else f"“{span['rule']}”"
        rules.setdefault(span["axis"], []).append(named)
    found = [
        phrase("{axis} by {rules}", axis=phrase(axis), rules=joined(names))
        for axis, names in rules.items()
    ]
    return [phrase("Evidence: {found}.", found=joined(found, "; "))] if found else []
