"""A mentee's text: what it asks for, and what is done about it.

`understand` looks and asks, with no transaction open; `act_on_mentee_text` decides on the
conversation as it is by then and writes everything in the transaction of its caller.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.client import LONGEST_TEXT, Answer, BotAway, SkillStep
from escalation.check_ins.scales import Scored, line_after
from escalation.counterfactual import counterfactual
from escalation.decide import BotState, Decision, Do, Standing, bot_has_the_floor, decide, quadrant
from escalation.handoffs.handoffs import (
    OnlyAPersonCloses,
    get_open_handoff,
    get_owner,
    open_handoff,
    raise_handoff,
    withdraw,
)
from escalation.over_reliance import Sign
from escalation.policy import Policy
from escalation.signals import Axis, Evidence, Signals
from escalation.speech.disclosure import DISCLOSURES, disclosure_due
from escalation.speech.i18n import DEFAULT_LANGUAGE, keyword_meant, known
from escalation.speech.message_writer import conversation_language, say, say_unless_said_lately
from gateway.check_ins.follow_ups import answer as answer_follow_up
from gateway.check_ins.follow_ups import answered_by
from gateway.check_ins.pauses import act_on_pauses, is_about_pauses
from gateway.check_ins.scoring import next_to_begin, score_check_in
from gateway.conversations.bot_events import (
    leave_skill,
    open_goal,
    record_check_in,
    record_goal,
    record_goal_result,
    record_skill_step,
)
from gateway.conversations.bot_texts import say_bots_words
from gateway.conversations.decision_records import decision_inputs
from gateway.conversations.holder_alerts import tell_holder
from gateway.conversations.keywords import one_word
from gateway.conversations.language_choice import act_on_language, language_asked_for
from gateway.conversations.over_reliance import may_nudge, noted, nudge_if_leaning, said_only_you
from gateway.conversations.person_requests import local_time, mentor_to_name, tell_who_is_asked
from gateway.conversations.quick_replies import answer_meant
from gateway.privacy.data_requests import act_on_erasure, is_about_erasure
from gateway.privacy.opt_out import act_on_consent, is_about_consent
from gateway.privacy.terms_by_text import act_on_terms, terms_due
from gateway.runtime.line import Line
from gateway.safeguarding.records import act_on_concern, is_about_concern
from models import Conversation, DecisionRecord, Handoff, Message, Need, Speaker, Urgency

log = structlog.get_logger()

# How much of what was said before is looked at along with a message.
REMEMBER = timedelta(hours=24)
REMEMBER_MESSAGES = 8

# What is done when the line itself goes on with the conversation.
SPEAKS_ITSELF = (Do.REPLY, Do.OFFER, Do.LEAVE_IT)
OFFERS = ("offer_own", "offer_team")

WITHDRAW_WORDS = frozenset({"never mind", "nevermind", "no person", "i changed my mind"})


@dataclass(frozen=True)
class Before:
    """A message and where its conversation stood when it was read.

    `is_for_us` is true of a word that the gateway acts on itself, `is_follow_up` of an answer to
    what is asked after a handoff. The bot hears neither, and nothing while `terms_due`. `chosen`
    is the number of an answer that the bot gave to choose from, where it was chosen by its words
    in another language.
    """

    message: Message
    standing: Standing
    history: Sequence[str]
    forget_bot: bool
    is_for_us: bool
    is_follow_up: bool
    terms_due: bool
    goal: str | None
    chosen: str | None = None


@dataclass(frozen=True)
class Understood:
    """What is known of a message before anything is written.

    `answer` is Rasa's, if it spoke; `scored` what a check-in in it adds up to; `begun` what Rasa
    says to the skill or check-in that follows from it, and `goal` the goal that this asks about.
    """

    signals: Signals
    bot: BotState
    answer: Answer | None = None
    scored: Scored | None = None
    begun: Answer | None = None
    goal: str | None = None
    forgot: bool = False
    is_follow_up: bool = False
    terms_due: bool = False


def read_before_understanding(session: Session, line: Line, message: Message) -> Before:
    conversation = session.get_one(Conversation, message.conversation_id)
    goal = open_goal(session, conversation)
    return Before(
        message,
        _standing(session, line, conversation, message),
        _said_before(session, message),
        conversation.forget_bot,
        _is_for_us(session, conversation, message),
        answered_by(session, line, conversation, message) is not None,
        terms_due(session, conversation, line.rules.policy.consent),
        goal.words if goal else None,
        _chosen(session, conversation, message),
    )


def _chosen(session: Session, conversation: Conversation, message: Message) -> str | None:
    if known(conversation_language(conversation)) == DEFAULT_LANGUAGE:
        return None
    asked = _last_said_before(session, message)
    return answer_meant(asked.words, message.words) if asked is not None else None


def _is_for_us(session: Session, conversation: Conversation, message: Message) -> bool:
    if is_about_consent(message.words):
        return True
    return conversation.person is not None and (
        is_about_concern(message.words)
        or is_about_erasure(session, conversation, message)
        or is_about_pauses(session, conversation, message.words)
        or language_asked_for(conversation, message.words) is not None
    )


def understand(line: Line, before: Before) -> Understood:
    """Detect first, here; then ask Rasa, if it is the bot's turn. No transaction is open."""
    message = before.message
    signals = line.detect(message.words, before.history)
    # The bot reads English: MENÚ is its MENU.
    meant = before.chosen or keyword_meant(message.words)
    if meant:
        # Short as it is, it is understood: nobody has to be asked what was meant.
        signals = replace(signals, covered=True)
    if before.is_follow_up:
        # The script has the answer to it: it is no message that the bot failed to understand.
        return Understood(signals, BotState.ANSWERED, is_follow_up=True)
    if before.terms_due:
        return Understood(signals, BotState.NOT_ASKED, terms_due=True)
    if (
        message.speaker is Speaker.UNKNOWN
        or not message.words.strip()
        or before.is_for_us
        or not bot_has_the_floor(signals, before.standing, line.rules.policy)
    ):
        return Understood(signals, BotState.NOT_ASKED)
    try:
        if before.forget_bot:
            line.bot.forget(message.conversation_id)
        answer = line.bot.answer(message.conversation_id, meant or message.words)
    except BotAway as away:
        log.warning("bot away", message=message.id, reason=str(away))
        return Understood(signals, BotState.AWAY)
    scored = score_check_in(answer.check_in, line.rules.policy)
    state = BotState.NOT_UNDERSTOOD if answer.not_understood else BotState.ANSWERED
    begun = _begin_what_follows(line, before, answer, scored)
    return Understood(
        _signals_with(signals, message, answer, scored),
        state,
        answer,
        scored,
        begun,
        goal=before.goal,
        forgot=before.forget_bot,
    )


