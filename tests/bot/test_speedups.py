"""What we put in the place of Rasa's own does the same."""

import json
from typing import Any

from bot.training import train_if_changed
from tests.rasas_python import in_rasas_python


def opening() -> str:
    """Before each script: the trained model's domain, read as Rasa reads it."""
    return f"""
import asyncio, copy, json, random, tarfile, tempfile
from pathlib import Path
from components import slim_rasa
slim_rasa.leave_out()
from components import speedups
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import *
from rasa.shared.core.trackers import DialogueStateTracker

file = Path({str(train_if_changed())!r})
with tarfile.open(file) as model:
    [name] = [name for name in model.getnames() if name.endswith("domain.yml")]
    domain = Domain.from_yaml(model.extractfile(name).read().decode())
chance = random.Random(7)
intents = sorted(domain.intents)
"""


def told_by(script: str) -> Any:
    return json.loads(in_rasas_python(opening() + script).splitlines()[-1])


def test_every_message_is_read_and_every_action_predicted_as_by_rasas_own_runner() -> None:
    told = told_by("""
from rasa.core.channels import UserMessage
from rasa.core.policies.policy import PolicyPrediction
from rasa.engine.loader import load_predict_graph_runner
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage

def loaded(kind):
    folder = Path(tempfile.mkdtemp())
    return load_predict_graph_runner(folder, file, LocalModelStorage, kind)

metadata, ours = loaded(speedups.InOrder)
_, rasas = loaded(DaskGraphRunner)
read, predicted, met = [], [], set()
for text in ("hi", "breathe", "7", "i cant sleep and school is too much", "qwx zzz", "skip"):
    tracker = DialogueStateTracker("maya", domain.slots)
    messages = [
        runner.run({"__message__": [UserMessage(text)], "__tracker__": tracker},
                   [metadata.nlu_target])[metadata.nlu_target][0].as_dict(True)
        for runner in (ours, rasas)
    ]
    read.append(messages[0] == messages[1])
    tracker.update(ActionExecuted("action_listen"))
    tracker.update(UserUttered(text, messages[0]["intent"], parse_data=messages[0]))
    after = [
        runner.run({"__tracker__": tracker}, [metadata.core_target])[metadata.core_target]
        for runner in (ours, rasas)
    ]
    predicted.append(vars(after[0]) == vars(after[1]))
    met.add(after[0].max_confidence_index)
print(json.dumps([read, predicted, len(met) > 3]))
""")
    assert told == [[True] * 6, [True] * 6, True]


def test_every_slot_is_filled_as_by_rasas_own_extraction() -> None:
    """In every form, at every question and outside of them, whatever was said."""
    told = told_by("""
from rasa.core.actions.action import ActionExtractSlots

ours, rasas = speedups.ExtractSlots(None), ActionExtractSlots(None)
entities = sorted(domain.entities)

def filled(action, tracker):
    return [(one.key, one.value) for one in asyncio.run(action.run(None, None, tracker, domain))]

differ, found = [], 0
for form in [None, *domain.form_names]:
    for asked in domain.required_slots_for_form(form) if form else [None]:
        for _ in range(40):
            said = [{"entity": chance.choice(entities), "value": "5"}] * chance.randint(0, 1)
            tracker = DialogueStateTracker("maya", domain.slots)
            tracker.update(ActiveLoop(form))
            tracker.update(SlotSet("requested_slot", asked))
            tracker.update(ActionExecuted("action_listen"))
            tracker.update(UserUttered("five", {"name": chance.choice(intents)}, said))
            mine, theirs = filled(ours, tracker), filled(rasas, tracker)
            found += bool(theirs)
            if mine != theirs:
                differ.append([form, asked, mine, theirs])
print(json.dumps([differ, found > 500]))
""")
    assert told == [[], True]


def test_a_slot_that_depends_on_no_form_is_filled_in_every_one() -> None:
    told = told_by("""
def slot(*mappings):
    return {"type": "text", "mappings": list(mappings)}

intent = {"type": "from_intent", "intent": "hi", "value": "x"}
some = Domain.from_dict({
    "intents": ["hi"],
    "forms": {"a_form": {"required_slots": ["in_a"]}, "b_form": {"required_slots": ["in_b"]}},
    "slots": {
        "always": slot(intent),
        "in_a": slot(intent | {"conditions": [{"active_loop": "a_form"}]}),
        "in_b": slot(intent | {"conditions": [{"active_loop": "b_form"}]}),
        "outside": slot(intent | {"conditions": [{"active_loop": None}]}),
        "at_its_start": slot({"type": "from_trigger_intent", "intent": "hi", "value": "x",
                              "conditions": [{"active_loop": "a_form"}]}),
    },
})

def left(form):
    return [one.name for one in speedups.narrowed(some, form).slots if one.mappings]

print(json.dumps([left("a_form"), left("b_form"), left(None)]))
""")
    everywhere = {"always", "at_its_start"}
    expected = [everywhere | {"in_a"}, everywhere | {"in_b"}, everywhere | {"outside"}]
    assert [set(names) for names in told] == expected


def test_a_copied_slot_is_as_rasas_copy_and_its_own() -> None:
    told = told_by("""
rasas = [vars(copy.copy(slot)) for slot in domain.slots]
speedups.install()
ours = [copy.copy(slot) for slot in domain.slots]
same = [vars(one) for one in ours] == rasas
kinds = [type(one) for one in ours] == [type(slot) for slot in domain.slots]
for one in ours:
    one._value = "mine"
print(json.dumps([same, kinds, any(slot.value == "mine" for slot in domain.slots)]))
""")
    assert told == [True, True, False]


def test_a_domain_is_empty_when_rasa_says_so() -> None:
    told = told_by("""
both = domain, Domain.empty()
print(json.dumps([[one.is_empty(), speedups.is_empty(one)] for one in both]))
""")
    assert told == [[False, False], [True, True]]
