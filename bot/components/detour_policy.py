"""The next action where names decide it, without a rule: detours, re-asks, resuming, MORE.

Every skill, check-in and topic names its intents, form, slots and responses alike, so this policy
replaces a rule for each form and each detour. It learns nothing and knows no content. The names are
in docs/decisions/0004-bot.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rasa.core.policies.policy import Policy, PolicyPrediction, SupportedData, confidence_scores_for
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.shared.core.constants import ACTION_DEACTIVATE_LOOP_NAME, ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

RE_ASKS = 2
# With two requests in one message, the bot answers the likelier one, and names the other if its
# confidence is at least this.
ALSO_FROM = 0.25
# The slots for the skill in `utter_on_we_go` and for the other request in `utter_also`.
RESUMED, ALSO = "resumed", "also"


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class DetourPolicy(Policy):
    """Predicts the next action where names decide it, and empties the slots of a skill that starts.

    Its priority is above RulePolicy's. Configured by `asides` (per intent, the responses before the
    form asks again) and `gives_way` (per intent, the responses after the form is set aside).
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"priority": 7, "asides": {}, "gives_way": {}}

    @staticmethod
    def supported_data() -> SupportedData:
        return SupportedData.ML_AND_RULE_DATA

    def train(self, training_trackers: list[Any], domain: Domain, **kwargs: Any) -> Resource:
        with self._model_storage.write_to(self._resource):
            pass  # nothing is learned, but Rasa needs the folder
        return self._resource

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        turn = Turn.read(tracker)
        planner = Planner(turn, Names(domain), self.config["asides"], self.config["gives_way"])
        emptied = planner.slots_to_empty(str(tracker.latest_action_name))
        events: list[Any] = [
            SlotSet(slot) for slot in emptied if tracker.get_slot(slot) is not None
        ]
        action = planner.next_action()
        if action == "utter_on_we_go":
            events.append(SlotSet(RESUMED, turn.form or planner.left_unfinished()))
        if action == "utter_also":
            events.append(SlotSet(ALSO, planner.also_asked()))
        if action is None:
            return self._prediction(self._default_predictions(domain), events=events)
        return self._prediction(confidence_scores_for(action, 1.0, domain), events=events)


@dataclass(frozen=True)
class Names:
    domain: Domain

    def find_skill(self, intent: str) -> str | None:
        skill = "mood" if intent == "ask_check_in" else intent.removeprefix("ask_")
        return skill if skill != intent and self.is_skill(skill) else None

    def find_topic(self, intent: str) -> str | None:
        topic = intent.removeprefix("topic_")
        return topic if topic != intent and self.has(f"utter_{topic}_what") else None

    def is_skill(self, name: str) -> bool:
        return f"{name}_form" in self.domain.form_names

    def has(self, response: str) -> bool:
        return response in self.domain.responses

    def telling(self, topic: str) -> list[str]:
        return self._known(*(f"utter_{topic}_{part}" for part in ("what", "why", "helps")))

    def starting(self, skill: str) -> list[str]:
        return [*self._known(f"utter_{skill}_started"), f"{skill}_form"]

    def setting_aside(self, skill: str) -> list[str]:
        return [ACTION_DEACTIVATE_LOOP_NAME, *self._known(f"utter_{skill}_set_aside")]

    def find_offer(self, response: str) -> str | None:
        """The skill that a response offers (`metadata: {offers: x}`), which a yes accepts."""
        variants = self.domain.responses.get(response, [])
        offers = ((variant.get("metadata") or {}).get("offers") for variant in variants)
        return next((str(offered) for offered in offers if offered), None)

    def is_whole(self, response: str) -> bool:
        """Whether this response, which ends a skill, still reports its check-in as complete."""
        reports = (variant.get("custom", {}) for variant in self.domain.responses.get(response, []))
        return any("check_in" in told and told.get("state") != "left" for told in reports)

    def _known(self, *responses: str) -> list[str]:
        return [response for response in responses if self.has(response)]


@dataclass(frozen=True)
class Turn:
    """One message of the mentee: its intent, the actions before it, and the actions since.

    `form` is the one that was open when the message came, without its `_form`. `fruitless` is how
    often its question was asked again.
    """

    intent: str
    second: tuple[str, float]
    done: Sequence[str]
    before: Sequence[str]
    form: str | None
    rejected: bool
    open_now: bool
    fruitless: int

    @classmethod
    def read(cls, tracker: DialogueStateTracker) -> Turn:
        # All events of the session: Rasa's applied events leave out those of forms.
        events, message = _session_events(tracker), tracker.latest_message
        start = max((i for i, e in enumerate(events) if isinstance(e, UserUttered)), default=0)
        loops = [event.name for event in events[:start] if isinstance(event, ActiveLoop)]
        form = str(loops[-1]).removesuffix("_form") if loops and loops[-1] else None
        return cls(
            intent=str(message.intent.get("name")) if message else "",
            second=_second(message.parse_data.get("intent_ranking", [])) if message else ("", 0.0),
            done=_actions(events[start:]),
            before=_actions(events[:start]),
            form=form,
            # A form rejects an answer that it cannot use. The ensemble's own record of that is gone
            # after the form is deactivated; the event stays.
            rejected=any(isinstance(event, ActionExecutionRejected) for event in events[start:]),
            open_now=tracker.active_loop_name is not None,
            fruitless=_re_asks(events[:start], f"utter_again_{form}"),
        )


