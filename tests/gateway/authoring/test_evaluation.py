"""The table of what detection can do: what is read from a report, and what counts as met."""

import json
from pathlib import Path

import numpy as np
import pytest

from escalation.detect.training.cross_validation import CORNERS, CrossValidation
from gateway.authoring.evaluation import (
    TARGETS,
    Figure,
    assessed,
    brought_figures,
    first_brought,
    outside_figures,
)

NO = {"urgency": "none", "offers_person": False}
OFFER = {"urgency": "none", "offers_person": True}
SOON = {"urgency": "soon", "offers_person": False}


def told(**answers: dict[str, object]) -> list[str]:
    return [
        json.dumps({"id": at.replace("__", "|").replace("_at_", "/"), **answer})
        for at, answer in answers.items()
    ]


def test_an_offer_of_a_person_counts_at_the_message_that_made_it() -> None:
    answers = told(
        esconv__1_at_1=NO, esconv__1_at_2=OFFER, esconv__1_at_3=SOON,
        esconv__2_at_1=NO, esconv__2_at_2=NO,
        DailyDialog__7_at_1=NO, DailyDialog__7_at_2=NO,
    )  # fmt: skip
    firsts = first_brought(answers, answers)

    assert firsts == {"support": {"esconv|1": 2, "esconv|2": 0}, "ordinary": {"DailyDialog|7": 0}}
    by_1, by_3, by_5, ordinary = brought_figures(firsts)
    assert (by_1.value, by_3.value, by_5.value) == (0, 0.5, 0.5)
    assert not by_1.holds
    assert by_3.holds
    assert ordinary.value == 0
    assert ordinary.holds


def test_a_figure_says_by_itself_whether_it_is_met() -> None:
    low = Figure("crisis recall", 0.73, 0.95, interval=(0.65, 0.80))

    assert "NOT met" in str(low)
    assert "[0.650-0.800]" in str(low)
    assert "NOT met" not in str(Figure("false crisis", 0.001, 0.001, at_most=True))


def test_every_figure_that_was_asked_for_is_read_from_the_report() -> None:
    asked = {*TARGETS["at_least"], *TARGETS["at_most"]}
    row = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10}
    report = dict.fromkeys((*asked, "something else"), row)

    assert {figure.name for figure in outside_figures(report)} == asked
    del report["crisis recall, abuse"]
    with pytest.raises(KeyError, match="abuse"):
        list(outside_figures(report))


def test_assessing_on_every_core_keeps_the_order_and_the_answers() -> None:
    lines = [json.dumps({"id": n, "text": f"hello {n}"}) for n in range(30)]

    assert [json.loads(answer)["id"] for answer in assessed(lines)] == list(range(30))


def test_corners_are_counted_only_where_both_labels_are_clear() -> None:
    labels = {"connection": np.array([1.0, 0, 1, 0.5]), "tools": np.array([0.0, 1, 1, 1])}
    scores = {"connection": np.array([0.9, 0.1, 0.2, 0.9]), "tools": np.array([0.1, 0.9, 0.9, 0.9])}
    counts = CrossValidation(labels, scores).corners()

    assert counts.sum() == 3
    assert counts[CORNERS.index("connection"), CORNERS.index("connection")] == 1
    assert counts[CORNERS.index("tools"), CORNERS.index("tools")] == 1
    assert counts[CORNERS.index("both"), CORNERS.index("tools")] == 1


def test_the_docs_have_a_place_for_the_table() -> None:
    docs = Path(__file__).parents[3] / "docs" / "evidence.md"

    assert docs.read_text("utf-8").count("<!-- detection -->") == 2
