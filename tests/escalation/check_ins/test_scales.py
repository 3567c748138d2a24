"""The check-ins add up as published; what is left out stays left out; item 9 is never lost."""

import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from escalation.check_ins.scales import (
    GAD2,
    GAD7,
    MENTOR_CHECK,
    NUMBERS,
    PHQ2,
    PHQ9,
    SCALES,
    UCLA3,
    WHO5,
    NotAnAnswer,
    OutOfRange,
    Scale,
    Scored,
    UnusableAnswer,
    line_after,
    read_answer,
    score,
)
from escalation.policy import POLICY_FILE, BadPolicy, load_policy
from escalation.speech.script import load_script

POLICY = load_policy()
BOT = Path(__file__).parents[3] / "bot"
EACH_SCALE = pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))


def scored(scale: Scale, *answers: int | None) -> Scored:
    return score(scale, answers, POLICY.check_ins.of(scale))


def adding_up_to(scale: Scale, total: int) -> Scored:
    """Maya's answers to `scale`, as even as they can be, with this total in points."""
    each, over = divmod(total, scale.items)
    return scored(scale, *[each + 1] * over, *[each] * (scale.items - over))


# --- Totals ---


def test_the_answers_are_added_up() -> None:
    cases = [
        # The example of the German Medical Informatics Initiative's FHIR guide (PROMs, GAD-7).
        (GAD7, (1, 1, 1, 2, 2, 0, 0), 7),
        # The sheet's own way, columns: 2 x several days, 2 x more than half, 1 x nearly every day.
        (PHQ9, (1, 0, 2, 0, 1, 0, 2, 3, 0), 2 * 1 + 2 * 2 + 1 * 3),
        (PHQ2, (1, 2), 3),
        (GAD2, (3, 0), 3),
        (WHO5, (3, 3, 2, 2, 3), 13),
        (UCLA3, (1, 2, 3), 6),
        (MENTOR_CHECK, (4, 3, 2, 1), 10),
    ]
    wrong = [case for case in cases if scored(case[0], *case[1]).total != case[2]]
    assert not wrong


def test_totals_reach_as_far_as_published() -> None:
    cases = [
        (PHQ2, 0, 6), (PHQ9, 0, 27), (GAD2, 0, 6), (GAD7, 0, 21), (WHO5, 0, 25), (UCLA3, 3,
        9), (MENTOR_CHECK, 0, 16),
    ]  # fmt: skip
    for scale, lowest, highest in cases:
        assert scored(scale, *[scale.lowest] * scale.items).total == lowest
        assert scored(scale, *[scale.highest] * scale.items).total == highest


def test_well_being_is_also_a_percentage() -> None:
    cases = [
        (0, 0), (7, 28), (8, 32), (12, 48), (13, 52), (20, 80), (25, 100),
    ]  # fmt: skip
    assert not [case for case in cases if adding_up_to(WHO5, case[0]).percentage != case[1]]


def test_only_well_being_has_a_percentage() -> None:
    assert adding_up_to(PHQ9, 12).percentage is None
    assert scored(WHO5, 3, 3, 3, 3, None).percentage is None


# --- Bands and cut-offs ---


def test_a_band_holds_both_its_edges() -> None:
    cases = [
        (PHQ2, (0, 2), "low"),
        (PHQ2, (3, 6), "raised"),
        # Kroenke, Spitzer and Williams 2001.
        (PHQ9, (0, 4), "minimal"),
        (PHQ9, (5, 9), "mild"),
        (PHQ9, (10, 14), "moderate"),
        (PHQ9, (15, 19), "moderately_severe"),
        (PHQ9, (20, 27), "severe"),
        (GAD2, (0, 2), "low"),
        (GAD2, (3, 6), "raised"),
        # Spitzer and others 2006.
        (GAD7, (0, 4), "minimal"),
        (GAD7, (5, 9), "mild"),
        (GAD7, (10, 14), "moderate"),
        (GAD7, (15, 21), "severe"),
        # 28 % and below, 50 % and below (Topp and others 2015); in points.
        (WHO5, (0, 7), "very_low"),
        (WHO5, (8, 12), "low"),
        (WHO5, (13, 25), "fair"),
        (UCLA3, (3, 5), "low"),
        (UCLA3, (6, 9), "raised"),
        (MENTOR_CHECK, (0, 8), "low"),
        (MENTOR_CHECK, (9, 16), "good"),
    ]
    wrong = [
        (scale.name, totals, band)
        for scale, totals, band in cases
        if {adding_up_to(scale, total).band for total in totals} != {band}
    ]
    assert not wrong


