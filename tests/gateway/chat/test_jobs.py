"""Texts about messages that a mentee has not seen in the chat."""

from datetime import timedelta

from escalation.handoffs.jobs import TextUnseen
from gateway.worker import do_work
from models import Delivery
from tests.chat_browser import Browser
from tests.line import MAYA, SAM, Talk
from tests.web_client import HERE


def texts_about_unseen(talk: Talk) -> list[str]:
    return [words for words in talk.read_by(MAYA) if "a message in the chat" in words]


def test_a_text_says_that_a_message_waits_in_the_chat(talk: Talk, maya_with_sam: Browser) -> None:
    talk.texts(SAM, "Can you talk at five?")
    assert texts_about_unseen(talk) == []
    talk.passes(minutes=5)
    [told] = texts_about_unseen(talk)
    assert "five" not in told
    assert f"{HERE}/chat" in told
    talk.texts(SAM, "Or at six?")
    talk.passes(minutes=30)
    assert len(texts_about_unseen(talk)) == 1, "once, until she has looked"

    page = maya_with_sam.opens()
    assert "Can you talk at five?" in page
    assert "a message in the chat" not in page
    talk.texts(SAM, "Good. At six then.")
    talk.passes(minutes=5)
    assert len(texts_about_unseen(talk)) == 2


def test_there_is_no_text_about_a_seen_message_or_an_answer_of_the_bot(
    talk: Talk, maya: Browser
) -> None:
    talk.kept.ignored = ("check_ins",)
    maya.writes("hi")
    talk.passes(minutes=30)
    assert texts_about_unseen(talk) == [], "she was there when the bot answered"
    maya.writes("PERSON")
    talk.texts(SAM, "take {}")
    talk.texts(SAM, "Can you talk at five?")
    maya.asks("/chat/seen", up_to=str(talk.thread(MAYA)[-1].id))
    talk.passes(minutes=30)
    assert texts_about_unseen(talk) == []
    assert talk.thread(MAYA)[-1].delivery is Delivery.DELIVERED


def test_there_is_no_text_after_stop(talk: Talk, maya_with_sam: Browser) -> None:
    talk.texts(MAYA, "STOP")
    maya_with_sam.writes("i am here on the page")
    talk.texts(SAM, "Fine with me.")
    talk.passes(minutes=30)
    assert texts_about_unseen(talk) == []


def test_quiet_hours_delay_the_bot_but_not_sam(talk: Talk, maya_with_sam: Browser) -> None:
    talk.texts(SAM, "Hey Maya")
    maya_with_sam.opens()
    talk.passes(hours=10)  # 20:00 in New York
    maya_with_sam.opens()
    talk.clock.now += timedelta(hours=1, minutes=30)
    talk.texts(SAM, "done {}")
    talk.passes(minutes=10)
    assert texts_about_unseen(talk) == [], "the bot wrote, and it is night"
    talk.passes(hours=11)
    assert len(texts_about_unseen(talk)) == 1

    maya_with_sam.is_now(MAYA)
    maya_with_sam.opens()
    maya_with_sam.writes("PERSON")
    talk.texts(SAM, "take {}")
    talk.clock.now += timedelta(hours=14)
    talk.texts(SAM, "Awake?")
    talk.passes(minutes=5)
    assert len(texts_about_unseen(talk)) == 2, "a person wrote"


def test_running_the_job_twice_sends_one_text(talk: Talk, maya_with_sam: Browser) -> None:
    talk.texts(SAM, "Hello?")
    talk.passes(minutes=6)
    do_work(talk.line, TextUnseen(talk.thread(MAYA)[0].conversation_id))
    assert len(texts_about_unseen(talk)) == 1


def test_a_prefetch_does_not_count_as_seen(talk: Talk, maya_with_sam: Browser) -> None:
    talk.texts(SAM, "Hello?")
    maya_with_sam.gets("/chat", **{"Sec-Purpose": "prefetch"})
    maya_with_sam.gets("/chat", **{"Sec-Fetch-Dest": "image"})
    assert talk.thread(MAYA)[-1].delivery is Delivery.SENT
    maya_with_sam.gets("/chat", **{"Sec-Fetch-Dest": "iframe"})
    assert talk.thread(MAYA)[-1].delivery is Delivery.DELIVERED
