"""The phrase lists are edited by people; a slip must be named, not swallowed."""

from pathlib import Path

import pytest

from escalation.detect import lexicon
from escalation.detect.lexicon import BadLexicon, Kind, load_lexicon
from escalation.detect.normalize import fold
from escalation.detect.rules import crisis_hits
from escalation.detect.wording import in_plain_words

LISTS = lexicon.FOLDER


def test_every_kind_of_crisis_has_a_rule() -> None:
    spoken_of = {rule.kind for rule in load_lexicon().crisis}

    assert spoken_of == set(Kind) - {Kind.PAST}


def test_every_rule_has_a_name_of_its_own() -> None:
    read = load_lexicon()
    for rules in (read.crisis, read.requests, read.idioms, read.guards, read.cues):
        names = [rule.name for rule in rules]
        assert len(names) == len(set(names))


def test_a_mistake_in_a_phrase_list_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexicon, "FOLDER", tmp_path)
    files = {file.name: file.read_text("utf-8") for file in LISTS.glob("*.toml")}
    for name, right, wrong, problem in (
        ("crisis.toml", "(?:kill|killing", "(?:(kill", r"crisis\.toml: .*: the pattern does not"),
        ("idioms.toml", "<machine>", "<machin>", "no word list <machin>"),
    ):
        for file, text in files.items():
            (tmp_path / file).write_text(text, "utf-8")
        (tmp_path / name).write_text(files[name].replace(right, wrong, 1), "utf-8")
        with pytest.raises(BadLexicon, match=problem):
            load_lexicon.__wrapped__()


PLAIN = {
    "I can\u2019t  do this": "i can not do this",
    "kms": "kill myself",
    "su1c1de": "suicide",
    "she\u2019d never": "she would never",
    "k.i.l.l": "kill",
    "15 pills at 4pm": "15 pills at 4pm",
    "homework is killing me": "it is very hard",
    "\U0001f602 ok": "lol ok",
}


def test_disguise_and_slang_read_as_plain_words() -> None:
    read = {written: in_plain_words(written, load_lexicon()).text.strip() for written in PLAIN}
    assert read == PLAIN


def test_every_folded_character_knows_where_it_came_from() -> None:
    text = "I\u2019m  s\u200bo \U0001d41dead \U0001f480"
    folded = fold(text)

    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    start = folded.text.index("dead")
    first, past = folded.original_span(start, start + 4)
    assert text[first:past] == "\U0001d41dead"


def test_a_guard_says_why_a_match_did_not_count() -> None:
    (hit, *_) = crisis_hits("i am not suicidal", load_lexicon())

    assert "denied" in hit.guards
    assert hit.score < 0.1
