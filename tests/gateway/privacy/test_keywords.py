"""Every word with a meaning of its own by text, and what it does from whom."""

from models import Conversation, Message
from tests.line import MAYA, NAMES, SAM, STRANGER, Talk

STOPPED, STARTED, HELPED, READ = "stopped", "started", "helped", "read"
# Word: what it does from a mentee, a mentor who holds nothing, and an unknown number.
KEYWORDS = {
    "STOP": (STOPPED, STOPPED, STOPPED),
    "unsubscribe": (STOPPED, STOPPED, STOPPED),
    "End": (STOPPED, STOPPED, STOPPED),
    "QUIT.": (STOPPED, STOPPED, STOPPED),
    "stopall": (STOPPED, STOPPED, STOPPED),
    "REVOKE": (STOPPED, STOPPED, STOPPED),
    "OPTOUT": (STOPPED, STOPPED, STOPPED),
    "opt out": (STOPPED, READ, STOPPED),
    "Cancel": (STOPPED, STOPPED, STOPPED),
    "please stop texting me": (STOPPED, READ, STOPPED),
    "ALTO": (STOPPED, READ, STOPPED),
    "BASTA": (STOPPED, READ, STOPPED),
    "wrong number": (STOPPED, READ, STOPPED),
    "HELP": (HELPED, HELPED, HELPED),
    "info": (HELPED, HELPED, HELPED),
    "AYUDA": (HELPED, HELPED, HELPED),
    "START": (READ, READ, READ),  # texts were not stopped
    "YES": (READ, READ, READ),
    "stop it please he hits me": (READ, READ, READ),
    "help me": (READ, READ, READ),
}
# Word: what it does after STOP.
AFTER_STOP = {"START": STARTED, "UNSTOP": STARTED, "YES": STARTED, "Sí": STARTED, "HELP": STOPPED}


def test_each_keyword_does_what_the_table_says(talk: Talk) -> None:
    for words, expected in KEYWORDS.items():
        done = tuple(what_it_does(talk, number, words) for number in (MAYA, SAM, STRANGER))
        assert done == expected, words
    for words, then in AFTER_STOP.items():
        for number in (MAYA, SAM, STRANGER):
            talk.texts(number, "STOP")
            assert what_it_does(talk, number, words) == then, (NAMES[number], words)
            talk.texts(number, "START")


def what_it_does(talk: Talk, number: str, words: str) -> str:
    before = has_stopped(talk, number)
    talk.texts(number, words)
    if has_stopped(talk, number):
        if not before:
            talk.texts(number, "START")
        return STOPPED
    if before:
        return STARTED
    return HELPED if (talk.rows(Message)[-1].script or "").endswith("help") else READ


def has_stopped(talk: Talk, number: str) -> bool:
    return any(one.has_stopped_texts for one in talk.rows(Conversation) if one.phone == number)
