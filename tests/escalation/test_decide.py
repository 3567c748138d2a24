"""The order of the policy, as properties of `decide`."""

from dataclasses import replace

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
from escalation.policy_file import load_policy
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
        more_follows=st.booleans(),
    ),
    st.builds(
        Standing,
        owner=st.sampled_from([Owner.QUEUE, Owner.MENTOR]),
        urgency=st.sampled_from(Urgency),
        failures=st.integers(0, 5),
        skill_wanted=st.booleans(),
        more_follows=st.booleans(),
        paged_lately=st.booleans(),
    ),
)
bot_states = st.sampled_from(BotState)


def in_an_open_crisis(standing: Standing) -> Do:
    """What a new crisis message leads to: others are paged if a mentor may not look."""
    alone = standing.owner is Owner.MENTOR and not standing.paged_lately
    return Do.PAGE_AGAIN if alone else Do.STAND_BACK


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_a_crisis_always_reaches_a_person(seen: Signals, standing: Standing, bot: BotState) -> None:
    decision = decide(seen, standing, POLICY, bot)
    if seen.crisis < MARKS.crisis and not seen.item_nine:
        return
    if standing.urgency is Urgency.CRISIS:
        assert decision.do is in_an_open_crisis(standing)
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
def test_no_decision_lowers_an_open_handoff_or_opens_a_second(
    seen: Signals, standing: Standing, bot: BotState
) -> None:
    decision = decide(seen, standing, POLICY, bot)
    if standing.urgency is None:
        assert decision.do in (Do.HAND_OFF, Do.REPLY, Do.OFFER, Do.LEAVE_IT, Do.READ_ON)
    else:
        goes_on = (Do.STAND_BACK, Do.RAISE, Do.PAGE_AGAIN, Do.REPLY, Do.READ_ON)
        assert decision.do in goes_on
        if decision.do is Do.PAGE_AGAIN:
            assert decision.urgency is standing.urgency is Urgency.CRISIS
        if decision.do is Do.RAISE:
            assert decision.urgency is not None
            assert decision.urgency > standing.urgency


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_a_request_for_a_person_opens_a_handoff_even_if_rasa_is_away(
    seen: Signals, standing: Standing, bot: BotState
) -> None:
    if seen.asked_for_person and standing.owner is Owner.BOT:
        decision = decide(seen, standing, POLICY, bot)
        assert decision.do is Do.HAND_OFF
        assert decision.urgency is not None
        assert decision.urgency >= Urgency.SOON


@given(seen=all_signals, standing=standings)
def test_the_bot_speaks_only_if_it_has_an_answer(seen: Signals, standing: Standing) -> None:
    for bot in (BotState.AWAY, BotState.NOT_ASKED):
        if decide(seen, standing, POLICY, bot).bot_speaks:
            assert bot is BotState.NOT_ASKED
            assert standing.owner is Owner.BOT


def test_connection_and_tools_lead_to_four_outcomes() -> None:
    for connection, tools, corner, expected in (
        (0.0, 0.0, Quadrant.NEITHER, (Do.REPLY, None, True)),
        (0.0, 1.0, Quadrant.TOOLS, (Do.REPLY, None, True)),
        (1.0, 0.0, Quadrant.CONNECTION, (Do.HAND_OFF, Need.CONNECTION, False)),
        (1.0, 1.0, Quadrant.BOTH, (Do.HAND_OFF, Need.CONNECTION, True)),
    ):
        seen = Signals(connection=connection, tools=tools)
        decision = decide(seen, Standing(), POLICY, BotState.ANSWERED)
        assert (decision.do, decision.need, decision.bot_speaks) == expected, corner
        assert quadrant(seen, POLICY) is corner


LIKELY = Signals(connection=MARKS.offer)


def test_weak_evidence_asks_first_and_the_bot_goes_on() -> None:
    decision = decide(LIKELY, Standing(), POLICY, BotState.ANSWERED)
    assert (decision.do, decision.need, decision.bot_speaks) == (Do.OFFER, None, True)


def test_no_offer_comes_twice_in_a_day_or_in_an_exercise() -> None:
    for standing in (Standing(offered_lately=True), Standing(skill_wanted=True)):
        assert decide(LIKELY, standing, POLICY, BotState.ANSWERED).do is Do.REPLY


def test_yes_to_the_offer_brings_the_mentor_and_no_does_not() -> None:
    offered = Standing(offered=True, offered_lately=True)
    yes, no = Signals(says=YesOrNo.YES), Signals(says=YesOrNo.NO)
    brought = decide(yes, offered, POLICY)
    assert (brought.do, brought.need) == (Do.HAND_OFF, Need.CONNECTION)
    assert not bot_may_answer(yes, offered, POLICY), "the yes is not for the bot"
    assert decide(no, offered, POLICY).do is Do.LEAVE_IT
    for answer in (yes, no):
        assert decide(answer, Standing(), POLICY).do is Do.REPLY, "nothing had been offered"


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_a_crisis_never_waits_for_a_question(
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


def test_while_a_mentee_waits_the_bot_goes_on_and_in_a_crisis_only_breathes_with_them() -> None:
    waiting = Standing(owner=Owner.QUEUE, urgency=Urgency.SOON)
    in_crisis = Standing(owner=Owner.QUEUE, urgency=Urgency.CRISIS, skill_wanted=True)
    assert bot_may_answer(Signals(), waiting, POLICY)
    assert not bot_may_answer(Signals(connection=1.0), waiting, POLICY), "this is for the person"
    assert not bot_may_answer(Signals(), in_crisis, POLICY)
    assert bot_may_answer(Signals(), replace(in_crisis, calming_wanted=True), POLICY)
    assert not bot_may_answer(Signals(declines_person=True), waiting, POLICY)


def test_a_mentee_who_refuses_a_person_gets_none_below_a_crisis() -> None:
    refuses = Signals(declines_person=True, connection=1.0)
    assert decide(refuses, Standing(failures=5), POLICY).do is Do.LEAVE_IT
    assert decide(replace(refuses, crisis=1.0), Standing(), POLICY).do is Do.HAND_OFF


@given(seen=all_signals, standing=standings)
def test_phq9_item_9_is_always_a_crisis(seen: Signals, standing: Standing) -> None:
    decision = decide(replace(seen, item_nine=True), standing, POLICY, BotState.ANSWERED)
    assert not decision.bot_speaks
    if standing.urgency is Urgency.CRISIS:
        assert decision.do is in_an_open_crisis(standing)
    else:
        assert (decision.need, decision.urgency) == (Need.CRISIS, Urgency.CRISIS)


def test_in_a_language_that_is_not_covered_we_offer_a_person_once() -> None:
    foreign = Signals(connection=0.1, covered=False)
    assert decide(foreign, Standing(), POLICY, BotState.ANSWERED).do is Do.OFFER
    lately = Standing(offered_lately=True)
    assert decide(foreign, lately, POLICY, BotState.ANSWERED).do is Do.REPLY
    busy = Standing(skill_wanted=True)
    assert decide(foreign, busy, POLICY, BotState.ANSWERED).do is Do.REPLY
    danger = Signals(crisis=0.95, covered=False)
    assert decide(danger, Standing(), POLICY).urgency is Urgency.CRISIS
