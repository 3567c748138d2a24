"""Plays every transcript of this folder against all of Warmline, on both databases.

A transcript reads like the phones of the people in it:

    # A comment.
    maya: hi                          a person texts Warmline
        maya< Warmline bot: Hi. ...   what their phone then shows; "..." means any words
        sam< ...
    noor: take {2}                    {2}: the code by which Noor's phone knows the second handoff
    [bot is away]                     and [bot is back]
    [operators read crisis 1]         what the operators' alarms are about now, or "nothing"
    +5 min                            time passes, and jobs run when they are due
    [it is 2:00]                      it is the next 2:00 in New York

After each text and each passing of time, exactly the shown texts have arrived: in any order
between people, in this order for each person.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.operators.trouble import find_trouble
from tests.line import NUMBERS, Talk

HERE = Path(__file__).parent
NEW_YORK = ZoneInfo("America/New_York")
TRANSCRIPTS = sorted(HERE.glob("*.txt"))
SPOKEN = re.compile(r"(\w+): ?(.*)")
SHOWN = re.compile(r"\s+(\w+)< ?(.*)")
PASSES = re.compile(r"\+(\d+) (min|h)")
ALARMS = re.compile(r"\[operators read (.+)\]")
CLOCK = re.compile(r"\[it is (\d+):(\d\d)\]")
SWITCH = re.compile(r"\[(\w+) is (away|back)\]")


@dataclass
class Beat:
    """One event, and the texts that phones show because of it."""

    line: int
    text: str
    shown: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def read_beats(transcript: Path) -> list[Beat]:
    beats: list[Beat] = []
    for number, text in enumerate(transcript.read_text("utf-8").splitlines(), start=1):
        if not text.strip() or text.startswith("#"):
            continue
        if shown := SHOWN.fullmatch(text):
            beats[-1].shown[shown[1]].append(shown[2])
        else:
            beats.append(Beat(number, text))
    return beats


def happen(talk: Talk, beat: Beat) -> None:
    if passes := PASSES.fullmatch(beat.text):
        talk.passes(**{"hours" if passes[2] == "h" else "minutes": float(passes[1])})
    elif clock := CLOCK.fullmatch(beat.text):
        _turn_to(talk, time(int(clock[1]), int(clock[2])))
    elif switch := SWITCH.fullmatch(beat.text):
        talk.bot.away = switch[2] == "away"
    elif alarms := ALARMS.fullmatch(beat.text):
        with talk.database.reading() as session:
            trouble = find_trouble(talk.line, session, now=talk.clock())
        assert (", ".join(trouble) or "nothing") == alarms[1], f"line {beat.line}"
    elif spoken := SPOKEN.fullmatch(beat.text):
        talk.texts(NUMBERS[spoken[1]], spoken[2])
    else:
        raise AssertionError(f"line {beat.line} is no text and no time: {beat.text!r}")


def _turn_to(talk: Talk, hour: time) -> None:
    now = talk.clock().astimezone(NEW_YORK)
    then = datetime.combine(now, hour, NEW_YORK)
    talk.passes(seconds=((then - now) % timedelta(days=1)).total_seconds())


def as_pattern(expected: str) -> str:
    return ".*".join(re.escape(part) for part in expected.split("..."))


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_phones_show_what_the_transcript_says(talk: Talk, transcript: Path) -> None:
    for beat in read_beats(transcript):
        happen(talk, beat)
        arrived: dict[str, list[str]] = defaultdict(list)
        for name, words in talk.new_texts():
            arrived[name].append(words)
        where = f"{transcript.name}, line {beat.line}: {beat.text}"
        assert {n: len(w) for n, w in arrived.items()} == {
            n: len(w) for n, w in beat.shown.items()
        }, f"{where}\nphones showed: {dict(arrived)}"
        for name, expected in beat.shown.items():
            for want, words in zip(expected, arrived[name], strict=True):
                assert re.fullmatch(as_pattern(want), words, re.DOTALL), (
                    f"{where}\nexpected on {name}'s phone: {want}\nit shows: {words}"
                )


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 8
