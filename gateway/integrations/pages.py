"""The managers' page for API tokens and webhooks."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response

from escalation.speech.i18n import gettext_noop, phrase
from gateway.accounts.sessions import Manager, require_recent
from gateway.integrations.api.app import MOUNTED_AT
from gateway.integrations.api_tokens import CannotMake, list_tokens, make_token, revoke_token
from gateway.integrations.jobs import is_demo
from gateway.integrations.scopes import MEANS, Scope, scopes_in
from gateway.integrations.webhook_client import NotAllowed, resolve
from gateway.integrations.webhook_outbox import (
    TAKEN_FOR,
    add_webhook,
    list_deliveries,
    list_webhooks,
    remove_webhook,
    send_again,
)
from gateway.web.i18n import in_its_language
from gateway.web.rendering import Number, PageRefused, env, get_line, go_to, page
from models import DeliveryFailure, Person, WebhookDelivery

HERE = "/program/integrations"
router = APIRouter(prefix=HERE)

DELIVERIES_SHOWN = 10
DONE = {
    "revoked": gettext_noop("Revoked. The token no longer works."),
    "removed": gettext_noop("Removed. We send nothing more to that address."),
    "again": gettext_noop("Sending it again now."),
}
GONE = gettext_noop("This entry is not in your program, or was already removed.")
NOTHING_TO_SEND = gettext_noop("This was already delivered or is about to be sent.")

Text = Annotated[str, Form()]
Texts = Annotated[list[str] | None, Form()]


@router.get("")
def integrations(request: Request, manager: Manager, done: str = "") -> Response:
    return _page(request, manager, done=DONE.get(done, ""))


@router.post("/tokens")
def make(request: Request, manager: Manager, name: Text = "", scope: Texts = None) -> Response:
    """Show the new token once. Reloading finds the name taken and creates no second token."""
    require_recent(request)
    line, scopes = get_line(request), scope or []
    try:
        with line.database.writing() as session:
            by = session.get_one(Person, manager.id)
            secret = make_token(session, name=name, scopes=scopes, by=by, now=line.clock())
    except CannotMake as refused:
        given = {"name": name, "scopes": scopes}
        return _page(request, manager, 422, form="tokens", given=given, sentence=str(refused))
    return _page(request, manager, 201, token=secret)


@router.post("/tokens/{number}/revoke")
def revoke(request: Request, number: Number, manager: Manager) -> Response:
    return _do(request, manager, revoke_token, number, "revoked")


@router.post("/webhooks")
def add(request: Request, manager: Manager, url: Text = "") -> Response:
    require_recent(request)
    line = get_line(request)
    try:
        # Resolve the host name before the transaction starts: it may take seconds.
        target, _ = resolve(url, demo=is_demo(line))
        with line.database.writing() as session:
            by = session.get_one(Person, manager.id)
            webhook = add_webhook(session, str(target), by=by, now=line.clock())
    except NotAllowed as refused:
        given = {"url": url}
        return _page(request, manager, 422, form="webhooks", given=given, sentence=str(refused))
    return _page(request, manager, 201, secret=webhook.secret)


@router.post("/webhooks/{number}/remove")
def remove(request: Request, number: Number, manager: Manager) -> Response:
    return _do(request, manager, remove_webhook, number, "removed")


@router.post("/deliveries/{number}/again")
def again(request: Request, number: Number, manager: Manager) -> Response:
    return _do(request, manager, send_again, number, "again", NOTHING_TO_SEND)


def _do(
    request: Request,
    manager: Person,
    act: Callable[..., bool],
    number: int,
    done: str,
    otherwise: str = GONE,
) -> Response:
    """`act` changes one entry of the manager's program; False means that there is none."""
    line = get_line(request)
    with line.database.writing() as session:
        by = session.get_one(Person, manager.id)
        if not act(session, number, by=by, now=line.clock()):
            raise PageRefused(404, otherwise)
    return go_to(request, f"{HERE}?done={done}")


# What a page shows only after a form was sent.
NOTHING_SENT = dict.fromkeys(("token", "secret", "done", "form", "sentence"), "")


def _page(request: Request, manager: Person, status: int = 200, **shown: object) -> Response:
    line = get_line(request)
    with line.database.reading() as session:
        tokens = list_tokens(session, manager.program_id)
        makers = {one.by_id: session.get_one(Person, one.by_id) for one in tokens}
        webhooks = [
            (one, list_deliveries(session, one, limit=DELIVERIES_SHOWN))
            for one in list_webhooks(session, manager.program_id)
        ]
    return page(
        request,
        "integrations/integrations.html",
        viewer=manager,
        status=status,
        tokens=tokens,
        makers=makers,
        scopes=Scope,
        scope_means=MEANS,
        webhooks=webhooks,
        may_be_local=is_demo(line),
        soon=line.clock() + TAKEN_FOR,
        api=MOUNTED_AT,
        zone=manager.program.timezone,
        **{**NOTHING_SENT, "given": {}, **shown},
    )


def event_name(delivery: WebhookDelivery) -> str:
    return phrase(str(delivery.payload["type"]).removeprefix("handoff."))


FAILURES = {
    None: gettext_noop("no answer"),
    DeliveryFailure.NOT_PUBLIC: gettext_noop("not sent: the address is not on the internet"),
    DeliveryFailure.NO_SUCH_NAME: gettext_noop("not sent: the host name was not found"),
    DeliveryFailure.NOT_TRUSTED: gettext_noop("not sent: the certificate is not valid"),
    DeliveryFailure.TOO_SLOW: gettext_noop("timed out"),
    DeliveryFailure.UNREACHABLE: gettext_noop("could not connect"),
}


def last_answer(delivery: WebhookDelivery) -> str:
    if delivery.status is None:
        return FAILURES[delivery.failure]
    return phrase("HTTP status {code}", code=delivery.status)


env.filters.update(
    event_name=in_its_language(event_name),
    last_answer=in_its_language(last_answer),
    scopes_in=scopes_in,
)
