"""The order of the policy, as laws."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.decide import (
    BotState,
    Decision,
    Do,
    Quadrant,
    Standing,
    bot_may_answer,
    decide,
    quadrant,
)
from escalation.policy import load_policy
from escalation.signals import Signals, YesOrNo
from models import Need, Owner, Urgency

POLICY = load_policy()
MARKS = POLICY.thresholds

probability = st.floats(0, 1)
all_signals = st.builds(
    Signals,
    crisis=probability,
    connection=probability,
    tools=probability,
    asked_for_person=st.booleans(),
    says=st.none() | st.sampled_from(YesOrNo),
    item_nine=st.booleans(),
)
# An owner other than the bot means that a handoff is open, and so that it has an urgency.
standings = st.one_of(
    st.builds(
        Standing,
        owner=st.just(Owner.BOT),
        urgency=st.none(),
        failures=st.integers(0, 5),
        skill_wanted=st.booleans(),
        offered=st.booleans(),
        offered_lately=st.booleans(),
    ),
    st.builds(
        Standing,
        owner=st.sampled_from([Owner.QUEUE, Owner.MENTOR]),
        urgency=st.sampled_from(Urgency),
        failures=st.integers(0, 5),
        skill_wanted=st.booleans(),
    ),
)
bot_states = st.sampled_from(BotState)


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_a_crisis_reaches_a_person_whatever_else_is_true(
    seen: Signals, standing: Standing, bot: BotState
) -> None:
    decision = decide(seen, standing, POLICY, bot)
    if seen.crisis < MARKS.crisis and not seen.item_nine:
        return
    if standing.urgency is Urgency.CRISIS:
        assert decision.do is Do.STAND_BACK
    else:
        assert decision.do in (Do.HAND_OFF, Do.RAISE)
        assert decision.urgency is Urgency.CRISIS
    assert not decision.bot_speaks


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_the_bot_never_speaks_while_a_mentor_holds_the_conversation(
    seen: Signals, standing: Standing, bot: BotState
) -> None:
    if standing.owner is Owner.MENTOR:
        assert not decide(seen, standing, POLICY, bot).bot_speaks
        assert not bot_may_answer(seen, standing, POLICY)


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_a_machine_never_lowers_what_is_open_nor_opens_a_second(
    seen: Signals, standing: Standing, bot: BotState
) -> None:
    decision = decide(seen, standing, POLICY, bot)
    if standing.urgency is None:
        assert decision.do in (Do.HAND_OFF, Do.REPLY, Do.OFFER, Do.LEAVE_IT)
    else:
        assert decision.do in (Do.STAND_BACK, Do.RAISE, Do.REPLY)
        if decision.do is Do.RAISE:
            assert decision.urgency is not None
            assert decision.urgency > standing.urgency


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_who_asks_for_a_person_gets_one_whether_rasa_runs_or_not(
    seen: Signals, standing: Standing, bot: BotState
) -> None:
    if seen.asked_for_person and standing.owner is Owner.BOT:
        decision = decide(seen, standing, POLICY, bot)
        assert decision.do is Do.HAND_OFF
        assert decision.urgency is not None
        assert decision.urgency >= Urgency.SOON


@given(seen=all_signals, standing=standings)
def test_the_bot_says_nothing_it_did_not_say(seen: Signals, standing: Standing) -> None:
    """Words are announced only where Rasa gave some."""
    for bot in (BotState.AWAY, BotState.NOT_ASKED):
        if decide(seen, standing, POLICY, bot).bot_speaks:
            assert bot is BotState.NOT_ASKED
            assert standing.owner is Owner.BOT


@pytest.mark.parametrize(
    ("connection", "tools", "expected"),
    [
        (0.0, 0.0, (Do.REPLY, None, True)),
        (0.0, 1.0, (Do.REPLY, None, True)),
        (1.0, 0.0, (Do.HAND_OFF, Need.CONNECTION, False)),
        (1.0, 1.0, (Do.HAND_OFF, Need.CONNECTION, True)),
    ],
    ids=["light check-in", "a skill from the bot", "a person alone", "a skill and a person"],
)
def test_the_four_corners_of_the_square(
    connection: float, tools: float, expected: tuple[Do, Need | None, bool]
) -> None:
    seen = Signals(connection=connection, tools=tools)
    decision = decide(seen, Standing(), POLICY, BotState.ANSWERED)
    assert (decision.do, decision.need, decision.bot_speaks) == expected


@pytest.mark.parametrize(
    ("connection", "tools", "corner"),
    [
        (0.0, 0.0, Quadrant.NEITHER),
        (0.0, 1.0, Quadrant.TOOLS),
        (1.0, 0.0, Quadrant.CONNECTION),
        (1.0, 1.0, Quadrant.BOTH),
    ],
)
def test_the_quadrant_says_which_corner_it_is(
    connection: float, tools: float, corner: Quadrant
) -> None:
    assert quadrant(Signals(connection=connection, tools=tools), POLICY) is corner


LIKELY = Signals(connection=MARKS.offer)


def test_weak_evidence_asks_first_and_the_bot_goes_on() -> None:
    decision = decide(LIKELY, Standing(), POLICY, BotState.ANSWERED)
    assert (decision.do, decision.need, decision.bot_speaks) == (Do.OFFER, None, True)


def test_nobody_is_asked_twice_in_a_day_nor_in_an_exercise() -> None:
    for standing in (Standing(offered_lately=True), Standing(skill_wanted=True)):
        assert decide(LIKELY, standing, POLICY, BotState.ANSWERED).do is Do.REPLY


def test_yes_to_the_offer_brings_the_mentor_and_no_is_taken_for_an_answer() -> None:
    offered = Standing(offered=True, offered_lately=True)
    yes, no = Signals(says=YesOrNo.YES), Signals(says=YesOrNo.NO)
    brought = decide(yes, offered, POLICY)
    assert (brought.do, brought.need) == (Do.HAND_OFF, Need.CONNECTION)
    assert not bot_may_answer(yes, offered, POLICY), "the yes is not for the bot"
    assert decide(no, offered, POLICY).do is Do.LEAVE_IT
    for answer in (yes, no):
        assert decide(answer, Standing(), POLICY).do is Do.REPLY, "nothing had been offered"


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_crisis_never_waits_for_a_question(
    seen: Signals, standing: Standing, bot: BotState
) -> None:
    if seen.crisis >= MARKS.concern or seen.item_nine or seen.asked_for_person:
        assert decide(seen, standing, POLICY, bot).do not in (Do.OFFER, Do.LEAVE_IT)


def test_the_third_answer_that_did_not_help_brings_a_person() -> None:
    def after(failures: int, bot: BotState) -> Decision:
        return decide(Signals(), Standing(failures=failures), POLICY, bot)

    assert after(1, BotState.NOT_UNDERSTOOD).do is Do.REPLY
    assert after(2, BotState.NOT_UNDERSTOOD).need is Need.STUCK
    assert after(2, BotState.AWAY).need is Need.STUCK
    assert after(2, BotState.ANSWERED).do is Do.REPLY


def test_while_somebody_is_awaited_the_bot_gives_a_skill_only_by_name() -> None:
    waiting = Standing(owner=Owner.QUEUE, urgency=Urgency.SOON)
    by_name = Standing(owner=Owner.QUEUE, urgency=Urgency.SOON, skill_wanted=True)
    in_crisis = Standing(owner=Owner.QUEUE, urgency=Urgency.CRISIS, skill_wanted=True)
    assert not bot_may_answer(Signals(), waiting, POLICY)
    assert bot_may_answer(Signals(), by_name, POLICY)
    assert not bot_may_answer(Signals(), in_crisis, POLICY)


@given(seen=all_signals, standing=standings)
def test_thoughts_of_death_in_a_check_in_are_a_crisis_whatever_else_was_said(
    seen: Signals, standing: Standing
) -> None:
    """PHQ-9's ninth item hands over at once, and the bot adds nothing of its own."""
    decision = decide(replace(seen, item_nine=True), standing, POLICY, BotState.ANSWERED)
    assert not decision.bot_speaks
    if standing.urgency is Urgency.CRISIS:
        assert decision.do is Do.STAND_BACK
    else:
        assert (decision.need, decision.urgency) == (Need.CRISIS, Urgency.CRISIS)


def test_in_a_language_that_is_not_covered_a_person_is_offered_once() -> None:
    foreign = Signals(connection=0.1, covered=False)
    assert decide(foreign, Standing(), POLICY, BotState.ANSWERED).do is Do.OFFER
    lately = Standing(offered_lately=True)
    assert decide(foreign, lately, POLICY, BotState.ANSWERED).do is Do.REPLY
    busy = Standing(skill_wanted=True)
    assert decide(foreign, busy, POLICY, BotState.ANSWERED).do is Do.REPLY
    danger = Signals(crisis=0.95, covered=False)
    assert decide(danger, Standing(), POLICY).urgency is Urgency.CRISIS
