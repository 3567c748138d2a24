"""Ruth acts on a handoff that Sam holds: on its page, on its log, and by text."""

import pytest

from escalation.handoffs.moves import NeedsReason
from escalation.handoffs.oversight import NotUrgency
from escalation.handoffs.transfers import CannotTransfer
from gateway.console.moves import in_plain_words
from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.commands import say_why_not
from models import Conversation, HandoffEvent, Message, Move, Outcome, Status, Urgency
from tests.line import CRISIS, NOOR, RUTH, SAM, Talk
from tests.web_client import Web


def as_ruth(talk: Talk) -> Web:
    web = Web(talk)
    web.is_now(RUTH)
    return web


def last_move(talk: Talk) -> HandoffEvent:
    return [one for one in talk.rows(HandoffEvent) if one.move is not Move.PAGE][-1]


def test_ruth_takes_over_on_the_page_and_everybody_is_told(talk: Talk) -> None:
    number, web = talk.claims(), as_ruth(talk)
    for page in (f"/console/{number}", f"/log/{number}"):
        assert f'action="/console/{number}/take-over"' in web.gets(page).text
    web.posts(f"/console/{number}/take-over")
    web.posts(f"/console/{number}/take-over")  # a double click
    handoff = talk.handoff()
    assert handoff.mentor is not None
    assert handoff.mentor.name == "Ruth"
    told = talk.new_texts()
    assert any("Ruth" in words for who, words in told if who == "maya")
    assert [who for who, words in told if "Ruth has #" in words] == ["sam"]
    assert "Ruth took it over from Sam" in web.gets(f"/log/{number}").text


def test_ruth_releases_what_sam_holds_and_others_are_asked(talk: Talk) -> None:
    number, web = talk.claims(), as_ruth(talk)
    web.posts(f"/console/{number}/release")
    assert talk.handoff().status is Status.WAITING
    told = [who for who, _ in talk.new_texts()]
    assert {"maya", "sam", "noor"} <= set(told)


def test_ruth_gives_it_to_noor(talk: Talk) -> None:
    number, web = talk.claims(), as_ruth(talk)
    noor = str(talk.person(NOOR).id)
    assert web.posts(f"/console/{number}/assign", assign_to="0").status_code == 422
    web.posts(f"/console/{number}/assign", assign_to=noor, why="Sam is ill")
    handoff = talk.handoff()
    assert handoff.mentor is not None
    assert handoff.mentor.name == "Noor"
    log = web.gets(f"/log/{number}").text
    assert "Ruth gave it to Noor" in log
    assert "Reason: Sam is ill" in log


def test_ruth_who_gives_away_her_own_reads_one_text(talk: Talk) -> None:
    talk.claims()
    talk.texts(RUTH, "TAKEOVER {}")
    talk.new_texts()
    talk.texts(RUTH, "ASSIGN {} to Noor I must go")
    told = [who for who, _ in talk.new_texts()]
    assert (told.count("ruth"), told.count("noor")) == (1, 1)


def test_ruth_changes_the_urgency_with_a_reason(talk: Talk) -> None:
    number, web = talk.claims(), as_ruth(talk)
    path = f"/console/{number}/urgency"
    for form, status in (
        ({"urgency": "crisis"}, 422),
        ({"because": "x"}, 422),
        ({"urgency": "soon", "because": "x"}, 409),
    ):
        assert web.posts(path, **form).status_code == status, form
    assert web.posts(path, urgency="crisis", because="she has pills").status_code == 303
    assert talk.handoff().urgency is Urgency.CRISIS
    assert web.posts(path, urgency="routine", because="a song text").status_code == 303
    assert (last_move(talk).move, last_move(talk).note) == (Move.LOWER, "a song text")
    assert "Ruth lowered the urgency" in web.gets(f"/log/{number}").text


def test_ruth_closes_for_sam_only_with_a_reason(talk: Talk) -> None:
    number, web = talk.claims(), as_ruth(talk)
    assert web.posts(f"/console/{number}/done", outcome="referred").status_code == 409
    web.posts(f"/console/{number}/done", outcome="referred", reason="her aunt has her")
    handoff = talk.handoff()
    assert (handoff.status, handoff.outcome) == (Status.RESOLVED, Outcome.REFERRED)
    assert "sam" in dict(talk.new_texts())


