"""The questionnaires of scales.toml: reading an answer, and adding up the answers.

A score is a reason for a person to look, never a diagnosis. Cut-offs are the program's
(policy.toml, [check_ins]).
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class UnusableAnswer(ValueError):
    """An answer that cannot be scored; ask again. It never repeats what the mentee wrote."""


class NotAnAnswer(UnusableAnswer):
    def __init__(self, scale: "Scale") -> None:
        super().__init__(
            f"This is no answer to {scale.title}, or more than one. "
            f"Send one number from {scale.lowest} to {scale.highest}, or its words."
        )


class OutOfRange(UnusableAnswer):
    def __init__(self, scale: "Scale", value: int) -> None:
        super().__init__(
            f"{value} is not an answer to {scale.title}: "
            f"send a number from {scale.lowest} to {scale.highest}."
        )


class Scale(BaseModel):
    """One questionnaire. scales.toml explains the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    items: int
    lowest: int
    highest: int
    missing_allowed: int
    missing_rule: str
    words: Mapping[str, int]
    unit: str
    unit_per_point: int = 1
    worse: Literal["higher", "lower"] = "higher"
    longer: str | None = None
    crisis_item: int | None = None
    notable_line: str | None = None
    source: str

    @property
    def lowest_total(self) -> int:
        """In `unit`."""
        return self.items * self.lowest * self.unit_per_point

    @property
    def highest_total(self) -> int:
        """In `unit`."""
        return self.items * self.highest * self.unit_per_point

    @cached_property
    def phrases(self) -> re.Pattern[str]:
        longest_first = sorted(self.words, key=len, reverse=True)
        return re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b")

    def in_range(self, value: int) -> int:
        """`value`. Raises OutOfRange if the scale has no such answer."""
        if not self.lowest <= value <= self.highest:
            raise OutOfRange(self, value)
        return value


class CutOffs(BaseModel):
    """One scale's cut-off and the published bands (where each begins, lowest first), in the
    scale's unit. Only the cut-off changes what Warmline does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: Annotated[Mapping[str, int], Field(min_length=1)]
    cut_off: int

    @model_validator(mode="after")
    def bands_rise(self) -> "CutOffs":
        if any(later <= earlier for earlier, later in pairwise(self.bands.values())):
            raise ValueError("each band must begin above the one before it")
        return self


@dataclass(frozen=True)
class Scored:
    """What the answers add up to. `total` is in points, None when too many are missing.

    `notable`: the total is at or past the cut-off. Without a total: it would be, even if each
    missing answer were the best one. `continues_with` names the longer scale to ask next.
    """

    scale: str
    total: int | None
    missing: int
    notable: bool
    continues_with: str | None
    item_nine: int | None

    @property
    def item_nine_positive(self) -> bool:
        """A crisis, whatever the total and even when there is none."""
        return self.item_nine is not None and self.item_nine > 0


_FILE = tomllib.loads(Path(__file__).with_name("scales.toml").read_text("utf-8"))


def _read_scale(name: str, entry: dict[str, Any]) -> Scale:
    rows = enumerate(_FILE["words"][entry["words"]], entry["lowest"])
    words = {phrase: value for value, phrases in rows for phrase in phrases}
    return Scale.model_validate({**entry, "name": name, "words": words})


SCALES: Final = {name: _read_scale(name, entry) for name, entry in _FILE["scales"].items()}
MENTOR_CHECK: Final = SCALES["mentor_check"]
SKIPS: Final = frozenset(_FILE["reading"]["skips"])
NUMBERS: Final[Mapping[str, int]] = _FILE["reading"]["numbers"]
UNDOES_IT: Final = frozenset(_FILE["reading"]["undo"])


def read_answer(scale: Scale, text: str) -> int | None:
    """The answer as a number, None where the question was skipped.

    Raises:
        OutOfRange: it is a number that the scale does not have.
        NotAnAnswer: it is anything else, or two different answers.
    """
    said = _plain(text)
    if not text.strip() or said in SKIPS:
        return None
    values = {scale.words[phrase] for phrase in scale.phrases.findall(said)}
    rest = scale.phrases.sub(" ", said).split()
    if UNDOES_IT & set(rest):
        raise NotAnAnswer(scale)
    for word in rest:
        if word in NUMBERS:
            values.add(NUMBERS[word])
        elif re.fullmatch(r"-?\d{1,6}", word):
            values.add(int(word))
        elif re.search(r"\d", word):
            raise NotAnAnswer(scale)  # 2.5, 1-2, 3am
    if len(values) != 1:
        raise NotAnAnswer(scale)
    return scale.in_range(values.pop())


def score(scale: Scale, answers: Sequence[int | None], cut_offs: CutOffs) -> Scored:
    """Add up the answers, in the order of the questions; None is a question left out.

    Raises:
        OutOfRange: an answer is not one of the scale's.
        ValueError: there are not as many answers as questions.
    """
    if len(answers) != scale.items:
        raise ValueError(f"{scale.title} has {scale.items} questions, not {len(answers)}.")
    given = [scale.in_range(answer) for answer in answers if answer is not None]
    missing, added, total = scale.items - len(given), sum(given), None
    if missing <= scale.missing_allowed:
        # The mean of those given, times the questions, rounded half up.
        total = (2 * added * scale.items + len(given)) // (2 * len(given))
    higher_is_worse = scale.worse == "higher"
    kindest = added + missing * (scale.lowest if higher_is_worse else scale.highest)
    certain = (kindest if total is None else total) * scale.unit_per_point
    notable = certain >= cut_offs.cut_off if higher_is_worse else certain <= cut_offs.cut_off
    return Scored(
        scale=scale.name,
        total=total,
        missing=missing,
        notable=notable,
        continues_with=scale.longer if notable else None,
        item_nine=answers[scale.crisis_item - 1] if scale.crisis_item else None,
    )


def line_after(scored: Scored) -> str | None:
    """The script's line for the mentee, in plain words and without a number.

    None where something else is said: the longer scale's first question, or the crisis lines.
    """
    if scored.item_nine_positive or scored.continues_with:
        return None
    if scored.notable:
        return SCALES[scored.scale].notable_line
    return "check_in_unscorable" if scored.total is None else "check_in_noted"


def _plain(text: str) -> str:
    """Lower case, no apostrophes, no punctuation but what holds a number together."""
    said = re.sub(r"['\u2019]", "", text.casefold())
    said = re.sub(r"[.,:/-](?=[a-z])|[^\w\s.,:/-]", " ", said)
    words = (word.lstrip(".,:/").rstrip(".,:/-") for word in said.split())
    return " ".join(word for word in words if word)
