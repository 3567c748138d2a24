"""A mentor's commands in any form, and ordinary words that are never taken for one."""

import re
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from escalation.handoffs.codes import random_code
from escalation.handoffs.jobs import Recall
from escalation.received.undecorate import visible
from gateway.pipeline.mentor.reading.read import WORDS, Typed, read_command
from gateway.privacy.stop_words import (
    HELP_WORDS,
    START_WORDS,
    STOP_WORDS,
    plain_words,
    stops_politely,
)
from gateway.worker import do_work
from models import Alert, Debrief, Message, Note, Snooze, Status
from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, NUMBERS, RUTH, SAM, Talk

TYPED = {
    "TAKE K4RT": ("take", "K4RT", ""),
    "  take   #k4rt ": ("take", "K4RT", ""),
    "Take: k4 rt.": ("take", "K4RT", ""),
    "take K 4 r-t": ("take", "K4RT", ""),
    "take 7": ("take", "7", ""),
    "take k4r": ("take", "K4R", ""),
    "TAKE": ("take", None, ""),
    "DONE": ("done", None, ""),
    "done k4rt": ("done", "K4RT", ""),
    "Done K4RT noanswer": ("done", "K4RT", "noanswer"),
    "DONE REFERRED to the school nurse": ("done", None, "REFERRED to the school nurse"),
    "pass K4RT": ("pass", "K4RT", ""),
    "waiting": ("waiting", None, ""),
    "Later K4RT 30": ("later", "K4RT", "30"),
    "LATER #k4rt, 30 min.": ("later", "K4RT", "30 min"),
    "later k4rt 1 hour": ("later", "K4RT", "1 hour"),
    "LATER 30": ("later", None, "30"),
    "later 2h": ("later", None, "2 h"),
    "LATER #K4RT": ("later", "K4RT", ""),
    "later": ("later", None, ""),
    "BRIEF": ("brief", None, ""),
    "brief #k4rt": ("brief", "K4RT", ""),
    "note K4RT she lives with her aunt": ("note", "K4RT", "she lives with her aunt"),
    "Note #k4 rt: call the nurse": ("note", "K4RT", "call the nurse"),
    "note": ("note", None, ""),
    "NOTE she lives with her aunt": ("note", None, "she lives with her aunt"),
    "ON": ("on", None, ""),
    " on. ": ("on", None, ""),
    "off": ("off", None, ""),
    "AWAY": ("away", None, ""),
    "Away until Monday.": ("away", None, "until Monday."),
    "GIVE K4RT to Noor": ("give", "K4RT", "to Noor"),
    "give #k4rt Noor": ("give", "K4RT", "Noor"),
    "give to Noor": ("give", None, "to Noor"),
    "accept k4rt": ("accept", "K4RT", ""),
    "Accept": ("accept", None, ""),
    "TALK": ("talk", None, ""),
    "debrief I am fine": ("debrief", None, "I am fine"),
    "pass": ("pass", None, ""),
    "takek4rt": ("take", "K4RT", ""),
    "take k4rt to the pool": ("take", "K4RT", "to the pool"),
    "later K4RT 30 or 8": ("later", "K4RT", "30 or 8"),
    "tkae K4RT": ("take", "K4RT", ""),
    "SEND": ("send", None, ""),
}
NOT_TYPED = [
    *("take care of yourself", "take 7 deep breaths", "done with work at five"),
    *("pass me your number", "waiting for the bus", "untake 7", "later mate", "Later, 7:30?"),
    *("later 7:30", "later #7 30 minutes or so", "brief chat tomorrow?"),
    *("briefly: yes", "note to self: be early", "Note that I am late", "noted, thanks"),
    *("on my way", "On: the bus", "one moment", "office hours", "aways", "give me a minute"),
    *("give it to Noor", "given up", "accept my apologies", "talk soon!", "talk to you at 7"),
    *("pass the test 7 times", "take 2 deep breaths"),
]
CODES = st.builds(random_code)


def test_a_text_is_a_command_or_words() -> None:
    expected = {text: Typed(*command) for text, command in TYPED.items()}
    assert {text: read_command(text) for text in TYPED} == expected
    assert [text for text in NOT_TYPED if read_command(text)] == []


