"""What is deleted because of its age, by class of data. policy.toml says after how many days.

A legal hold stops this for a person, and an open handoff for its conversation. The moves of
handoffs stay, without the reasons that people wrote; so do the texts that paged somebody, which
hold no words of a mentee. Both belong to the log of what happened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.orm import Session

from escalation.handoffs.handoffs import lock_conversation
from escalation.policy import RetentionPolicy
from gateway.privacy.erased_words import (
    ask_for_copy,
    erase_debriefs,
    erase_words,
    forget_texts,
)
from gateway.privacy.erasure import CannotErase, erase, erase_stranger
from gateway.privacy.legal_hold import held_people
from gateway.runtime import audit
from gateway.runtime.database import Database
from models import (
    Alert,
    Channel,
    CheckIn,
    Conversation,
    Debrief,
    DecisionRecord,
    FailedTry,
    Goal,
    Handoff,
    HandoffEvent,
    Message,
    Note,
    Person,
    SafeguardingRecord,
    SkillUse,
    Transfer,
    VerdictRecord,
    destroy_key,
)

# One transaction deletes at most this many rows, so that no text waits long for it.
AT_ONCE = 200
# One run asks for the deletion of at most this many provider copies.
COPIES_AT_ONCE = 5000


@dataclass(frozen=True)
class Scope:
    """One program at one time. `left_alone` are rows that could not be deleted this time."""

    session: Session
    program_id: int
    policy: RetentionPolicy
    now: datetime
    left_alone: set[int] = field(default_factory=set)

    def before(self, name: str) -> datetime:
        return self.now - timedelta(days=getattr(self.policy, f"{name}_days"))

    @property
    def threads(self) -> Select[int]:
        """The conversations of the program from which rows may be deleted."""
        opened = select(Handoff.conversation_id).where(Handoff.closed_at.is_(None))
        return select(Conversation.id).where(
            Conversation.program_id == self.program_id,
            func.coalesce(Conversation.person_id, 0).not_in(held_people()),
            Conversation.id.not_in(opened),
        )

    @property
    def handoffs(self) -> Select[int]:
        """Handoffs whose written words are old enough."""
        return select(Handoff.id).where(
            Handoff.conversation_id.in_(self.threads), Handoff.closed_at < self.before("messages")
        )


Find = Callable[[Scope], Select[int]]
Remove = Callable[[Scope, list[int]], None]


@dataclass(frozen=True)
class DataClass:
    """Rows that are deleted together: how to find those that are due, and how to delete some."""

    name: str
    find: Find
    remove: Remove


# --- messages ---


def _old_messages(scope: Scope) -> Select[int]:
    paged = select(Alert.message_id)
    may_go = (
        Message.conversation_id.in_(scope.threads),
        or_(Message.about_id.is_(None), Message.about_id.in_(scope.threads)),
        Message.at < scope.before("messages"),
        Message.handled_at.is_not(None),
        Message.id.not_in(paged),
    )
    return select(Message.id).where(*may_go)


def _delete_messages(scope: Scope, numbers: list[int]) -> None:
    session, these = scope.session, Message.id.in_(numbers)
    # Without a number of days, the provider's copies stay until it deletes them itself.
    copies = bool(scope.policy.provider_copies_days)
    forget_texts(session, these, now=scope.now, copies=copies)
    for column in (Handoff.opened_by_message_id, SkillUse.message_id, Message.relayed_from_id):
        unlinked = update(column.class_).where(column.in_(numbers)).values({column.key: None})
        session.execute(unlinked)
    for table in (DecisionRecord, VerdictRecord, CheckIn):
        session.execute(delete(table).where(table.message_id.in_(numbers)))
    session.execute(delete(Message).where(these))


# --- what staff wrote about handoffs ---


def _old_words(column: Any) -> Find:
    """Rows that belong to old handoffs and have words in this column."""

    def find(scope: Scope) -> Select[int]:
        table = column.class_
        old = table.handoff_id.in_(scope.handoffs)
        return select(table.id).where(column.is_not(None), old)

    return find


def _blank(column: Any) -> Remove:
    def remove(scope: Scope, numbers: list[int]) -> None:
        erase_words(scope.session, column, column.class_.id.in_(numbers), to=None)

    return remove


def _old_notes(scope: Scope) -> Select[int]:
    return select(Note.id).where(Note.handoff_id.in_(scope.handoffs))


def _old_debriefs(scope: Scope) -> Select[int]:
    return _old_words(Debrief.words)(scope).where(Debrief.person_id.not_in(held_people()))


def _blank_debriefs(scope: Scope, numbers: list[int]) -> None:
    erase_debriefs(scope.session, Debrief.id.in_(numbers), now=scope.now)


# --- what we derived ---


def _old(table: Any, at: Any, name: str) -> Find:
    def find(scope: Scope) -> Select[int]:
        old = at < scope.before(name)
        return select(table.id).where(old, table.conversation_id.in_(scope.threads))

    return find


def _old_decisions(scope: Scope) -> Select[int]:
    messages = select(Message.id).where(Message.conversation_id.in_(scope.threads))
    old = DecisionRecord.at < scope.before("decisions")
    return select(DecisionRecord.id).where(old, DecisionRecord.message_id.in_(messages))


def _delete_rows(table: Any) -> Remove:
    def remove(scope: Scope, numbers: list[int]) -> None:
        scope.session.execute(delete(table).where(table.id.in_(numbers)))

    return remove


# --- people and numbers ---


def _old_strangers(scope: Scope) -> Select[int]:
    written = (
        select(Message.conversation_id)
        .group_by(Message.conversation_id)
        .having(func.max(Message.at) < scope.before("strangers"))
    )
    return select(Conversation.id).where(
        Conversation.id.in_(scope.threads),
        Conversation.person_id.is_(None),
        Conversation.id.in_(written),
    )


def _erase_strangers(scope: Scope, numbers: list[int]) -> None:
    for number in numbers:
        conversation = lock_conversation(scope.session, number)
        # They may have texted until we had the lock.
        if scope.session.scalar(_old_strangers(scope).where(Conversation.id == number)):
            erase_stranger(scope.session, conversation, now=scope.now)
        else:
            scope.left_alone.add(number)


def _people_who_left(scope: Scope) -> Select[int]:
    return select(Person.id).where(
        Person.program_id == scope.program_id,
        Person.left_at < scope.before("left"),
        Person.erased_at.is_(None),
        Person.id.not_in(held_people()),
    )


def _erase_people(scope: Scope, numbers: list[int]) -> None:
    for number in numbers:
        thread = select(Conversation.id).where(Conversation.person_id == number)
        if conversation := scope.session.scalar(thread):
            lock_conversation(scope.session, conversation)
        try:
            erase(scope.session, scope.session.get_one(Person, number), by=None, now=scope.now)
        except CannotErase:
            scope.left_alone.add(number)


def _old_records(scope: Scope) -> Select[int]:
    record = SafeguardingRecord
    return select(record.id).where(
        record.program_id == scope.program_id,
        record.closed_at < scope.before("safeguarding"),
        record.mentee_id.not_in(held_people()),
        func.coalesce(record.mentor_id, 0).not_in(held_people()),
    )


def _delete_records(scope: Scope, numbers: list[int]) -> None:
    these = SafeguardingRecord.id.in_(numbers)
    for key in scope.session.scalars(select(SafeguardingRecord.key_id).where(these)).all():
        destroy_key(scope.session, key, now=scope.now)
    scope.session.execute(delete(SafeguardingRecord).where(these))


# In this order: what hangs on a message goes before it.
CLASSES = (
    DataClass("check_ins", _old(CheckIn, CheckIn.at, "check_ins"), _delete_rows(CheckIn)),
    DataClass("skills", _old(SkillUse, SkillUse.started_at, "check_ins"), _delete_rows(SkillUse)),
    DataClass("goals", _old(Goal, Goal.set_at, "check_ins"), _delete_rows(Goal)),
    DataClass("decisions", _old_decisions, _delete_rows(DecisionRecord)),
    DataClass("reasons", _old_words(HandoffEvent.note), _blank(HandoffEvent.note)),
    DataClass("notes", _old_notes, _delete_rows(Note)),
    DataClass("transfer_notes", _old_words(Transfer.note), _blank(Transfer.note)),
    DataClass("verdict_notes", _old_words(VerdictRecord.note), _blank(VerdictRecord.note)),
    DataClass("debriefs", _old_debriefs, _blank_debriefs),
    DataClass("messages", _old_messages, _delete_messages),
    DataClass("strangers", _old_strangers, _erase_strangers),
    DataClass("people_who_left", _people_who_left, _erase_people),
    DataClass("safeguarding_records", _old_records, _delete_records),
)


def count_due(scope: Scope) -> Mapping[str, int]:
    """Rows of each class that are due now."""
    counts = {}
    for one in CLASSES:
        found = select(func.count()).select_from(one.find(scope).subquery())
        counts[one.name] = scope.session.scalar(found) or 0
    return counts


def delete_by_age(
    database: Database,
    policies: Mapping[int, RetentionPolicy],
    *,
    now: datetime,
    must_stop: Callable[[], bool] = lambda: False,
) -> dict[int, dict[str, int]]:
    """Delete what is due in each program, some rows at a time. Returns how many, by class.

    People who cannot be erased yet are left for another day; the rest is still deleted. Once
    `must_stop` says so, it begins nothing more.
    """
    deleted = {
        number: _delete_in_program(database, number, policy, now, must_stop)
        for number, policy in policies.items()
        if not must_stop()
    }
    longest = max((policy.audit_days for policy in policies.values()), default=0)
    if longest:
        with database.writing() as session:
            audit.delete_before(session, now - timedelta(days=longest), now=now)
    database.destroy_due_keys()
    return deleted


def _delete_in_program(
    database: Database,
    number: int,
    policy: RetentionPolicy,
    now: datetime,
    must_stop: Callable[[], bool],
) -> dict[str, int]:
    counts = {one.name: 0 for one in CLASSES}
    left_alone: set[int] = set()
    for one in CLASSES:
        left_alone.clear()
        some = AT_ONCE
        while some and not must_stop():
            with database.writing() as session:
                some = delete_some(Scope(session, number, policy, now, left_alone), one)
            counts[one.name] += some
        counts[one.name] -= len(left_alone)
    asked = AT_ONCE
    for _ in range(COPIES_AT_ONCE // AT_ONCE):
        if asked and not must_stop():
            with database.writing() as session:
                asked = _ask_for_copies(Scope(session, number, policy, now))
    with database.writing() as session:
        about = f"program:{number}"
        found = {name: count for name, count in counts.items() if count}
        audit.note(
            session, program_id=number, by=None, action="retention", about=about, now=now, **found
        )
    return counts


def _ask_for_copies(scope: Scope) -> int:
    """Note some texts whose copies the provider should delete by now. Returns how many."""
    if not scope.policy.provider_copies_days:
        return 0
    due = (
        Message.conversation_id.in_(scope.threads),
        Message.provider_id.is_not(None),
        Message.channel.in_([Channel.SMS, Channel.WHATSAPP]),
        Message.copy_due.is_(False),
        Message.at < scope.before("provider_copies"),
    )
    found = scope.session.scalars(select(Message.provider_id).where(*due).limit(AT_ONCE)).all()
    tried_before = (
        select(FailedTry.provider_id)
        .join(Message, Message.id == FailedTry.message_id)
        .where(Message.provider_id.in_(found))
    )
    for provider_id in {*found, *scope.session.scalars(tried_before)}:
        ask_for_copy(scope.session, provider_id or "", now=scope.now)
    noted = update(Message).where(Message.provider_id.in_(found)).values(copy_due=True)
    scope.session.execute(noted)
    return len(found)


def delete_some(scope: Scope, one: DataClass) -> int:
    """Delete at most AT_ONCE rows of a class. Returns how many; 0 when none is due."""
    found = one.find(scope)
    key = next(iter(found.selected_columns))
    numbers = scope.session.scalars(
        found.where(key.not_in(scope.left_alone)).order_by(key).limit(AT_ONCE)
    ).all()
    if numbers:
        one.remove(scope, list(numbers))
    return len(numbers)
