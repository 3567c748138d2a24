"""Over-reliance: at least two figures, or one plain sentence; nudges at most once a week."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.detect import lexicon
from escalation.detect.lexicon import BadLexicon, load_reliance
from escalation.over_reliance import (
    LATELY,
    Reliance,
    Sign,
    Written,
    is_over_reliance,
    measure_over_reliance,
    nudge_allowed,
    says_only_you,
    signs_in,
)
from escalation.policy import ReliancePolicy
from escalation.policy_file import load_policy

POLICY = load_policy().reliance
NEW_YORK = ZoneInfo("America/New_York")
SYDNEY = ZoneInfo("Australia/Sydney")
# A Tuesday noon in New York.
NOON = datetime(2026, 11, 10, 12, tzinfo=NEW_YORK)
DAY = timedelta(days=1)


def over_relies(reliance: Reliance, policy: ReliancePolicy = POLICY) -> bool:
    return is_over_reliance(signs_in(reliance, policy), policy)


def seen(
    written: list[Written],
    from_people: list[datetime] | None = None,
    zone: ZoneInfo = NEW_YORK,
    now: datetime = NOON,
) -> Reliance:
    return measure_over_reliance(written, from_people or [], zone, now=now, policy=POLICY)


# --- what is said ---

SAID = [
    "you're the only one i can talk to",
    "You\u2019re the only one I talk to.",
    "youre the only person who listens to me",
    "ur the only one i can open up to",
    "this bot is the only one i can talk to",
    "i only talk to you",
    "i only talk to you now, nobody else",
    "i can only talk to you",
    "you're all i have",
    "honestly youre literally all ive got left",
    "all i have is you",
    "nobody else listens, just you",
    "no one understands me like you do",
    "i have nobody but you",
    "i dont need anyone but you",
    "i dont need friends i have you",
    "i never talk to anyone but you",
    "you are my only friend",
    "i'd rather talk to you than my mentor",
]
NOT_SAID = [
    "you're not the only one i talk to",
    "youre not all i have",
    "i dont only talk to you",
    "i don't think you're the only one i can talk to",
    "it's not like you're all i have",
    "i used to think you're the only one i can talk to",
    "my mom told me you're the only one i can count on",
    "he said you're all i have and then he left",
    "my sister is the only one i can talk to",
    "my mentor is all i have",
    "am i the only one you talk to",
    "i'm not the only one",
    "you're the only one who knows the answer",
    "you're all i need for this homework",
    "i only talk to you about school",
    "i only talk to you when mom is asleep",
    "i have nobody to talk to",
    "i dont need anything from you",
    "no one came but you know how it is",
    "",
]


def test_a_message_that_says_only_you_is_recognized() -> None:
    assert not [words for words in SAID if not says_only_you(words)]
    assert not [words for words in NOT_SAID if says_only_you(words)]


@given(st.sampled_from(SAID), st.sampled_from(["i never said ", "it is not true that "]))
def test_a_denied_sentence_does_not_count(words: str, denial: str) -> None:
    assert not says_only_you(denial + words.removeprefix("honestly ").partition(",")[0])


@given(st.text())
def test_no_text_is_too_odd_to_read(words: str) -> None:
    says_only_you(words)


def test_a_mistake_in_the_list_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "reliance.toml").write_text('[[rule]]\nname = "mine"\npattern = "("\n', "utf-8")
    monkeypatch.setattr(lexicon, "FOLDER", tmp_path)
    with pytest.raises(BadLexicon, match=r"reliance\.toml: mine: .* does not compile"):
        load_reliance.__wrapped__()


# --- what is counted ---


def at(moment: datetime, *, to_bot: bool = True) -> Written:
    return Written(moment, to_bot)


def test_days_are_the_last_seven_in_the_mentees_own_calendar() -> None:
    late = [at(datetime(2026, 11, 9, hour, tzinfo=UTC)) for hour in (4, 20)]
    assert (seen(late).days, seen(late, zone=ZoneInfo("UTC")).days) == (2, 1)
    daily = [at(NOON - n * DAY) for n in range(20)]
    assert (seen(daily).days, seen(daily[7:]).days) == (7, 0)


def test_the_night_lasts_from_eleven_to_six_where_the_mentee_lives() -> None:
    for clock, night in ((time(22, 59), 0), (time(23), 1), (time(5, 59), 1), (time(6), 0)):
        moment = datetime.combine(NOON.date() - DAY, clock, NEW_YORK)
        assert seen([at(moment)]).night_share == night, clock
    assert seen([at(NOON.replace(hour=2))], zone=SYDNEY).night_share == 0


def test_messages_during_a_handoff_are_not_to_the_bot() -> None:
    mixed = [at(NOON - n * DAY, to_bot=n % 4 == 0) for n in range(8)]
    assert seen(mixed).bot_share == 0.25


def test_contact_is_compared_with_the_four_weeks_before() -> None:
    times = [NOON - n * timedelta(weeks=1) for n in range(12)]
    counted = seen([], times)
    assert (counted.from_people, counted.from_people_before) == (4, 4)


# --- what it adds up to ---


def test_over_reliance_takes_two_figures_or_one_plain_sentence() -> None:
    for use, sign in (
        (Reliance(messages=40, days=5), Sign.DAYS),
        (Reliance(messages=40, night_share=0.4), Sign.NIGHT),
        (Reliance(messages=40, bot_share=0.9), Sign.BOT),
        (Reliance(messages=40, from_people=3, from_people_before=6), Sign.CONTACT),
    ):
        assert signs_in(use, POLICY) == {sign}
        assert not over_relies(use)
    assert over_relies(Reliance(messages=40, days=6, bot_share=1))
    assert over_relies(Reliance(messages=1, said_only_you=1))
    assert not over_relies(Reliance(messages=11, days=7, night_share=1, bot_share=1)), "too few"


uses = st.builds(
    Reliance,
    messages=st.integers(0, 200),
    days=st.integers(0, 7),
    night_share=st.floats(0, 1),
    bot_share=st.floats(0, 1),
    from_people=st.integers(0, 30),
    from_people_before=st.integers(0, 30),
    said_only_you=st.integers(0, 3),
)


@given(use=uses, more=st.integers(1, 20))
def test_hearing_more_from_people_is_never_a_sign(use: Reliance, more: int) -> None:
    fields = vars(use) | {"from_people": use.from_people + more}
    assert signs_in(Reliance(**fields), POLICY) <= signs_in(use, POLICY)


moments = st.datetimes(datetime(2026, 9, 1), datetime(2026, 11, 10)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)
written = st.builds(Written, at=moments, to_bot=st.booleans(), only_you=st.booleans())


@given(messages=st.lists(written), people=st.lists(moments))
def test_after_four_weeks_of_silence_no_one_over_relies(
    messages: list[Written], people: list[datetime]
) -> None:
    later = datetime(2026, 11, 10, tzinfo=UTC) + LATELY
    assert not over_relies(seen(messages, people, now=later))


@given(messages=st.lists(written), people=st.lists(moments), zone=st.sampled_from([SYDNEY, UTC]))
def test_counts_stay_within_what_they_count(
    messages: list[Written], people: list[datetime], zone: ZoneInfo
) -> None:
    use = seen(messages, people, zone=zone)
    assert 0 <= use.days <= min(7, use.messages)
    assert 0 <= use.night_share <= 1
    assert 0 <= use.bot_share <= 1
    assert use.from_people + use.from_people_before <= len(people)


@given(st.lists(moments))
def test_two_nudges_are_never_closer_than_a_week(times: list[datetime]) -> None:
    nudged: list[datetime] = []
    for now in sorted(times):
        if nudge_allowed(nudged[-1] if nudged else None, now=now, policy=POLICY):
            nudged.append(now)
    apart = timedelta(days=POLICY.nudge_every_days)
    assert all(later - earlier >= apart for earlier, later in pairwise(nudged))


# --- made-up mentees, whose drift is known ---

STARTS = datetime(2026, 1, 5, tzinfo=NEW_YORK)
WEEKS = 26


def a_message(chance: Random, day: datetime, *, night: float, bot: float) -> Written:
    hour = chance.choice([23, 0, 1, 2]) if chance.random() < night else chance.randint(8, 21)
    at = day.replace(hour=hour, minute=chance.randint(0, 59))
    return Written(at, to_bot=chance.random() < bot)


def steady(seed: int) -> tuple[list[Written], list[datetime]]:
    """Three days a week by day, a third of it with people, who write four times a week."""
    chance = Random(seed)
    messages, people = [], []
    for week in range(WEEKS):
        monday = STARTS + 7 * week * DAY
        for day in chance.sample(range(7), 3):
            for _ in range(chance.randint(1, 4)):
                messages.append(a_message(chance, monday + day * DAY, night=0.05, bot=0.65))
        people += [monday + day * DAY + 17 * DAY / 24 for day in (0, 2, 3, 5)]
    return messages, people


def drifting(seed: int, *, since: int) -> tuple[list[Written], list[datetime]]:
    """Steady until week `since`; then daily, half of it at night, only to the bot, alone."""
    messages, people = steady(seed)
    chance, turn = Random(seed + 1), STARTS + 7 * since * DAY
    messages = [one for one in messages if one.at < turn]
    people = [at for at in people if at < turn]
    for day in range(7 * (WEEKS - since)):
        for _ in range(chance.randint(1, 4)):
            messages.append(a_message(chance, turn + day * DAY, night=0.5, bot=1.0))
    return messages, people


def days_flagged(messages: list[Written], people: list[datetime]) -> Iterator[int]:
    """On which days, at noon and counted from the start, the mentee would be on the list."""
    for day in range(7 * WEEKS):
        if over_relies(seen(messages, people, now=STARTS + day * DAY + DAY / 2)):
            yield day


def test_a_mentee_who_uses_the_bot_moderately_is_never_flagged() -> None:
    flagged = {seed: list(days_flagged(*steady(seed))) for seed in range(20)}
    assert not {seed: days for seed, days in flagged.items() if days}


def test_a_mentee_who_drifts_is_flagged_within_two_weeks_and_not_before() -> None:
    turn = 12
    delays = []
    for seed in range(20):
        days = list(days_flagged(*drifting(seed, since=turn)))
        delays.append(days[0] - 7 * turn)
        assert set(range(days[0], 7 * WEEKS)) == set(days), "once seen, it stays seen"
    assert min(delays) >= 4, "nobody is flagged for less than a week's use"
    assert max(delays) <= 14, sorted(delays)
