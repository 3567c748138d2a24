"""RECORD: a mentor or manager opens a safeguarding record. Its words stay in no thread."""

import re

from escalation.handoffs.handoffs import lock_conversation
from escalation.speech.message_writer import get_thread
from gateway.conversations.relay import link_text
from gateway.conversations.turn import Turn
from gateway.pipeline.mentor.lookup import Refusal, choose_mentee, find_handoff, how_to
from gateway.pipeline.mentor.reading.people_named import BETWEEN, Named, names_mentee
from gateway.safeguarding.records import Report, list_reportable_mentees, report_by_staff
from models import Concern, Handoff, Person

KEYWORD = "RECORD"
# A mentor's own concern about a colleague names that colleague, so it is opened on the page.
BY_TEXT = [kind for kind in Concern if kind is not Concern.MENTOR]
SPELLED = "|".join(re.sub("_", r"[\\s_-]?", kind.value) for kind in BY_TEXT)
KIND = re.compile(rf"({SPELLED})\b", re.IGNORECASE)


def match_record(turn: Turn) -> Named | None:
    """Also a kind right after the word: "record abuse her dad hits her" goes to no mentee."""
    if (named := names_mentee("record", "concern")(turn)) is not None:
        return named
    found = re.fullmatch(rf"\s*(record)\s+({KIND.pattern}.*)", turn.words, re.I | re.S)
    return Named("record", None, (), found[2]) if found else None


def record(turn: Turn, command: Named) -> None:
    kind, words = split_kind(command.rest)
    mentee, handoff = _find_mentee(turn, command)
    if not words:
        raise _how(turn)
    conversation = get_thread(turn.session, turn.rules, mentee)
    lock_conversation(turn.session, conversation.id)
    link_text(turn, turn.message, conversation.id)
    report = Report(mentee, kind, words, turn.mentor, handoff=handoff)
    known = report_by_staff(turn, report, conversation)
    turn.message.words = KEYWORD
    turn.say("record_saved" if known else "record_saved_untold")


def split_kind(words: str) -> tuple[Concern, str]:
    """The kind that the words begin with, and the rest. Without one, nothing is lost: "other"."""
    found = KIND.match(words)
    if found is None:
        return Concern.OTHER, words
    kind = re.sub(r"[\s-]", "_", found[1].lower())
    named = next(one for one in BY_TEXT if one.value.replace("_", "") == kind.replace("_", ""))
    return named, words[found.end() :].strip(BETWEEN)


def _find_mentee(turn: Turn, command: Named) -> tuple[Person, Handoff | None]:
    if command.code is not None:
        handoff = find_handoff(turn, command.code)
        if handoff.conversation.person is None:
            raise _how(turn)
        return handoff.conversation.person, handoff
    may = list_reportable_mentees(turn.session, turn.mentor)
    mentee = choose_mentee(turn, command, may, verb="record", path="/safeguarding/new")
    return mentee, None


def _how(turn: Turn) -> Refusal:
    return how_to("record", list_reportable_mentees(turn.session, turn.mentor))
