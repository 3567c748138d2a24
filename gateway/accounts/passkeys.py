"""Passkeys: a mentor's or manager's own device signs them in.

What a browser is asked to sign is new each time. It travels with the browser in a ticket that
only we can write and read, and that is good for one kind of use and a few minutes.
"""

import ipaddress
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from escalation.speech.i18n import gettext_noop, phrase
from models import Passkey, Person, Role
from models.conditional import changes_one
from models.encryption import WrongKey, decrypt, encrypt, fingerprint

TICKET_LASTS = timedelta(minutes=5)
LONGEST_NAME = 60
MOST_PASSKEYS = 20
# A browser's answer is a few hundred characters; with a long attestation, a few thousand.
LONGEST_ANSWER = 20_000
CREDENTIAL_ID = re.compile(r"[A-Za-z0-9_-]{1,1400}")

SIGN_IN = "sign in"
TOO_LATE = gettext_noop("That took too long, or was begun in another tab. Try again.")
DID_NOT_WORK = gettext_noop(
    "That passkey did not sign you in. Try again, or use your password or a link by text."
)
NOT_ADDED = gettext_noop("That passkey could not be added. Try again.")


class PasskeyRefused(Exception):
    """A passkey that is not taken. Its text is a sentence that says what to do.

    `person_id` is whose it is, where that is known.
    """

    def __init__(self, sentence: str, person_id: int | None = None) -> None:
        self.person_id = person_id
        super().__init__(sentence)


@dataclass(frozen=True)
class Site:
    """To which a passkey is bound: the name of our address, and all of it."""

    name: str
    origin: str


@dataclass(frozen=True)
class Asked:
    """What the browser is to do, as its script reads it, and the ticket it comes back with."""

    options: str
    ticket: str


def get_site(public_url: str) -> Site | None:
    """None where browsers allow no passkeys: at a bare number, or without https but at home."""
    address = urlsplit(public_url)
    name = address.hostname or ""
    if not name or _is_a_number(name):
        return None
    if address.scheme != "https" and name != "localhost":
        return None
    port = f":{address.port}" if address.port else ""
    return Site(name, f"{address.scheme}://{name}{port}")


def ask_to_add(site: Site, person: Person, known: Sequence[Passkey], *, now: datetime) -> Asked:
    """Have the browser make a passkey for this person, unless its device has one already."""
    challenge = secrets.token_bytes(32)
    options = generate_registration_options(
        rp_id=site.name,
        rp_name="Warmline",
        user_id=_user_handle(person),
        user_name=person.name,
        user_display_name=f"{person.name}, {person.program.name}",
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.credential_id)) for key in known
        ],
    )
    return Asked(options_to_json(options), _ticket(challenge, _adding(person), now=now))


def add(
    session: Session,
    site: Site,
    person: Person,
    *,
    answer: str,
    ticket: str,
    name: str,
    now: datetime,
) -> Passkey:
    """Keep the passkey that the browser made.

    Raises:
        PasskeyRefused: it does not answer what was asked, is known already, or is one too many.
    """
    challenge = _challenge_in(ticket, _adding(person), now=now)
    try:
        made = verify_registration_response(
            credential=_answer_in(answer),
            expected_challenge=challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise PasskeyRefused(NOT_ADDED) from error
    credential_id = bytes_to_base64url(made.credential_id)
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == credential_id)):
        raise PasskeyRefused(gettext_noop("That passkey is here already."))
    # Held, so that two at once do not both come in under the limit.
    session.execute(select(Person.id).where(Person.id == person.id).with_for_update())
    own = select(func.count()).select_from(Passkey).where(Passkey.person_id == person.id)
    if (session.scalar(own) or 0) >= MOST_PASSKEYS:
        raise PasskeyRefused(
            phrase("You have {most} passkeys. Remove one first.", most=MOST_PASSKEYS)
        )
    passkey = Passkey(
        person_id=person.id,
        credential_id=credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        name=called(name) or "A passkey",
        at=now,
    )
    session.add(passkey)
    session.flush()
    return passkey


