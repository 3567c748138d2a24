"""Our faster intent model says what Rasa's does."""

import json

from tests.rasas_python import in_rasas_python


def test_every_confidence_is_rasas_own() -> None:
    script = """
import copy, json, tempfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from components import slim_rasa
slim_rasa.leave_out()
import numpy as np
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.sparse import random as sparse
from components.intent_classifier import FastIntentClassifier

chance = np.random.default_rng(7)

def message(n):
    made = Message({"text": f"message {n}", "intent": f"intent {n % 9}"})
    for name, width in (("words", 300), ("letters", 500)):
        for kind, rows in (("sequence", 4), ("sentence", 1)):
            some = sparse(rows, width, density=0.05, format="csr", random_state=n + width)
            made.add_features(Features(some, kind, "text", name))
    for kind in ("sequence", "sentence"):
        made.add_features(Features(chance.normal(size=(1, 384)), kind, "text", "meaning"))
    return made

folder = Path(tempfile.mkdtemp())
opened = contextmanager(lambda resource: (yield folder))
storage = SimpleNamespace(write_to=opened, read_from=opened)
where = (storage, SimpleNamespace(name="model"), SimpleNamespace(node_name="intents"))

messages = [message(n) for n in range(180)]
config = LogisticRegressionClassifier.get_default_config()
FastIntentClassifier.create(config, *where).train(TrainingData(messages))
ours = FastIntentClassifier.load(config, *where)
rasas = LogisticRegressionClassifier.load(config, *where)

def read(component):
    new = [copy.deepcopy(one) for one in messages]
    return [one.get("intent_ranking") for one in component.process(new)]

same = [
    [a["name"] for a in mine] == [a["name"] for a in theirs]
    and np.allclose([a["confidence"] for a in mine], [a["confidence"] for a in theirs], atol=1e-12)
    for mine, theirs in zip(read(ours), read(rasas))
]
same_features = abs(ours._create_X(messages) - rasas._create_X(messages)).max() == 0
print(json.dumps([len(same), all(same), bool(same_features), ours.clf.coef_.flags.f_contiguous]))
"""
    assert json.loads(in_rasas_python(script).splitlines()[-1]) == [180, True, True, True]
