"""People edit the phrase lists, so a mistake must stop the start and name the entry."""

from pathlib import Path

import pytest

from escalation.detect import lexicon
from escalation.detect.lexicon import BadLexicon, Kind, load_lexicon
from escalation.detect.normalize import normalize
from escalation.detect.rules import crisis_hits


def test_every_kind_of_crisis_has_a_rule() -> None:
    spoken_of = {rule.kind for rule in load_lexicon().crisis}
    assert spoken_of == set(Kind) - {Kind.PAST}


def test_every_rule_has_a_name_of_its_own() -> None:
    read = load_lexicon()
    for rules in (read.crisis, read.requests, read.idioms, read.guards, read.cues):
        names = [rule.name for rule in rules]
        assert len(names) == len(set(names))


BROKEN = [
    ("crisis", "(?:kill|killing", "(?:(kill", r"crisis\.toml: .*: the pattern does not compile"),
    ("idioms", "<machine>", "<machin>", "no word list <machin>"),
    ("spellings", "[phrases]", "[phrases]\n'<idk>' = ''", r"<idk>: .*no word list <idk>"),
    ("crisis", "score = 0.", "score = 7.", r"crisis\.toml: .*: score: "),
    ("crisis", 'kind = "plan"', 'kind = "plans"', r"crisis\.toml: .*: kind: "),
    ("guards", "leaves = ", "leave = ", r"guards\.toml: denied: leaves: "),
    ("cues", "[[cue]]", "[[cue", r"cues\.toml: "),
]


def test_ruth_reads_which_entry_she_broke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {file.name: file.read_text("utf-8") for file in lexicon.FOLDER.glob("*.toml")}
    monkeypatch.setattr(lexicon, "FOLDER", tmp_path)
    for name, right, wrong, problem in BROKEN:
        assert right in files[f"{name}.toml"]
        for file, content in files.items():
            (tmp_path / file).write_text(content, "utf-8")
        broken = files[f"{name}.toml"].replace(right, wrong, 1)
        (tmp_path / f"{name}.toml").write_text(broken, "utf-8")
        with pytest.raises(BadLexicon, match=problem):
            load_lexicon.__wrapped__()


def test_every_normalized_character_knows_where_it_came_from() -> None:
    text = "I\u2019m  s\u200bo \U0001d41dead \U0001f480"
    read = normalize(text)
    assert len(read.text) == len(read.starts) == len(read.ends)
    start = read.text.index("dead")
    first, past = read.original_span(start, start + 4)
    assert text[first:past] == "\U0001d41dead"


def test_a_guard_says_why_a_match_did_not_count() -> None:
    (hit, *_) = crisis_hits("i am not suicidal", load_lexicon())
    assert "denied" in hit.guards
    assert hit.score < 0.1
