"""Past handoffs and messages, for the tests of the reports."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from gateway.reporting.period import Period, Scope, get_scope
from models import (
    Base,
    Channel,
    Conversation,
    DecisionRecord,
    Delivery,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Need,
    Outcome,
    Owner,
    Person,
    Program,
    Speaker,
    Status,
    Urgency,
)
from tests.line import RUTH, SAM, Talk

A_DAY = timedelta(days=1)
T = TypeVar("T")


@dataclass
class Past:
    """Writes past events straight into the database, each at the given time."""

    talk: Talk

    def thread(self, session: Session, number: str) -> Conversation:
        person = self.talk.person(number)
        whose = {"program_id": person.program_id, "person_id": person.id}
        found = session.scalar(select(Conversation).filter_by(**whose))
        if found is None:
            found = Conversation(**whose, channel=Channel.SMS)
            session.add(found)
            session.flush()
        return found

    def handoff(
        self,
        number: str,
        opened_at: datetime,
        *,
        urgency: Urgency = Urgency.SOON,
        claimed: float | None = None,
        replied: float | None = None,
        closed: float | None = None,
        by: str = SAM,
    ) -> int:
        """A handoff, with the seconds from its opening to each step; None: not yet."""

        def after(seconds: float | None) -> datetime | None:
            return None if seconds is None else opened_at + timedelta(seconds=seconds)

        mentor = self.talk.person(by)
        with self.talk.database.writing() as session:
            status = Status.WAITING if claimed is None else Status.CLAIMED
            handoff = Handoff(
                conversation=self.thread(session, number),
                need=Need.REQUEST,
                urgency=urgency,
                status=status if closed is None else Status.RESOLVED,
                mentor_id=None if claimed is None else mentor.id,
                opened_at=opened_at,
                claimed_at=after(claimed),
                first_reply_at=after(replied),
                closed_at=after(closed),
                outcome=None if closed is None else Outcome.TALKED,
            )
            session.add(handoff)
            session.flush()
            if (at := after(claimed)) is not None:
                claim = HandoffEvent(handoff_id=handoff.id, at=at, move=Move.CLAIM, by_id=mentor.id)
                session.add(claim)
            return handoff.id

    def writes(self, number: str, at: datetime, *, handoff: int | None = None) -> None:
        """The mentee writes, with or without a handoff open."""
        speaker_id = self.talk.person(number).id
        with self.talk.database.writing() as session:
            message = self._message(
                session, number, at, outgoing=False, speaker=Speaker.MENTEE, speaker_id=speaker_id
            )
            session.flush()
            session.add(
                DecisionRecord(
                    message_id=message.id,
                    handoff_id=handoff,
                    at=at,
                    owner=Owner.BOT,
                    crisis=0,
                    connection=0,
                    tools=0,
                    asked_for_person=False,
                    bot="answered",
                    evidence="[]",
                    version="test",
                    thresholds={},
                    decision="reply",
                    why="test",
                )
            )

    def hears(
        self,
        number: str,
        at: datetime,
        *,
        of: str | None = None,
        delivery: Delivery = Delivery.DELIVERED,
        script: str | None = None,
    ) -> None:
        """The mentee gets a message from a mentor, or from the bot."""
        mentor = self.talk.person(of) if of else None
        with self.talk.database.writing() as session:
            self._message(
                session,
                number,
                at,
                outgoing=True,
                speaker=Speaker(mentor.role.value) if mentor else Speaker.BOT,
                speaker_id=mentor.id if mentor else None,
                script=script,
                delivery=delivery,
            )

    def _message(self, session: Session, number: str, at: datetime, **more: Any) -> Message:
        message = Message(
            conversation_id=self.thread(session, number).id,
            at=at,
            words="hello",
            channel=Channel.SMS,
            handled_at=at,
            moved_at=at,
            **more,
        )
        session.add(message)
        return message

    def ask(self, report: Callable[[Scope], T], days: int = 28, **scope: Any) -> T:
        """What a report says about the program in the last days."""
        with self.talk.database.reading() as session:
            program = session.get_one(Program, self.talk.person(RUTH).program_id)
            current = get_scope(self.talk.line, session, program)
            since = current.now - days * A_DAY
            period = Period(since, current.now, program.timezone)
            return report(replace(current, **{"period": period, **scope}))

    def adds(self, *rows: Base) -> None:
        with self.talk.database.writing() as session:
            session.add_all(rows)

    def sets(self, *which: ColumnElement[bool], **values: object) -> None:
        """Change people; all of them if none are named."""
        with self.talk.database.writing() as session:
            session.execute(update(Person).where(*which).values(**values))
