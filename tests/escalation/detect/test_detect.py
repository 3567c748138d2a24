"""What detection hears in a message, and what it must not mishear."""

import time

from hypothesis import example, given, settings
from hypothesis import strategies as st

from escalation.detect import detect
from escalation.policy import load_policy
from escalation.signals import Axis, Signals

MARKS = load_policy().thresholds

PLAIN_CRISES = [
    "i want to kill myself",
    "i'm going to kill myself tonight",
    "i don't want to be alive anymore",
    "i just took all my pills",
    "i'm hanging myself tomorrow",
    "i really want to cut right now",
    "i cut myself again last night",
    "my stepdad hit me again",
    "i was raped",
    "he said he will kill me if i leave",
    "i'm going to stab him tomorrow",
    "i have a plan to end my life and nobody knows",
]

NOT_CRISES = [
    "this homework is killing me",
    "i'm dead lol",
    "dying of laughter",
    "i could kill for a pizza",
    "how do i kill a process in linux",
    "my feet are killing me",
    "we are going to kill them in the final",
    "the suicide squad movie was better than i thought",
    "i'm dying to see that movie",
    "my phone died",
    "the first 3 pages of my essay are on suicide rates in victorian england",
    "i would rather die than eat olives",
]

DENIED = [
    "i am not suicidal",
    "i don't want to kill myself",
    "i would never kill myself",
    "i don't think about killing myself ever",
    "no i'm not going to hurt myself",
    "i no longer want to hurt myself",
]

OVER = [
    "i used to cut but i haven't in three years",
    "i tried to kill myself in high school. i'm ok now",
    "one year clean from self harm today!!",
    "i used to want to die every day and now i don't",
]


def is_crisis(signals: Signals) -> bool:
    return signals.crisis >= MARKS.crisis


def test_a_plain_crisis_is_heard() -> None:
    assert not [text for text in PLAIN_CRISES if not is_crisis(detect(text))]


def test_exaggeration_and_denial_wake_no_one() -> None:
    assert not [text for text in NOT_CRISES + DENIED if detect(text).crisis >= MARKS.concern]


def test_what_maya_has_behind_her_is_not_a_crisis_now() -> None:
    assert not [text for text in OVER if is_crisis(detect(text))]


def test_a_no_in_the_sentence_does_not_hide_a_crisis() -> None:
    texts = [
        "i can't stop thinking about killing myself",
        "i'm not joking, i want to die",
        "i'm not just thinking about killing myself, i'm doing it tonight",
        "i used to cut and last night i did it again, i cut myself",
        "i don't want to live anymore",
    ]
    assert not [text for text in texts if not is_crisis(detect(text))]


def test_a_laugh_makes_it_less_sure_but_a_person_still_comes() -> None:
    joking, serious = detect("i want to kill myself lol"), detect("i want to kill myself")

    assert MARKS.concern <= joking.crisis < serious.crisis


def test_despair_over_a_trifle_is_not_a_crisis() -> None:
    texts = [
        "kms i forgot my charger lol",
        "this new update makes me want to kill myself",
        "if they cancel that show i'm going to kill myself",
    ]
    assert not [text for text in texts if is_crisis(detect(text))]


def test_maya_saying_nobody_would_notice_brings_a_person_though_it_is_not_yet_a_crisis() -> None:
    seen = detect("nobody would notice if i was gone, i just want someone to talk to")

    assert seen.asked_for_person
    assert seen.crisis >= MARKS.concern


def test_maya_asking_how_to_sleep_wants_tools_and_nothing_else() -> None:
    seen = detect("how can i sleep better")

    assert seen.tools >= MARKS.tools
    assert seen.connection < MARKS.connection
    assert seen.crisis < MARKS.concern
    assert not seen.asked_for_person


def test_maya_worried_about_a_friend_gets_a_person() -> None:
    assert detect("my friend says she wants to kill herself").crisis >= MARKS.concern


def test_maya_can_ask_for_a_person_in_her_own_words() -> None:
    texts = [
        "can i talk to a real person",
        "is my mentor there",
        "i want to talk to my mentor",
        "i just want someone to talk to",
        "i don't want to talk to a bot",
        "PERSON",
        "Person please.",
    ]
    assert not [text for text in texts if not detect(text).asked_for_person]


def test_speaking_of_people_is_not_asking_for_one() -> None:
    texts = [
        "may i speak to mr brown please",
        "my mentor is nice",
        "i talked to a person at the shop",
        "i need someone to cover my shift on friday",
    ]
    assert not [text for text in texts if detect(text).asked_for_person]


def test_the_two_axes_are_told_apart() -> None:
    lonely = detect("nobody texts me back. i just feel so alone tonight")
    practical = detect("how do i ask my boss for more hours? any tips?")
    both = detect(
        "i feel so lonely, i cry every night and nobody knows. how do i make friends? please help"
    )
    neither = detect("ok thanks, see you tomorrow")

    assert lonely.connection >= MARKS.connection > practical.connection
    assert practical.tools >= MARKS.tools > lonely.tools
    assert both.connection >= MARKS.connection
    assert both.tools >= MARKS.tools
    assert neither.connection < MARKS.connection
    assert neither.tools < MARKS.tools