def test_the_cut_off_counts_on_the_worse_side() -> None:
    cases = [
        (PHQ2, 2, 3), (PHQ9, 9, 10), (GAD2, 2, 3), (GAD7, 9, 10), (UCLA3, 5, 6), (WHO5, 13,
        12), (MENTOR_CHECK, 9, 8),
    ]  # fmt: skip
    for scale, not_yet, at_the_cut_off in cases:
        assert not adding_up_to(scale, not_yet).notable
        assert adding_up_to(scale, at_the_cut_off).notable


def test_three_points_lead_on_to_the_longer_scale_and_to_no_other() -> None:
    for short, longer in ((PHQ2, "phq9"), (GAD2, "gad7")):
        assert scored(short, 1, 2).continues_with == longer
        assert scored(short, 1, 1).continues_with is None
    for scale in (PHQ9, GAD7, WHO5, UCLA3, MENTOR_CHECK):
        worst = scale.highest if scale.worse == "higher" else scale.lowest
        assert scored(scale, *[worst] * scale.items).continues_with is None


# --- What is missing ---


def test_a_few_missing_count_as_the_mean_of_the_others() -> None:
    cases = [
        (PHQ9, (1, 1, 1, 1, 1, 1, 1, 1, None), 9),
        (PHQ9, (2, 2, 2, 1, 1, 1, 1, None, None), 13),  # 10 / 7 * 9 = 12.86
        (PHQ9, (1, 1, 1, 1, 0, 0, 0, 0, None), 5),  # 4 / 8 * 9 = 4.5, up
        (GAD7, (1, 1, 1, 1, 1, None, None), 7),
        (GAD7, (3, 0, 0, 0, 0, 0, None), 4),  # 3 / 6 * 7 = 3.5, up
        (MENTOR_CHECK, (4, 3, None, 3), 13),  # 10 / 3 * 4 = 13.33,
    ]
    wrong = [case for case in cases if scored(case[0], *case[1]).total != case[2]]
    assert not wrong


@EACH_SCALE
def test_one_more_missing_than_allowed_leaves_no_total(scale: Scale) -> None:
    best = scale.lowest if scale.worse == "higher" else scale.highest
    enough = [best] * (scale.items - scale.missing_allowed)
    assert scored(scale, *enough, *[None] * scale.missing_allowed).total is not None
    too_few = scored(scale, *enough[1:], *[None] * (scale.missing_allowed + 1))
    assert (too_few.total, too_few.band, too_few.notable) == (None, None, False)
    assert too_few.missing == scale.missing_allowed + 1


@EACH_SCALE
def test_nothing_answered_is_no_result(scale: Scale) -> None:
    nothing = scored(scale, *[None] * scale.items)
    assert (nothing.total, nothing.missing, nothing.notable) == (None, scale.items, False)
    assert not nothing.item_nine_positive


def test_a_gap_hides_nothing_that_is_certain() -> None:
    """Nearly every day, and the other question skipped: 3 whatever the other would have been."""
    assert scored(PHQ2, None, 3).continues_with == "phq9"
    assert scored(PHQ2, None, 2).continues_with is None
    assert scored(WHO5, 1, 1, 1, 1, None).notable
    assert not scored(WHO5, 2, 2, 2, 2, None).notable


# --- Item 9 ---


def test_item_nine_counts_whatever_else_was_answered() -> None:
    for answer in (1, 2, 3):
        alone = scored(PHQ9, 0, 0, 0, 0, 0, 0, 0, 0, answer)
        assert alone.item_nine_positive
        assert (alone.item_nine, alone.band) == (answer, "minimal")
    assert scored(PHQ9, *[None] * 8, 1).item_nine_positive
    for denied in (0, None):
        assert not scored(PHQ9, 3, 3, 3, 3, 3, 3, 3, 3, denied).item_nine_positive


def test_no_other_scale_has_an_item_nine() -> None:
    for scale in SCALES.values():
        if scale is not PHQ9:
            assert scored(scale, *[scale.highest] * scale.items).item_nine is None


# --- What cannot be scored ---


@EACH_SCALE
def test_an_answer_beyond_the_scale_is_refused(scale: Scale) -> None:
    fine = [scale.lowest] * (scale.items - 1)
    for beyond in (scale.lowest - 1, scale.highest + 1):
        with pytest.raises(OutOfRange, match=rf"{beyond} is not .*{scale.lowest} to"):
            scored(scale, *fine, beyond)