def _signals_with(
    signals: Signals, message: Message, answer: Answer, scored: Scored | None
) -> Signals:
    """What detection saw, and what the bot's reading adds to it."""
    if answer.asked_for_person:
        signals = replace(signals, asked_for_person=True)
    if scored is not None and scored.item_nine_positive:
        words = message.words
        quote = Evidence(Axis.CRISIS, 0, len(words), words, "phq9 item 9")
        signals = replace(signals, item_nine=True, evidence=(*signals.evidence, quote))
    return signals


def _begin_what_follows(
    line: Line, before: Before, answer: Answer, scored: Scored | None
) -> Answer | None:
    """Have the bot begin what follows from a check-in. What it asks goes out with the answer."""
    following = next_to_begin(answer, scored, goal_is_open=before.goal is not None)
    if following is None:
        return None
    try:
        return line.bot.begin(before.message.conversation_id, following)
    except BotAway as away:
        log.warning("bot away; nothing follows", message=before.message.id, reason=str(away))
        return None


def act_on_mentee_text(
    session: Session,
    line: Line,
    conversation: Conversation,
    message: Message,
    understood: Understood,
    *,
    now: datetime,
) -> None:
    """Decide on the conversation as it is now, and do it; somebody may have claimed it since."""
    if act_on_consent(session, line, conversation, message, now=now):
        return
    in_crisis = understood.signals.crisis >= line.rules.policy.thresholds.crisis
    raised = act_on_concern(session, line, conversation, message, answers=not in_crisis, now=now)
    if raised and not in_crisis:
        return
    if act_on_erasure(session, line, conversation, message, now=now) and not in_crisis:
        return
    if act_on_pauses(session, line, conversation, message, now=now):
        return
    if act_on_language(session, line, conversation, message, now=now):
        return
    handoff = get_open_handoff(session, conversation)
    standing = _standing(session, line, conversation, message)
    decision = decide(understood.signals, standing, line.rules.policy, understood.bot)
    only_you = said_only_you(message, standing)
    leaning: frozenset[Sign] = frozenset()
    if conversation.person is None and decision.do in SPEAKS_ITSELF:
        _tell_unknown_number(session, line, conversation, now=now)
    elif understood.is_follow_up and decision.do in SPEAKS_ITSELF:
        handoff = _take_follow_up(session, line, conversation, message, now=now)
    elif decision.do in SPEAKS_ITSELF and understood.terms_due:
        act_on_terms(session, line, conversation, message, now=now)
    elif handoff is not None and _wants_it_off(message) and decision.do is Do.STAND_BACK:
        _withdraw(session, line, handoff, now=now)
    elif not message.words.strip() and decision.do is Do.REPLY:
        key = "only_media" if message.media else "empty"
        say(session, line.rules, conversation, key, now=now)
    else:
        if decision.urgency is not Urgency.CRISIS and decision.do in (*SPEAKS_ITSELF, Do.HAND_OFF):
            _disclose(session, line, conversation, message, now=now)
        handoff = _do(session, line, conversation, message, decision, understood, handoff, now=now)
        if may_nudge(decision, standing) and _only_talked(understood):
            leaning = nudge_if_leaning(session, line, conversation, only_you=only_you, now=now)
    if understood.forgot:
        conversation.forget_bot = False
    dropped = _keep_bots_words(session, conversation, message, understood, decision, now=now)
    record = _decision_record(
        line, message, understood, standing, decision, handoff, dropped, now=now
    )
    record.seen = decision_inputs(understood.signals, standing) | noted(only_you, leaning)
    session.add(record)


