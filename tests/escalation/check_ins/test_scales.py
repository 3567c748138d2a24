"""The scales add up as published, gaps stay gaps, and item 9 of PHQ-9 is never lost."""

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from escalation.check_ins.scales import (
    NUMBERS,
    SCALES,
    NotAnAnswer,
    OutOfRange,
    Scale,
    Scored,
    UnusableAnswer,
    line_after,
    read_answer,
    score,
)
from escalation.policy_file import POLICY_FILE, BadPolicy, load_policy
from escalation.speech.script import load_script

POLICY = load_policy()
BOT = Path(__file__).parents[3] / "bot"
PHQ2, PHQ9, GAD2, GAD7, WHO5, UCLA3, MENTOR_CHECK = SCALES.values()
EACH_SCALE = pytest.mark.parametrize("scale", SCALES.values(), ids=list(SCALES))


def scored(scale: Scale, *answers: int | None) -> Scored:
    return score(scale, answers, POLICY.check_ins.of(scale))


def best_and_worst(scale: Scale) -> tuple[int, int]:
    by_points = scale.lowest, scale.highest
    return by_points if scale.worse == "higher" else by_points[::-1]


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


def test_the_best_and_worst_totals_are_as_published() -> None:
    published = {
        "phq2": (0, 6), "phq9": (0, 27), "gad2": (0, 6), "gad7": (0, 21), "who5": (25, 0),
        "ucla3": (3, 9), "mentor_check": (16, 0),
    }  # fmt: skip
    reached = {
        name: tuple(scored(scale, *[end] * scale.items).total for end in best_and_worst(scale))
        for name, scale in SCALES.items()
    }
    assert reached == published
    # Well-being is counted in percent, four for each point.
    assert {(s.lowest_total, s.highest_total) for s in SCALES.values() if s.unit == "percent"} == {
        (0, 100)
    }


# --- Cut-offs ---


def test_bands_and_cut_offs_are_as_published() -> None:
    published: dict[str, tuple[list[int], int]] = {
        "phq2": ([0, 3], 3),
        # Kroenke, Spitzer and Williams 2001.
        "phq9": ([0, 5, 10, 15, 20], 10),
        "gad2": ([0, 3], 3),
        # Spitzer and others 2006.
        "gad7": ([0, 5, 10, 15], 10),
        # 28 % and below, 50 % and below (Topp and others 2015).
        "who5": ([0, 29, 51], 50),
        "ucla3": ([3, 6], 6),
        "mentor_check": ([0, 9], 8),
    }
    ours = {name: POLICY.check_ins.of(scale) for name, scale in SCALES.items()}
    assert {
        name: (list(one.bands.values()), one.cut_off) for name, one in ours.items()
    } == published


def test_the_cut_off_counts_on_the_worse_side() -> None:
    cases = [
        (PHQ2, 2, 3), (PHQ9, 9, 10), (GAD2, 2, 3), (GAD7, 9, 10), (UCLA3, 5, 6), (WHO5, 13,
        12), (MENTOR_CHECK, 9, 8),
    ]  # fmt: skip
    for scale, not_yet, at_the_cut_off in cases:
        assert not adding_up_to(scale, not_yet).notable
        assert adding_up_to(scale, at_the_cut_off).notable


def test_three_points_lead_to_the_longer_scale_and_to_no_other() -> None:
    for short, longer in ((PHQ2, "phq9"), (GAD2, "gad7")):
        assert scored(short, 1, 2).continues_with == longer
        assert scored(short, 1, 1).continues_with is None
    for scale in (PHQ9, GAD7, WHO5, UCLA3, MENTOR_CHECK):
        _, worst = best_and_worst(scale)
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
    best, _ = best_and_worst(scale)
    enough = [best] * (scale.items - scale.missing_allowed)
    assert scored(scale, *enough, *[None] * scale.missing_allowed).total is not None
    for answers in (enough[1:], []):
        missing = scale.items - len(answers)
        too_few = scored(scale, *answers, *[None] * missing)
        assert (too_few.total, too_few.missing, too_few.notable) == (None, missing, False)
        assert not too_few.item_nine_positive


def test_a_gap_hides_nothing_that_is_certain() -> None:
    """Nearly every day, and the other question skipped: 3 whatever the other would have been."""
    assert scored(PHQ2, None, 3).continues_with == "phq9"
    assert scored(PHQ2, None, 2).continues_with is None
    assert scored(WHO5, 1, 1, 1, 1, None).notable
    assert not scored(WHO5, 2, 2, 2, 2, None).notable


# --- Item 9 ---


def test_item_nine_counts_whatever_the_other_answers_are() -> None:
    for answer in (1, 2, 3):
        alone = scored(PHQ9, 0, 0, 0, 0, 0, 0, 0, 0, answer)
        assert (alone.item_nine_positive, alone.item_nine, alone.notable) == (True, answer, False)
    assert scored(PHQ9, *[None] * 8, 1).item_nine_positive
    for denied in (0, None):
        assert not scored(PHQ9, 3, 3, 3, 3, 3, 3, 3, 3, denied).item_nine_positive
    for scale in set(SCALES) - {"phq9"}:
        worst = [SCALES[scale].highest] * SCALES[scale].items
        assert scored(SCALES[scale], *worst).item_nine is None


# --- What cannot be scored ---


@EACH_SCALE
def test_scoring_refuses_answers_that_the_scale_does_not_have(scale: Scale) -> None:
    fine = [scale.lowest] * (scale.items - 1)
    for beyond in (scale.lowest - 1, scale.highest + 1):
        with pytest.raises(OutOfRange, match=rf"{beyond} is not .*{scale.lowest} to"):
            scored(scale, *fine, beyond)
    with pytest.raises(ValueError, match=f"has {scale.items} questions"):
        scored(scale, *fine, scale.lowest, scale.lowest)


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