@given(st.text(max_size=200))
def test_no_text_is_too_strange_to_read(text: str) -> None:
    read_command(text)


@given(
    word=st.sampled_from(["take", "done", "pass"]),
    code=CODES,
    gap=st.sampled_from(["", " ", "-"]),
    small=st.booleans(),
    before=st.text(" \t\n", max_size=3),
    between=st.sampled_from([" ", "  ", " #", ": ", " # ", "\n", ", "]),
    after=st.sampled_from(["", " ", ".", "\n"]),
    upper=st.booleans(),
)
def test_case_and_spaces_do_not_matter(
    word: str, code: str, gap: str, small: bool, before: str, between: str, after: str, upper: bool
) -> None:
    typed = gap.join(code.lower() if small else code)
    text = f"{before}{word.upper() if upper else word}{between}{typed}{after}"
    assert read_command(text) == Typed(word, code, "")


def test_no_command_is_a_word_that_carriers_act_on() -> None:
    carriers = STOP_WORDS | START_WORDS | HELP_WORDS | {"yes", "no", "y", "n"}
    assert not set(WORDS) & carriers


def test_each_text_of_a_mentor_is_answered_or_relayed(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a person")
    for words in ("take 99", "done", "pass", "hello", "#1 hi", "WAITING", "take", "take {1}"):
        talk.new_texts()
        talk.texts(SAM, words)
        assert [name for name, _ in talk.new_texts() if name == "sam"], words


def test_a_mentors_long_text_arrives_whole_in_parts(talk: Talk) -> None:
    talk.claims()
    words = "I wrote you a long letter. " * 120
    talk.texts(SAM, words)
    parts = [text.removeprefix("Sam: ") for name, text in talk.new_texts() if name == "maya"]
    assert [part[:6] for part in parts] == ["(1/3) ", "(2/3) ", "(3/3) "]
    assert " ".join(part[6:] for part in parts).split() == words.split()
    assert all(len(part) <= 1500 for part in parts)


# --- words or a command? ---


ORDINARY = [
    *("take care", "Take care!", "later mate", "Later!", "later", "on my way", "off to work"),
    *("off to bed now", "note to self, be on time", "away from my desk for a bit", "away now"),
    *("Away game on Saturday!", "brief break?", "give me a minute", "give 10 percent more"),
    *("give it a go", "accept that", "pass it on", "done with exams?", "talk", "talk soon"),
    *("Talk?", "waiting for the bus", "on second thoughts yes", "off the top of my head, no"),
    *("later 7:30", "see you later 30", "Note how calm you got"),
]
PERHAPS_A_COMMAND = [
    *("away until late, sorry", "AWAY until Mondey", "away 2 moons", "NOTE she has no aunt"),
    *(
        "note 9 good things",
        "note 1",
        "note",
        "debrief: it was hard",
        "later 30",
        "later 1",
    ),
    *(
        "ON",
        "off",
        "away",
        "brief",
        "give {1}",
        "give {1} to Maxi",
        "take 9",
        "TAKE",
        "accept",
    ),
    *("done 9", "pass 9", "waiting", "later #{1} 30", "later 1 9999"),
]


def test_ordinary_words_go_to_the_mentee_and_a_possible_command_does_not(talk: Talk) -> None:
    talk.claims()
    for words in ORDINARY:
        talk.texts(SAM, words)
        assert talk.new_texts() == [("maya", f"Sam: {words}")]
    for words in PERHAPS_A_COMMAND:
        talk.texts(SAM, words)
        told = [name for name, _ in talk.new_texts() if name != "ruth"]  # of the wrong codes
        assert told == ["sam"], words
    talk.clock.now += timedelta(hours=2)  # five wrong codes count for an hour
    answer = talk.says(SAM, "away until late, sorry")
    assert "AWAY until Monday" in answer
    assert "text SEND" in answer
    talk.texts(SAM, "#{1} away until late, sorry")
    assert talk.new_texts()[-1] == ("maya", "Sam: away until late, sorry")


ODD = [
    *WORDS,
    "TAKE",
    "NOTE",
    "AWAY until",
    "LATER",
    "GIVE K4RT to",
    "#1",
    "K4RT:",
    "7",
    "30",
    "Noor",
]
ODD += ["Sam", "Ruth", "Monday", "2 weeks", "talked", "STOP", "START", "help", "yes", "\u202e", "."]
odd_words = st.sampled_from(ODD)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    who=st.sampled_from([SAM, NOOR, RUTH]),
    words=st.lists(odd_words | st.text(max_size=8), max_size=5).map(" ".join)
    | st.text(max_size=60),
)
def test_any_text_of_a_mentor_is_answered_or_relayed(talk: Talk, who: str, words: str) -> None:
    """The examples share a database: each text meets what the earlier ones did."""
    if not talk.handoffs():
        talk.texts(MAYA, CRISIS)
        talk.texts(JO, ASKS)
    before = len(talk.thread(who))
    talk.texts(who, words)
    read, *answers = talk.thread(who)[before:]
    assert read.handled_at is not None
    with talk.database.reading() as session:
        relayed = session.scalars(select(Message).where(Message.relayed_from_id == read.id)).all()
    about_consent = stops_politely(plain_words(words))
    # A text with nothing in it is answered once an hour, or two machines would answer each other.
    earlier = {one.script for one in talk.thread(who)[:before]}
    empty_again = not visible(words).strip() and "empty_not_sent" in earlier
    assert answers or relayed or about_consent or empty_again


