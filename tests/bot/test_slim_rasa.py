"""Rasa starts without TensorFlow, and says so where a component would need it."""

import shutil
from pathlib import Path

import pytest

from bot.environment import ROOT, BotProblem, find_python
from bot.training import SOURCES, train_if_changed
from tests.rasas_python import in_a_new_process


def test_rasa_is_whole_without_tensorflow_and_within_its_memory() -> None:
    script = """
import sys
from components import slim_rasa
slim_rasa.leave_out()
import rasa.__main__, rasa.core.agent, rasa.core.run, rasa.model_training
from rasa.engine.recipes.default_components import DEFAULT_COMPONENTS
names = {*slim_rasa.LEFT_OUT, "jax", "torch"}
heavy = [name for name, module in sys.modules.items()
         if name.partition(".")[0] in names and getattr(module, "__file__", None)]
memory = [line for line in open("/proc/self/status") if line.startswith("VmRSS")][0]
print(heavy, int(memory.split()[1]) < 300_000)
print(sorted(one.__name__ for one in DEFAULT_COMPONENTS if slim_rasa.needs(one)))
"""
    said = in_a_new_process(script).splitlines()
    assert said[-2] == "[] True"
    assert said[-1] == str(
        [
            "ConveRTFeaturizer",
            "DIETClassifier",
            "LanguageModelFeaturizer",
            "ResponseSelector",
            "TEDPolicy",
            "UnexpecTEDIntentPolicy",
        ]
    ), "and no other component of Rasa's needs what is left out"


def test_a_pipeline_that_needs_tensorflow_is_refused_by_name(tmp_path: Path) -> None:
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    config = tmp_path / "config.yml"
    ours = "components.intent_classifier.FastIntentClassifier"
    named = config.read_text().replace(ours, "DIETClassifier")
    assert "name: DIETClassifier" in named
    config.write_text(named)
    with pytest.raises(BotProblem) as problem:
        train_if_changed(root=tmp_path, python=find_python(ROOT))
    assert "config.yml names DIETClassifier, which needs keras, tensorflow" in str(problem.value)
    assert "docs/decisions/0004-bot.md" in str(problem.value)


def test_a_stand_in_that_is_used_after_all_says_what_it_is() -> None:
    script = """
from components import slim_rasa
slim_rasa.leave_out()
import tensorflow as tf
from tensorflow.keras.layers import Layer

class Sum(Layer):
    @tf.function
    def call(self, x: tf.Tensor) -> tf.Tensor: ...

slim_rasa.StandIn.importing = False
for use in (lambda: tf.constant(1), lambda: Sum()):
    try:
        use()
    except slim_rasa.LeftOut as problem:
        print(problem)
"""
    assert in_a_new_process(script).splitlines() == [
        "tensorflow.constant was called, but tensorflow is left out.",
        "__main__.Sum was called, but tensorflow is left out.",
    ]