@EACH_SCALE
def test_as_many_answers_as_questions(scale: Scale) -> None:
    with pytest.raises(ValueError, match=f"has {scale.items} questions"):
        scored(scale, *[scale.lowest] * (scale.items + 1))


def test_a_result_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        adding_up_to(PHQ9, 9).total = 0  # type: ignore[misc]


# --- Reading an answer ---


def test_numbers_and_words_are_both_read() -> None:
    cases = [
        (PHQ9, "not at all", 0),
        (PHQ9, "Several days", 1),
        (PHQ9, "more than half the days", 2),
        (PHQ9, "mostly", 2),
        (PHQ9, "nearly every day.", 3),
        (PHQ9, " its like every day tbh", 3),
        (PHQ9, "2", 2),
        (PHQ9, "two", 2),
        (PHQ9, "3!!", 3),
        (PHQ9, "2 - more than half the days", 2),
        (PHQ9, "1 (several days)", 1),
        (GAD7, "couple of days i guess", 1),
        (WHO5, "mostly", 4),
        (WHO5, "some of the time", 1),
        (WHO5, "less than half of the time", 2),
        (WHO5, "More than half", 3),
        (WHO5, "at no time", 0),
        (WHO5, "all of the time", 5),
        (UCLA3, "hardly ever", 1),
        (UCLA3, "Hardly ever or never", 1),
        (UCLA3, "some of the time", 2),
        (UCLA3, "often", 3),
        (MENTOR_CHECK, "not at all", 0),
        (MENTOR_CHECK, "half-and-half", 2),
        (MENTOR_CHECK, "mostly", 3),
        (MENTOR_CHECK, "4, fully", 4),
    ]
    wrong = [case for case in cases if read_answer(case[0], case[1]) != case[2]]
    assert not wrong


@EACH_SCALE
def test_a_skipped_question_is_missing_and_never_the_maximum(scale: Scale) -> None:
    skips = "skip", "SKIP", "pass", "rather not say", "I'd rather not say", "", "  ", "None"
    assert not [said for said in skips if read_answer(scale, said) is not None]


@EACH_SCALE
def test_a_number_beyond_the_scale_is_named(scale: Scale) -> None:
    for said in ("-1", "6", "10", "100"):
        with pytest.raises(OutOfRange, match=f"{said} is not an answer to {scale.title}"):
            read_answer(scale, said)


def test_loneliness_has_no_zero() -> None:
    with pytest.raises(OutOfRange):
        read_answer(UCLA3, "0")


UNCLEAR = [
    "2.5", "1-2", "1 or 2", "1, 2", "between 1 and 2", "not 2", "2 days", "0 days", "3am",
    "yes", "no", "maybe", "idk", "?", "banana", "1/3", "2\u00b2", "\u0662 or so", "9" * 30,
]  # fmt: skip


@EACH_SCALE
def test_what_is_no_clear_answer_is_asked_again(scale: Scale) -> None:
    for said in UNCLEAR:
        with pytest.raises(UnusableAnswer):
            pytest.fail(f"{said} is {read_answer(scale, said)}")


def test_words_that_could_mean_two_answers_are_not_guessed() -> None:
    cases = [
        (PHQ9, "often"),
        (PHQ9, "half the days"),
        (PHQ9, "not several days"),
        (PHQ9, "several days or every day"),
        (PHQ9, "1 more than half the days"),
        (WHO5, "often"),
        (WHO5, "half the time"),
        (UCLA3, "not often"),
        (MENTOR_CHECK, "agree"),
    ]
    for scale, said in cases:
        with pytest.raises(NotAnAnswer):
            pytest.fail(f"{scale.name}: {said} is {read_answer(scale, said)}")


def test_an_error_does_not_repeat_what_was_written() -> None:
    with pytest.raises(NotAnAnswer) as error:
        read_answer(PHQ9, "my secret")
    assert "secret" not in str(error.value)


# --- The bot takes for an answer what the house can read, and nothing else ---

BEFORE = (
    r"um+|uh+|h?mm+|well|ok|okay|oh|lol|yeah|yea|i|i\W?d|say|guess|think|like|it\W?s|it|was|is|were"
    r"|been|a|the|about|around|pretty much|prob|probs|probably|maybe|honestly|tbh|ngl|just|only"
    r"|really|so|still|that\W?s|would be|put|answer|number|option|me|felt|im|i\W?m|idk|sorry"
    r"|let\W?s say|definitely"
)
AFTER = (
    r"i|guess|think|tbh|lol|prob|probs|probably|maybe|really|so|yeah|for sure|honestly|ngl|now"
    r"|lately|recently|for me|i\W?d say|ig|rn|it was|still|too|agree|true|definitely"
)
FAMILIES = {"days_answer": PHQ9, "time_answer": WHO5, "often_answer": UCLA3,
            "agree_answer": MENTOR_CHECK}  # fmt: skip