# --- PASS and LATER on what waits ---


def test_pass_pages_the_next_mentor_at_once_and_not_this_one_again(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.new_texts()
    assert (
        talk.says(SAM, "PASS {1}") == "#{1}: we won't page you for it again. We are asking others."
    )
    assert talk.paged() == ["noor"]
    talk.passes(hours=2)
    assert "sam" not in talk.paged()
    talk.texts(MAYA, CRISIS)
    talk.passes(minutes=4)
    assert "sam" in talk.paged(), "a pass counts only until the handoff is raised"


def test_pass_waits_for_others_on_the_rung(talk: Talk) -> None:
    talk.texts(MAYA, CRISIS)
    talk.new_texts()
    talk.texts(NOOR, "pass {1}")
    assert talk.paged() == []
    talk.texts(RUTH, "pass {1}")
    assert [name for name, words in talk.new_texts() if "TAKE {1} to" in words] == ["sam"]


def test_the_last_mentor_who_passes_reads_that_no_one_else_is_available(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    for number in (NOOR, RUTH):
        talk.texts(number, "STOP")
    talk.new_texts()
    assert "no one else is available" in talk.says(SAM, "PASS {1}")
    talk.passes(minutes=4)
    assert "TAKE" not in talk.read_by(SAM)[-1]
    talk.passes(minutes=2)
    assert "TAKE {1} to answer" in talk.read_by(SAM)[-1], "one mentor is always paged"


def test_a_mentor_who_releases_a_handoff_is_not_paged_for_it_again(talk: Talk) -> None:
    talk.claims()
    talk.texts(JO, ASKS)
    talk.passes(minutes=5)
    assert "#{1}, #{2}" in talk.says(SAM, "pass"), "it could mean either"
    talk.texts(JO, "never mind")
    talk.new_texts()
    talk.texts(SAM, "PASS {1}")
    assert [name for name, words in talk.new_texts() if "TAKE {1} to" in words] == ["noor"]
    assert talk.handoffs()[0].status is Status.WAITING


def test_later_pages_the_mentor_again_when_it_ends(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    assert "page you again Tue 10 Nov 10:30" in talk.says(SAM, "LATER {1} 30")
    talk.new_texts()
    talk.passes(minutes=29)
    called = talk.paged()
    assert "noor" in called, "the ladder climbs on meanwhile"
    assert "sam" not in called
    talk.passes(minutes=1)
    assert talk.paged().count("sam") == 1
    talk.passes(minutes=60)
    assert talk.handoff().status is Status.WAITING
    assert "ruth" in talk.paged(), "and goes on"


def test_later_pages_again_even_on_the_same_rung(talk: Talk) -> None:
    """The request waits an hour on its first rung; LATER 5 ends long before."""
    talk.bot.away = True
    for words in ("hm", "hello", "anything"):
        talk.texts(MAYA, words)
    talk.texts(SAM, "later {1} 5")
    talk.new_texts()
    talk.passes(minutes=5)
    assert talk.paged() == ["sam"]
    talk.passes(minutes=54)
    assert talk.new_texts() == []
    talk.passes(minutes=1)
    assert talk.paged() == ["noor"]


def test_later_pages_once_even_if_the_job_is_lost_or_repeated(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "LATER {1} 30")
    talk.kept.work.clear()
    talk.clock.now += timedelta(minutes=31)
    talk.new_texts()
    talk.runs_watchdog()
    talk.runs_watchdog()
    do_work(talk.line, Recall(1, talk.rows(Snooze)[0].id))
    assert [alert.person_id for alert in talk.rows(Alert)].count(talk.person(SAM).id) == 2


def test_the_last_later_counts_and_none_after_a_claim(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "LATER {1} 10")
    talk.texts(SAM, "LATER {1} 60")
    talk.new_texts()
    talk.passes(minutes=30)
    assert "sam" not in talk.paged()
    talk.passes(minutes=30)
    assert "sam" in talk.paged()
    talk.texts(SAM, "LATER {1} 30")
    talk.texts(NOOR, "TAKE {1}")
    talk.texts(NOOR, "hello")
    talk.new_texts()
    talk.passes(minutes=31)
    assert talk.new_texts() == []


def test_later_takes_five_minutes_to_twelve_hours(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    for minutes in (4, 721, 99999):
        assert "5 to 720" in talk.says(SAM, f"LATER {{1}} {minutes}")
    assert talk.rows(Snooze) == []


def test_later_after_two_pages_is_refused_with_the_choice(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(JO, ASKS)
    talk.passes(minutes=5)
    assert "We paged you for #{1}, #{2}" in talk.says(SAM, "LATER 30")
    assert "page you again" in talk.says(SAM, "LATER {2} 30")


# --- BRIEF, NOTE ---


def test_brief_sends_only_a_link(talk: Talk) -> None:
    talk.texts(MAYA, CRISIS)
    assert talk.says(NOOR, "Brief") == "#{1}: https://warmline.example/console/to/{1}"
    talk.texts(JO, ASKS)
    assert "#{1}, #{2}" in talk.says(NOOR, "brief")
    assert talk.says(NOOR, "brief {2}") == "#{2}: https://warmline.example/console/to/{2}"
    assert "You have no #9" in talk.says(NOOR, "brief 9")
    assert "You have no #" in talk.says(talk.a_manager_elsewhere(), f"brief {talk.code(NOOR, 1)}")


def test_a_note_is_encrypted_and_never_reaches_the_mentee(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(RUTH, "WAITING")
    talk.texts(NOOR, "WAITING")
    talk.texts(SAM, "TAKE {1}")
    assert "Note saved for #{1}" in talk.says(SAM, "NOTE {1} lives with her aunt")
    assert "Note saved for #{1}" in talk.says(RUTH, "note {1} the aunt was told")
    assert "you don't hold #" in talk.says(NOOR, "note {1} who is this")
    with talk.database.reading() as session:
        notes = session.scalars(select(Note).order_by(Note.id)).all()
        raw = session.connection().exec_driver_sql("SELECT words FROM note").scalars().all()
    assert [note.words for note in notes] == ["lives with her aunt", "the aunt was told"]
    assert not any("aunt" in words for words in raw)
    assert not any("aunt" in words for words in talk.read_by(MAYA))
    talk.texts(SAM, "DONE {1}")
    assert "Note saved for #{1}" in talk.says(SAM, "NOTE {1} all well")


# --- after a crisis ---


def ends_a_crisis(talk: Talk, mentor: str) -> None:
    code = talk.claims(mentor, asks=CRISIS)
    talk.texts(mentor, f"DONE {{{code}}} REFERRED her aunt is with her now")


def test_the_mentor_is_asked_for_a_debrief_after_a_crisis(talk: Talk) -> None:
    ends_a_crisis(talk, NOOR)
    assert "heavy one" in talk.read_by(NOOR)[-1] or "heavy one" in talk.read_by(NOOR)[-2]
    assert "Saved for you" in talk.says(NOOR, "DEBRIEF it shook me")
    assert "Saved for you" in talk.says(NOOR, "debrief: and I slept badly")
    with talk.database.reading() as session:
        debrief = session.scalars(select(Debrief)).one()
        raw = session.connection().exec_driver_sql("SELECT words FROM debrief").scalar()
    assert debrief.words == "it shook me\nand I slept badly"
    assert debrief.answered_at == talk.clock()
    assert "shook" not in str(raw)
    assert not any("shook" in words for number in (MAYA, RUTH) for words in talk.read_by(number))


def test_talk_asks_the_managers_once_to_call_and_reveals_nothing(talk: Talk) -> None:
    ends_a_crisis(talk, NOOR)
    talk.new_texts()
    assert "asked your managers to call you" in talk.says(NOOR, "TALK")
    assert [words for name, words in talk.new_texts() if name == "ruth"] == [
        "Warmline bot: Noor ended #{1}, a crisis, and asks one of you to call."
    ]
    talk.says(NOOR, "talk")
    assert "ruth" not in [name for name, _ in talk.new_texts()]


def test_talk_without_a_manager_to_text_says_so(talk: Talk) -> None:
    ends_a_crisis(talk, RUTH)
    assert "call one yourself" in talk.says(RUTH, "TALK")


def test_only_the_holder_of_a_crisis_is_asked_for_a_debrief(talk: Talk) -> None:
    talk.claims()
    talk.texts(SAM, "DONE {1}")
    talk.claims(RUTH, asks=CRISIS)
    talk.texts(RUTH, "PASS {2}")
    assert talk.rows(Debrief) == []
    assert "No debrief is open" in talk.says(SAM, "DEBRIEF fine")


# --- masked numbers, and who has left ---


def test_neither_side_ever_reads_the_others_number(talk: Talk) -> None:
    """The relay carries words and first names, both ways, in all that phones show."""
    talk.texts(MAYA, CRISIS)
    for number, words in [
        (NOOR, "TAKE {1}"),
        (NOOR, "Hi Maya"),
        (MAYA, "hi, who is this"),
        (NOOR, "GIVE {1} to Sam"),
        (SAM, "ACCEPT {}"),
        (SAM, "Sam here"),
        (MAYA, "ok"),
        (SAM, "I am glad that you wrote"),
        (SAM, "NOTE {1} call her aunt"),
        (SAM, "BRIEF"),
        (RUTH, "WAITING"),
        (SAM, "AWAY 2 weeks"),
        (SAM, "DONE {1} REFERRED to her aunt"),
        (SAM, "TALK"),
        (MAYA, "thanks"),
        (MAYA, ASKS),
        (NOOR, "LATER {2} 30"),
    ]:
        talk.texts(number, words)
        talk.passes(minutes=1)
    assert len(talk.phones.shown) > 25
    for to, words in talk.phones.shown:
        digits = re.sub(r"\D", "", words)
        for name, number in NUMBERS.items():
            assert number[-7:] not in digits, (to, name, words)


def test_a_mentor_who_left_gets_an_answer_and_moves_nothing(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.sets(SAM, left_at=talk.clock())
    for words in ("TAKE {1}", "hello Maya", "WAITING", "ON"):
        assert "no longer a mentor in" in talk.says(SAM, words)
    assert talk.handoff().status is Status.WAITING


def test_a_mentor_with_two_handoffs_is_alerted_to_each_mentee(talk: Talk) -> None:
    for mentee in (MAYA, JO):
        talk.texts(mentee, ASKS)
    talk.texts(SAM, "take {1}")
    talk.texts(SAM, "take {2}")
    told = len(talk.read_by(SAM))
    for mentee in (MAYA, JO, MAYA, JO):
        talk.texts(mentee, "are you there")
    news = [re.findall(r"#\{(\d)\} wrote to you", words) for words in talk.read_by(SAM)[told:]]
    assert news == [["1"], ["2"]], "each once for a burst, and neither in place of the other"