def ask_to_sign_in(site: Site, *, now: datetime) -> Asked:
    """Have the browser offer whichever passkey it holds for us. The same for everybody."""
    challenge = secrets.token_bytes(32)
    options = generate_authentication_options(rp_id=site.name, challenge=challenge)
    return Asked(options_to_json(options), _ticket(challenge, SIGN_IN, now=now))


def person_with(session: Session, site: Site, *, answer: str, ticket: str, now: datetime) -> Person:
    """Whom a passkey signs in.

    Raises:
        PasskeyRefused: in one and the same sentence for an unknown one, a wrong one, a copied one
            (its count of uses does not go up) and one whose person has left.
    """
    challenge = _challenge_in(ticket, SIGN_IN, now=now)
    passkey: Passkey | None = None
    try:
        given = _answer_in(answer)
        passkey = session.scalar(select(Passkey).where(Passkey.credential_id == given["id"]))
        if passkey is None:
            raise PasskeyRefused(DID_NOT_WORK)
        if not _is_the_handle(given, passkey.person):
            raise PasskeyRefused(DID_NOT_WORK, passkey.person_id)
        verified = verify_authentication_response(
            credential=given,
            expected_challenge=challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise PasskeyRefused(DID_NOT_WORK, passkey.person_id if passkey else None) from error
    person = passkey.person
    if person.left_at is not None or person.role is Role.MENTEE:
        raise PasskeyRefused(DID_NOT_WORK, passkey.person_id)
    counted = (
        update(Passkey)
        .where(Passkey.id == passkey.id, Passkey.sign_count == passkey.sign_count)
        .values(sign_count=verified.new_sign_count, used_at=now)
    )
    if not changes_one(session, counted):
        raise PasskeyRefused(DID_NOT_WORK, passkey.person_id)
    return person


def list_passkeys(session: Session, person: Person) -> Sequence[Passkey]:
    """The person's passkeys, in the order they were added."""
    return session.scalars(
        select(Passkey).where(Passkey.person_id == person.id).order_by(Passkey.id)
    ).all()


def called(name: str) -> str:
    """A passkey's name as it is kept: one line, and not too long."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:LONGEST_NAME]


def _is_a_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _adding(person: Person) -> str:
    return f"add to {person.id}"


def _user_handle(person: Person) -> bytes:
    # Devices keep it, and some show it to whoever holds them: not our number of the person.
    return fingerprint("passkey", str(person.id))


def _is_the_handle(given: dict[str, Any], person: Person) -> bool:
    handle = given["response"].get("userHandle")
    return not handle or base64url_to_bytes(handle) == _user_handle(person)


def _answer_in(answer: str) -> dict[str, Any]:
    """Raises ValueError when it is not a JSON object of a sensible length."""
    if len(answer) > LONGEST_ANSWER:
        raise ValueError("too long")
    try:
        given = json.loads(answer)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(given, dict) or not isinstance(given.get("response"), dict):
        raise ValueError("not a credential")
    if not isinstance(given.get("id"), str) or not CREDENTIAL_ID.fullmatch(given["id"]):
        raise ValueError("not a credential's id")
    return given


def _ticket(challenge: bytes, use: str, *, now: datetime) -> str:
    until = (now + TICKET_LASTS).isoformat()
    return encrypt(json.dumps([bytes_to_base64url(challenge), use, until]))


def _challenge_in(ticket: str, use: str, *, now: datetime) -> bytes:
    """Raises PasskeyRefused when the ticket is not ours, for another use, or too old."""
    try:
        challenge, meant_for, until = json.loads(decrypt(ticket))
    except (WrongKey, ValueError) as error:
        raise PasskeyRefused(TOO_LATE) from error
    if meant_for != use or datetime.fromisoformat(until) <= now:
        raise PasskeyRefused(TOO_LATE)
    return base64url_to_bytes(challenge)
