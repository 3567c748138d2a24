"""Twilio's questions during a call about an alert: what to say, and what the person pressed.

Nothing that is said names anyone: whoever picks up hears it. Pressing 1 proves that someone has the
phone to which the alert went, as a text from it would.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from twilio.twiml.voice_response import Gather, VoiceResponse

from escalation.handoffs.ladder import pass_on
from escalation.handoffs.moves import Refused
from escalation.handoffs.oversight import take
from escalation.speech.message_writer import conversation_language, get_thread
from escalation.transaction import Transaction
from gateway.messaging.alert_steps import OPEN, locked, note_end, why_not
from gateway.messaging.outbox import acting
from gateway.messaging.twilio_webhooks import Form, signed_form
from gateway.runtime.line import Line
from gateway.runtime.settings import Settings
from gateway.web.rendering import Number
from models import AlertStep, Handoff, Status, StepState

router = APIRouter(prefix="/twilio/voice")

VOICES = {"en": "en-US", "es": "es-US"}
# How a call ends that nobody answered.
UNANSWERED = {"busy", "no-answer", "failed", "canceled"}
KEYS_WITHIN_SECONDS = 8
Signed = Annotated[Form, Depends(signed_form)]


def _get_step(request: Request, step_id: Number, form: Signed) -> int:
    """The step that this call is about; 404 for another call."""
    line: Line = request.app.state.line
    with acting(line) as session:
        step = session.get(AlertStep, step_id)
        call = form.get("CallSid", "")
        if step is None or not call or step.provider_id not in (None, call):
            raise HTTPException(404, "No such call.")
        step.provider_id = call  # Twilio may ask before it has answered our request
    return step_id


Step = Annotated[int, Depends(_get_step)]


@router.post("/alert/{step_id}")
def say_alert(request: Request, step: Step) -> Response:
    line: Line = request.app.state.line
    with acting(line) as session:
        tx, row, handoff = locked(line, session, step)
        if why_not(tx, row.alert, handoff) is not None:
            return _say_once(tx, row, "voice_taken")
        return _ask(tx, row, request.app.state.settings)


@router.post("/pressed/{step_id}")
def take_key(request: Request, step: Step, form: Signed) -> Response:
    line: Line = request.app.state.line
    act = {"1": _take, "2": _pass}.get(form.get("Digits", ""))
    with acting(line) as session:
        tx, row, handoff = locked(line, session, step)
        if act is None:
            return _ask(tx, row, request.app.state.settings)
        said = act(tx, row, handoff)
        if row.state in OPEN:
            row.state, row.why, row.moved_at = StepState.REACHED, said, tx.now
        return _say_once(tx, row, said)


@router.post("/machine/{step_id}")
def note_machine(request: Request, step: Step, form: Signed) -> Response:
    """Twilio heard who answered. The next channel does not wait until the machine hangs up."""
    if form.get("AnsweredBy", "").startswith(("machine", "fax")):
        note_end(request.app.state.line, step, StepState.MISSED, why="machine")
    return Response(status_code=204)


@router.post("/status/{step_id}")
def note_status(request: Request, step: Step, form: Signed) -> Response:
    """The call is over. A key that was pressed has ended the step before."""
    status = form.get("CallStatus", "")
    if status in UNANSWERED:
        note_end(request.app.state.line, step, StepState.MISSED, why=status)
    elif status == "completed":
        note_end(request.app.state.line, step, StepState.MISSED, why="no_key")
    return Response(status_code=204)


def _take(tx: Transaction, step: AlertStep, handoff: Handoff) -> str:
    person = step.alert.person
    if handoff.mentor_id != person.id:
        try:
            take(tx, handoff, person)
        except Refused:
            return "voice_taken"
        tx.tell_about(handoff, person, "you_have")
    return "voice_claimed"


def _pass(tx: Transaction, step: AlertStep, handoff: Handoff) -> str:
    if why_not(tx, step.alert, handoff) is not None:
        return "voice_taken"
    if handoff.status is Status.WAITING:
        pass_on(tx, handoff, step.alert.person)
    return "voice_passed"


def _ask(tx: Transaction, step: AlertStep, settings: Settings) -> Response:
    """Read the alert twice, and wait for a key each time."""
    answer = VoiceResponse()
    for _ in range(2):
        gather = Gather(
            num_digits=1,
            timeout=KEYS_WITHIN_SECONDS,
            action=f"{settings.public_url}/twilio/voice/pressed/{step.id}",
        )
        _say(gather.say, tx, step, "voice_alert")
        answer.append(gather)
    _say(answer.say, tx, step, "voice_goodbye")
    return Response(str(answer), media_type="text/xml")


def _say_once(tx: Transaction, step: AlertStep, key: str) -> Response:
    answer = VoiceResponse()
    _say(answer.say, tx, step, key)
    answer.hangup()
    return Response(str(answer), media_type="text/xml")


def _say(say: Callable[..., object], tx: Transaction, step: AlertStep, key: str) -> None:
    language = conversation_language(get_thread(tx.session, tx.rules, step.alert.person))
    say(tx.rules.script.line(key, language=language), language=VOICES.get(language, "en-US"))
