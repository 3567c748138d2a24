"""Texts about who can sign in: to the person, the managers, and a number that no longer counts.

Every change of how somebody signs in calls one of these in the same transaction. The texts say
that something changed and what to do, and no more (docs/decisions/0018-who-changes-sign-in.md).
"""

from collections.abc import Sequence

from sqlalchemy import select

from escalation.handoffs.duty import managers_to_text
from escalation.transaction import Transaction
from models import Conversation, Person, Role, phone_index

# The text to a number that was replaced.
TOLD_OLD_NUMBER = "sign_in_old_number"


def tell_of_new_sign_in(tx: Transaction, people: Sequence[Person]) -> None:
    """Tell the managers that these mentors and managers can sign in now.

    A manager who is in `people` gets no text.
    """
    if not people:
        return
    added = {person.id for person in people}
    managers = managers_to_text(tx.session, people[0].program_id)
    for manager in managers:
        if manager.id not in added:
            _tell_manager(tx, manager, people)


def tell_of_change(tx: Transaction, person: Person, *, old_phone: str | None = None) -> None:
    """Tell a mentor or manager, and the other managers, that their way to sign in has changed.

    `old_phone` is the number that was replaced. It gets the text instead of the new number. If the
    person is a mentee, nobody else gets a text.
    """
    if old_phone is not None:
        _tell_old_number(tx, person, old_phone)
    if person.role is Role.MENTEE:
        return
    if old_phone is None and person.can_be_texted:
        tx.tell(person, "sign_in_changed", program=person.program.name)
    for manager in managers_to_text(tx.session, person.program_id, but=person.id):
        _tell_manager(tx, manager, [person])


def tell_of_new_device(tx: Transaction, person: Person, browser: str) -> None:
    """Tell a mentor or manager that a browser was used for the first time.

    If the person is a manager, the other managers get a text too.
    """
    if person.can_be_texted:
        tx.tell(person, "sign_in_new_device", browser=browser, program=person.program.name)
    if person.role is Role.MANAGER:
        for manager in managers_to_text(tx.session, person.program_id, but=person.id):
            tx.tell(manager, "sign_in_new_device_told", name=person.name)


def _tell_manager(tx: Transaction, manager: Person, people: Sequence[Person]) -> None:
    if len(people) == 1:
        link = f"{tx.rules.site}/people/{people[0].id}"
        tx.tell(manager, "sign_in_changed_told", name=people[0].name, link=link)
    else:
        link = f"{tx.rules.site}/people"
        tx.tell(manager, "sign_in_several_told", count=len(people), link=link)


def _tell_old_number(tx: Transaction, person: Person, phone: str) -> None:
    """Text a number that no longer belongs to the person.

    A number that opted out gets no text. A number has one thread, and if that is another program's,
    it gets none either: whoever reads that thread must not learn which program the person is in.
    """
    index = phone_index(phone)
    thread = tx.session.scalar(select(Conversation).where(Conversation.stranger_index == index))
    if thread is None:
        thread = Conversation(
            program_id=person.program_id,
            stranger_phone=phone,
            stranger_index=index,
            channel=tx.rules.texting,
        )
        tx.session.add(thread)
        tx.session.flush()
    if thread.program_id != person.program_id:
        return
    # STOP was noted for the person, as long as the number was theirs.
    thread.stopped_at = thread.stopped_at or person.opted_out_at
    tx.say_in(thread, TOLD_OLD_NUMBER, program=person.program.name)