def test_sam_changes_the_urgency_of_his_own_and_does_nothing_to_others(talk: Talk) -> None:
    number = talk.claims()
    web = Web(talk)
    web.is_now(SAM)
    assert f'action="/console/{number}/urgency"' in web.gets(f"/console/{number}").text
    web.posts(f"/console/{number}/urgency", urgency="crisis", because="she has pills")
    assert talk.handoff().urgency is Urgency.CRISIS
    assert web.posts(f"/console/{number}/take-over").status_code == 403
    web.is_now(NOOR)
    assert web.posts(f"/console/{number}/urgency", urgency="soon", because="x").status_code == 409


def test_ruth_does_the_same_by_text(talk: Talk) -> None:
    number = talk.claims()
    assert "With mentors: #{1} Sam." in talk.says(RUTH, "WAITING")
    assert talk.says(RUTH, f"TAKEOVER {{{number}}}").startswith(f"You have #{{{number}}}.")
    talk.texts(RUTH, f"assign {{{number}}} to Noor, Sam is ill")
    assert any("Noor has #" in words for words in talk.read_by(RUTH))
    assert last_move(talk).note == "Sam is ill"
    talk.texts(RUTH, f"RAISE {{{number}}} crisis she has pills")
    assert talk.handoff().urgency is Urgency.CRISIS
    assert talk.says(RUTH, f"LOWER {{{number}}} routine a song text").endswith("your reason.")
    talk.texts(RUTH, f"RELEASE {{{number}}}")
    assert talk.handoff().status is Status.WAITING
    assert "is waiting already" in talk.says(RUTH, f"RELEASE {{{number}}}")
    talk.texts(RUTH, f"CLOSE {{{number}}} referred her aunt has her")
    assert talk.handoff().outcome is Outcome.REFERRED


def test_crisis_and_a_code_from_sam_raises_and_goes_to_no_mentee(talk: Talk) -> None:
    number = talk.claims()
    talk.texts(SAM, f"crisis {{{number}}} she has pills")
    assert talk.handoff().urgency is Urgency.CRISIS
    assert not [words for who, words in talk.new_texts() if who == "maya" and "pills" in words]


@pytest.mark.parametrize("who", [SAM, RUTH])
def test_what_is_incomplete_is_asked_about(talk: Talk, who: str) -> None:
    number = talk.claims()
    talk.code(who)
    for text in (
        *("TAKEOVER", "RAISE", "LOWER", "CLOSE", "RELEASE", "ASSIGN", f"RAISE {{{number}}}"),
        *(f"RAISE {{{number}}} crisis", f"LOWER {{{number}}} routine", f"close {{{number}}}"),
    ):
        assert talk.says(who, text).startswith("Nothing was changed"), text
    assert not [words for name, words in talk.new_texts() if name == "maya"]


def test_a_mentor_manages_nothing_of_others(talk: Talk) -> None:
    number = talk.claims(asks=CRISIS)
    for text in ("TAKEOVER", "RELEASE", "ASSIGN"):
        words = f"{text} {{{number}}}" + (" to Noor" if text == "ASSIGN" else "")
        talk.texts(NOOR, words)
        handoff = talk.handoff()
        assert handoff.mentor is not None, text
        assert handoff.mentor.name == "Sam", text
    talk.texts(NOOR, f"LOWER {{{number}}} routine nothing")
    assert talk.handoff().urgency is Urgency.CRISIS


def test_a_colleague_who_is_away_is_not_assigned_and_the_page_says_so(talk: Talk) -> None:
    number, web = talk.claims(), as_ruth(talk)
    talk.texts(NOOR, "AWAY 2 weeks")
    answer = web.posts(f"/console/{number}/assign", assign_to=str(talk.person(NOOR).id))
    assert answer.status_code == 409
    assert "Nothing was changed. Noor is away." in answer.text


def test_each_refused_move_is_explained_by_text_and_page(talk: Talk) -> None:
    talk.claims()
    handoff, noor = talk.handoff(), talk.person(NOOR)
    for refused, by_text, on_page in (
        (NotUrgency(handoff, Urgency.ROUTINE), "is soon", "#1 is “Soon” already."),
        (NeedsReason(handoff), "needs a reason", "Write why."),
        (CannotTransfer(handoff, noor, "away", []), "Noor is away", "changed. Noor is away"),
    ):
        talk.texts(RUTH, "WAITING")
        with talk.database.writing() as session:
            message = session.get_one(Message, talk.thread(RUTH)[-2].id)
            tx = talk.line.at(session)
            thread = session.get_one(Conversation, message.conversation_id)
            turn = Turn(session, tx.rules, tx.now, talk.line, thread, message)
            say_why_not(turn, refused)
        words = talk.thread(RUTH)[-1].words
        assert by_text in words
        assert "closed" not in words
        assert "crisis" not in words
        assert on_page in str(in_plain_words(refused, 1))
