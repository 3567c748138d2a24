"""Rasa's LogisticRegressionClassifier, with the same numbers and less copying."""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.message import Message
from scipy.sparse import csr_matrix, issparse, vstack


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class FastIntentClassifier(LogisticRegressionClassifier):
    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> FastIntentClassifier:
        loaded = super().load(*args, **kwargs)
        if hasattr(loaded.clf, "coef_"):
            # scipy multiplies by the transpose, and copies it for each message unless its rows are
            # contiguous.
            loaded.clf.coef_ = np.asfortranarray(loaded.clf.coef_)
        return loaded

    def _create_X(self, messages: list[Message]) -> csr_matrix:  # noqa: N802 # the parent's name
        rows = [whole_features(message) for message in messages]
        return rows[0] if len(rows) == 1 else vstack(rows, format="csr")


def whole_features(message: Message) -> csr_matrix:
    """The features of the whole message, sparse ones first.

    The parent also joins those of each word, and does not use them. Not joined with scipy, which
    checks and converts each part several times.
    """
    whole = [
        one
        for one in message.features
        if (one.attribute, one.type) == (TEXT, FEATURE_TYPE_SENTENCE)
    ]
    columns, numbers, width = [], [], 0
    for one in sorted(whole, key=lambda one: one.is_dense()):
        found, values = one_row(one.features)
        columns.append(found + width)
        numbers.append(values)
        width += one.features.shape[1]
    row = np.concatenate(numbers), np.concatenate(columns)
    return csr_matrix((*row, [0, len(row[0])]), shape=(1, width), dtype=float)


def one_row(features: Any) -> tuple[Any, Any]:
    """The places and values of the numbers in a row that are not zero."""
    if issparse(features):
        kept = features.tocoo()
        return kept.col, kept.data
    found = np.flatnonzero(features[0])
    return found, features[0][found]
