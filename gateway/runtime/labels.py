"""Words that pages, texts, and files use for the values in the tables."""

from datetime import timedelta

from escalation.speech.i18n import Phrase, gettext_noop, phrase
from models import (
    Conversation,
    Delivery,
    Message,
    Need,
    Outcome,
    Owner,
    SkillOutcome,
    Status,
    Urgency,
)

NEEDS = {
    Need.CRISIS: gettext_noop("may be in danger"),
    Need.CONCERN: gettext_noop("wrote something a person should read soon"),
    Need.REQUEST: gettext_noop("asked for a person"),
    Need.CONNECTION: gettext_noop("needs to talk with a person"),
    Need.STUCK: gettext_noop("did not get help from the bot"),
}

URGENCIES = {
    Urgency.ROUTINE: gettext_noop("Routine"),
    Urgency.SOON: gettext_noop("Soon"),
    Urgency.CRISIS: gettext_noop("Crisis"),
}

STATUSES = {
    Status.WAITING: gettext_noop("Waiting"),
    Status.CLAIMED: gettext_noop("Claimed"),
    Status.RESOLVED: gettext_noop("Resolved"),
    Status.WITHDRAWN: gettext_noop("Withdrawn"),
}

OUTCOMES = {
    Outcome.TALKED: gettext_noop("We talked"),
    Outcome.REFERRED: gettext_noop("Referred to other help"),
    Outcome.NOANSWER: gettext_noop("They did not answer"),
    Outcome.NOTNEEDED: gettext_noop("It was not needed"),
}

WHY_DROPPED = {
    "yielded_to_person": gettext_noop("a mentor had joined"),
    "opted_out": gettext_noop("they had texted STOP"),
    "no_number": gettext_noop("no phone number"),
    "code_expired": gettext_noop("the code expired before we could send it"),
    "code_tried_once": gettext_noop("we send each code only once; they can ask for a new one"),
}

BOT_STATES = {
    "answered": gettext_noop("The bot had an answer."),
    "not_understood": gettext_noop("The bot did not understand it."),
    "away": gettext_noop("The bot was unavailable."),
    "not_asked": gettext_noop("The bot was not asked."),
}

OWNERS = {
    Owner.BOT: gettext_noop("Until then, the bot was answering."),
    Owner.QUEUE: gettext_noop("The mentee was already waiting for a person."),
    Owner.MENTOR: gettext_noop("A mentor had the conversation."),
}

DECISIONS = {
    "reply": gettext_noop("let the bot answer"),
    "hand_off": gettext_noop("bring a person"),
    "raise": gettext_noop("make it more urgent"),
    "stand_back": gettext_noop("leave it to the mentor who was already called"),
    "offer": gettext_noop("ask whether a person should write"),
    "leave_it": gettext_noop("take no for an answer"),
}

CHECK_IN_NAMES = {
    "mood": gettext_noop("Mood"),
    "phq2": "PHQ-2",
    "phq9": "PHQ-9",
    "gad2": "GAD-2",
    "gad7": "GAD-7",
    "who5": "WHO-5",
    "ucla3": "UCLA-3",
    "mentor_check": gettext_noop("Mentor check"),
}

SKILL_ENDS = {
    SkillOutcome.DONE: gettext_noop("practiced"),
    SkillOutcome.LEFT: gettext_noop("began and left"),
    None: gettext_noop("began"),
}

SKILL_NAMES = {
    "activation": gettext_noop("activation"),
    "breathing": gettext_noop("breathing"),
    "goal": gettext_noop("goal"),
    "grounding": gettext_noop("grounding"),
    "hard_conversation": gettext_noop("hard conversation"),
    "muscle_relaxation": gettext_noop("muscle relaxation"),
    "problem_solving": gettext_noop("problem solving"),
    "self_compassion": gettext_noop("self compassion"),
    "sleep_plan": gettext_noop("sleep plan"),
    "thought_record": gettext_noop("thought record"),
    "worry_time": gettext_noop("worry time"),
}


def masked(phone: str | None) -> str:
    """The last four digits: enough to recognize a number that one knows."""
    return f"…{phone[-4:]}" if phone else phrase("no number")


def unknown_number(phone: str | None) -> Phrase:
    return phrase("Unknown number {number}", number=masked(phone))


def display_name(conversation: Conversation) -> str:
    """The first name, or the masked number of a person who is not enrolled."""
    if conversation.person is not None:
        return conversation.person.name
    return unknown_number(conversation.stranger_phone)


def in_words(time: timedelta) -> Phrase:
    """For example 45 s, 4 min, 3 h 20 min, 2 days."""
    seconds = max(int(time.total_seconds()), 0)
    if seconds < 60:
        return phrase("{seconds} s", seconds=seconds)
    minutes = seconds // 60
    if minutes < 60:
        return phrase("{minutes} min", minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        if not minutes:
            return phrase("{hours} h", hours=hours)
        return phrase("{hours} h {minutes} min", hours=hours, minutes=minutes)
    return phrase("{days} days", days=hours // 24)


def precise_duration(time: timedelta) -> Phrase:
    """As `in_words`, but with tenths of a second where they matter."""
    seconds = time.total_seconds()
    return phrase("{seconds:.1f} s", seconds=seconds) if seconds < 10 else in_words(time)


def skill_name(skill: str) -> Phrase:
    return phrase(SKILL_NAMES.get(skill, skill.replace("_", " ")))


QUADRANTS = {
    "neither": gettext_noop("Not clear whether they want connection or tools."),
    "tools": gettext_noop("Wants tools."),
    "connection": gettext_noop("Wants connection."),
    "both": gettext_noop("Wants connection and tools."),
}


def delivery_status(message: Message) -> Phrase:
    match message.delivery:
        case Delivery.DELIVERED:
            return phrase("delivered")
        case Delivery.SENT:
            return phrase("sent, delivery not confirmed yet")
        case Delivery.SENDING:
            return phrase("being sent")
        case Delivery.QUEUED if message.tries:
            return phrase("not accepted yet ({code}), we will try again", code=message.error_code)
        case Delivery.QUEUED:
            return phrase("about to be sent")
        case Delivery.DROPPED:
            reason = WHY_DROPPED.get(message.error_code or "", message.error_code or "unknown")
            return phrase("not sent: {reason}", reason=phrase(reason))
        case Delivery.FAILED | Delivery.UNDELIVERED:
            if not message.error_code:
                return phrase("not delivered")
            return phrase("not delivered (code {code})", code=message.error_code)
        case None:
            return phrase("received")


def whole_seconds(time: timedelta | None) -> int | None:
    return None if time is None else round(time.total_seconds())
