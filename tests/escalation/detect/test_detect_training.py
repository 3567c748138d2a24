"""The weights are those of the example files beside them."""

import json
from pathlib import Path

import numpy as np
import pytest

from escalation.detect import classifiers, sentences
from escalation.detect.classifiers import WeightsDamaged, load_classifiers
from escalation.detect.sentences import ModelDamaged, read
from escalation.detect.training.example_files import (
    BadExample,
    Bring,
    Conversation,
    Example,
    Turn,
    fingerprint,
    read_conversations,
    read_examples,
)
from escalation.detect.training.leakage import find_duplicates
from escalation.detect.training.train import (
    READS,
    STRENGTH,
    fit,
    in_context,
    inputs_for,
    plain,
    targets,
)


def test_no_example_is_there_twice() -> None:
    assert list(find_duplicates([example.text for example in read_examples()])) == []


def test_the_weights_were_trained_on_the_examples_as_they_are_now() -> None:
    """When this fails: python -m escalation.detect.training.train"""
    stored = json.loads(classifiers.WEIGHTS.read_text("utf-8"))

    assert stored["examples_sha256"] == fingerprint()


def test_all_four_corners_have_examples() -> None:
    corners = {(connection, tools): 0 for connection in (0, 2) for tools in (0, 2)}
    for example in read_examples():
        if (example.connection, example.tools) in corners:
            corners[example.connection, example.tools] += 1

    assert min(corners.values()) >= 50


def test_training_is_the_same_twice_and_learns_what_it_is_shown() -> None:
    shown = [
        *(Example(2, 0, None, f"i feel so alone, {who} left") for who in ("he", "she", "mum")),
        *(Example(0, 2, None, f"how do i get better at {what}?") for what in ("maths", "chess")),
    ]
    inputs = inputs_for(plain(shown))
    wanted = targets(shown)["tools"]
    weights, bias = fit(inputs[:, : READS["tools"]], wanted, STRENGTH["tools"])
    again, _ = fit(inputs[:, : READS["tools"]], wanted, STRENGTH["tools"])

    assert np.array_equal(weights, again)
    assert ((inputs @ weights + bias > 0) == (wanted == 1)).all()


def test_a_mistake_in_an_example_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "some.tsv").write_text("connection\ttools\tcrisis\ttext\n3\t0\t-\thi\n", "utf-8")
    (tmp_path / "some.txt").write_text("# one\nmentee\t0\t0\t-\tmaybe\thi\n", "utf-8")

    with pytest.raises(BadExample, match=r"some\.tsv, line 2: connection and tools are 0, 1 or 2"):
        read_examples(tmp_path)
    with pytest.raises(BadExample, match=r"some\.txt, line 2: person is -, ask or bring"):
        read_conversations(tmp_path)


def test_a_conversation_is_read_turn_by_turn(tmp_path: Path) -> None:
    (tmp_path / "some.txt").write_text(
        "# moved away\nmentee\t0\t0\t-\t-\thi\nbot\tHello.\n"
        "mentee\t2\t0\t-\task\teverybody i know is in leeds\n\n# other\n"
        "mentee\t0\t2\t-\t-\thow do i study\n",
        "utf-8",
    )
    moved, other = read_conversations(tmp_path)

    assert moved.title == "moved away"
    assert [turn.text for turn in moved.turns] == ["hi", "everybody i know is in leeds"]
    assert [turn.person for turn in moved.turns] == [Bring.NO, Bring.ASK]
    assert [turn.tools for turn in other.turns] == [2]


def test_a_turn_is_learned_with_what_came_before_it_as_it_is_read_later() -> None:
    turn = [Turn(0, 0, None, text, Bring.NO) for text in ("Hi", "2", "3", "4", "Bye!")]
    read = [words for _, words in in_context(Conversation("five", tuple(turn)))]

    assert read[0] == "hi"
    assert read[1] == "hi \n 2"
    assert read[4] == "2 \n 3 \n 4 \n bye!"


def test_weights_that_were_changed_by_hand_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = tmp_path / "classifiers.json"
    changed.write_text(classifiers.WEIGHTS.read_text("utf-8").replace("0.1", "0.2", 1), "utf-8")
    monkeypatch.setattr(classifiers, "WEIGHTS", changed)

    with pytest.raises(WeightsDamaged, match="is not the file that was trained"):
        load_classifiers.__wrapped__()


def test_a_model_file_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "model.onnx"
    other.write_bytes(b"something else")

    with pytest.raises(ModelDamaged):
        sentences._checked(other, "0" * 64)


def test_a_long_message_costs_no_more_than_its_beginning_and_end() -> None:
    features = read("word " * 500 + ". the end")

    assert features.whole.shape == (384,)
    assert features.sentences[-1].end == len("word " * 500 + ". the end")
