"""What follows a message by name rather than by rule: detours, re-asks, going on, MORE.

Every skill, check-in and topic names its intents, form, slots and responses alike, so one policy
carries for all what would otherwise take a rule for each form and each detour. It learns nothing
and knows no content; docs/decisions/0004-bot.md has the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
# Of two things asked in one message the likelier is answered, and the other named from here on.
ALSO_FROM = 0.25
# The slots that tell `utter_on_we_go` which skill goes on and `utter_also` what else was read.
RESUMED, ALSO = "resumed", "also"


@DefaultV1Recipe.register(
    DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True
)
class DetourPolicy(Policy):
    """Predicts the next action where names decide it, and empties slots where words begin anew.

    Its priority is above RulePolicy's: where it has an opinion it has the last word. Configured by
    `asides` (intent: what is said before the form asks again) and `gives_way` (intent: what is said
    once the form is set aside).
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {"priority": 7, "asides": {}, "gives_way": {}}

    @staticmethod
    def supported_data() -> SupportedData:
        return SupportedData.ML_AND_RULE_DATA

    def train(self, training_trackers: list[Any], domain: Domain, **kwargs: Any) -> Resource:
        with self._model_storage.write_to(self._resource):
            pass  # nothing is learned; Rasa wants to find the folder
        return self._resource

    def predict_action_probabilities(
        self,
        tracker: DialogueStateTracker,
        domain: Domain,
        rule_only_data: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> PolicyPrediction:
        names = Names(domain)
        turn = Turn.of(tracker)
        emptied = slots_to_empty(str(tracker.latest_action_name), turn.before, names)
        events: list[Any] = [
            SlotSet(slot) for slot in emptied if tracker.get_slot(slot) is not None
        ]
        action = self._next_action(turn, names)
        if action == "utter_on_we_go":
            events.append(SlotSet(RESUMED, turn.form or left_unfinished(turn.before, names)))
        if action == "utter_also":
            events.append(SlotSet(ALSO, also_asked(turn, names)))
        if action is None:
            return self._prediction(self._default_predictions(domain), events=events)
        return self._prediction(confidence_scores_for(action, 1.0, domain), events=events)

    def _next_action(self, turn: Turn, names: Names) -> str | None:
        plan = plan_of(turn, names, self.config["asides"], self.config["gives_way"])
        if plan is None or list(plan[: len(turn.done)]) != list(turn.done):
            return None
        return [*plan, ACTION_LISTEN_NAME][len(turn.done)]


@dataclass(frozen=True)
class Names:
    """What the domain has, asked by name."""

    domain: Domain

    def skill_of(self, intent: str) -> str | None:
        """The skill or check-in that an intent `ask_x` asks for."""
        skill = "mood" if intent == "ask_check_in" else intent.removeprefix("ask_")
        return skill if skill != intent and f"{skill}_form" in self.domain.form_names else None

    def topic_of(self, intent: str) -> str | None:
        topic = intent.removeprefix("topic_")
        return topic if topic != intent and self.has(f"utter_{topic}_what") else None

    def telling(self, topic: str) -> list[str]:
        parts = (f"utter_{topic}_{part}" for part in ("what", "why", "helps"))
        return [part for part in parts if self.has(part)]

    def starting(self, skill: str) -> list[str]:
        """The actions that begin a skill from its first question."""
        return [*self._known(f"utter_{skill}_started"), f"{skill}_form"]

    def setting_aside(self, skill: str) -> list[str]:
        return [ACTION_DEACTIVATE_LOOP_NAME, *self._known(f"utter_{skill}_set_aside")]

    def offered_by(self, response: str) -> str | None:
        """The skill that a response offers (`metadata: {offers: x}`); a yes takes it."""
        for variant in self.domain.responses.get(response, []):
            offered = (variant.get("metadata") or {}).get("offers")
            if offered:
                return str(offered)
        return None

    def is_whole(self, response: str) -> bool:
        """Whether leaving with this response reports a check-in as complete all the same."""
        reports = (variant.get("custom", {}) for variant in self.domain.responses.get(response, []))
        return any("check_in" in told and told.get("state") != "left" for told in reports)

    def slots_of(self, skill: str) -> list[str]:
        return [str(slot) for slot in self.domain.required_slots_for_form(f"{skill}_form")]

    def has(self, response: str) -> bool:
        return response in self.domain.responses

    def _known(self, response: str) -> list[str]:
        return [response] if self.has(response) else []


@dataclass(frozen=True)
class Turn:
    """One message of the mentee: what it meant, what was going on, what was done about it since."""

    intent: str
    second: tuple[str, float]
    done: Sequence[str]
    before: Sequence[str]
    form: str | None
    rejected: bool
    open_now: bool
    fruitless: int

    @classmethod
    def of(cls, tracker: DialogueStateTracker) -> Turn:
        """Read the tracker. `form` is the one open when the message came, without its `_form`;
        `fruitless` is how often its present question was asked again."""
        # All events of the session: what Rasa calls applied leaves out what forms did.
        events, message = _of_session(tracker), tracker.latest_message
        start = max((i for i, e in enumerate(events) if isinstance(e, UserUttered)), default=0)
        loops = [event.name for event in events[:start] if isinstance(event, ActiveLoop)]
        form = str(loops[-1]).removesuffix("_form") if loops and loops[-1] else None
        return cls(
            intent=str(message.intent.get("name")) if message else "",
            second=_second(message.parse_data.get("intent_ranking", [])) if message else ("", 0.0),
            done=_actions(events[start:]),
            before=_actions(events[:start]),
            form=form,
            # A form that cannot use an answer rejects it; the ensemble's own record of that is
            # gone once the form is deactivated, the event stays.
            rejected=any(isinstance(event, ActionExecutionRejected) for event in events[start:]),
            open_now=tracker.active_loop_name is not None,
            fruitless=_re_asks(events[:start], f"utter_again_{form}"),
        )


def plan_of(
    turn: Turn,
    names: Names,
    asides: Mapping[str, list[str]],
    gives_way: Mapping[str, list[str]],
) -> list[str] | None:
    """All actions that answer this turn, in order; None where it is for the rules to say."""
    if turn.form is None:
        return _outside_forms(turn, names)
    if not turn.rejected:
        return _after_form(turn, turn.form, names)
    return _inside_form(turn, turn.form, names, asides, gives_way)


def _outside_forms(turn: Turn, names: Names) -> list[str] | None:
    match turn.intent:
        case "more":
            return [_more(turn.before, names)]
        case "affirm":
            said = [action for action in turn.before if action != "utter_also"]
            offered = names.offered_by(said[-1]) if said else None
            return names.starting(offered) if offered else None
        case "resume" | "start_over":
            left = left_unfinished(turn.before, names)
            if left is None or f"{left}_form" not in names.domain.form_names:
                return None
            again = turn.intent == "start_over"
            return names.starting(left) if again else ["utter_on_we_go", f"{left}_form"]
    if names.topic_of(turn.intent) and also_asked(turn, names):
        return [*names.telling(str(names.topic_of(turn.intent))), "utter_also"]
    return None


def _after_form(turn: Turn, form: str, names: Names) -> list[str] | None:
    """A form that took its last answer. The rule for it stands in the skill's file, and RulePolicy
    does not find it once a question was asked twice: it compares with a way without detours."""
    finished = not turn.open_now and f"{form}_form" in turn.done
    if not finished or not names.has(f"utter_{form}_done"):
        return None
    return [f"{form}_form", f"utter_{form}_done"]


def _inside_form(
    turn: Turn,
    form: str,
    names: Names,
    asides: Mapping[str, list[str]],
    gives_way: Mapping[str, list[str]],
) -> list[str]:
    ask_again = f"{form}_form"
    topic, wanted = names.topic_of(turn.intent), names.skill_of(turn.intent)
    if turn.intent in ("leave", "goodbye"):
        return [ACTION_DEACTIVATE_LOOP_NAME, f"utter_{form}_left"]
    if turn.intent == "start_over":
        return names.starting(form)
    if turn.intent in ("resume", "greet") or wanted == form:
        return ["utter_on_we_go", ask_again]
    if wanted:
        return [*names.setting_aside(form), *names.starting(wanted)]
    if turn.intent in gives_way:
        return [*names.setting_aside(form), *gives_way[turn.intent]]
    if topic:
        return [*names.telling(topic), ask_again]
    if turn.intent in asides:
        return [*asides[turn.intent], ask_again]
    if turn.fruitless < RE_ASKS:
        return [f"utter_again_{form}", ask_again]
    return [f"utter_{form}_given_up", ACTION_DEACTIVATE_LOOP_NAME]


def slots_to_empty(said: str, before: Sequence[str], names: Names) -> list[str]:
    """At the start of a skill all its slots; but a long scale keeps the answers to the short one
    that was finished directly before it."""
    skill = said.removeprefix("utter_").removesuffix("_started")
    if said != f"utter_{skill}_started" or f"{skill}_form" not in names.domain.form_names:
        return []
    just_done = before[-1].removeprefix("utter_").removesuffix("_done") if before else ""
    own, short = f"{skill}_", f"{just_done}_"
    slots = names.slots_of(skill)
    return [slot for slot in slots if slot.startswith(own) or not slot.startswith(short)]


def also_asked(turn: Turn, names: Names) -> str | None:
    """The other topic or skill in the same message, in words that ask for it."""
    intent, confidence = turn.second
    other = names.topic_of(intent) or names.skill_of(intent)
    return other.replace("_", " ") if other and confidence >= ALSO_FROM else None


def _more(before: Sequence[str], names: Names) -> str:
    """More of the topic told last; or, when that was said too, that there is no more."""
    for said in reversed(before):
        topic = said.removeprefix("utter_").removesuffix("_more").removesuffix("_helps")
        if said == f"utter_{topic}_more":
            return "utter_no_more"
        if said == f"utter_{topic}_helps" and names.has(f"utter_{topic}_more"):
            return f"utter_{topic}_more"
    return "utter_more_of_what"


def left_unfinished(before: Sequence[str], names: Names) -> str | None:
    """The skill that ended last, if it ended half-way."""
    for said in reversed(before):
        skill = said.removeprefix("utter_")
        for ending in ("_left", "_set_aside"):
            if skill.endswith(ending):
                return None if names.is_whole(said) else skill.removesuffix(ending)
        if skill.endswith(("_done", "_given_up")):
            return None
    return None


def _of_session(tracker: DialogueStateTracker) -> list[Any]:
    events = tracker.events_after_latest_restart()
    begun = [i for i, event in enumerate(events) if isinstance(event, SessionStarted)]
    return events[begun[-1] :] if begun else events


def _second(ranking: Sequence[Mapping[str, Any]]) -> tuple[str, float]:
    if len(ranking) < 2:
        return "", 0.0
    return str(ranking[1]["name"]), float(ranking[1]["confidence"])


def _re_asks(events: Sequence[Any], again: str) -> int:
    """How often `again` was said since the form began or took its last answer."""
    count = 0
    for event in reversed(events):
        if isinstance(event, ActiveLoop) or _is_answer(event):
            break
        if isinstance(event, ActionExecuted) and event.action_name == again:
            count += 1
    return count


def _is_answer(event: Any) -> bool:
    about_us = (ALSO, RESUMED, "requested_slot")
    return isinstance(event, SlotSet) and event.value is not None and event.key not in about_us


def _actions(events: Sequence[Any]) -> list[str]:
    return list(_executed(events))


def _executed(events: Sequence[Any]) -> Iterator[str]:
    for event in events:
        if not isinstance(event, ActionExecuted) or event.action_name in (None, ACTION_LISTEN_NAME):
            continue
        if not str(event.action_name).startswith("action_") or (
            event.action_name == ACTION_DEACTIVATE_LOOP_NAME
        ):
            yield str(event.action_name)
