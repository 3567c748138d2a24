"""Only the code in a mentor's own text moves a handoff: a sender's number can be forged."""

from sqlalchemy import select

from escalation.handoffs.codes import CODE
from models import Handoff, HandoffCode, Message, Speaker, Status
from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk


def test_a_forged_number_takes_writes_and_closes_nothing(talk: Talk) -> None:
    """The attacker knows Sam's number, texts in his name, and cannot read his phone."""
    talk.texts(MAYA, CRISIS)
    talk.new_texts()
    number = talk.handoff().id
    for words in ("TAKE", "take", f"TAKE {number}", f"TAKE #{number}", "DONE notneeded", "PASS"):
        talk.texts(NOOR, words)
    talk.texts(NOOR, "Sorry, I have no time for you")
    assert talk.handoff().status is Status.WAITING
    assert not [name for name, _ in talk.new_texts() if name == "maya"]
    talk.texts(NOOR, "TAKE {}")
    talk.texts(NOOR, "I am here")
    talk.new_texts()
    for words in ("DONE", "done referred she is fine", "PASS", "GIVE to Sam", "LATER 700"):
        talk.texts(NOOR, words)
    assert talk.handoff().status is Status.CLAIMED
    assert not [name for name, _ in talk.new_texts() if name == "maya"]


def test_a_colleagues_code_claims_nothing(talk: Talk) -> None:
    talk.texts(MAYA, CRISIS)
    assert "You have no #" in talk.says(RUTH, f"TAKE {talk.code(NOOR)}")
    assert talk.handoff().status is Status.WAITING


def test_a_code_is_read_in_any_case_and_with_spaces(talk: Talk) -> None:
    talk.texts(MAYA, CRISIS)
    spaced = " ".join(talk.code(NOOR).lower())
    assert talk.says(NOOR, f"take {spaced}").startswith("You have #{1}.")


def test_a_code_ends_with_its_handoff(talk: Talk) -> None:
    talk.claims()
    talk.texts(SAM, "DONE {1}")
    assert "#{1} is closed" in talk.says(SAM, "TAKE {1}")
    talk.texts(MAYA, ASKS)
    assert talk.code(SAM, 2) != talk.code(SAM, 1)


def test_after_five_wrong_codes_none_counts_for_an_hour_and_the_managers_know(talk: Talk) -> None:
    talk.texts(MAYA, CRISIS)
    talk.new_texts()
    for guess in ("C2CC", "C3CC", "C4CC", "C6CC"):
        assert talk.says(NOOR, f"TAKE {guess}") == (
            f"You have no #{guess}. Nothing was sent. WAITING lists the open ones with your codes."
        )
    assert not [name for name, _ in talk.new_texts() if name == "ruth"]
    assert "none works by text for an hour" in talk.says(NOOR, "TAKE C7CC")
    told = [words for name, words in talk.new_texts() if name == "ruth"]
    assert told == [
        "Warmline bot: 5 wrong codes came by text from Noor's number within an hour. For an hour, "
        "no code from that number counts. Please call Noor: someone else may be using it."
    ]
    assert "none works" in talk.says(NOOR, "TAKE {1}"), "else one could go on guessing"
    assert talk.handoff().status is Status.WAITING
    talk.clock.now = talk.clock.now.replace(hour=talk.clock.now.hour + 1, minute=1)
    assert talk.says(NOOR, "TAKE {1}").startswith("You have #{1}.")


def test_the_lock_lasts_an_hour_from_the_last_wrong_code(talk: Talk) -> None:
    talk.texts(MAYA, CRISIS)
    for guess in ("C2CC", "C3CC", "C4CC", "C6CC"):
        talk.texts(NOOR, f"TAKE {guess}")
        talk.passes(minutes=14)
    assert "none works by text for an hour" in talk.says(NOOR, "TAKE C7CC")
    talk.passes(minutes=59)
    assert "none works" in talk.says(NOOR, "TAKE {1}"), "though four are older than an hour"
    talk.passes(minutes=2)
    assert talk.says(NOOR, "TAKE {1}").startswith("You have #{1}.")


def test_a_code_that_a_concern_closes_to_sam_is_answered_like_a_wrong_one(talk: Talk) -> None:
    talk.claims()
    talk.texts(MAYA, "CONCERN he keeps asking where i live")
    talk.new_texts()
    sams = [talk.says(SAM, "TAKE {1}").replace("{1}", "C2CC") for _ in range(6)]
    told = [words for name, words in talk.new_texts() if name == "ruth"]
    assert [words[14:51] for words in told] == ["5 wrong codes came by text from Sam's"]
    assert sams == [talk.says(NOOR, "TAKE C2CC") for _ in range(6)]


def test_a_code_that_looks_mistyped_never_goes_to_a_mentee(talk: Talk) -> None:
    talk.claims()
    for words in ("#K9 hello", "take k9", "DONE K9K talked", "NOTE K4R her aunt is ill"):
        talk.texts(SAM, words)
        assert [name for name, _ in talk.new_texts()] == ["sam"], words


def test_a_mistyped_code_in_give_never_goes_to_a_mentee(talk: Talk) -> None:
    talk.claims()
    for code in ("K4R", "4KRT", "k4rtt"):
        assert talk.says(SAM, f"GIVE {code} to Maxi: her aunt is ill").startswith("You have no #")
    assert not [name for name, _ in talk.new_texts() if name == "maya"]
    talk.texts(SAM, "give 10 percent more")
    assert talk.new_texts() == [("maya", "Sam: give 10 percent more")]


def test_no_text_to_the_team_has_a_number_that_counts_handoffs(talk: Talk) -> None:
    for _ in range(30):
        talk.texts(JO, ASKS)
        talk.texts(JO, "never mind")
    talk.texts(MAYA, CRISIS)
    talk.texts(NOOR, "TAKE {}")
    talk.texts(MAYA, "are you there")
    assert talk.handoff().id == 31
    to_team = [words for to, words in talk.phones.shown if to in (NOOR, RUTH, SAM)]
    assert not [words for words in to_team if "31" in words]


def test_codes_differ_from_person_to_person_and_spell_nothing(talk: Talk) -> None:
    for _ in range(20):
        talk.texts(JO, CRISIS)
        talk.texts(NOOR, "TAKE {}")
        talk.texts(NOOR, "DONE {} REFERRED her aunt is with her")
    codes = [row.code for row in talk.rows(HandoffCode)]
    assert all(CODE.fullmatch(code) for code in codes)
    assert not set("".join(codes)) & set("AEIOU01L5SZBGY")
    assert len(set(codes)) == len(codes)


def test_bare_words_reach_the_mentee_only_while_the_mentor_holds_one(talk: Talk) -> None:
    talk.claims()
    talk.texts(SAM, "hello again")
    talk.texts(SAM, "DONE {1}")
    talk.new_texts()
    talk.texts(SAM, "and one more thing")
    assert [name for name, _ in talk.new_texts()] == ["sam"]
    with talk.database.reading() as session:
        said = session.scalars(select(Message).where(Message.speaker == Speaker.MENTOR)).all()
        assert session.scalars(select(Handoff)).one().status is Status.RESOLVED
    assert "and one more thing" not in [one.words for one in said if one.outgoing]
