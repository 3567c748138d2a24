"""What Maya hears from the bot, and what the gateway learns when Rasa fails."""

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.client import LONGEST_TEXT, Answer, Bot, BotAway, CheckIn, SkillStep, plain, read_answer
from tests.rasa_server import RasaServer

conversations = itertools.count(1_000)


class Talk:
    """A conversation of maya's with the bot."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.id = next(conversations)

    def says(self, text: str) -> Answer:
        return self.bot.answer(self.id, text)

    def hears(self, text: str) -> str:
        return " / ".join(self.says(text).words)


@pytest.fixture
def maya(bot: Bot) -> Talk:
    return Talk(bot)


# --- with a real Rasa (whole dialogues are in tests/bot/dialogues) ---


def test_a_question_about_sleep_is_answered_with_sleep(maya: Talk) -> None:
    answer = maya.says("how can i sleep better")
    assert len(answer.words) == 3
    assert answer == Answer(words=answer.words)


def test_a_whole_round_of_breathing(maya: Talk) -> None:
    assert maya.says("can we do a breathing exercise").skills == (
        SkillStep("breathing", "started"),
    )
    for text in ("7", "ok done"):
        maya.says(text)
    assert maya.says("4/10").skills == (SkillStep("breathing", "done", before=7, after=4),)


def test_a_check_in_is_handed_over_with_its_note(maya: Talk) -> None:
    maya.says("mood")
    maya.says("about a 6 i guess")
    answer = maya.says('my "cat" {came} back 0[x]')
    assert answer.check_in == CheckIn("mood", 6, 'my "cat" {came} back 0 [x]')


def test_a_scale_is_handed_over_answer_by_answer(maya: Talk) -> None:
    maya.says("phq")
    maya.says("several days")
    assert maya.says("3").check_in == CheckIn("phq2", answers=("several days", "3"))
    begun = Bot.begin(maya.bot, maya.id, "phq9")
    assert begun.words
    for text in ("2", "not at all", "1", "skip", "0", "nearly every day"):
        maya.says(text)
    ended = maya.says("0").check_in
    assert ended is not None
    assert ended.kind == "phq9"
    assert ended.answers == ("several days", "3", "2", "not at all", "1", "skip", "0",
                             "nearly every day", "0")  # fmt: skip


def test_a_scale_left_half_way_says_how_far_it_came(maya: Talk) -> None:
    maya.says("gad")
    maya.says("2")
    left = maya.says("lets stop this").check_in
    assert left == CheckIn("gad2", answers=("2", ""), finished=False)


def test_the_gateway_may_start_a_check_in(maya: Talk) -> None:
    begun = maya.bot.begin(maya.id, "mood")
    assert begun.words[-1].startswith("How is your mood")
    maya.says("6")
    assert maya.says("skip").check_in == CheckIn("mood", 6)


def test_a_check_in_without_a_note(maya: Talk) -> None:
    maya.says("check in")
    maya.says("ten")
    assert maya.says("no thanks").check_in == CheckIn("mood", 10)


def test_a_number_counts_however_the_check_in_ends(bot: Bot) -> None:
    for left_by in ("stop this", "can i talk to a person", "breathe"):
        maya = Talk(bot)
        maya.says("mood")
        maya.says("2")
        assert maya.says(left_by).check_in == CheckIn("mood", 2), left_by


RATINGS = {"7/10": 7, "10 / 10": 10, "8 out of 10": 8, "0": 0, "like a 5 maybe": 5, "8ish": 8,
           "Seven": 7, "3!": 3}  # fmt: skip
NOT_RATINGS = ["11", "-1", "100", "6.5", "3 hours", "5:30"]


def test_a_rating_can_be_said_in_many_ways_and_another_number_is_asked_again(bot: Bot) -> None:
    wrong = []
    for said in (*RATINGS, *NOT_RATINGS):
        maya = Talk(bot)
        maya.says("mood")
        first = maya.says(said)
        asked_again = first.words[-1].startswith("How is your mood right now")
        if said in RATINGS:
            expected = CheckIn("mood", RATINGS[said])
            right = not asked_again and maya.says("skip").check_in == expected
        else:
            right = asked_again and first.check_in is None
        if not right:
            wrong.append((said, first))
    assert not wrong


def test_another_skill_asked_for_inside_reports_both(maya: Talk) -> None:
    maya.says("breathe")
    maya.says("8")
    answer = maya.says("help me solve a problem")
    assert answer.skills == (
        SkillStep("breathing", "left", before=8),
        SkillStep("problem_solving", "started"),
    )


def test_asking_for_a_person_is_only_passed_on(maya: Talk) -> None:
    assert maya.says("can i talk to a human please") == Answer(asked_for_person=True)


def test_what_is_not_understood_is_marked_and_names_a_person(bot: Bot) -> None:
    for nonsense in ("asdf asdf", "???", "no hablo ingles", "ur so dumb", "x" * 10_000, "🙃"):
        answer = Talk(bot).says(nonsense)
        assert answer.not_understood, nonsense
        assert "PERSON" in answer.words[0], nonsense


def test_a_command_typed_by_a_mentee_is_read_as_its_words(bot: Bot) -> None:
    for command in ("/restart", "  /restart", "//restart", "\n/ /restart"):
        maya = Talk(bot)
        maya.says("how can i sleep better")
        assert maya.says(command) == Talk(bot).says("restart")
        assert "More of what" not in maya.hears("tell me more"), "the dialogue was not restarted"


def test_an_intent_with_entities_cannot_be_injected(maya: Talk) -> None:
    maya.says("mood")
    assert maya.says('/give_rating{"rating": "99"}').check_in is None


def test_nothing_said_needs_no_rasa() -> None:
    for nothing in ("", "   ", "\0", "/", "\n\n"):
        assert Bot("http://127.0.0.1:9").answer(1, nothing) == Answer(not_understood=True)


def test_odd_characters_are_answered(bot: Bot) -> None:
    odd = ["hi\0there", "\ud800 hi", "hi 😀", "سلام", "a" * 100_000]
    assert [text for text in odd if not Talk(bot).says(text).words] == []


def test_forget_begins_afresh(maya: Talk, bot: Bot) -> None:
    maya.says("mood")
    bot.forget(maya.id)
    assert "I did not ask for a number" in maya.hears("5")
    assert "0 (very bad)" in maya.hears("mood")


def test_forget_leaves_others_alone_and_may_come_first(maya: Talk, bot: Bot) -> None:
    other = Talk(bot)
    maya.says("mood")
    bot.forget(other.id)
    assert "add a line" in maya.hears("5")


def test_forget_needs_the_token_and_ready_needs_a_rasa(rasa: RasaServer, bot: Bot) -> None:
    with pytest.raises(BotAway):
        Bot(rasa.url, token="guessed").forget(1)
    assert bot.ready()
    assert not Bot("http://127.0.0.1:9").ready()


def test_two_mentees_at_once_get_their_own_answers(bot: Bot) -> None:
    talks = [Talk(bot) for _ in range(8)]
    heard: list[str] = []

    def check_in(talk: Talk, score: int) -> None:
        talk.says("mood")
        talk.says(str(score))
        check = talk.says("skip").check_in
        heard.append("right" if check == CheckIn("mood", score) else "wrong")

    threads = [threading.Thread(target=check_in, args=(t, n)) for n, t in enumerate(talks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heard == ["right"] * 8


def test_no_words_of_hers_in_rasas_log(rasa: RasaServer, maya: Talk) -> None:
    maya.says("my secret word is kumquat")
    httpx.post(f"{rasa.url}/webhooks/rest/webhook", json={"sender": "x", "message": ["kumquat"]})
    assert "kumquat" not in rasa.log.read_text()


# --- with a server that misbehaves ---

Misbehavior = Callable[[socket.socket], None]


@pytest.fixture
def misbehaving() -> Iterator[Callable[[Misbehavior], str]]:
    """Start a server on which every connection is handled by the given function."""
    listeners: list[socket.socket] = []

    def serve(behavior: Misbehavior) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with closing(connection), suppress(OSError):
                    connection.recv(65_536)
                    behavior(connection)

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for listener in listeners:
        listener.close()


def replies(status: str, body: bytes) -> Misbehavior:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return lambda connection: connection.sendall(head.encode() + body)


def says_nothing(connection: socket.socket) -> None:
    time.sleep(3)


def dribbles(connection: socket.socket) -> None:
    """Each byte comes well within a limit per read; the whole never comes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(40):
        connection.sendall(b" ")
        time.sleep(0.1)


