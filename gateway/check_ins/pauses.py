"""PAUSE and RESUME: a mentee stops and restarts scheduled check-ins."""

from escalation.speech.i18n import DEFAULT_LANGUAGE, written
from escalation.speech.message_writer import conversation_language
from gateway.check_ins.schedules import list_schedules, next_due
from gateway.conversations.quick_replies import one_word
from gateway.conversations.turn import Turn

WORDS = {
    f"{verb}{what}": verb == "pause"
    for verb in ("pause", "resume")
    for what in ("", " check-ins", " checkins", " check ins")
}


def match_pause(turn: Turn) -> bool | None:
    """True for PAUSE, False for RESUME; None if there is nothing to pause or to resume.

    Without a paused check-in, RESUME may mean an exercise.
    """
    pauses = WORDS.get(one_word(turn.words))
    if turn.person is None or pauses is None:
        return None
    schedules = list_schedules(turn.session, turn.person)
    return pauses if any(schedule.paused or pauses for schedule in schedules) else None


def act_on_pause(turn: Turn, pauses: bool) -> bool:
    if match_pause(turn) is None:
        return False  # changed on the page a moment ago
    schedules = list_schedules(turn.session, turn.person)
    for schedule in schedules:
        schedule.paused = pauses
    turn.session.flush()
    if pauses:
        turn.say("check_ins_paused")
        return True
    policy = turn.policy.schedule
    due = min(next_due(turn.session, one, now=turn.now, policy=policy) for one in schedules)
    language = conversation_language(turn.conversation)
    first = f"{due:%A} at {due:%H:%M}"
    time = first if language == DEFAULT_LANGUAGE else written(due, "%A, %H:%M", language)
    turn.say("check_ins_resumed", time=time)
    return True
