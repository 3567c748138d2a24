"""The check-ins that are scored: what each is, how an answer is read, what the answers add up to.

Wording and credits:

* PHQ-2, PHQ-9, GAD-2, GAD-7: developed by Drs. Robert L. Spitzer, Janet B. W. Williams, Kurt
  Kroenke and colleagues, with an educational grant from Pfizer Inc. No permission is required to
  reproduce, translate, display or distribute them.
* WHO-5: (c) World Health Organization, CC BY-NC-SA 3.0 IGO (as WHO republished it in 2024): credit
  it, do not sell it, share changes alike.
* UCLA-3: Hughes, Waite, Hawkley and Cacioppo, Research on Aging 26(6), 2004.
* Mentor check: written for Warmline, not a validated scale.

A score is a reason for a person to look, never a diagnosis. Cut-offs are the program's
(policy.toml, [check_ins]); nothing here reads a file or a clock.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class UnusableAnswer(ValueError):
    """An answer that cannot be scored; ask again. It never repeats what was written."""


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


@dataclass(frozen=True)
class Scale:
    """One questionnaire.

    `lowest` and `highest` bound a single answer. With up to `missing_allowed` answers missing, the
    total is the mean of those given, times `items`, rounded half up; with more there is none.
    A total in points times `unit_per_point` is in `unit`, which is what cut-offs are in.
    `crisis_item` counts from 1: any answer to it above the lowest is for the crisis path.
    """

    name: str
    title: str
    items: int
    lowest: int
    highest: int
    missing_allowed: int
    missing_rule: str
    unit: str
    source: str
    words: Mapping[str, int]
    worse: Literal["higher", "lower"] = "higher"
    unit_per_point: int = 1
    longer: str | None = None
    crisis_item: int | None = None

    @property
    def lowest_total(self) -> int:
        """In `unit`."""
        return self.items * self.lowest * self.unit_per_point

    @property
    def highest_total(self) -> int:
        """In `unit`."""
        return self.items * self.highest * self.unit_per_point


class CutOffs(BaseModel):
    """One scale's cut-off and where each band begins, lowest first, in the scale's unit.

    A total at the cut-off, or beyond it on the scale's worse side, needs a person's attention.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: Annotated[Mapping[str, int], Field(min_length=1)]
    cut_off: int

    @model_validator(mode="after")
    def bands_rise(self) -> "CutOffs":
        if any(later <= earlier for earlier, later in pairwise(self.bands.values())):
            raise ValueError("each band must begin above the one before it")
        return self

    def band(self, total: int) -> str:
        """The band that holds `total`, which is in the scale's unit."""
        return [name for name, begins in self.bands.items() if begins <= total][-1]


@dataclass(frozen=True)
class Scored:
    """What the answers add up to. `total` is in points, None when too many are missing.

    `percentage` (0..100) is WHO-5's alone. `notable`: the total is at the cut-off or beyond it; an
    unscorable one only if it would be so with the kindest answers in the gaps. `continues_with`
    names the longer scale to ask next.
    """

    scale: str
    total: int | None
    missing: int
    percentage: int | None
    band: str | None
    notable: bool
    continues_with: str | None
    item_nine: int | None

    @property
    def item_nine_positive(self) -> bool:
        """A crisis-path event, whatever the total and even when there is none."""
        return self.item_nine is not None and self.item_nine > 0


def _answers(*phrases: str, lowest: int = 0) -> Mapping[str, int]:
    """Each phrase with its number: the first argument lists what means `lowest`, and so on."""
    numbered = enumerate(phrases, lowest)
    return {phrase: value for value, listed in numbered for phrase in listed.split(", ")}