def dribbles_its_head(connection: socket.socket) -> None:
    for letter in b"HTTP/1.1 200 OK\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaa":
        connection.sendall(bytes([letter]))
        time.sleep(0.1)


@pytest.mark.parametrize("slowly", [says_nothing, dribbles, dribbles_its_head])
def test_a_slow_rasa_is_away_when_the_time_is_up(
    misbehaving: Callable[[Misbehavior], str], slowly: Misbehavior
) -> None:
    bot = Bot(misbehaving(slowly), timeout_seconds=0.6)
    began = time.monotonic()
    with pytest.raises(BotAway, match=r"no answer within 0\.6 s"):
        bot.answer(1, "hi")
    assert time.monotonic() - began < 1.2


NONSENSE = [
    replies("500 Internal Server Error", b"[]"),
    replies("404 Not Found", b"[]"),
    replies("200 OK", b"<html><body>Welcome to nginx!</body></html>"),
    replies("200 OK", b""),
    replies("200 OK", b"{}"),
    replies("200 OK", b"[1, 2]"),
    replies("200 OK", b"[]"),
    replies("200 OK", b"\xff\xfe\xfa"),
    replies("200 OK", b" " * 300_000 + b"[]"),
    replies("200 OK", b'[{"text": 7}]'),
    replies("200 OK", b'[{"custom": "no object"}]'),
    replies("200 OK", b'[{"custom": {"check_in": "mood", "score": "11"}}]'),
    replies("200 OK", b'[{"custom": {"skill": "breathing", "state": "sideways"}}]'),
    lambda connection: connection.sendall(b"\x16\x03\x01 not HTTP at all"),
    lambda connection: None,
]


