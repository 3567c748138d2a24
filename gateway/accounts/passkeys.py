"""Passkeys of mentors and managers (WebAuthn).

Each challenge is new and works once, for one purpose and a few minutes. The database has it; the
browser gets a ticket for it in a cookie. The device must check who holds it (user verification),
so a passkey proves two factors: the device, and a finger, face, or PIN.

The functions import `webauthn` because that takes a quarter of a second, and the gateway must start
sooner.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import delete_cookie, read_cookie, set_cookie
from gateway.runtime.one_time_keys import KeyRefused, hash_token
from gateway.web.rendering import PageRefused, get_line, get_settings
from models import Passkey, PasskeyChallenge, Person, Role, changes_one, fingerprint

TICKET_COOKIE = "warmline_passkey"
TICKET_LASTS = timedelta(minutes=5)
LONGEST_NAME = 60
MOST_PASSKEYS = 20
# A credential is a few hundred characters long; with a long attestation, a few thousand.
LONGEST_CREDENTIAL = 20_000

SIGN_IN = "sign in"
TOO_LATE = gettext_noop("That took too long, or it was started in another tab. Try again.")
DID_NOT_WORK = gettext_noop(
    "That passkey did not sign you in. Try again, or use your password or a link by text."
)
NO_PASSKEYS_HERE = gettext_noop(
    "Passkeys do not work at this address: they need https and a domain name. "
    "Use your password or a link by text."
)
NOT_ADDED = gettext_noop("That passkey could not be added. Try again.")


@dataclass(frozen=True)
class Site:
    """What a passkey is bound to: our host name, and our origin."""

    name: str
    origin: str


@dataclass(frozen=True)
class Challenge:
    """The options for the browser's script, as JSON, and the ticket for its cookie."""

    options: str
    ticket: str


@dataclass(frozen=True)
class Answer:
    """The browser's credential, as JSON, and the challenge that it answers."""

    credential: str
    challenge: bytes


class Credential(BaseModel, extra="allow"):
    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,1400}$")
    response: dict[str, Any]


def get_site(public_url: str) -> Site | None:
    """None where browsers do not allow passkeys: at an IP address, or without https.

    http://localhost is allowed.
    """
    address = urlsplit(public_url)
    name = address.hostname or ""
    is_ip_address = re.fullmatch(r"[\d.]*|.*:.*", name)
    if is_ip_address or (address.scheme != "https" and name != "localhost"):
        return None
    port = f":{address.port}" if address.port else ""
    return Site(name, f"{address.scheme}://{name}{port}")


def challenge_to_add(session: Session, site: Site, person: Person, *, now: datetime) -> Challenge:
    """Ask the browser for a new passkey, unless its device has one of the person's already."""
    from webauthn import base64url_to_bytes, generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

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
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(id=base64url_to_bytes(key.credential_id))
            for key in list_passkeys(session, person)
        ],
    )
    ticket = _store(session, challenge, adding(person), now=now)
    return Challenge(options_to_json(options), ticket)


