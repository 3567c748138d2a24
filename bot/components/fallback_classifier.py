"""The bot answers with a topic, a skill or a check-in only if it is sure enough."""

from __future__ import annotations

import re
from typing import Any

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.classifiers.fallback_classifier import FallbackClassifier
from rasa.shared.nlu.constants import INTENT, INTENT_NAME_KEY, PREDICTED_CONFIDENCE_KEY
from rasa.shared.nlu.training_data.message import Message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class StricterFallbackClassifier(FallbackClassifier):
    """Rasa's FallbackClassifier, with a higher bar for topics, skills and check-ins.

    A wrong "you are welcome" does no harm, but three texts about grief to someone who wrote about a
    film do. `does` is a pattern for the intents that need `does_threshold` (0 to 1).
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        return {**FallbackClassifier.get_default_config(), "does": "", "does_threshold": 0.0}

    def _should_fallback(self, message: Message) -> bool:
        intent = message.data[INTENT]
        does = re.match(self.component_config["does"] or "(?!)", str(intent[INTENT_NAME_KEY]))
        bar = float(self.component_config["does_threshold"])
        if does and intent[PREDICTED_CONFIDENCE_KEY] < bar:
            return True
        return bool(super()._should_fallback(message))