@dataclass(frozen=True)
class Planner:
    turn: Turn
    names: Names
    asides: Mapping[str, list[str]]
    gives_way: Mapping[str, list[str]]

    def next_action(self) -> str | None:
        """None where the rules decide."""
        plan, done = self.plan(), list(self.turn.done)
        if plan is None or plan[: len(done)] != done:
            return None
        return [*plan, ACTION_LISTEN_NAME][len(done)]

    def plan(self) -> list[str] | None:
        """All actions that answer this turn, in order; None where the rules decide."""
        if self.turn.form is None:
            return self._outside_forms()
        if not self.turn.rejected:
            return self._after_form(self.turn.form)
        return self._inside_form(self.turn.form)

    def _outside_forms(self) -> list[str] | None:
        turn, names = self.turn, self.names
        match turn.intent:
            case "more":
                return [self._more()]
            case "affirm":
                said = [action for action in turn.before if action != "utter_also"]
                offered = names.find_offer(said[-1]) if said else None
                return names.starting(offered) if offered else None
            case "resume" | "start_over":
                left = self.left_unfinished()
                if left is None or not names.is_skill(left):
                    return None
                again = turn.intent == "start_over"
                return names.starting(left) if again else ["utter_on_we_go", f"{left}_form"]
        topic = names.find_topic(turn.intent)
        if topic and self.also_asked():
            return [*names.telling(topic), "utter_also"]
        return None

    def _after_form(self, form: str) -> list[str] | None:
        """A form that got its last answer. RulePolicy does not find the skill's own rule for it
        after a question was asked twice, because it compares with a dialogue without detours."""
        finished = not self.turn.open_now and f"{form}_form" in self.turn.done
        if not finished or not self.names.has(f"utter_{form}_done"):
            return None
        return [f"{form}_form", f"utter_{form}_done"]

    def _inside_form(self, form: str) -> list[str]:
        names, intent, ask_again = self.names, self.turn.intent, f"{form}_form"
        topic, wanted = names.find_topic(intent), names.find_skill(intent)
        if intent in ("leave", "goodbye"):
            return [ACTION_DEACTIVATE_LOOP_NAME, f"utter_{form}_left"]
        if intent == "start_over":
            return names.starting(form)
        if intent in ("resume", "greet") or wanted == form:
            return ["utter_on_we_go", ask_again]
        if wanted:
            return [*names.setting_aside(form), *names.starting(wanted)]
        if intent in self.gives_way:
            return [*names.setting_aside(form), *self.gives_way[intent]]
        if topic:
            return [*names.telling(topic), ask_again]
        if intent in self.asides:
            return [*self.asides[intent], ask_again]
        if self.turn.fruitless < RE_ASKS:
            return [f"utter_again_{form}", ask_again]
        return [f"utter_{form}_given_up", ACTION_DEACTIVATE_LOOP_NAME]

    def slots_to_empty(self, said: str) -> list[str]:
        """All slots of a skill that `said` starts. But a long scale keeps the answers of the short
        one that was finished directly before it."""
        skill = said.removeprefix("utter_").removesuffix("_started")
        if said != f"utter_{skill}_started" or not self.names.is_skill(skill):
            return []
        before = self.turn.before
        just_done = before[-1].removeprefix("utter_").removesuffix("_done") if before else ""
        own, short = f"{skill}_", f"{just_done}_"
        slots = map(str, self.names.domain.required_slots_for_form(f"{skill}_form"))
        return [slot for slot in slots if slot.startswith(own) or not slot.startswith(short)]

    def also_asked(self) -> str | None:
        intent, confidence = self.turn.second
        other = self.names.find_topic(intent) or self.names.find_skill(intent)
        return other.replace("_", " ") if other and confidence >= ALSO_FROM else None

    def left_unfinished(self) -> str | None:
        """The skill that ended last, if it ended half-way."""
        for said in reversed(self.turn.before):
            skill = said.removeprefix("utter_")
            for ending in ("_left", "_set_aside"):
                if skill.endswith(ending):
                    return None if self.names.is_whole(said) else skill.removesuffix(ending)
            if skill.endswith(("_done", "_given_up")):
                return None
        return None

    def _more(self) -> str:
        """More about the last topic. If that was said too, that there is no more."""
        for said in reversed(self.turn.before):
            topic = said.removeprefix("utter_").removesuffix("_more").removesuffix("_helps")
            if said == f"utter_{topic}_more":
                return "utter_no_more"
            if said == f"utter_{topic}_helps" and self.names.has(f"utter_{topic}_more"):
                return f"utter_{topic}_more"
        return "utter_more_of_what"


def _session_events(tracker: DialogueStateTracker) -> list[Any]:
    events = tracker.events_after_latest_restart()
    begun = [i for i, event in enumerate(events) if isinstance(event, SessionStarted)]
    return events[begun[-1] :] if begun else events


def _second(ranking: Sequence[Mapping[str, Any]]) -> tuple[str, float]:
    if len(ranking) < 2:
        return "", 0.0
    return str(ranking[1]["name"]), float(ranking[1]["confidence"])


def _re_asks(events: Sequence[Any], again: str) -> int:
    """How often `again` was said since the form began or got its last answer."""
    count = 0
    for event in reversed(events):
        if isinstance(event, ActiveLoop) or _is_answer(event):
            break
        count += isinstance(event, ActionExecuted) and event.action_name == again
    return count


def _is_answer(event: Any) -> bool:
    about_us = (ALSO, RESUMED, "requested_slot")
    return isinstance(event, SlotSet) and event.value is not None and event.key not in about_us


def _actions(events: Sequence[Any]) -> list[str]:
    """The responses and forms that ran, and deactivations, without Rasa's other own actions."""
    names = (event.action_name for event in events if isinstance(event, ActionExecuted))
    return [
        str(name)
        for name in names
        if name and (name == ACTION_DEACTIVATE_LOOP_NAME or not name.startswith("action_"))
    ]
