"""What passes between a mentee and the mentor who holds their handoff."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import LOOKING, is_looking_at, last_looked
from escalation.handoffs.duty import tell_managers_daily
from escalation.handoffs.jobs import TellHolder, enqueue
from escalation.handoffs.replies import correct_first_reply
from escalation.speech.contact_details import find_contact_details
from escalation.speech.message_writer import get_thread, speak_as_person
from escalation.speech.parts import split_into_parts
from escalation.transaction import Transaction
from models import Delivery, Handoff, Message, Person, Urgency, destroy_key

# Twilio takes 1,600 characters, including the mentor's name in front.
LONGEST_TEXT = 1500


def write_to_mentee(
    tx: Transaction, handoff: Handoff, words: str, *, relayed_from: Message | None = None
) -> None:
    """Write to the mentee as the mentor who holds the handoff. The caller has locked it."""
    assert handoff.mentor is not None
    contact_details = ",".join(find_contact_details(words)) or None
    dropped = False
    for number, part in enumerate(split_into_parts(words.strip(), LONGEST_TEXT)):
        message = speak_as_person(
            tx.session,
            handoff.conversation,
            handoff.mentor,
            part,
            now=tx.now,
            relayed_from=relayed_from,
        )
        if number == 0:  # /log lists the text once
            message.contact_details = contact_details
        dropped = dropped or message.delivery is Delivery.DROPPED
    if contact_details is not None:
        tell_managers_daily(
            tx,
            handoff.mentor.program_id,
            "contact_details",
            link=f"{tx.rules.site}/log#contact-details-heading",
            but=handoff.mentor.id,
        )
    if dropped:
        tx.tell_about(handoff, handoff.mentor, "not_sent_stopped")
    correct_first_reply(tx.session, handoff.conversation_id, tx.now)


def link_text(tx: Transaction, text: Message, conversation_id: int) -> None:
    """Note which mentee a mentor's text is about. From now on it has the mentee's key."""
    text.about_id = conversation_id
    if text.key_id is not None:
        destroy_key(tx.session, text.key_id, now=tx.now)
        text.key_id = None
    tx.session.flush()


def was_relayed(session: Session, text: Message) -> bool:
    """Whether a mentor's text went to the mentee whom it is about."""
    sent = select(Message.id).where(
        Message.conversation_id == text.about_id, Message.relayed_from_id == text.id
    )
    return session.scalar(sent.limit(1)) is not None


def tell_holder(tx: Transaction, handoff: Handoff, message: Message) -> None:
    """Text the mentor a link, or the mentee's words if the policy says so.

    A mentor who has the conversation open in the console gets no text. An open page reports in at
    intervals, so it shows only later whether they saw the message: then Warmline looks once more.
    """
    if handoff.mentor is None:
        return
    if is_looking_at(tx.session, handoff.mentor, handoff, now=tx.now):
        enqueue(tx.session, TellHolder(handoff.id, message.id), at=tx.now + LOOKING)
        return
    _text(tx, handoff, handoff.mentor, message)


def tell_holder_if_unseen(tx: Transaction, handoff: Handoff, message_id: int) -> None:
    """Text the mentor if the page was closed before the message, unless they wrote since."""
    message, mentor = tx.session.get(Message, message_id), handoff.mentor
    if message is None or mentor is None or not handoff.is_open:
        return
    seen_at = last_looked(tx.session, mentor, handoff)
    if seen_at is not None and seen_at >= message.at:
        return
    answered = select(Message.id).where(
        Message.conversation_id == message.conversation_id,
        Message.id > message.id,
        Message.speaker_id == mentor.id,
    )
    if tx.session.scalar(answered.limit(1)) is None:
        _text(tx, handoff, mentor, message)


def _text(tx: Transaction, handoff: Handoff, mentor: Person, message: Message) -> None:
    if tx.policy.relay.mentor_sms == "words":
        tx.tell_about(handoff, mentor, "mentee_words", words=message.words)
        return
    tx.say_unless_said_lately(
        get_thread(tx.session, tx.rules, mentor),
        "new_message",
        within_minutes=tx.policy.repeat.new_message_minutes,
        **tx.code_and_link(handoff, mentor),
    )


def what_may_be_read(session: Session, handoff: Handoff, person: Person | None) -> int | None:
    """The id of the first message that the mentor may read; None for the whole thread.

    `person` is the mentee. A mentee who shares only a summary shares the thread from the message
    on that asked for a person. In a crisis the mentor reads everything; the mentee's page says so.
    """
    if person is None or person.shares_whole or handoff.urgency is Urgency.CRISIS:
        return None
    if handoff.opened_by_message_id is not None:
        return handoff.opened_by_message_id
    # Opened with a button on the mentee's page, so without a message.
    newest_before = session.scalar(
        select(func.max(Message.id)).where(
            Message.conversation_id == handoff.conversation_id, Message.at < handoff.opened_at
        )
    )
    return (newest_before or 0) + 1
