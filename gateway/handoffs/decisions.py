"""A decision as the log and the brief show it: scores, reasons, and the evidence in the message."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.decide import ASKED_ALREADY
from escalation.speech.i18n import Phrase, joined, phrase
from gateway.runtime.labels import BOT_STATES, DECISIONS, OWNERS, QUADRANTS
from models import DecisionRecord


class Kind(StrEnum):
    """What sort of step an entry tells of."""

    PRACTICED = "practiced"
    CHECKED_IN = "checked_in"
    WROTE = "wrote"
    DECIDED = "decided"
    MOVED = "moved"
    PAGED = "paged"
    TEXTED = "texted"
    REPLIED = "replied"
    DROPPED = "dropped"
    COUNTED = "counted"


@dataclass(frozen=True)
class Piece:
    """A stretch of a message; `axis` names what it was evidence for, if anything."""

    words: str
    axis: str | None = None


@dataclass(frozen=True)
class Entry:
    """One step of a handoff: when, what in plain words, and what more is known of it.

    `after` is the time since the step before it, `since_opened` since the handoff was opened
    (negative for what led to it).
    """

    at: datetime
    kind: Kind
    what: str
    details: tuple[str, ...] = ()
    quote: tuple[Piece, ...] = ()
    after: timedelta = timedelta()
    since_opened: timedelta = timedelta()


def highlight_pieces(words: str, spans: Sequence[tuple[int, int, str]]) -> tuple[Piece, ...]:
    """`words` cut at the evidence, given as (start, end, axis): joined, they are `words` again.

    Where spans overlap the shortest counts, as it says most. A span over all of the message
    points at nothing and counts only when there is no other.
    """
    narrow = [span for span in spans if span[1] - span[0] < len(words)] or spans
    axis_at: list[str | None] = [None] * len(words)
    for start, end, axis in sorted(narrow, key=lambda span: span[0] - span[1]):
        axis_at[start:end] = [axis] * len(words[start:end])
    cut = groupby(zip(words, axis_at, strict=True), key=lambda letter: letter[1])
    return tuple(Piece("".join(letter for letter, _ in run), axis) for axis, run in cut)


def highlight_evidence(record: DecisionRecord, words: str) -> tuple[Piece, ...]:
    """The message of a decision with the spans that moved its scores."""
    spans = json.loads(record.evidence)
    return highlight_pieces(words, [(span["start"], span["end"], span["axis"]) for span in spans])


def decision_about(session: Session, message_id: int | None) -> DecisionRecord | None:
    return session.scalar(select(DecisionRecord).where(DecisionRecord.message_id == message_id))


def decided(record: DecisionRecord, *, quote: tuple[Piece, ...] = ()) -> Entry:
    """One decision with what it was taken on."""
    return Entry(
        record.at,
        Kind.DECIDED,
        phrase(
            "Decided to {decision}: {why}",
            decision=phrase(DECISIONS[record.decision]),
            why=why_decided(record),
        ),
        details=_decision_details(record),
        quote=quote,
    )


def why_decided(record: DecisionRecord) -> Phrase:
    """The reasons of the release that decided it, some of them perhaps no longer in use."""
    return _reason(record.why)


def _reason(written: str) -> Phrase:
    why = written.removesuffix(ASKED_ALREADY)
    return phrase(why) if why == written else joined((phrase(why), phrase(ASKED_ALREADY)), "")


def _decision_details(record: DecisionRecord) -> tuple[str, ...]:
    marks = record.thresholds
    return (
        phrase(
            "Crisis {score:.2f} (crisis from {crisis:.2f}, concern from {concern:.2f})",
            score=record.crisis,
            crisis=marks["crisis"],
            concern=marks["concern"],
        ),
        phrase(
            "Connection {connection:.2f} (from {connects:.2f}), "
            "tools {tools:.2f} (from {helps:.2f})",
            connection=record.connection,
            connects=marks["connection"],
            tools=record.tools,
            helps=marks["tools"],
        ),
        phrase("Asked for a person.")
        if record.asked_for_person
        else phrase("Did not ask for a person."),
        *_evidence_details(record),
        *_what_would_have_changed(record),
        joined((phrase(BOT_STATES.get(record.bot, record.bot)), phrase(OWNERS[record.owner])), " "),
        phrase("Read by {version}.", version=record.version),
    )


def _what_would_have_changed(record: DecisionRecord) -> list[str]:
    """The quadrant, the nearest other decision, and whether the language is one it can read."""
    told: list[str] = [phrase(QUADRANTS[record.quadrant])] if record.quadrant else []
    if point := record.counterfactual:
        decision = phrase(DECISIONS[point["decision"]])
        if point["urgency"]:
            decision = joined((decision, phrase(point["urgency"])))
        # Not kept with decisions of earlier releases. It tells apart what looks the same: a person
        # soon, because of a concern, in place of a person soon, because somebody asked.
        if why := point.get("why"):
            decision = joined((decision, _reason(why)), ": ")
        blanks = {
            "axis": phrase(point["axis"]),
            "needed": point["needed"],
            "score": point["score"],
            "decision": decision,
        }
        # What is needed there is the nearest number below a mark, and rounds to the mark.
        told.append(
            phrase(
                "With a {axis} score below {needed:.2f} (it was {score:.2f}), Warmline would have "
                "decided to {decision}.",
                **blanks,
            )
            if point["needed"] < point["score"]
            else phrase(
                "With a {axis} score of {needed:.2f} (it was {score:.2f}), Warmline would have "
                "decided to {decision}.",
                **blanks,
            )
        )
    if record.seen and not record.seen["covered"]:
        told.append(phrase("In a language that detection does not cover: the scores say little."))
    return told


def _evidence_details(record: DecisionRecord) -> list[str]:
    """What pointed at each axis: the phrases of the rules, or a trained head's score."""
    rules: dict[str, list[str]] = {}
    for span in json.loads(record.evidence):
        learned = span["rule"] == f"{span['axis']} head"
        named = phrase("its learned score") if learned else f"“{span['rule']}”"
        rules.setdefault(span["axis"], []).append(named)
    found = [
        phrase("{axis} by {rules}", axis=phrase(axis), rules=joined(names))
        for axis, names in rules.items()
    ]
    return [phrase("Evidence: {found}.", found=joined(found, "; "))] if found else []
