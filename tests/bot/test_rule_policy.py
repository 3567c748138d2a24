"""Our faster RulePolicy predicts what Rasa's does."""

import json

from bot.training import train_if_changed
from tests.rasas_python import in_rasas_python


def test_every_prediction_is_rasas_own() -> None:
    """On dialogues made at random of everything in the domain: intents, actions, forms, slots."""
    script = f"""
import json, random, tarfile
from components import slim_rasa
slim_rasa.leave_out()
from rasa.core.policies.rule_policy import RulePolicy
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.resource import Resource
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import *
from rasa.shared.core.trackers import DialogueStateTracker
from components.rule_policy import FastRulePolicy

with tarfile.open({str(train_if_changed())!r}) as model:
    def read(end):
        [name] = [name for name in model.getnames() if name.endswith(end)]
        return model.extractfile(name).read().decode()
    lookup = json.loads(read("rule_policy.json"))["lookup"]
    domain = Domain.from_yaml(read("domain.yml"))

def policy(kind):
    config = RulePolicy.get_default_config()
    config["core_fallback_action_name"] = "utter_not_understood"
    return kind(config, None, Resource("rules"), ExecutionContext(GraphSchema({{}})), lookup=lookup)

chance = random.Random(7)
forms = list(domain.form_names)
intents = sorted(domain.intents)
rules = [json.loads(rule) for rule in lookup["rules"]]

def something():
    # Half of the time what some rule asks for, so that rules do match; else anything.
    if chance.random() < 0.5:
        for state in chance.choice(rules):
            if "user" in state and "intent" in state["user"]:
                yield UserUttered("x", {{"name": state["user"]["intent"]}})
            loop = state.get("active_loop", {{}}).get("name")
            if "prev_action" in state:
                yield ActionExecuted(state["prev_action"]["action_name"])
            if loop:
                yield ActiveLoop(None if loop == "should_not_be_set" else loop)
        return
    yield ActionExecuted("action_listen")
    yield UserUttered("x", {{"name": chance.choice(intents)}})
    form = chance.choice(forms)
    yield from chance.choice([
        [ActionExecuted(chance.choice(domain.action_names_or_texts))],
        [ActionExecuted(form), ActiveLoop(form), SlotSet("requested_slot", "x")],
        [ActionExecutionRejected(form)],
        [ActiveLoop(None), SlotSet("requested_slot", None)],
        [Restarted()], [SessionStarted()], [UserUtteranceReverted()], [],
    ])

ours, rasas = policy(FastRulePolicy), policy(RulePolicy)
told = {{"dialogues": 0, "differ": 0, "by a rule": 0}}
for _ in range(150):
    tracker = DialogueStateTracker("maya", domain.slots)
    for _ in range(chance.randint(1, 8)):
        for event in something():
            tracker.update(event)
            mine = ours.predict_action_probabilities(tracker, domain)
            theirs = rasas.predict_action_probabilities(tracker, domain)
            told["dialogues"] += 1
            told["by a rule"] += max(theirs.probabilities) == 1.0
            same = (mine.probabilities, mine.events, mine.is_no_user_prediction)
            told["differ"] += same != (
                theirs.probabilities, theirs.events, theirs.is_no_user_prediction
            )
print(json.dumps(told))
"""
    told = json.loads(in_rasas_python(script).splitlines()[-1])
    assert told["dialogues"] > 1_000
    assert told["by a rule"] > 300, "otherwise nothing was compared"
    assert told["differ"] == 0