def test_nonsense_means_away_for_a_reason_that_does_not_quote_the_mentee(
    misbehaving: Callable[[Misbehavior], str],
) -> None:
    for nonsense in NONSENSE:
        with pytest.raises(BotAway) as away:
            Bot(misbehaving(nonsense)).answer(1, "kumquat")
        assert "kumquat" not in str(away.value)


def test_what_another_rasa_adds_is_no_harm(misbehaving: Callable[[Misbehavior], str]) -> None:
    body = b'[{"recipient_id": "x", "text": "Hi", "image": "i"}, {"custom": {"other": 1}}]'
    assert Bot(misbehaving(replies("200 OK", body))).answer(1, "hi") == Answer(words=("Hi",))


def test_only_true_is_a_request_for_a_person() -> None:
    for flag in (None, False, "yes", "true", 1, [True]):
        body = [{"text": "Hi"}, {"custom": {"asked_for_person": flag, "not_understood": flag}}]
        assert read_answer(body) == Answer(words=("Hi",)), flag
    body = [{"custom": {"asked_for_person": True, "not_understood": True}}]
    assert read_answer(body) == Answer(asked_for_person=True, not_understood=True)


def test_only_a_skill_step_needs_a_known_state() -> None:
    for state in ("sideways", None, 7, ["done"]):
        mood = {"check_in": "mood", "score": "4", "state": state}
        answer = read_answer([{"text": "Noted."}, {"custom": mood}])
        assert answer == Answer(words=("Noted.",), check_in=CheckIn("mood", 4)), state
        with pytest.raises(BotAway):
            read_answer([{"text": "Hi"}, {"custom": {"skill": "breathing", "state": state}}])


def test_an_invalid_url_means_away() -> None:
    for url in ("not a url", "http://", "http://127.0.0.1:99999", "ftp://x"):
        with pytest.raises(BotAway):
            Bot(url).answer(1, "hi")


# --- with anything ---


@given(text=st.text(max_size=3_000))
def test_nothing_a_mentee_types_can_be_a_command(text: str) -> None:
    said = plain(text)
    assert not said.strip().startswith("/")
    assert len(said) <= LONGEST_TEXT
    assert "\0" not in said
    assert "0[" not in said
    assert plain(said) == said
    said.encode()


keys = st.sampled_from(["text", "custom", "skill", "state", "check_in", "score", "note", "x"])
bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
)


@given(body=bodies)
def test_any_body_is_read_or_refused(body: object) -> None:
    with suppress(BotAway):
        assert isinstance(read_answer(json.loads(json.dumps(body))), Answer)