EACH_FAMILY = pytest.mark.parametrize("family", FAMILIES)


def pattern_of(scale: Scale) -> str:
    """The bot's pattern for the answers of `scale`: one clause that is an answer and only that."""
    begins = r"(?:^|(?<=[^\w\s'/$+-])|(?<=- )|(?<=\n))\s*" + rf"(?:(?:{BEFORE})\s+){{0,5}}"
    ends = rf"(?=(?:\s+(?:{AFTER})){{0,4}}\s*(?:$|[^\w\s'/$+-]|-\s|\n))"
    words = [
        rf"(?:{value}[ ().:=-]{{1,3}})?(?:{'|'.join(said)})"
        for value in range(scale.lowest, scale.highest + 1)
        if (said := sorted((w for w in scale.words if scale.words[w] == value), key=len)[::-1])
    ]
    numbers = [word for word, value in NUMBERS.items() if scale.lowest <= value <= scale.highest]
    number = (
        rf"(?<!\d[.,:])(?<!\d[.,:] )(?<!\d - )(?:[{scale.lowest}-{scale.highest}]|"
        + "|".join(numbers)
        + r")(?!\s*[.,:/-]\s?\d)"
    )
    return f"{begins}(?:{'|'.join(words)}|{number}){ends}"


def patterns_of_the_bot() -> dict[str, str]:
    blocks = yaml.safe_load((BOT / "data" / "frequency.yml").read_text("utf-8"))["nlu"]
    return {
        block["regex"]: block["examples"].strip().removeprefix("- ")
        for block in blocks
        if "regex" in block
    }


@EACH_FAMILY
def test_the_bot_knows_the_words_that_the_house_knows(family: str) -> None:
    """Where this fails, the line to put into bot/data/frequency.yml is the one it prints."""
    assert patterns_of_the_bot()[family] == pattern_of(FAMILIES[family])


@EACH_FAMILY
@given(data=st.data())
def test_whatever_the_bot_takes_the_house_can_score(family: str, data: st.DataObject) -> None:
    pattern = re.compile(pattern_of(FAMILIES[family]), re.IGNORECASE)
    found = pattern.search(data.draw(st.from_regex(pattern)))
    assert found is not None
    assert read_answer(FAMILIES[family], found.group()) is not None


@EACH_FAMILY
def test_every_word_of_the_scale_is_taken_with_what_people_put_around_it(family: str) -> None:
    scale = FAMILIES[family]
    pattern = re.compile(pattern_of(scale), re.IGNORECASE)
    for phrase, value in scale.words.items():
        for said in (phrase, phrase.upper() + "!", f"um id say {phrase} tbh", f"hey. {phrase}",
                     f"{value} {phrase}", f"{value} - {phrase}"):  # fmt: skip
            found = pattern.findall(said)
            assert found, said
            assert read_answer(scale, found[-1]) == value


OTHER_TALK = [
    "my 2 friends left me", "2.5", "1-2", "1, 2", "1 or 2", "2 days", "3am", "-1", "12", "2/10",
    "i was at school for 3 hours", "yes", "no", "skip", "stop this", "what", "never mind",
    "i feel lonely all the time and i hate it", "not several days", "not often", "1/2",
]  # fmt: skip


@EACH_FAMILY
def test_the_bot_takes_no_number_out_of_other_talk(family: str) -> None:
    pattern = re.compile(pattern_of(FAMILIES[family]), re.IGNORECASE)
    assert not [said for said in OTHER_TALK if pattern.search(said)]


def test_of_two_answers_the_bot_takes_the_later_one() -> None:
    """Maya corrects herself: of several matches, Rasa fills a slot with the last."""
    found = re.findall(pattern_of(PHQ9), "2. no wait, several days", re.IGNORECASE)
    assert read_answer(PHQ9, found[-1]) == 1


# --- Laws ---

ANY_SCALE = st.sampled_from(list(SCALES.values()))


@st.composite
def answered(draw: st.DrawFn) -> tuple[Scale, list[int | None]]:
    scale = draw(ANY_SCALE)
    answer = st.none() | st.integers(scale.lowest, scale.highest)
    return scale, draw(st.lists(answer, min_size=scale.items, max_size=scale.items))