def _do(
    session: Session,
    line: Line,
    conversation: Conversation,
    message: Message,
    decision: Decision,
    understood: Understood,
    handoff: Handoff | None,
    *,
    now: datetime,
) -> Handoff | None:
    rules, later = line.rules, line.later
    match decision:
        case Decision(do=Do.HAND_OFF, need=Need() as need, urgency=Urgency() as urgency):
            if decision.bot_speaks:
                _let_bot_speak(session, line, conversation, understood, now=now)
            handoff, paged = open_handoff(
                session,
                conversation,
                need,
                urgency,
                message=message,
                now=now,
                rules=rules,
                later=later,
            )
            tell_who_is_asked(session, line, handoff, paged, now=now)
        case Decision(do=Do.RAISE, need=Need() as need, urgency=Urgency() as urgency):
            assert handoff is not None  # only an open handoff is raised
            raise_handoff(
                session,
                handoff,
                need,
                urgency,
                message=message,
                now=now,
                rules=rules,
                later=later,
            )
            keys = [f"why_{need.value}", "raised"]
            say(session, rules, conversation, *keys, now=now)
            tell_holder(session, line, handoff, message, now=now)
        case Decision(do=Do.STAND_BACK):
            assert handoff is not None  # the bot stands back for a handoff
            _stand_back(session, line, conversation, handoff, message, now=now)
        case Decision(do=Do.LEAVE_IT):
            say(session, rules, conversation, "offer_declined", now=now)
        case _:
            _reply(session, line, conversation, message, understood, now=now)
            if decision.do is Do.OFFER:
                _offer_a_person(session, line, conversation, now=now)
    return handoff


def _reply(
    session: Session,
    line: Line,
    conversation: Conversation,
    message: Message,
    understood: Understood,
    *,
    now: datetime,
) -> None:
    if len(message.words) > LONGEST_TEXT:
        say(session, line.rules, conversation, "too_long", now=now)
    if understood.bot is BotState.AWAY:
        minutes = line.rules.policy.repeat.bot_away_minutes
        say_unless_said_lately(
            session, line.rules, conversation, "bot_away", within_minutes=minutes, now=now
        )
        return
    _let_bot_speak(session, line, conversation, understood, now=now)


def _offer_a_person(
    session: Session, line: Line, conversation: Conversation, *, now: datetime
) -> None:
    """The last thing said, so that a bare yes or no answers it."""
    own = mentor_to_name(session, conversation, at=now)
    if own is not None:
        say(session, line.rules, conversation, "offer_own", now=now, mentor=own.name)
    else:
        say(session, line.rules, conversation, "offer_team", now=now)


def _let_bot_speak(
    session: Session,
    line: Line,
    conversation: Conversation,
    understood: Understood,
    *,
    now: datetime,
) -> None:
    """The bot's answer; what is to be said of a check-in's result; and what it begins next."""
    for words in understood.answer.words if understood.answer else ():
        say_bots_words(session, conversation, words, now=now, dropped=False)
    key = line_after(understood.scored) if understood.scored else None
    if key is None and _continues(understood) and understood.begun is None:
        key = "check_in_noted"  # the bot went away between the two scales
    if key is not None:
        say(session, line.rules, conversation, key, now=now)
    if understood.begun is None:
        return
    if understood.goal is not None and not _continues(understood):
        say(session, line.rules, conversation, "goal_reminder", now=now, goal=understood.goal)
    for words in understood.begun.words:
        say_bots_words(session, conversation, words, now=now, dropped=False)


