"""What forms need and rules cannot say: counting, and emptying slots. No action server for it."""

from __future__ import annotations

from typing import Any

from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData, confidence_scores_for
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.shared.core.constants import ACTION_DEACTIVATE_LOOP_NAME, ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker

RE_ASKS = 2


class FixedPolicy(Policy):
    """A policy that learns nothing from the stories."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"priority": 1}

    @staticmethod
    def supported_data() -> SupportedData:
        return SupportedData.ML_AND_RULE_DATA

    def train(self, training_trackers: list[Any], domain: Domain, **kwargs: Any) -> Resource:
        with self._model_storage.write_to(self._resource):
            pass  # nothing is learned; Rasa wants to find the folder
        return self._resource


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class Patience(FixedPolicy):
    """Decides what follows an answer that a form cannot use and no rule knows.

    The form `x_form` asks again (`utter_again_x`) `RE_ASKS` times for one slot and then ends with
    `utter_x_given_up`. Rules cannot count, so a policy does. Its priority is below RulePolicy's:
    a detour that a rule answers is no failed answer and is not counted.
    """

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        action = next_action(tracker, domain)
        if action is None or action not in domain.action_names_or_texts:
            return self._prediction(self._default_predictions(domain))
        return self._prediction(confidence_scores_for(action, 1.0, domain))


def next_action(tracker: DialogueStateTracker, domain: Domain) -> str | None:
    """The action this policy wants, or None where it has no opinion."""
    done = [event.action_name for event in tracker.applied_events() if _is_action(event)]
    if done[-1:] == [ACTION_DEACTIVATE_LOOP_NAME] and done[-2].endswith("_given_up"):
        return ACTION_LISTEN_NAME
    if not tracker.is_active_loop_rejected:
        return None

    form = str(tracker.active_loop_name)
    skill = form.removesuffix("_form")
    if done[-1] == f"utter_again_{skill}":
        return form
    if done[-1] == f"utter_{skill}_given_up":
        return ACTION_DEACTIVATE_LOOP_NAME
    if done[-1] != ACTION_LISTEN_NAME:
        return None  # a rule is in the middle of its steps
    if re_asks(tracker, domain.required_slots_for_form(form), f"utter_again_{skill}") < RE_ASKS:
        return f"utter_again_{skill}"
    return f"utter_{skill}_given_up"


def re_asks(tracker: DialogueStateTracker, form_slots: list[str], again: str) -> int:
    """How often `again` was said since the form began or took its last answer."""
    count = 0
    for event in reversed(tracker.applied_events()):
        if isinstance(event, ActiveLoop):
            break
        if isinstance(event, SlotSet) and event.key in form_slots and event.value is not None:
            break
        if _is_action(event) and event.action_name == again:
            count += 1
    return count


def _is_action(event: Any) -> bool:
    return isinstance(event, ActionExecuted) and event.action_name is not None


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class CleanSlate(FixedPolicy):
    """Empties slots once certain words were said; which, stands in config.yml under `empties`.

    It never chooses an action: a policy's events are applied whoever chooses.
    """

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        emptied = self.config["empties"].get(tracker.latest_action_name, [])
        events = [SlotSet(slot, None) for slot in emptied if tracker.get_slot(slot) is not None]
        return self._prediction(self._default_predictions(domain), events=events)
