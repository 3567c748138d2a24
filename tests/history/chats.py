"""The messages of a long history: what mentees write, and what the bot and people answer."""

import random
from datetime import datetime, timedelta
from typing import Any

from models import Channel, DecisionRecord, Delivery, Message, Owner, Speaker
from tests.history.inserting import Inserts, Row
from tests.history.people import Who

# As a mentee writes, and what the bot answers.
SAID = {
    "hi": "Hi. I am Warmline's bot, a computer program. What is on your mind?",
    "i cant sleep again": "That is hard. Do you want to try something that helps some people?",
    "my exam is on friday": "Exams can feel heavy. What worries you most about it?",
    "im so stressed about school rn": "That sounds like a lot. Shall we make a small plan?",
    "had a fight with my mom": "I am sorry. Do you want to tell me what happened?",
    "thanks that helped a bit": "I am glad. You can write whenever you like.",
    "everyone else seems to have friends": "That can hurt. Who is someone you like to be with?",
    "idk what to do": "That is okay. We can look at one thing at a time.",
    "lol ok": "Okay. Is there anything else?",
    "good night": "Good night. Write again whenever you like.",
}
THRESHOLDS = {"crisis": 0.7, "concern": 0.3, "connection": 0.82, "tools": 0.5}


def add_exchange(rows: Inserts, mentee: Who, at: datetime, chance: random.Random) -> None:
    """A mentee writes, and the bot answers."""
    words, answer = chance.choice(list(SAID.items()))
    written = rows.add(Message, mentee.key, **from_mentee(mentee, words, at))
    add_decision(rows, mentee, written, at, seen={"only_you": False, "nudged_for": []})
    rows.add(Message, mentee.key, **to_thread(mentee, answer, at + timedelta(seconds=1)))


def from_mentee(mentee: Who, words: str, at: datetime) -> Row:
    by = {"speaker": Speaker.MENTEE, "speaker_id": mentee.id, "speaker_name": mentee.name}
    return {**_message(mentee, words, at), **by, "outgoing": False}


def to_thread(
    reader: Who, words: str, at: datetime, *, by: Who | None = None, script: str | None = None
) -> Row:
    return {
        **_message(reader, words, at),
        "outgoing": True,
        "speaker": Speaker(by.role.value) if by else Speaker.BOT,
        "speaker_id": by.id if by else None,
        "speaker_name": by.name if by else None,
        "script": script,
        "delivery": Delivery.DELIVERED,
        "tries": 1,
        "sending_at": at,
        "sent_at": at + timedelta(seconds=1),
        "delivered_at": at + timedelta(seconds=3),
    }


def _message(thread: Who, words: str, at: datetime) -> Row:
    same = {"conversation_id": thread.thread, "words": words, "channel": Channel.SMS}
    return {**same, "at": at, "handled_at": at, "moved_at": at}


def add_decision(rows: Inserts, mentee: Who, message: int, at: datetime, **other: Any) -> None:
    record = {
        "owner": Owner.BOT,
        "crisis": 0.1,
        "connection": 0.3,
        "tools": 0.1,
        "asked_for_person": False,
        "bot": "answered",
        "evidence": "[]",
        "version": "many",
        "thresholds": THRESHOLDS,
        "quadrant": "neither",
        "decision": "reply",
        "why": "nothing calls for a person",
    }
    rows.add(DecisionRecord, mentee.key, message_id=message, at=at, **record | other)
