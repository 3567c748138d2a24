"""Rasa's LogisticRegressionClassifier, made fast: the same numbers with less copying."""

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
    """Learns and predicts what its parent does, from the same features in the same order."""

    @classmethod
    def load(cls, *args: Any, **kwargs: Any) -> FastIntentClassifier:
        loaded = super().load(*args, **kwargs)
        if hasattr(loaded.clf, "coef_"):
            # scipy multiplies by the transpose and copies all of it for each message, unless its
            # rows already lie one after the other.
            loaded.clf.coef_ = np.asfortranarray(loaded.clf.coef_)
        return loaded

    def _create_X(self, messages: list[Message]) -> csr_matrix:  # noqa: N802 # the parent's name
        rows = [features_of(message) for message in messages]
        return rows[0] if len(rows) == 1 else vstack(rows, format="csr")


def features_of(message: Message) -> csr_matrix:
    """The features of the whole message, sparse ones first.

    The parent first joins those of each word as well, which it does not use. Joined by hand, as
    scipy's own joining checks and converts each part several times.
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
    """Where a row of features is not zero, and what it is there."""
    if issparse(features):
        kept = features.tocoo()
        return kept.col, kept.data
    found = np.flatnonzero(features[0])
    return found, features[0][found]