# The official words first, then how people say the same in a chat. What could mean two answers
# ("often" to PHQ, "half the days") is left out: asking again is better than guessing.
DAYS: Final = _answers(
    "not at all, not atall, never, no days, zero days, not once",
    "several days, severl days, some days, a few days, few days, couple of days, a couple of "
    "days, a couple days, sometimes",
    "more than half the days, more than half of the days, more than half the time, more than "
    "half, more then half the days, more then half, over half the days, over half, most days, "
    "most of the days, mostly",
    "nearly every day, nearly everyday, almost every day, almost everyday, every day, "
    "everyday, every single day, daily, all the time, always, constantly",
)
TIME: Final = _answers(
    "at no time, no time, none of the time, never, not at all, not once",
    "some of the time, sometimes, some days",
    "less than half of the time, less than half the time, less than half, less then half, "
    "under half",
    "more than half of the time, more than half the time, more than half, more then half, "
    "over half",
    "most of the time, mostly, most days, almost always",
    "all of the time, all the time, always, the whole time, every day, everyday",
)
OFTEN: Final = _answers(
    "hardly ever, hardly ever or never, never, almost never, rarely, not at all",
    "some of the time, sometimes, at times, now and then, once in a while, occasionally",
    "often, very often, a lot, a lot of the time, most of the time, all the time, always, "
    "constantly",
    lowest=1,
)
AGREE: Final = _answers(
    "not at all, never",
    "a little, a little bit, a bit, slightly",
    "half and half, half half, half, fifty fifty, partly, somewhat",
    "mostly, most of the time, mainly",
    "fully, totally, completely, very much, always",
)

_SPITZER: Final = "developed by Drs. Spitzer, Williams, Kroenke and colleagues, grant from Pfizer"
_NONE_MISSING: Final = (
    "convention: with so few questions none is guessed, so one missing leaves no total"
)

PHQ2: Final = Scale(
    name="phq2",
    title="PHQ-2",
    items=2,
    lowest=0,
    highest=3,
    missing_allowed=0,
    missing_rule=_NONE_MISSING,
    unit="points, 0 to 6",
    source=f"Kroenke, Spitzer and Williams, Medical Care 41(11), 2003; {_SPITZER}",
    words=DAYS,
    longer="phq9",
)
PHQ9: Final = Scale(
    name="phq9",
    title="PHQ-9",
    items=9,
    lowest=0,
    highest=3,
    missing_allowed=2,
    missing_rule=(
        "one or two missing answers count as the mean of the others, with more there is no total:"
        " the rule in use, for instance Arrieta and others, J Clin Psychol 73(9), 2017"
    ),
    unit="points, 0 to 27",
    source=f"Kroenke, Spitzer and Williams, J Gen Intern Med 16(9), 2001; {_SPITZER}",
    words=DAYS,
    crisis_item=9,
)
GAD2: Final = Scale(
    name="gad2",
    title="GAD-2",
    items=2,
    lowest=0,
    highest=3,
    missing_allowed=0,
    missing_rule=_NONE_MISSING,
    unit="points, 0 to 6",
    source=f"Kroenke and others, Annals of Internal Medicine 146(5), 2007; {_SPITZER}",
    words=DAYS,
    longer="gad7",
)
GAD7: Final = Scale(
    name="gad7",
    title="GAD-7",
    items=7,
    lowest=0,
    highest=3,
    missing_allowed=2,
    missing_rule="convention: the rule of PHQ-9, whose answers it shares",
    unit="points, 0 to 21",
    source=f"Spitzer and others, Archives of Internal Medicine 166(10), 2006; {_SPITZER}",
    words=DAYS,
)
WHO5: Final = Scale(
    name="who5",
    title="WHO-5",
    items=5,
    lowest=0,
    highest=5,
    missing_allowed=0,
    missing_rule="convention: the published scoring adds up five answers and names no other way",
    unit="percent, 0 to 100; four for each of the 25 points",
    source=(
        "(c) World Health Organization, CC BY-NC-SA 3.0 IGO; "
        "Topp and others, Psychotherapy and Psychosomatics 84(3), 2015"
    ),
    words=TIME,
    worse="lower",
    unit_per_point=4,
)
UCLA3: Final = Scale(
    name="ucla3",
    title="UCLA-3",
    items=3,
    lowest=1,
    highest=3,
    missing_allowed=0,
    missing_rule=_NONE_MISSING,
    unit="points, 3 to 9",
    source="Hughes, Waite, Hawkley and Cacioppo, Research on Aging 26(6), 2004",
    words=OFTEN,
)
MENTOR_CHECK: Final = Scale(
    name="mentor_check",
    title="the mentor check",
    items=4,
    lowest=0,
    highest=4,
    missing_allowed=1,
    missing_rule="program rule: one missing answer counts as the mean of the other three",
    unit="points, 0 to 16",
    source="Written for Warmline; not a validated scale",
    words=AGREE,
    worse="lower",
)