UNCLEAR = [
    "2.5", "1-2", "1 or 2", "1, 2", "between 1 and 2", "not 2", "2 days", "0 days", "3am",
    "yes", "no", "maybe", "idk", "?", "banana", "1/3", "2\u00b2", "\u0662 or so", "9" * 30,
]  # fmt: skip


@EACH_SCALE
def test_skips_are_missing_and_other_talk_is_refused(scale: Scale) -> None:
    skips = "skip", "SKIP", "pass", "rather not say", "I'd rather not say", "", "  ", "None"
    assert not [said for said in skips if read_answer(scale, said) is not None]
    for said in ("-1", "6", "10", "100"):
        with pytest.raises(OutOfRange, match=f"{said} is not an answer to {scale.title}"):
            read_answer(scale, said)
    for said in UNCLEAR:
        with pytest.raises(UnusableAnswer):
            pytest.fail(f"{said} is {read_answer(scale, said)}")


def test_loneliness_has_no_zero() -> None:
    with pytest.raises(OutOfRange):
        read_answer(UCLA3, "0")


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
        (PHQ9, "my secret"),
    ]
    for scale, said in cases:
        with pytest.raises(NotAnAnswer) as error:
            pytest.fail(f"{scale.name}: {said} is {read_answer(scale, said)}")
        assert said not in str(error.value), "the error does not repeat the mentee's words"


# --- The bot takes as an answer what we can read, and nothing else ---

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


def get_pattern(scale: Scale) -> str:
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


def test_the_bot_has_the_words_of_each_scale() -> None:
    """If this fails, the line to put into bot/data/frequency.yml is the one it prints."""
    blocks = yaml.safe_load((BOT / "data" / "frequency.yml").read_text("utf-8"))["nlu"]
    examples = {block["regex"]: block["examples"] for block in blocks if "regex" in block}
    patterns = {name: f"- {get_pattern(scale)}\n" for name, scale in FAMILIES.items()}
    assert {name: examples[name] for name in FAMILIES} == patterns


@EACH_FAMILY
@given(data=st.data())
def test_we_can_score_every_answer_that_the_bot_takes(family: str, data: st.DataObject) -> None:
    pattern = re.compile(get_pattern(FAMILIES[family]), re.IGNORECASE)
    found = pattern.search(data.draw(st.from_regex(pattern)))
    assert found is not None
    assert read_answer(FAMILIES[family], found.group()) is not None


@EACH_FAMILY
def test_the_bot_takes_every_word_of_the_scale_with_filler_around_it(family: str) -> None:
    scale = FAMILIES[family]
    pattern = re.compile(get_pattern(scale), re.IGNORECASE)
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
def test_the_bot_takes_no_number_from_other_talk(family: str) -> None:
    pattern = re.compile(get_pattern(FAMILIES[family]), re.IGNORECASE)
    assert not [said for said in OTHER_TALK if pattern.search(said)]


def test_of_two_answers_the_bot_takes_the_later_one() -> None:
    """Maya corrects herself: of several matches, Rasa fills a slot with the last."""
    found = re.findall(get_pattern(PHQ9), "2. no wait, several days", re.IGNORECASE)
    assert read_answer(PHQ9, found[-1]) == 1


# --- Laws ---

ANY_SCALE = st.sampled_from(list(SCALES.values()))


@st.composite
def answered(draw: st.DrawFn) -> tuple[Scale, list[int | None]]:
    scale = draw(ANY_SCALE)
    answer = st.none() | st.integers(scale.lowest, scale.highest)
    return scale, draw(st.lists(answer, min_size=scale.items, max_size=scale.items))


@given(answered(), st.data())
def test_totals_and_gaps_keep_their_laws(
    taken: tuple[Scale, list[int | None]], data: st.DataObject
) -> None:
    scale, answers = taken
    _, worst = best_and_worst(scale)
    result = scored(scale, *answers)
    assert (result.total is None) == (answers.count(None) > scale.missing_allowed)
    worst_case = scored(scale, *[worst if answer is None else answer for answer in answers])
    assert worst_case.notable or not result.notable, "a gap never counts as the worst answer"
    if result.total is not None and worst_case.total is not None:
        in_unit = result.total * scale.unit_per_point
        assert scale.lowest_total <= in_unit <= scale.highest_total
        kinder = result.total - worst_case.total
        assert kinder <= 0 if scale.worse == "higher" else kinder >= 0
    place = data.draw(st.integers(0, scale.items - 1))
    if answers[place] is not None and result.notable:
        answers[place] = worst
        assert scored(scale, *answers).notable, "a worse answer never looks better"
    line = line_after(result)
    assert (line is None) == (result.item_nine_positive or result.continues_with is not None)
    assert line is None or line in load_script().lines


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


def test_an_impossible_cut_off_is_named(tmp_path: Path) -> None:
    phq9 = "minimal = 0, mild = {}, moderate = 10, moderately_severe"
    cases = [
        (phq9.format(5), phq9.format(50), "each band must begin above"),
        ("very_low = 0", "very_low = 3", "check_ins.who5: the first band must begin at 0"),
        ("raised = 6", "raised = 10", "check_ins.ucla3"),
        ("cut_off = 50", "cut_off = 101", "check_ins.who5"),
        ("cut_off = 50", 'cut_off = "low"', "check_ins.who5.cut_off"),
    ]
    file, text = tmp_path / "policy.toml", POLICY_FILE.read_text("utf-8")
    for right, wrong, named in cases:
        assert right in text
        file.write_text(text.replace(right, wrong, 1), "utf-8")
        with pytest.raises(BadPolicy, match=re.escape(named)):
            load_policy(file)
