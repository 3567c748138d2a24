"""What an operator's Prometheus reads: figures, and nobody's words, name or number."""

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from gateway.runtime.database import Database, make_engine
from gateway.runtime.line import TextFailed
from tests.line import MAYA, SAM, Talk
from tests.web_client import Web

# By name and labels.
Figures = dict[tuple[str, frozenset[str]], float]


def figures(web: Web) -> Figures:
    answer: httpx2.Response = web.client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_messages_are_counted_by_speaker(talk: Talk) -> None:
    web = Web(talk)
    before = figures(web)

    talk.texts(MAYA, "can i talk to a person please")
    talk.texts(SAM, f"TAKE {{{talk.handoff().id}}}")
    talk.texts(SAM, "Hi Maya")

    after = figures(web)
    name = "warmline_messages_total"
    gained = {key[1]: after[key] - before[key] for key in after if key[0] == name}
    assert gained[frozenset({"in", "mentee"})] == 1
    assert gained[frozenset({"in", "mentor"})] == 2
    assert gained[frozenset({"out", "mentor"})] == 1
    # What the bot wrote to each of them; every one of these is a row.
    rows = [message for phone in (MAYA, SAM) for message in talk.thread(phone)]
    written = [message for message in rows if message.outgoing and message.speaker == "bot"]
    assert gained[frozenset({"out", "bot"})] == len(written)


def test_open_handoffs_are_counted_by_urgency(talk: Talk) -> None:
    web = Web(talk)
    name = "warmline_handoffs_open"
    assert figures(web)[(name, frozenset({"soon", "waiting"}))] == 0

    talk.texts(MAYA, "can i talk to a person please")
    assert figures(web)[(name, frozenset({"soon", "waiting"}))] == 1

    talk.texts(SAM, f"TAKE {{{talk.handoff().id}}}")
    assert figures(web)[(name, frozenset({"soon", "waiting"}))] == 0
    assert figures(web)[(name, frozenset({"soon", "claimed"}))] == 1


def test_texts_are_counted_by_delivery_state(talk: Talk) -> None:
    web = Web(talk)
    talk.texts(MAYA, "hello")
    delivered = figures(web)[("warmline_deliveries", frozenset({"delivered"}))]
    assert delivered == len(talk.read_by(MAYA)) > 0

    talk.phones.refuse[MAYA] = TextFailed("30007", final=True)
    talk.texts(MAYA, "hello again")
    assert figures(web)[("warmline_deliveries", frozenset({"failed"}))] > 0

    talk.passes(hours=25)
    assert figures(web)[("warmline_deliveries", frozenset({"delivered"}))] == 0


def test_metrics_contain_no_names(talk: Talk) -> None:
    web = Web(talk)
    talk.texts(MAYA, "can i talk to a person please")
    shown = web.client.get("/metrics").text
    assert not any(word in shown for word in ("Maya", "Sam", MAYA, "person please", "Riverside"))


def test_without_the_database_metrics_return_503(talk: Talk) -> None:
    web = Web(talk)
    talk.line.database = Database(make_engine("postgresql+psycopg://127.0.0.1:9/nowhere"))
    answer = web.client.get("/metrics")
    assert (answer.status_code, answer.text) == (503, "The database is unreachable.")


def test_failed_texts_are_counted_by_the_providers_code(talk: Talk) -> None:
    web = Web(talk)
    talk.phones.refuse[MAYA] = TextFailed("21610", final=True)
    talk.texts(MAYA, "hello")
    name = "warmline_delivery_failures"
    assert figures(web)[(name, frozenset({"21610"}))] == 1, "then no text is tried"
