"""Commands for data requests: export, erase, and legal holds."""

import json
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.client import Bot, BotAway
from escalation.handoffs.handoffs import lock_conversation
from gateway.cli.context import (
    Refused,
    find_person,
    list_active_policies,
    opened_database,
    writing,
)
from gateway.privacy.data_export import export_data, export_stranger
from gateway.privacy.erasure import CannotErase, erase_stranger
from gateway.privacy.erasure import erase as erase_person
from gateway.privacy.legal_hold import begin_hold, end_hold
from gateway.privacy.retention import Scope, count_due, delete_by_age
from gateway.runtime.audit import note, note_about
from gateway.runtime.database import Database
from gateway.runtime.line import utc_now
from gateway.runtime.settings import Settings
from gateway.runtime.user_input import as_e164
from models import Conversation, Person, phone_index

commands = typer.Typer(rich_markup_mode=None)
Phone = Annotated[str, typer.Argument(metavar="NUMBER", help="The person's number.")]
STAYS = "Records that the law requires stay, without a name; see docs/guides/managers.md."


@commands.command()
def export(phone: Phone) -> None:
    """Print everything stored about one person or number, as JSON.

    Use it when a person asks for their data. It also works for a number that nobody enrolled. The
    export is recorded in the audit log.

    \b
    Example:
      warmline export +12025550101 > maya.json
    """
    with writing() as (_, session):
        if stranger := _find_stranger(session, phone):
            everything = export_stranger(session, stranger)
            note(
                session,
                program_id=stranger.program_id,
                by=None,
                action="number.exported",
                about=f"conversation:{stranger.id}",
                now=utc_now(),
            )
        else:
            person = find_person(session, phone)
            everything = export_data(session, person)
            note_about(session, person, "person.exported", by=None, now=utc_now())
    written = json.dumps(everything, indent=2, ensure_ascii=False)
    # A lone surrogate cannot be encoded.
    print(written.encode("utf-8", "replace").decode())


@commands.command()
def erase(
    phone: Phone,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase the messages, name, and phone number of a person or number.

    Use it when a person asks for their data to be deleted. You cannot undo it. It also works for a
    number that nobody enrolled. Records that the law requires stay, without a name;
    docs/guides/managers.md lists them.

    \b
    Example:
      warmline erase +12025550101
    """
    with opened_database() as (settings, database):
        with database.reading() as session:
            stranger = _find_stranger(session, phone)
            person = None if stranger else find_person(session, phone)
            thread = stranger or _find_thread(session, person)
        if not yes:
            typer.confirm(f"Erase {person.name if person else phone} for good?", abort=True)
        try:
            with database.writing() as session:
                if thread is not None:
                    thread = lock_conversation(session, thread.id)
                if person is not None:
                    found = session.get_one(Person, person.id)
                    erase_person(session, found, by=None, now=utc_now())
                elif thread is not None:
                    erase_stranger(session, thread, now=utc_now())
        except CannotErase as reason:
            raise Refused(f"{reason} Nothing was erased.") from reason
        database.destroy_due_keys()
        # The bot never hears what mentors and managers write.
        forgotten = (
            thread is None
            or thread.forget_due_at is None
            or _forget_in_bot(settings, database, thread.id)
        )
    print(f"Erased. {STAYS}")
    if not forgotten:
        print(
            "The bot cannot be reached, and still has its copy of the conversation. The gateway "
            "deletes it when both are running."
        )


@commands.command()
def hold(
    phone: Phone,
    reason: Annotated[str, typer.Option("--reason", help="Why nothing may be deleted.")] = "",
    end: Annotated[bool, typer.Option("--end", help="End the hold.")] = False,
) -> None:
    """Keep everything about a person for a legal case, or end the hold.

    While a hold is open, nothing about the person is deleted: not at their request, and not because
    of its age. The audit log records who was held and when.

    \b
    Example:
      warmline hold +12025550101 --reason "court order of 12 May"
      warmline hold +12025550101 --end
    """
    with writing() as (_, session):
        person = find_person(session, phone)
        if end:
            end_hold(session, person, by=None, now=utc_now())
        else:
            begin_hold(session, person, reason, by=None, now=utc_now())
        name = person.name
    print(f"The hold on {name} has ended." if end else f"Nothing about {name} will be deleted.")


@commands.command()
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; delete nothing.")] = False,
) -> None:
    """Delete data that is past its retention period, or count it.

    The gateway does this once a day. policy.toml, [retention], says after how many days each class
    of data goes. People under a legal hold and open handoffs are left out.

    \b
    Example:
      warmline retention --dry-run
    """
    now = utc_now()
    with opened_database() as (settings, database):
        with database.reading() as session:
            programs = list_active_policies(session, settings)
            policies = {program.id: policy.retention for program, policy in programs}
            if dry_run:
                counts = {
                    number: dict(count_due(Scope(session, number, policy, now)))
                    for number, policy in policies.items()
                }
        if not dry_run:
            counts = delete_by_age(database, policies, now=now)
    for program, _ in programs:
        print(f"{program.name}: {'would be deleted' if dry_run else 'deleted'}")
        for name, count in counts[program.id].items():
            print(f"  {name.replace('_', ' '):22}{count:>8}")


def _find_stranger(session: Session, phone: str) -> Conversation | None:
    """The thread of a number that nobody has, or of the one that we call conversation:7."""
    kind, _, number = phone.partition(":")
    if kind == "conversation" and number.isdecimal():
        its = Conversation.id == int(number), Conversation.person_id.is_(None)
        return session.scalar(select(Conversation).where(*its))
    index = phone_index(as_e164(phone) or phone)
    if session.scalar(select(Person.id).where(Person.phone_index == index)) is not None:
        return None  # what others wrote from it earlier is not what the owner asks about
    return session.scalar(select(Conversation).where(Conversation.stranger_index == index))


def _find_thread(session: Session, person: Person | None) -> Conversation | None:
    if person is None:
        return None
    return session.scalar(select(Conversation).where(Conversation.person_id == person.id))


def _forget_in_bot(settings: Settings, database: Database, conversation_id: int) -> bool:
    try:
        Bot(settings.rasa_url, token=settings.rasa_token).forget(conversation_id)
    except BotAway:
        return False
    with database.writing() as session:
        session.get_one(Conversation, conversation_id).forget_due_at = None
    return True