def add_passkey(
    session: Session, site: Site, person: Person, answer: Answer, *, name: str, now: datetime
) -> None:
    """Store a new passkey.

    Raises:
        KeyRefused: it does not match its challenge, is registered already, or is one too many.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        made = verify_registration_response(
            credential=_read_credential(answer.credential),
            expected_challenge=answer.challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise KeyRefused(NOT_ADDED) from error
    credential_id = bytes_to_base64url(made.credential_id)
    if session.scalar(select(Passkey.id).where(Passkey.credential_id == credential_id)):
        raise KeyRefused(gettext_noop("That passkey is already registered."))
    # Locked, so that two requests at once cannot both pass the limit.
    session.execute(select(Person.id).where(Person.id == person.id).with_for_update())
    own = select(func.count()).select_from(Passkey).where(Passkey.person_id == person.id)
    if (session.scalar(own) or 0) >= MOST_PASSKEYS:
        raise KeyRefused(phrase("You have {most} passkeys. Remove one first.", most=MOST_PASSKEYS))
    session.add(
        Passkey(
            person_id=person.id,
            credential_id=credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            name=clean_name(name) or "A passkey",
            at=now,
        )
    )


def challenge_to_sign_in(session: Session, site: Site, *, now: datetime) -> Challenge:
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    challenge = secrets.token_bytes(32)
    options = generate_authentication_options(
        rp_id=site.name,
        challenge=challenge,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return Challenge(options_to_json(options), _store(session, challenge, SIGN_IN, now=now))


def check_passkey(session: Session, site: Site, answer: Answer, *, now: datetime) -> Person:
    """The person whom a passkey signs in.

    Raises:
        KeyRefused: with the same sentence whether the passkey is unknown, wrong, or copied (its
            use counter did not increase), or its person has left.
    """
    from webauthn import base64url_to_bytes, verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    passkey: Passkey | None = None
    try:
        given = _read_credential(answer.credential)
        passkey = session.scalar(select(Passkey).where(Passkey.credential_id == given["id"]))
        handle = base64url_to_bytes(given["response"].get("userHandle") or "")
        if passkey is None or handle not in (b"", _user_handle(passkey.person)):
            raise ValueError("unknown")
        verified = verify_authentication_response(
            credential=given,
            expected_challenge=answer.challenge,
            expected_rp_id=site.name,
            expected_origin=site.origin,
            require_user_verification=True,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
        )
        if passkey.person.left_at is not None or passkey.person.role is Role.MENTEE:
            raise ValueError("not a mentor or manager")
        counted = (
            update(Passkey)
            .where(Passkey.id == passkey.id, Passkey.sign_count == passkey.sign_count)
            .values(sign_count=verified.new_sign_count, used_at=now)
        )
        if not changes_one(session, counted):
            raise ValueError("used twice at once")
    except (WebAuthnException, ValueError, TypeError, KeyError) as error:
        raise KeyRefused(DID_NOT_WORK, passkey.person_id if passkey else None) from error
    return passkey.person


def list_passkeys(session: Session, person: Person) -> Sequence[Passkey]:
    return session.scalars(
        select(Passkey).where(Passkey.person_id == person.id).order_by(Passkey.id)
    ).all()


def clean_name(name: str) -> str:
    """One printable line of at most LONGEST_NAME characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:LONGEST_NAME]


def adding(person: Person) -> str:
    return f"add to {person.id}"


def _user_handle(person: Person) -> bytes:
    # Devices store it and some display it, so it must not be our row number.
    return fingerprint("passkey", str(person.id))


def _read_credential(credential: str) -> dict[str, Any]:
    if len(credential) > LONGEST_CREDENTIAL:
        raise ValueError("too long")
    return Credential.model_validate_json(credential).model_dump()


# --- challenges ---


def _store(session: Session, challenge: bytes, purpose: str, *, now: datetime) -> str:
    """Store a challenge; returns its ticket."""
    session.execute(delete(PasskeyChallenge).where(PasskeyChallenge.expires_at <= now))
    ticket = secrets.token_urlsafe(32)
    session.add(
        PasskeyChallenge(
            ticket_hash=hash_token(ticket),
            purpose=purpose,
            challenge=challenge,
            expires_at=now + TICKET_LASTS,
        )
    )
    return ticket


def take_challenge(session: Session, ticket: str, purpose: str, *, now: datetime) -> bytes:
    """The challenge of a ticket, which then works no more. Of two takers at once, one gets it.

    Raises:
        KeyRefused: it is unknown, used, late, or for another purpose.
    """
    taken: bytes | None = session.scalar(
        delete(PasskeyChallenge)
        .where(
            PasskeyChallenge.ticket_hash == hash_token(ticket),
            PasskeyChallenge.purpose == purpose,
            PasskeyChallenge.expires_at > now,
        )
        .returning(PasskeyChallenge.challenge)
    )
    if taken is None:
        raise KeyRefused(TOO_LATE)
    return taken


# --- requests ---


def require_site(request: Request) -> Site:
    """Raises PageRefused where browsers do not allow passkeys."""
    site = get_site(get_settings(request).public_url)
    if site is None:
        raise PageRefused(409, NO_PASSKEYS_HERE)
    return site


def send_challenge(request: Request, challenge: Challenge) -> Response:
    response = Response(challenge.options, media_type="application/json")
    set_cookie(request, response, challenge.ticket, name=TICKET_COOKIE, lasts=TICKET_LASTS)
    return response


def take_answer(request: Request, credential: str, purpose: str) -> Answer:
    """The browser's answer. Its challenge is used up, whether the answer is right or not.

    Raises KeyRefused.
    """
    line = get_line(request)
    ticket = read_cookie(request, TICKET_COOKIE)
    with line.database.writing() as session:
        return Answer(credential, take_challenge(session, ticket, purpose, now=line.clock()))


def forget_ticket(request: Request, response: Response) -> None:
    delete_cookie(request, response, TICKET_COOKIE)
