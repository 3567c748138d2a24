"""Moves from the page of a handoff: transfers to a colleague, closing, and debriefs."""

from datetime import timedelta

from models import Channel, Conversation, Debrief, Note, Status, Transfer
from tests.gateway.console.steps import CRISIS, count_on, handoffs_on, sam_takes
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import ASKS, Web


def test_noor_accepts_mayas_conversation_from_sam(talk: Talk, web: Web) -> None:
    sam_takes(talk, web, "my secret. " + ASKS)
    noor = talk.person(NOOR)
    form = {"to": str(noor.id), "handing": "I am on a train."}
    for _ in range(2):
        assert web.clicks("/console/1/transfer", **form).status_code == 204
    assert "You asked <bdi>Noor</bdi>" in web.gets("/console/1/now").text
    assert talk.handoff().mentor_id == talk.person(SAM).id, "it is his until she accepts"
    web.is_now(NOOR)
    page = web.gets("/console").text
    assert (count_on(page, "mine"), handoffs_on(page)) == (1, ["1"])
    assert "<bdi>Sam</bdi> asked you" in page
    offered = web.gets("/console/1").text
    assert "I am on a train." in offered
    assert "my secret" not in offered, "she reads the thread once it is hers"
    assert web.gets("/console/1/brief").headers["Location"] == "/console/1"
    for _ in range(2):
        assert web.posts("/console/1/accept").headers["Location"] == "/console/1"
    assert talk.handoff().mentor_id == noor.id
    assert "my secret" in web.gets("/console/1").text
    assert "Noor is here now" in talk.read_by(MAYA)[-1]
    web.is_now(SAM)
    assert web.gets("/console/1").status_code == 403
    kept = web.posts("/console/1/reply", words="I was in mid-sentence")
    assert kept.status_code == 409
    assert "I was in mid-sentence" in kept.text
    assert "my secret" not in kept.text


def test_noor_declines_and_sam_keeps_maya(talk: Talk, sam: Web) -> None:
    sam.clicks("/console/1/transfer", to=str(talk.person(NOOR).id))
    sam.is_now(NOOR)
    for _ in range(2):
        assert sam.posts("/console/1/pass").headers["Location"] == "/console"
    late = sam.clicks("/console/1/accept")
    assert (late.status_code, late.text) == (409, "#1 is no longer offered to you.")
    sam.is_now(SAM)
    assert "<bdi>Noor</bdi> declined" in sam.gets("/console/1").text
    assert talk.handoff().mentor_id == talk.person(SAM).id
    assert sam.clicks("/console/1/transfer", to=str(talk.person(RUTH).id)).status_code == 204


def test_a_refused_offer_comes_back_with_the_reason(talk: Talk, sam: Web) -> None:
    for to in ("", "x", "9" * 40, "99", str(talk.person(JO).id)):
        refused = sam.posts("/console/1/transfer", to=to, handing="please read")
        assert refused.status_code == 422
        assert "Choose a colleague" in refused.text
        assert "please read" in refused.text
    sam.clicks("/console/1/transfer", to=str(talk.person(NOOR).id))
    talk.clock.now += timedelta(seconds=30)
    again = sam.clicks("/console/1/transfer", to=str(talk.person(RUTH).id))
    assert again.status_code == 409
    assert "You already offered it to a colleague" in again.text
    sam.is_now(RUTH)
    assert sam.clicks("/console/1/accept").text == "No one offered #1 to you."
    assert len(talk.rows(Transfer)) == 1


def test_noor_cannot_accept_what_sam_gave_back(talk: Talk, sam: Web) -> None:
    sam.clicks("/console/1/transfer", to=str(talk.person(NOOR).id))
    sam.posts("/console/1/give-back")
    sam.is_now(NOOR)
    assert sam.clicks("/console/1/accept").status_code == 409
    assert talk.handoff().status is Status.WAITING
    assert sam.posts("/console/1/take").status_code == 303


def test_only_noor_reads_her_debrief(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, CRISIS)
    web.is_now(NOOR)
    web.posts("/console/1/take")
    web.posts("/console/1/reply", words="Hi Maya, are you safe right now?")
    web.posts("/console/1/done", outcome="referred", reason="Her aunt is with her.")
    assert "How was it for you?" in web.gets("/console?tab=mine").text
    page = web.gets("/console/1").text
    assert "How was it for you?" in page
    assert "Was this handoff right?" in page, "the verdict stays in view"
    form = {"debrief": "I was shaking after.", "wants_to_talk": "1"}
    for _ in range(2):
        assert web.posts("/console/1/debrief", **form).status_code == 303
    assert "I was shaking after." in web.gets("/console/1").text
    assert "How was it for you?" not in web.gets("/console?tab=mine").text
    [kept] = talk.rows(Debrief)
    assert (kept.words, kept.wants_to_talk) == ("I was shaking after.", True)
    told = [words for words in talk.read_by(RUTH) if "asks one of you to call" in words]
    assert len(told) == 1
    assert "shaking" not in " ".join(talk.read_by(RUTH))
    web.is_now(RUTH)
    assert "shaking" not in web.gets("/console/1").text
    assert web.clicks("/console/1/debrief", debrief="for her").status_code == 404


def test_a_refused_closing_comes_back(talk: Talk, sam: Web) -> None:
    refused = sam.posts("/console/1/done", outcome="", reason="we had a good talk")
    assert refused.status_code == 422
    assert "we had a good talk" in refused.text
    refused = sam.posts("/console/1/done", outcome="talked", reason="x" * 1501)
    assert 'value="talked" required checked' in refused.text


def test_only_staff_of_the_program_can_make_a_move(talk: Talk, sam: Web) -> None:
    verbs = ["take", "reply", "give-back", "done", "note", "transfer", "accept", "pass", "debrief"]
    form = {"words": "hi", "note": "hi", "to": "1", "outcome": "talked", "debrief": "hi"}
    sam.is_now(talk.a_manager_elsewhere())
    for verb in verbs:
        assert sam.posts(f"/console/1/{verb}", **form).status_code == 404, verb
    sam.posts("/sign-out")
    for verb in verbs:
        signed_out = sam.clicks(f"/console/1/{verb}", **form)
        assert signed_out.status_code == 401, verb
        assert "what you wrote stays here" in signed_out.text
    assert talk.handoff().status is Status.CLAIMED
    assert talk.rows(Note) == []


def test_sam_can_write_in_the_chat_after_maya_stopped_texts(talk: Talk, sam: Web) -> None:
    talk.texts(MAYA, "STOP")
    assert sam.clicks("/console/1/reply", words="hello").status_code == 409
    with talk.database.writing() as session:
        session.get_one(Conversation, talk.handoff().conversation_id).channel = Channel.WEB
    assert "texted STOP" not in sam.gets("/console/1/now").text
    assert sam.clicks("/console/1/reply", words="hello again").status_code == 204
    assert talk.thread(MAYA)[-1].words == "hello again"
