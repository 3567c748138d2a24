"""Rasa's RulePolicy, with the same predictions, looked up instead of searched for."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from typing import Any

from rasa.core.policies.rule_policy import RULES, RULES_FOR_LOOP_UNHAPPY_PATH, RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.constants import PREVIOUS_ACTION, USER
from rasa.shared.core.domain import Domain, State
from rasa.shared.core.events import ActionExecuted, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ACTION_NAME, INTENT, TEXT


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class FastRulePolicy(RulePolicy):
    """After training, it compares only the rules that can match, as far back as the longest rule.

    RulePolicy compares each rule with the whole dialogue, twice for each action: once for rules on
    the exact text of a message, even if there are none. Training is RulePolicy's, with its check
    for contradictions.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shelves: dict[str, Shelf] = {}
        self._reach = 0
        self._on_texts = True
        if RULES in self.lookup:
            self._sort()

    def _sort(self) -> None:
        names = (RULES, RULES_FOR_LOOP_UNHAPPY_PATH)
        self._shelves = {name: Shelf(self.lookup[name]) for name in names}
        states = [json.loads(rule) for name in names for rule in self.lookup[name]]
        self._reach = max((len(rule) for rule in states), default=1)
        self._on_texts = any(TEXT in state.get(USER, {}) for rule in states for state in rule)

    def _find_action_from_rules(
        self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool
    ) -> tuple[str | None, str | None, bool]:
        if use_text_for_last_user_input and not self._on_texts:
            return None, None, False
        return super()._find_action_from_rules(tracker, domain, use_text_for_last_user_input)

    def _prediction_states(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        use_text_for_last_user_input: bool = False,
        rule_only_data: dict[str, Any] | None = None,
    ) -> list[State]:
        if not self._shelves:
            return super()._prediction_states(
                tracker, domain, use_text_for_last_user_input, rule_only_data
            )
        states = newest_states(tracker, domain, self._reach)
        self.featurizer._choose_last_user_input([states], use_text_for_last_user_input)
        return states

    def _get_possible_keys(self, lookup: dict[str, str], states: list[State]) -> set[str]:
        for name, shelf in self._shelves.items():
            if lookup is self.lookup[name]:
                lookup = shelf.matching(states[-1])
        return super()._get_possible_keys(lookup, states)


class Shelf:
    def __init__(self, rules: dict[str, str]) -> None:
        self._by_mark: dict[tuple[Any, Any], dict[str, str]] = defaultdict(dict)
        for rule, action in rules.items():
            self._by_mark[mark(json.loads(rule)[-1])][rule] = action

    def matching(self, state: State) -> dict[str, str]:
        action, intent = mark(state)
        marks = {(action, intent), (action, None), (None, intent), (None, None)}
        return {rule: then for one in marks for rule, then in self._by_mark.get(one, {}).items()}


def mark(state: State) -> tuple[Any, Any]:
    action = state.get(PREVIOUS_ACTION, {}).get(ACTION_NAME)
    return action, state.get(USER, {}).get(INTENT) if action else None


def newest_states(tracker: DialogueStateTracker, domain: Domain, count: int) -> list[State]:
    """The last of `tracker.past_states(domain)`, at most `count` of them."""
    events = tracker.applied_events()
    actions = sum(isinstance(event, ActionExecuted) for event in events)
    states: deque[State] = deque(maxlen=count)
    # Copying slots is slow, and few of them influence the next action.
    slots = [slot for slot in tracker.slots.values() if slot.has_features()]
    replayed = DialogueStateTracker(tracker.sender_id, slots)
    for event in events:
        if isinstance(event, ActionExecuted):
            if actions < count:
                states.append(domain.get_active_state(replayed))
            actions -= 1
        if not isinstance(event, SlotSet) or event.key in replayed.slots:
            replayed.update(event)
    states.append(domain.get_active_state(replayed))
    return list(states)
