"""Detection and the guard read disguised letters alike."""

from escalation.detect.normalize import normalize
from escalation.lookalikes import LETTERS, QUOTES
from escalation.speech.guard import claims

CLAIM = "i love you, i care, we keep thinking of you, just next to you; i am quite a hug, my bud"


def test_detection_undoes_every_lookalike() -> None:
    missed = {
        chr(letter)
        for table in (LETTERS, QUOTES)
        for letter, plain in table.items()
        if normalize(f"n{chr(letter)}n").text != normalize(f"n{plain}n").text
    }
    assert not missed


def test_the_guard_undoes_every_lookalike() -> None:
    plain = claims(CLAIM)
    assert plain
    missed = set()
    for letter, latin in LETTERS.items():
        assert latin in CLAIM
        disguised = CLAIM.replace(latin, chr(letter))
        found = [(one.kind, one.rule) for one in claims(disguised)]
        if found != [(one.kind, one.rule) for one in plain]:
            missed.add(chr(letter))
    assert not missed


def test_the_guard_reads_quotes_of_every_shape() -> None:
    missed = {
        chr(quote)
        for quote, plain in QUOTES.items()
        if plain == "'" and not claims(f"I{chr(quote)}m worried about you.")
    }
    assert not missed
