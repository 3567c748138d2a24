"""Plays the dialogues of this folder with a real Rasa, over its REST channel.

Rasa's own story tests (bot/tests) say which actions follow which intents; here forms really fill
their slots, and the tests compare what a mentee reads and what the gateway learns:

    # Maya breathes, with a number before and after.     a dialogue begins
    maya: breathe                                        she texts
        bot: OK, slow breathing. ...                     the bot's words; "..." is any text
        [breathing started]                              what it reports besides
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.client import Answer, Bot, SkillStep

HERE = Path(__file__).parent
conversations = itertools.count(50_000)


@dataclass
class Beat:
    says: str
    words: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)


def dialogues() -> Iterator[tuple[str, list[Beat]]]:
    for file in sorted(HERE.glob("*.txt")):
        title, beats = "", list[Beat]()
        for line in file.read_text("utf-8").splitlines():
            text = line.strip()
            if text.startswith("# "):
                if beats:
                    yield f"{file.stem}: {title}", beats
                title, beats = text[2:].rstrip("."), []
            elif text.startswith("maya: "):
                beats.append(Beat(text.removeprefix("maya: ").replace("\\n", "\n")))
            elif text.startswith("bot: "):
                beats[-1].words.append(text.removeprefix("bot: "))
            elif text.startswith("["):
                beats[-1].reports.append(text.strip("[]"))
            elif text:
                raise AssertionError(f"{file.name}: neither words nor a report: {text}")
        yield f"{file.stem}: {title}", beats


def as_pattern(expected: str) -> str:
    return ".*".join(re.escape(part) for part in expected.split("..."))


def list_reports(answer: Answer) -> Iterator[str]:
    yield from (format_report(step) for step in answer.skills)
    if checked := answer.check_in:
        value = ",".join(checked.answers) if checked.answers else str(checked.score)
        end = "" if checked.finished else " left"
        yield f"check-in {checked.kind}{end} {value}" + (
            f": {checked.note}" if checked.note else ""
        )
    if answer.goal:
        yield f"goal: {answer.goal}"
    if answer.goal_result:
        yield f"goal went: {answer.goal_result}"
    if answer.asked_for_person:
        yield "asked for a person"
    if answer.not_understood:
        yield "not understood"


def format_report(step: SkillStep) -> str:
    rated = [
        f" {name} {n}"
        for name, n in (("before", step.before), ("after", step.after))
        if n is not None
    ]
    return f"{step.name} {step.state}" + "".join(rated)


ALL = list(dialogues())


@pytest.mark.parametrize(("title", "beats"), ALL, ids=[title for title, _ in ALL])
def test_the_bot_answers_as_written(bot: Bot, title: str, beats: list[Beat]) -> None:
    conversation = next(conversations)
    for beat in beats:
        answer = bot.answer(conversation, beat.says)
        heard = f"{title}\nmaya: {beat.says}\n  " + "\n  ".join(
            [*answer.words, *list_reports(answer)]
        )
        assert len(answer.words) == len(beat.words), heard
        for want, words in zip(beat.words, answer.words, strict=True):
            assert re.fullmatch(as_pattern(want), words, re.DOTALL), f"expected {want!r}\n{heard}"
        assert list(list_reports(answer)) == beat.reports, heard