def _continues(understood: Understood) -> bool:
    """Whether a short scale goes on with its long form; otherwise it is the goal that follows."""
    return understood.scored is not None and understood.scored.continues_with is not None


def _only_talked(understood: Understood) -> bool:
    """Whether no skill, check-in or goal was begun, gone on with or ended."""
    answer = understood.answer
    if answer is None or understood.begun is not None:
        return False
    return not (answer.skills or answer.check_in or answer.goal or answer.goal_result)


def _take_follow_up(
    session: Session, line: Line, conversation: Conversation, message: Message, *, now: datetime
) -> Handoff | None:
    """Note the answer, and ask what is next. Returns the handoff that it opened, if any."""
    answered = answered_by(session, line, conversation, message)
    if answered is None:  # answered on the page, a moment ago
        say(session, line.rules, conversation, "follow_up_thanks", now=now)
        return None
    return answer_follow_up(session, line, conversation, *answered, message=message, now=now)


def _stand_back(
    session: Session,
    line: Line,
    conversation: Conversation,
    handoff: Handoff,
    message: Message,
    *,
    now: datetime,
) -> None:
    if handoff.mentor is not None:
        tell_holder(session, line, handoff, message, now=now)
        return
    say_unless_said_lately(
        session,
        line.rules,
        conversation,
        "still_waiting",
        within_minutes=line.rules.policy.repeat.still_waiting_minutes,
        now=now,
        time=local_time(handoff.opened_at, conversation),
    )


def _disclose(
    session: Session, line: Line, conversation: Conversation, message: Message, *, now: datetime
) -> None:
    """Before the line's words, say that they are a program's, where it is time to."""
    if conversation.person is None:
        return
    here = Message.conversation_id == conversation.id
    key = disclosure_due(
        disclosed_at=session.scalar(
            select(func.max(Message.at)).where(here, Message.script.in_(DISCLOSURES))
        ),
        last_words_at=session.scalar(
            select(func.max(Message.at)).where(here, Message.id < message.id)
        ),
        now=now,
        policy=line.rules.policy.disclosure,
    )
    if key is not None:
        say(session, line.rules, conversation, key, now=now)


def _keep_bots_words(
    session: Session,
    conversation: Conversation,
    message: Message,
    understood: Understood,
    decision: Decision,
    *,
    now: datetime,
) -> int:
    """Record what the bot reported; keep, unsent, words that yielded to a person.

    Returns how many messages of the bot yielded.
    """
    if decision.urgency is Urgency.CRISIS:
        leave_skill(session, conversation, message, now=now)
        conversation.forget_bot = True
    answer = understood.answer
    if answer is None:
        return 0
    _record_what_ended(session, conversation, message, answer, understood.scored, now=now)
    begun = understood.begun or Answer()
    if not decision.bot_speaks:
        unsent = (*answer.words, *begun.words)
        for words in unsent:
            say_bots_words(session, conversation, words, now=now, dropped=True)
        leave_skill(session, conversation, message, now=now)
        conversation.forget_bot = True
        return len(unsent)
    for step in (*answer.skills, *begun.skills):
        if step.state != "done":
            record_skill_step(session, conversation, message, step, now=now)
    return 0


def _record_what_ended(
    session: Session,
    conversation: Conversation,
    message: Message,
    answer: Answer,
    scored: Scored | None,
    *,
    now: datetime,
) -> None:
    """What the mentee has told stays, whoever speaks next: check-ins, goals, finished skills."""
    for step in answer.skills:
        if step.state == "done":
            record_skill_step(session, conversation, message, step, now=now)
    if answer.goal is not None:
        record_goal(session, conversation, answer.goal, now=now)
    if answer.goal_result is not None:
        record_goal_result(session, conversation, answer.goal_result, now=now)
    if (told := answer.check_in) is None:
        return
    record_check_in(
        session,
        conversation,
        message,
        told.kind,
        score=scored.total if scored else told.score,
        missing=scored.missing if scored else told.answers.count(""),
        answers=told.answers,
        note=told.note,
        now=now,
    )
    if not told.finished:
        left = SkillStep(told.kind, "left")
        record_skill_step(session, conversation, message, left, now=now)


def _tell_unknown_number(
    session: Session, line: Line, conversation: Conversation, *, now: datetime
) -> None:
    say_unless_said_lately(
        session,
        line.rules,
        conversation,
        "unknown_number",
        within_minutes=line.rules.policy.repeat.unknown_number_minutes,
        now=now,
        program=conversation.program.name,
    )


