"""Acting on a mentee's text: decide on the conversation as it is now, then do it."""

from dataclasses import replace

from escalation.crisis_lines import numbers_by_text
from escalation.decide import Decision, Do, decide
from escalation.handoffs.handoffs import (
    OnlyAPersonCloses,
    get_open_handoff,
    raise_handoff,
    withdraw,
)
from escalation.handoffs.ladder import page_beside_holder
from escalation.handoffs.replies import watch
from escalation.speech.danger_lines import why_line
from escalation.speech.i18n import one_after_another
from escalation.speech.message_writer import conversation_language
from gateway.conversations.decision_records import decision_inputs
from gateway.conversations.over_reliance import nudge
from gateway.conversations.person_requests import Ask, ask_for_a_person, note_danger
from gateway.conversations.quick_replies import one_word
from gateway.conversations.relay import tell_holder
from gateway.conversations.turn import Turn
from gateway.pipeline.mentee.context import read_standing
from gateway.pipeline.mentee.records import make_decision_record, record_bot_events
from gateway.pipeline.mentee.speak import disclose, offer_person, reply, speak_for_bot
from gateway.pipeline.mentee.understand import WITHDRAW_WORDS, Understood
from gateway.pipeline.mentee.waiting import answer_while_waiting, heard_lately
from models import Danger, Handoff, Need, Person, Urgency

# Warmline itself goes on with the conversation.
ANSWERS = (Do.REPLY, Do.OFFER, Do.LEAVE_IT)


def act_on_mentee_text(turn: Turn, understood: Understood) -> None:
    """Write everything that follows from a text. A mentor may have claimed it since it was read."""
    if any(command.act(turn) for command in understood.context.commands):
        return
    handoff = get_open_handoff(turn.session, turn.conversation)
    standing = replace(
        read_standing(turn, handoff, understood.context.failures),
        more_follows=understood.context.standing.more_follows,
    )
    decision = decide(understood.signals, standing, turn.policy, understood.bot)
    handoff = _carry_out(turn, understood, decision, handoff)
    noted = nudge(turn, decision, standing, small_talk=understood.is_small_talk)
    if understood.answer is not None and understood.context.forget_bot:
        turn.conversation.forget_bot = False
    record = make_decision_record(turn, understood, standing, decision)
    record.dropped = record_bot_events(turn, understood, decision)
    record.handoff_id = handoff.id if handoff else None
    record.seen = decision_inputs(understood.signals, standing) | noted
    turn.session.add(record)
    if handoff is not None:
        turn.session.flush()
        watch(turn, handoff)


def _carry_out(
    turn: Turn, understood: Understood, decision: Decision, handoff: Handoff | None
) -> Handoff | None:
    """Do what was decided. Returns the handoff that the text belongs to, if any."""
    if decision.do in ANSWERS and (instead := understood.context.reply) and instead.act(turn):
        return handoff or get_open_handoff(turn.session, turn.conversation)
    if not turn.words.strip() and decision.do is Do.REPLY:
        turn.say("only_media" if turn.message.media or turn.message.kind else "empty")
        return handoff
    if decision.urgency is not Urgency.CRISIS and decision.do in (*ANSWERS, Do.HAND_OFF):
        disclose(turn)
    match decision:
        case Decision(do=Do.HAND_OFF, need=Need() as need, urgency=Urgency() as urgency):
            if decision.bot_speaks:
                speak_for_bot(turn, understood)
            ask = Ask(need, urgency, _danger(turn, understood))
            return ask_for_a_person(turn, turn.conversation, ask, message=turn.message)
        case Decision(do=Do.RAISE, need=Need() as need, urgency=Urgency() as urgency):
            assert handoff is not None  # only an open handoff is raised
            danger = _danger(turn, understood)
            paged = raise_handoff(turn, handoff, need, urgency, message=turn.message)
            note_danger(turn, handoff, danger, is_raised=True)
            _say_whom_we_told(turn, paged, why_line(need, danger), danger)
            tell_holder(turn, handoff, turn.message)
        case Decision(do=Do.PAGE_AGAIN, need=Need() as need):
            assert handoff is not None  # a mentor holds it
            danger = _danger(turn, understood)
            paged = page_beside_holder(turn, handoff)
            note_danger(turn, handoff, danger, is_raised=False)
            _say_whom_we_told(turn, paged, why_line(need, danger), danger)
            tell_holder(turn, handoff, turn.message)
        case Decision(do=Do.STAND_BACK):
            assert handoff is not None  # the bot is silent only beside a handoff
            note_danger(turn, handoff, _danger(turn, understood))
            _leave_to_person(turn, understood, handoff)
        case Decision(do=Do.READ_ON):
            pass
        case Decision(do=Do.LEAVE_IT):
            turn.say("offer_declined")
        case _:
            reply(turn, understood)
            if decision.do is Do.OFFER:
                offer_person(turn)
            if handoff is not None and not heard_lately(turn, handoff):
                answer_while_waiting(turn, handoff)
    return handoff


def _danger(turn: Turn, understood: Understood) -> Danger | None:
    """Named only where the text is a reason for a person."""
    if not _is_about_danger(turn, understood):
        return None
    signals = understood.signals
    return signals.danger or (Danger.SUICIDE if signals.item_nine else None)


def _is_about_danger(turn: Turn, understood: Understood) -> bool:
    signals = understood.signals
    return signals.item_nine or signals.crisis >= turn.policy.thresholds.concern


def _say_whom_we_told(turn: Turn, paged: list[Person], why: str, danger: Danger | None) -> None:
    language = conversation_language(turn.conversation)
    blanks: dict[str, object] = {"numbers": numbers_by_text(danger, language)}
    if paged:
        blanks["mentors"] = one_after_another(language, [one.name for one in paged])
    turn.say(why, "raised" if paged else "raised_nobody", **blanks)


def _leave_to_person(turn: Turn, understood: Understood, handoff: Handoff) -> None:
    if _ends_it(turn, understood, handoff):
        try:
            withdraw(turn, handoff)
        except OnlyAPersonCloses:
            if turn.last_said is None or turn.last_said.script != "withdraw_refused":
                turn.say("withdraw_refused")
            else:
                answer_while_waiting(turn, handoff)
    elif handoff.mentor is not None:
        tell_holder(turn, handoff, turn.message)
    else:
        answer_while_waiting(turn, handoff)


def _ends_it(turn: Turn, understood: Understood, handoff: Handoff) -> bool:
    """In any words while nobody has come. To a mentor, "forget it" can mean something else.

    A text about danger ends nothing, even if it says that no person is wanted.
    """
    if one_word(turn.words) in WITHDRAW_WORDS:
        return True
    if _is_about_danger(turn, understood):
        return False
    signals = understood.signals
    return handoff.mentor is None and (signals.declines_person or signals.takes_back)
