"""`warmline assess`: one answer per line, and a bad line loses nothing but itself."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from escalation.assess import assess_lines
from escalation.policy_file import load_policy

POLICY = load_policy()


def assess(*lines: str) -> list[dict[str, Any]]:
    return [json.loads(answer) for answer in assess_lines(lines, POLICY)]


def asked(text: str, **more: Any) -> str:
    return json.dumps({"id": "m1", "text": text, **more})


def test_each_urgency_is_reached_by_what_it_is_for() -> None:
    answers = assess(
        asked("see you tomorrow"),
        asked("nobody cares about me and i feel so alone tonight. i just cry"),
        asked("nobody would notice if i was gone, i just want someone to talk to"),
        asked("i am going to kill myself tonight"),
    )
    assert [answer["urgency"] for answer in answers] == ["none", "routine", "soon", "crisis"]


def test_an_answer_says_what_was_seen_and_where() -> None:
    text = "hi. can i talk to a real person"
    (answer,) = assess(asked(text))
    assert answer["id"] == "m1"
    assert answer["asks_for_person"] is True
    assert {"crisis", "connection", "tools", "urgency", "version"} <= set(answer)
    span = answer["evidence"][0]
    assert span["axis"] == "person"
    assert text[span["start"] : span["end"]] == span["quote"]


def test_a_bad_line_is_named_and_the_rest_go_on() -> None:
    answers = assess(asked("hi"), "{not json", '"just words"', '{"id": 4}', "", asked("bye"))
    assert [answer["id"] for answer in answers] == ["m1", None, None, None, "m1"]
    assert answers[1]["error"] == "line 2: this is not JSON"
    assert answers[2]["error"] == "line 3: this is not an object with id and text"
    assert answers[3]["error"] == "line 4: text is missing, or is not text"


def test_only_what_the_mentee_wrote_counts_as_history() -> None:
    lonely = {"author": "mentee", "text": "i feel so alone, nobody calls"}
    from_bot = {**lonely, "author": "bot"}
    now = "it's just quiet here"
    heard, not_heard = assess(asked(now, history=[lonely]), asked(now, history=[from_bot]))
    assert heard["connection"] > not_heard["connection"]


def test_the_same_message_gets_the_same_answer_in_any_company() -> None:
    message = asked("i don't know what to do, she left and i can't sleep")
    (alone,) = assess(message)
    in_company = assess(asked("hello there"), message, asked("x" * 500), message)
    assert in_company[1] == alone == in_company[3]


@given(line=st.text())
@settings(max_examples=100, deadline=None)
def test_no_line_stops_the_rest(line: str) -> None:
    *_, last = assess(line, asked("ok"))
    assert last["id"] == "m1"
    assert last["urgency"] == "none"