SCALES: Final = {scale.name: scale for scale in (PHQ2, PHQ9, GAD2, GAD7, WHO5, UCLA3, MENTOR_CHECK)}

# "None" is how Rasa writes a question that was never reached.
SKIPPED: Final = frozenset(
    {"none", "skip", "skip it", "skip this", "pass", "next", "rather not say",
     "prefer not to say", "id rather not say"}
)  # fmt: skip
NUMBERS: Final = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
# Beside an answer, these make it another one or none.
UNDOES_IT: Final = frozenset(
    {"not", "no", "nor", "or", "to", "between", "less", "more", "isnt", "wasnt", "never", "than",
     "half", "day", "days", "week", "weeks", "hour", "hours", "time", "times"}
)  # fmt: skip


def read_answer(scale: Scale, text: str) -> int | None:
    """The answer as a number, None where the question was skipped.

    Raises:
        OutOfRange: it is a number that the scale does not have.
        NotAnAnswer: it is anything else, or two different answers.
    """
    said = _plain(text)
    if not text.strip() or said in SKIPPED:
        return None
    phrases = _phrases(scale.name)
    values = {scale.words[phrase] for phrase in phrases.findall(said)}
    rest = phrases.sub(" ", said).split()
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
    [value] = values
    return _in_range(scale, value)


def score(scale: Scale, answers: Sequence[int | None], cut_offs: CutOffs) -> Scored:
    """Add up the answers, in the order of the questions; None is a question left out.

    Raises:
        OutOfRange: an answer is not one of the scale's.
        ValueError: there are not as many answers as questions.
    """
    if len(answers) != scale.items:
        raise ValueError(f"{scale.title} has {scale.items} questions, not {len(answers)}.")
    given = [_in_range(scale, answer) for answer in answers if answer is not None]
    missing = scale.items - len(given)
    total = _total(scale, given)
    kindest = scale.lowest if scale.worse == "higher" else scale.highest
    certain = sum(given) + missing * kindest if total is None else total
    in_unit = certain * scale.unit_per_point
    notable = _is_beyond(scale, in_unit, cut_offs.cut_off)
    return Scored(
        scale=scale.name,
        total=total,
        missing=missing,
        percentage=None if total is None or scale.unit_per_point == 1 else in_unit,
        band=None if total is None else cut_offs.band(in_unit),
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
        return _NOTABLE_LINES[scored.scale]
    return "check_in_unscorable" if scored.total is None else "check_in_noted"


_NOTABLE_LINES: Final = {
    "phq9": "check_in_raised",
    "gad7": "check_in_raised",
    "who5": "check_in_low_wellbeing",
    "ucla3": "check_in_lonely",
    "mentor_check": "check_in_mentor_low",
}


def _total(scale: Scale, given: Sequence[int]) -> int | None:
    if scale.items - len(given) > scale.missing_allowed:
        return None
    return (2 * sum(given) * scale.items + len(given)) // (2 * len(given))  # rounded half up


def _is_beyond(scale: Scale, in_unit: int, cut_off: int) -> bool:
    return in_unit >= cut_off if scale.worse == "higher" else in_unit <= cut_off


def _in_range(scale: Scale, value: int) -> int:
    if not scale.lowest <= value <= scale.highest:
        raise OutOfRange(scale, value)
    return value


def _plain(text: str) -> str:
    """Lower case, no apostrophes, no punctuation but what holds a number together."""
    said = re.sub(r"['\u2019]", "", text.casefold())
    said = re.sub(r"[.,:/-](?=[a-z])|[^\w\s.,:/-]", " ", said)
    words = (word.lstrip(".,:/").rstrip(".,:/-") for word in said.split())
    return " ".join(word for word in words if word)


@cache
def _phrases(name: str) -> re.Pattern[str]:
    longest_first = sorted(SCALES[name].words, key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b")