def test_what_maya_said_before_adds_weight_to_a_need_she_repeats() -> None:
    alone = detect("i don't know, it's just quiet here")
    after = detect("i don't know, it's just quiet here", ["i feel so alone", "nobody calls me"])

    assert after.connection > alone.connection


def test_what_was_said_three_messages_ago_still_counts_and_what_was_said_before_that_does_not() -> (
    None
):
    now = "i don't know, it's just quiet here"
    alone = detect(now, ["hi", "ok", "yes"])

    assert detect(now, ["i feel so alone", "ok", "yes"]).connection > alone.connection
    assert detect(now, ["i feel so alone", "hi", "ok", "yes"]) == alone


def test_a_need_that_was_met_falls() -> None:
    before = ["i feel so alone here", "nobody at school talks to me", "i eat lunch in the toilet"]
    still = detect("i dont know what i did wrong, nobody likes me", before)
    met = detect("thanks, that really helps. i will try it tomorrow", before)

    assert met.connection < MARKS.offer < still.connection


def test_a_disguise_does_not_hide_maya() -> None:
    texts = [
        "i\u2019m going to k1ll mys\u200belf tonight",
        "I WANT TO KMS for real",
        "i want to unalive myself",
        "i want to k i l l myself",
        "\uff49 \uff57\uff41\uff4e\uff54 to kill myself",
        "i w\u0430nt to kill mys\u0435lf",
        "im gonna kil my self",
        "i want to diiiiie",
    ]
    assert not [text for text in texts if detect(text).crisis < MARKS.concern]


@given(
    crisis=st.sampled_from(PLAIN_CRISES),
    upper=st.booleans(),
    curly=st.booleans(),
    invisible=st.sampled_from(["", "\u200b", "\u200d", "\ufeff"]),
    where=st.integers(min_value=0, max_value=60),
)
@settings(max_examples=60, deadline=None)
def test_quotes_case_and_invisible_characters_do_not_change_what_is_heard(
    crisis: str, upper: bool, curly: bool, invisible: str, where: int
) -> None:
    text = crisis.upper() if upper else crisis
    text = text.replace("'", "\u2019") if curly else text
    text = text[:where] + invisible + text[where:]

    assert is_crisis(detect(text))


@given(text=st.text(st.characters(), max_size=300))
@example(text="")
@example(text="\x00")
@example(text="\ud800")
@example(text="\U0001f480" * 20)
@example(text="\u0645\u0631\u062d\u0628\u0627")
@example(text=". . . !")
@settings(max_examples=150, deadline=None)
def test_any_text_gets_an_answer_that_quotes_it_and_is_the_same_twice(text: str) -> None:
    seen = detect(text)

    for score in (seen.crisis, seen.connection, seen.tools):
        assert 0 <= score <= 1
    for evidence in seen.evidence:
        assert text[evidence.start : evidence.end] == evidence.quote
        assert evidence.quote
    assert seen == detect(text)


@given(
    before=st.text(max_size=40),
    crisis=st.sampled_from(PLAIN_CRISES),
    after=st.text(max_size=40),
)
@settings(max_examples=60, deadline=None)
def test_evidence_of_a_crisis_is_quoted_as_it_was_written(
    before: str, crisis: str, after: str
) -> None:
    text = f"{before}\n{crisis}\n{after}"

    for evidence in detect(text).evidence:
        assert text[evidence.start : evidence.end] == evidence.quote


def test_the_evidence_names_the_words_and_the_rule() -> None:
    text = "hey. so \u201cfine\u201d is a lie. i\u2019m going to k\u200bill myself tonight"
    rules = [e for e in detect(text).evidence if e.axis is Axis.CRISIS]

    assert rules[0].rule == "plan with a time"
    assert rules[0].quote.endswith("k\u200bill myself tonight")


def test_no_repetition_keeps_maya_waiting() -> None:
    texts = [
        "i want to " * 10_000,
        "a" * 100_000,
        "he has been then also " * 5_000,
        "my abusive drunk old " * 5_000,
        "i just really so still " * 5_000,
        "." * 100_000,
        "\u200b" * 100_000,
        "\ufdfa" * 100_000,
        "\U0001f480" * 50_000,
        '"i want to die" ' * 7_000,
        "k i l l " * 12_000,
        "not to be i want " * 6_000,
        "((((((" * 15_000,
        "took all of my like " * 5_000,
    ]
    detect("hello")
    took = {}
    for text in texts:
        began = time.thread_time()
        detect(text)
        took[text[:30]] = time.thread_time() - began
    # Around 50 ms on one quiet core; the limit leaves room for a busy machine.
    assert not {text: seconds for text, seconds in took.items() if seconds >= 0.75}


def test_a_crisis_at_the_end_of_a_very_long_message_is_read() -> None:
    assert is_crisis(
        detect("so today was like this. " * 4_000 + "i am going to kill myself tonight")
    )
