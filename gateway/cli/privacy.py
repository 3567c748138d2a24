"""Commands for data requests: export and erase."""

import json
from typing import Annotated

import typer
from sqlalchemy import select

from bot.client import Bot, BotAway
from escalation.handoffs.handoffs import lock_conversation
from gateway.cli.context import Refused, find_person, opened_database, writing
from gateway.privacy.data_export import export_data
from gateway.privacy.erasure import CannotErase
from gateway.privacy.erasure import erase as erase_person
from gateway.runtime.audit import note_about
from gateway.runtime.line import utc_now
from models import Conversation, Person, Role

commands = typer.Typer(rich_markup_mode=None)
Phone = Annotated[str, typer.Argument(metavar="PERSON", help="The person's number.")]


@commands.command()
def export(phone: Phone) -> None:
    """Print everything stored about one person, as JSON.

    Use it when a person asks for their data. The export is recorded in the audit log.

    \b
    Example:
      warmline export +12025550101 > maya.json
    """
    with writing() as (_, session):
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
    """Erase a person's messages, name, and phone number.

    Use it when a person asks for their data to be deleted. You cannot undo it. The bot must be
    running, because it also forgets the conversation. Records that the law requires stay, without
    a name; docs/guides/managers.md lists them.

    \b
    Example:
      warmline erase +12025550101
    """
    with opened_database() as (settings, database):
        with database.reading() as session:
            person = find_person(session, phone)
            thread = session.scalar(
                select(Conversation.id).where(Conversation.person_id == person.id)
            )
        if not yes:
            typer.confirm(f"Erase {person.name} for good?", abort=True)
        try:
            if thread is not None and person.role is Role.MENTEE:
                Bot(settings.rasa_url, token=settings.rasa_token).forget(thread)
            with database.writing() as session:
                if thread is not None:
                    lock_conversation(session, thread)
                erase_person(session, session.get_one(Person, person.id), by=None, now=utc_now())
        except BotAway as away:
            raise Refused(
                "Nothing was erased: the bot cannot be reached, and its copy of the conversation "
                "must be erased too. Start it with `warmline bot` and try again."
            ) from away
        except CannotErase as reason:
            raise Refused(f"{reason} Nothing was erased.") from reason
    print(
        "Erased. Records that the law requires stay, without a name; see docs/guides/managers.md."
    )
