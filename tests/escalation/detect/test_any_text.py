"""Any text gets an answer, in time, and the same one again."""

import re
import time
from collections.abc import Iterator
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from escalation.detect import detect
from escalation.detect.coverage import covered
from escalation.detect.lexicon import load_lexicon
from escalation.detect.normalize import HEAD, MOST, TAIL, normalize
from escalation.policy_file import load_policy

MARKS = load_policy().thresholds

LONG = 100_000
# Seconds of CPU for the longest text. One core needs about a fifteenth of it.
LONG_WITHIN = 0.75
# The same for one phrase of the lexicon over the longest text that it reads.
PHRASE_WITHIN = 0.5

ODD = {
    "nothing": "",
    "one letter": "a",
    "one digit": "7",
    "one dot": ".",
    "a space": " ",
    "lines only": "\n\n\n",
    "emoji only": "\U0001f62d\U0001f494\U0001f937\U0001f3fd\u200d\u2640\ufe0f\U0001f1ee\U0001f1f3",
    "laughing faces only": "\U0001f602" * 40,
    "arabic": "\u0645\u0631\u062d\u0628\u0627 \u0643\u064a\u0641 \u062d\u0627\u0644\u0643",
    "chinese": "\u4f60\u597d\u5417",
    "hindi": "\u092e\u0948\u0902 \u0925\u0915 \u0917\u092f\u093e",
    "amharic": "\u1230\u120b\u121d \u1290\u12cd",
    "a control character": "i am\x00 fine\x07\x1b[31m",
    "a lone surrogate": "help\ud83d",
    "two lone surrogates": "\udc00\ud800",
    "right-to-left marks": "\u202ei want to talk\u202c\u200f",
    "isolates": "\u2066\u2067\u2068help\u2069",
    "piled-up marks": "h" + "\u0301" * 300 + "e" + "\u0489" * 300 + "lp",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "private use": "\ue000\uf8ff",
    "one character that expands to eighteen": "\ufdfa",
    "a tag sequence": "\U0001f3f4\U000e0067\U000e0062\U000e007f",
    "markup": "<script>alert(1)</script>{{7*7}}%s%n\\x00'; drop table message;--",
}
REPEATED = [
    *"a([\\*.!?'- \n\t\u00a0\u200b\u0301\ufdfa\U0001f602\ud800\u0430\u4f600",
    *(
        "i want to ",
        ". ",
        '"',
        "\U0001f937\U0001f3fd",
        "a1",
        "no ",
        "not to be ",
        "not to be i want ",
        "um ",
        "so yeah ",
    ),
    *("na ", "idk, ", "2 ", "k i l l ", "k.", "in' ", "aaaab ", "wriet ", "zqxj", "mysekf "),
    *('"i want to die" ', "he said that ", "my mum's ", "please ", "he has been then also "),
    *(
        "my abusive drunk old ",
        "i just really so still ",
        "took all of my like ",
        "no es que yo ya no quiera ",
    ),
]


def test_odd_text_is_answered_the_same_twice_and_alarms_no_one() -> None:
    wrong = []
    for name, text in ODD.items():
        seen = detect(text)
        quoted = all(text[e.start : e.end] == e.quote for e in seen.evidence)
        if seen != detect(text) or seen.crisis >= MARKS.crisis or not quoted:
            wrong.append((name, seen))
    assert not wrong


def test_the_longest_repetition_is_read_in_time() -> None:
    detect("hello thrre, hola")  # so that the model, the words and the Spanish rules are there
    slow = {}
    for part in REPEATED:
        text = (part * LONG)[:LONG]
        began = time.thread_time()
        detect(text)
        if (took := time.thread_time() - began) >= LONG_WITHIN:
            slow[part] = took
    assert not slow


@given(text=st.text(st.characters(), max_size=60), times=st.just(1) | st.integers(1, 4_000))
@example(text="\ud800'", times=3_000)
@example(text="\x00", times=1)
@settings(max_examples=100, deadline=None)
def test_any_text_is_answered_and_quoted_the_same_twice(text: str, times: int) -> None:
    seen = detect(text := text * times)

    assert min(seen.crisis, seen.connection, seen.tools) >= 0
    assert max(seen.crisis, seen.connection, seen.tools) <= 1
    assert all(text[e.start : e.end] == e.quote and e.quote for e in seen.evidence)
    assert seen == detect(text)
    assert covered(text) is covered(text)


@given(text=st.text(st.characters(), max_size=2 * MOST))
@settings(max_examples=60, deadline=None)
def test_no_more_is_read_than_a_text_message_holds(text: str) -> None:
    read = normalize(text)

    assert len(read.text) <= MOST
    assert len(read.text) == len(read.starts) == len(read.ends)
    bounds = zip(read.starts, read.ends, strict=True)
    assert all(0 <= first < past <= max(len(text), HEAD + TAIL) for first, past in bounds)


def phrases() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every phrase of the lexicon, by the name that a reader would look for."""
    lexicon = load_lexicon()
    yield from ((f"spelling {one.name}", one.pattern) for one in lexicon.spellings.phrases)
    yield from ((f"answer {answer}", phrase) for answer, phrase in lexicon.answers.items())
    for rules in (lexicon.idioms, lexicon.crisis, lexicon.requests, lexicon.guards, lexicon.cues):
        yield from ((rule.name, rule.pattern) for rule in rules)
    for guard in lexicon.guards:
        if guard.unless:
            yield f"{guard.name}, unless", guard.unless


def against(phrase: re.Pattern[str]) -> Iterator[str]:
    """Texts that a phrase may find hard: its own words, again and again and all in a row."""
    words = list(dict.fromkeys(re.findall(r"[a-z]{2,}", re.sub(r"\\[a-z]", " ", phrase.pattern))))
    yield " ".join(words)
    yield from (f"{word} " for word in words[:20])
    yield from (f"{one} {other} " for one, other in pairwise(words[:10]))


def test_no_phrase_of_the_lexicon_can_be_made_slow() -> None:
    slow = {}
    for name, phrase in phrases():
        for part in (*REPEATED, *against(phrase)):
            text = (part * MOST)[:MOST]
            began = time.thread_time()
            for _ in phrase.finditer(text):
                pass
            if (took := time.thread_time() - began) >= PHRASE_WITHIN:
                slow[name, part] = took
    assert not slow
