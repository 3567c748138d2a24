"""Twilio's webhooks. Each is answered at once; replies leave later, through Twilio's API."""

from typing import Annotated
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from twilio.request_validator import RequestValidator

from gateway.messaging.inbox import Incoming, NoProgram, record
from gateway.messaging.outbox import note_delivery
from gateway.runtime.line import Line
from models import Channel, Delivery

router = APIRouter(prefix="/twilio")
log = structlog.get_logger()

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

Form = dict[str, str]


async def signed_form(request: Request) -> Form:
    """The form, if Twilio signed it; 403 otherwise.

    Twilio signs the address it called, which a proxy may hide from us. So the signature is checked
    against PUBLIC_URL, and never against the host name that this server sees.
    """
    settings = request.app.state.settings
    body = await request.body()
    # Broken UTF-8 in a text becomes replacement characters; the text is not refused.
    form = dict(
        parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace")
    )
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{settings.public_url}{request.scope['path']}{query}"
    signature = request.headers.get("X-Twilio-Signature", "")
    if not settings.twilio_auth_token or not RequestValidator(settings.twilio_auth_token).validate(
        url, form, signature
    ):
        log.warning("unsigned request refused", path=request.url.path)
        raise HTTPException(403, "The signature does not match.")
    return form


@router.post("/sms")
def receive_sms(form: Annotated[Form, Depends(signed_form)], request: Request) -> Response:
    """Record one SMS. Twilio may post it twice: `record` returns None for a copy."""
    line: Line = request.app.state.line
    sender, provider_id = form.get("From", "").strip(), form.get("MessageSid", "").strip()
    if not sender or not provider_id:
        raise HTTPException(400, "From and MessageSid are needed.")
    media = form.get("NumMedia", "")
    incoming = Incoming(
        form.get("Body", ""), provider_id, Channel.SMS, int(media) if media.isdecimal() else 0
    )
    try:
        conversation_id = record(
            line.database, incoming, phone=sender, to=form.get("To"), now=line.clock()
        )
    except NoProgram as error:
        # A 5xx makes Twilio try its fallback address, and shows in its debugger.
        raise HTTPException(503, str(error)) from error
    if conversation_id is not None:
        line.soon(line.take_turns, conversation_id)
    return Response(EMPTY_TWIML, media_type="text/xml")


@router.post("/status/{message_id}")
def receive_status(
    message_id: int, form: Annotated[Form, Depends(signed_form)], request: Request
) -> Response:
    """Record what became of a text we sent. An unknown text gets the same answer, 204."""
    line: Line = request.app.state.line
    delivery = STATUSES.get(form.get("MessageStatus", ""))
    if delivery is not None:
        note_delivery(
            line,
            message_id,
            delivery,
            provider_id=form.get("MessageSid") or None,
            error_code=form.get("ErrorCode") or None,
        )
    return Response(status_code=204)
