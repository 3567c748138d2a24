"""What would have changed a decision."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from escalation.counterfactual import counterfactual, with_score
from escalation.decide import BotState, Decision, Do, Standing, decide
from escalation.signals import Axis, Signals
from models import Need, Owner, Urgency
from tests.escalation.test_decide import MARKS, POLICY, all_signals, bot_states, standings


def outcome(decision: Decision) -> tuple[object, ...]:
    return decision.do, decision.need, decision.urgency, decision.bot_speaks


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_its_score_leads_to_its_decision(seen: Signals, standing: Standing, bot: BotState) -> None:
    point = counterfactual(seen, standing, POLICY, bot)
    if point is None:
        return
    assert getattr(seen, point.axis) == point.score
    then = decide(with_score(seen, point.axis, point.needed), standing, POLICY, bot)
    assert then == point.decision
    assert outcome(then) != outcome(decide(seen, standing, POLICY, bot))


@given(seen=all_signals, standing=standings, bot=bot_states)
def test_no_smaller_change_of_a_score_changes_the_decision(
    seen: Signals, standing: Standing, bot: BotState
) -> None:
    point = counterfactual(seen, standing, POLICY, bot)
    taken = outcome(decide(seen, standing, POLICY, bot))
    reach = 1.0 if point is None else abs(point.needed - point.score)
    if reach < 1e-6:
        return  # the score equals the mark
    for axis in (Axis.CRISIS, Axis.CONNECTION, Axis.TOOLS):
        score: float = getattr(seen, axis)
        for share in (0.25, 0.5, 0.99):
            for moved in (score - reach * share, score + reach * share):
                if 0 <= moved <= 1:
                    changed = with_score(seen, axis, moved)
                    assert outcome(decide(changed, standing, POLICY, bot)) == taken


def test_a_message_just_below_the_mark_names_the_mark() -> None:
    seen = Signals(connection=MARKS.connection - 0.01, tools=0.9)
    point = counterfactual(seen, Standing(offered_lately=True), POLICY, BotState.ANSWERED)
    assert point is not None
    assert (point.axis, point.needed) == (Axis.CONNECTION, MARKS.connection)
    assert (point.decision.do, point.decision.need) == (Do.HAND_OFF, Need.CONNECTION)


def test_after_a_request_for_a_person_only_a_crisis_changes_the_decision() -> None:
    asked = Signals(asked_for_person=True, connection=0.9)
    point = counterfactual(asked, Standing(), POLICY, BotState.NOT_ASKED)
    assert point is not None
    assert point.axis is Axis.CRISIS, "no other score matters"


def test_in_an_open_crisis_only_a_new_crisis_changes_the_decision_and_only_pages_again() -> None:
    held = Standing(owner=Owner.MENTOR, urgency=Urgency.CRISIS)
    for seen in (Signals(), Signals(connection=1.0, tools=1.0, crisis=MARKS.concern)):
        point = counterfactual(seen, held, POLICY, BotState.NOT_ASKED)
        assert point is not None
        assert (point.axis, point.needed) == (Axis.CRISIS, MARKS.crisis)
        assert point.decision.do is Do.PAGE_AGAIN
    for standing in (replace(held, paged_lately=True), replace(held, owner=Owner.QUEUE)):
        assert counterfactual(Signals(), standing, POLICY, BotState.NOT_ASKED) is None


@given(seen=all_signals, bot=bot_states, paged_lately=st.booleans())
def test_in_an_open_crisis_no_score_below_the_crisis_threshold_changes_the_decision(
    seen: Signals, bot: BotState, paged_lately: bool
) -> None:
    held = Standing(owner=Owner.MENTOR, urgency=Urgency.CRISIS, paged_lately=paged_lately)
    taken = decide(seen, held, POLICY, bot)
    if (seen.crisis < MARKS.crisis and not seen.item_nine) or paged_lately:
        assert taken.do is Do.STAND_BACK
    else:
        assert taken.do is Do.PAGE_AGAIN
