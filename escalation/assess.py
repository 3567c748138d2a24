"""Assess messages with the shipped policy: JSON lines in, JSON lines out."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from escalation.decide import BotState, Do, Standing, decide
from escalation.detect import detect
from escalation.policy import Policy
from escalation.policy_file import load_policy


class BadLine(Exception):
    """The problem with one line; `assess_lines` adds its number."""


def assess_lines(lines: Iterable[str], policy: Policy) -> Iterator[str]:
    """One answer for each line that is not blank; for a bad line, an error with its number."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            answer = _answer(*_question(line), policy)
        except BadLine as problem:
            answer = {"id": None, "error": f"line {number}: {problem}"}
        yield json.dumps(answer)


def _question(line: str) -> tuple[str | int, str, tuple[str, ...]]:
    """The id, the text, and the mentee's earlier texts, oldest first."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadLine("this is not JSON") from error
    if not isinstance(row, dict):
        raise BadLine("this is not an object with id and text")
    who, text, history = row.get("id"), row.get("text"), row.get("history") or []
    if isinstance(who, bool) or not isinstance(who, str | int):
        raise BadLine("id is missing, or is neither text nor a whole number")
    if not isinstance(text, str):
        raise BadLine("text is missing, or is not text")
    if not isinstance(history, list):
        raise BadLine("history is not a list")
    return who, text, tuple(_mentees_words(history))


def _mentees_words(history: Iterable[Any]) -> Iterator[str]:
    """The mentee's messages in a history of plain texts, or of objects with an author."""
    for message in history:
        if isinstance(message, str):
            yield message
        elif isinstance(message, dict) and isinstance(message.get("text"), str):
            if message.get("author", "mentee") == "mentee":
                yield message["text"]
        else:
            raise BadLine("a message in history has no text")


def _answer(who: str | int, text: str, history: tuple[str, ...], policy: Policy) -> dict[str, Any]:
    signals = detect(text, history)
    # As if no handoff is open and the bot has an answer.
    decision = decide(signals, Standing(), policy, BotState.ANSWERED)
    return {
        "id": who,
        "crisis": round(signals.crisis, 4),
        "connection": round(signals.connection, 4),
        "tools": round(signals.tools, 4),
        "asks_for_person": signals.asked_for_person,
        "urgency": "none" if decision.urgency is None else decision.urgency.name.lower(),
        "offers_person": decision.do is Do.OFFER,
        "evidence": [asdict(evidence) for evidence in signals.evidence],
        "version": signals.version,
    }


if __name__ == "__main__":
    for answer in assess_lines(sys.stdin, load_policy()):
        print(answer)
