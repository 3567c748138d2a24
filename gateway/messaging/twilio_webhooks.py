"""Twilio's webhooks. Each is answered at once; replies leave later, through Twilio's API."""

import re
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from gateway.messaging.inbox import Incoming, NoProgram, record
from gateway.messaging.outbox import note_delivery
from gateway.runtime.line import Line
from gateway.runtime.settings import Settings
from gateway.web.rendering import Number
from models import Channel, Delivery, TextKind

router = APIRouter(prefix="/twilio")

EMPTY_TWIML = '<?xml version="1.0" encoding="UTF-8"?><Response></Response>'

# Twilio's statuses and ours. The others tell us nothing new.
STATUSES = {
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.DELIVERED,
    "undelivered": Delivery.UNDELIVERED,
    "failed": Delivery.FAILED,
    "canceled": Delivery.FAILED,
}

# How Twilio marks an address of WhatsApp, in both directions.
WHATSAPP = "whatsapp:"
SIGNATURE = "X-Twilio-Signature"
NOT_SIGNED = "The signature does not match."
# Twilio sends at most ten files with a text.
MOST_MEDIA = 10
# Twilio's ids have two letters and 32 digits; its error codes have five digits.
WORD = re.compile("[A-Za-z0-9-]{1,40}")
DIGITS = re.compile("[0-9]{1,1000}")

OPT_OUT_TYPES = frozenset({TextKind.STOP, TextKind.START, TextKind.HELP})

Form = ImmutableMultiDict[str, str]


def refuse_unsigned(request: Request) -> Response | None:
    """The refusal, if the request has no signature at all. Asked before its body is read."""
    if request.app.state.settings.twilio_auth_token and request.headers.get(SIGNATURE):
        return None
    return JSONResponse({"detail": NOT_SIGNED}, 403)


async def signed_form(request: Request) -> Form:
    """The form, if Twilio signed it for our account; 403 otherwise.

    Twilio signs the address it called, which a proxy may hide from us. So the signature is checked
    against PUBLIC_URL, and never against the host name that this server sees.
    """
    body = await request.body()
    # Broken UTF-8 in a text becomes replacement characters; the text is not refused.
    form = Form(
        parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")
    )
    if not await run_in_threadpool(_is_from_twilio, request, form):
        raise HTTPException(403, NOT_SIGNED)
    return form


def _is_from_twilio(request: Request, form: Form) -> bool:
    settings: Settings = request.app.state.settings
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{settings.public_url}{request.scope['path']}{query}"
    token, signature = settings.twilio_auth_token, request.headers.get(SIGNATURE, "")
    is_ours = form.get("AccountSid") == settings.twilio_account_sid
    return is_ours and token is not None and is_signed(token, url, form, signature)


def is_signed(token: str, url: str, sent: Form | str, signature: str) -> bool:
    """Whether Twilio signed a form, or a body whose hash is in the URL. Time grows with its size,
    and fast with its number of fields, so limit both first."""
    return bool(RequestValidator(token).validate(url, sent, signature))


@router.post("/sms")
def receive_sms(form: Annotated[Form, Depends(signed_form)], request: Request) -> Response:
    """Record one SMS. Twilio may post it twice: `record` returns None for a copy."""
    line: Line = request.app.state.line
    sender, provider_id = form.get("From", "").strip(), form.get("MessageSid", "").strip()
    if not sender or not WORD.fullmatch(provider_id):
        raise HTTPException(400, "From and MessageSid are needed.")
    media = _count_media(form.get("NumMedia", ""))
    channel = Channel.WHATSAPP if sender.startswith(WHATSAPP) else Channel.SMS
    incoming = Incoming(form.get("Body", ""), provider_id, channel, media, _read_kind(form, media))
    try:
        conversation_id = record(
            line.database,
            incoming,
            phone=sender.removeprefix(WHATSAPP),
            to=form.get("To", "").removeprefix(WHATSAPP),
            now=line.clock(),
        )
    except NoProgram as error:
        # A 5xx makes Twilio try its fallback address, and shows in its debugger.
        raise HTTPException(503, str(error)) from error
    if conversation_id is not None:
        line.soon(line.take_turns, conversation_id)
    return Response(EMPTY_TWIML, media_type="text/xml")


def _word(form: Form, name: str) -> str | None:
    given = form.get(name, "")
    return given if WORD.fullmatch(given) else None


def _read_kind(form: Form, media: int) -> TextKind | None:
    """Twilio's own reading of STOP, START, and HELP, which knows words and languages that a
    program added; or a contact card, which comes as a file."""
    opt_out = form.get("OptOutType", "").strip().lower()
    if opt_out in OPT_OUT_TYPES:
        return TextKind(opt_out)
    kinds = {form.get(f"MediaContentType{number}", "").lower() for number in range(media)}
    is_card = bool(kinds) and all("vcard" in kind for kind in kinds)
    return TextKind.CONTACT_CARD if is_card and not form.get("Body", "").strip() else None


def _count_media(given: str) -> int:
    return min(int(given), MOST_MEDIA) if DIGITS.fullmatch(given) else 0


@router.post("/status/{message_id}")
def receive_status(
    message_id: Number, form: Annotated[Form, Depends(signed_form)], request: Request
) -> Response:
    """Record what became of a text we sent. An unknown text gets the same answer, 204."""
    line: Line = request.app.state.line
    delivery = STATUSES.get(form.get("MessageStatus", ""))
    if delivery is not None:
        note_delivery(
            line,
            message_id,
            delivery,
            provider_id=_word(form, "MessageSid"),
            error_code=_word(form, "ErrorCode"),
        )
    return Response(status_code=204)