@given(answered())
def test_a_total_stays_on_its_scale_and_has_a_band(taken: tuple[Scale, list[int | None]]) -> None:
    scale, answers = taken
    result = scored(scale, *answers)
    assert (result.total is None) == (answers.count(None) > scale.missing_allowed)
    if result.total is not None:
        in_unit = result.total * scale.unit_per_point
        assert scale.lowest_total <= in_unit <= scale.highest_total
        assert result.band in POLICY.check_ins.of(scale).bands


@given(answered(), st.data())
def test_a_worse_answer_never_makes_the_result_look_better(
    taken: tuple[Scale, list[int | None]], data: st.DataObject
) -> None:
    scale, answers = taken
    place = data.draw(st.integers(0, scale.items - 1))
    if answers[place] is None or not scored(scale, *answers).notable:
        return
    answers[place] = scale.highest if scale.worse == "higher" else scale.lowest
    assert scored(scale, *answers).notable


@given(answered())
def test_leaving_out_never_counts_as_the_worst_answer(
    taken: tuple[Scale, list[int | None]],
) -> None:
    scale, answers = taken
    worst = scale.highest if scale.worse == "higher" else scale.lowest
    filled = [worst if answer is None else answer for answer in answers]
    left_out, worst_case = scored(scale, *answers), scored(scale, *filled)
    if left_out.notable:
        assert worst_case.notable
    if left_out.total is not None and worst_case.total is not None:
        kinder = left_out.total - worst_case.total
        assert kinder <= 0 if scale.worse == "higher" else kinder >= 0


@given(scale=ANY_SCALE, text=st.text(max_size=40))
def test_any_text_is_an_answer_a_skip_or_a_named_error(scale: Scale, text: str) -> None:
    try:
        value = read_answer(scale, text)
    except UnusableAnswer:
        return
    assert value is None or scale.lowest <= value <= scale.highest


# --- What the mentee hears, and what the program may change ---


def test_the_line_afterwards_fits_the_result() -> None:
    cases = [
        (adding_up_to(PHQ2, 2), "check_in_noted"),
        (adding_up_to(PHQ2, 3), None),  # PHQ-9 begins
        (scored(PHQ9, 3, 3, 3, 1, 0, 0, 0, 0, 0), "check_in_raised"),
        (adding_up_to(GAD7, 10), "check_in_raised"),
        (adding_up_to(WHO5, 12), "check_in_low_wellbeing"),
        (adding_up_to(UCLA3, 6), "check_in_lonely"),
        (adding_up_to(MENTOR_CHECK, 8), "check_in_mentor_low"),
        (adding_up_to(WHO5, 20), "check_in_noted"),
        (scored(GAD7, 1, 1, 1, 1, None, None, None), "check_in_unscorable"),
        (scored(GAD7, 3, 3, 3, 3, None, None, None), "check_in_raised"),
        (scored(PHQ9, 3, 3, 3, 3, 3, 3, 3, 3, 1), None),  # the crisis lines,
    ]
    wrong = [(result, line) for result, line in cases if line_after(result) != line]
    assert not wrong
    assert {line for _, line in cases if line} <= set(load_script().lines)


@EACH_SCALE
@given(data=st.data())
def test_there_is_a_line_for_every_result(scale: Scale, data: st.DataObject) -> None:
    answer = st.none() | st.integers(scale.lowest, scale.highest)
    answers = data.draw(st.lists(answer, min_size=scale.items, max_size=scale.items))
    result = scored(scale, *answers)
    line = line_after(result)
    assert (line is None) == (result.item_nine_positive or result.continues_with is not None)
    assert line is None or line in load_script().lines


@pytest.mark.parametrize(
    ("right", "wrong", "named"),
    [
        ("minimal = 0, mild = 5, moderate = 10, moderately_severe",
         "minimal = 0, mild = 50, moderate = 10, moderately_severe", "each band must begin above"),
        ("very_low = 0", "very_low = 3", "check_ins.who5: the first band must begin at 0"),
        ("raised = 6", "raised = 10", "check_ins.ucla3"),
        ("cut_off = 50", "cut_off = 101", "check_ins.who5"),
        ("cut_off = 50", 'cut_off = "low"', "check_ins.who5.cut_off"),
    ],
)  # fmt: skip
def test_a_cut_off_that_cannot_be_is_named(
    tmp_path: Path, right: str, wrong: str, named: str
) -> None:
    file, text = tmp_path / "policy.toml", POLICY_FILE.read_text("utf-8")
    assert right in text
    file.write_text(text.replace(right, wrong, 1), "utf-8")
    with pytest.raises(BadPolicy, match=re.escape(named)):
        load_policy(file)