def _withdraw(session: Session, line: Line, handoff: Handoff, *, now: datetime) -> None:
    try:
        withdraw(session, handoff, now=now, rules=line.rules)
    except OnlyAPersonCloses:
        say(session, line.rules, handoff.conversation, "withdraw_refused", now=now)


def _standing(
    session: Session, line: Line, conversation: Conversation, message: Message
) -> Standing:
    handoff = get_open_handoff(session, conversation)
    policy = line.rules.policy
    named = policy.bot.names_a_skill(keyword_meant(message.words) or message.words)
    answer_until = timedelta(minutes=policy.offer.answer_within_minutes)
    before = _last_said_before(session, message)
    return Standing(
        owner=get_owner(handoff),
        urgency=handoff.urgency if handoff else None,
        failures=_failures_in_a_row(session, line, conversation),
        skill_wanted=named or conversation.skill is not None,
        offered=before is not None
        and before.script in OFFERS
        and before.at > message.at - answer_until,
        offered_lately=_offered_lately(session, line, message),
    )


def _last_said_before(session: Session, message: Message) -> Message | None:
    """The line's latest message before this one."""
    return session.scalar(
        select(Message)
        .where(
            Message.conversation_id == message.conversation_id,
            Message.id < message.id,
            Message.outgoing,
        )
        .order_by(Message.id.desc())
        .limit(1)
    )


def _offered_lately(session: Session, line: Line, message: Message) -> bool:
    since = message.at - timedelta(hours=line.rules.policy.offer.again_after_hours)
    offer = select(Message.id).where(
        Message.conversation_id == message.conversation_id,
        Message.id < message.id,
        Message.script.in_(OFFERS),
        Message.at > since,
    )
    return session.scalar(offer.limit(1)) is not None


def _failures_in_a_row(session: Session, line: Line, conversation: Conversation) -> int:
    """How many of the latest answers did not help, counted back to one that did."""
    latest = session.scalars(
        select(DecisionRecord)
        .join(Message, Message.id == DecisionRecord.message_id)
        .where(Message.conversation_id == conversation.id)
        .order_by(DecisionRecord.id.desc())
        .limit(line.rules.policy.bot.stuck_after)
    )
    failures = 0
    for record in latest:
        if record.bot not in (BotState.AWAY, BotState.NOT_UNDERSTOOD) or record.handoff_id:
            break
        failures += 1
    return failures


def _said_before(session: Session, message: Message) -> list[str]:
    """What the same person wrote lately, oldest first."""
    earlier = session.scalars(
        select(Message)
        .where(
            Message.conversation_id == message.conversation_id,
            Message.id < message.id,
            Message.outgoing.is_(False),
            Message.at > message.at - REMEMBER,
        )
        .order_by(Message.id.desc())
        .limit(REMEMBER_MESSAGES)
    )
    return [before.words for before in earlier][::-1]


def _decision_record(
    line: Line,
    message: Message,
    understood: Understood,
    standing: Standing,
    decision: Decision,
    handoff: Handoff | None,
    dropped: int,
    *,
    now: datetime,
) -> DecisionRecord:
    signals, policy = understood.signals, line.rules.policy
    return DecisionRecord(
        message_id=message.id,
        handoff_id=handoff.id if handoff else None,
        at=now,
        owner=standing.owner,
        crisis=signals.crisis,
        connection=signals.connection,
        tools=signals.tools,
        asked_for_person=signals.asked_for_person,
        bot=understood.bot,
        evidence=json.dumps([asdict(span) for span in signals.evidence]),
        version=signals.version,
        thresholds=policy.thresholds.model_dump(),
        decision=decision.do,
        why=decision.why,
        dropped=dropped,
        quadrant=quadrant(signals, policy),
        counterfactual=_counterfactual_record(signals, standing, policy, understood.bot),
    )


def _counterfactual_record(
    signals: Signals, standing: Standing, policy: Policy, bot: BotState
) -> dict[str, object] | None:
    point = counterfactual(signals, standing, policy, bot)
    if point is None:
        return None
    return {
        "axis": point.axis.value,
        "score": point.score,
        "needed": point.needed,
        "decision": point.decision.do.value,
        "urgency": point.decision.urgency.name.lower() if point.decision.urgency else None,
        "why": point.decision.why,
    }


def _wants_it_off(message: Message) -> bool:
    return one_word(message.words) in WITHDRAW_WORDS
