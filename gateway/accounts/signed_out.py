"""A form that was sent after the session had ended: the page gives the typed words back.

With our script the page stays open and shows a notice. Without it the browser shows this response
instead, so it contains the words and a button that sends them again after signing in.
"""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from escalation.speech.i18n import gettext_noop
from gateway.accounts.sessions import own_path
from gateway.web.rendering import page
from models import Outcome

# Text fields by their names in our forms, with their labels.
BOXES = {
    "words": gettext_noop("Your words"),
    "note": gettext_noop("Note"),
    "handing": gettext_noop("Note for your colleague"),
    "outcome": gettext_noop("How it ended"),
    "reason": gettext_noop("Reason"),
    "debrief": gettext_noop("How you felt about it"),
    "title": gettext_noop("Title"),
    "text": gettext_noop("Text"),
    "name": gettext_noop("Name"),
    "phone": gettext_noop("Mobile number"),
    "timezone": gettext_noop("Time zone"),
    "url": gettext_noop("Address"),
}
# Passwords and passkey credentials are never shown.
SECRET = frozenset({"old", "new", "again", "password", "answer"})
CHOICES = frozenset(outcome.value for outcome in Outcome)


class Sent(NamedTuple):
    name: str
    value: str

    @property
    def label(self) -> str | None:
        """The text field's label; None for a choice and a hidden field."""
        chosen = self.name == "outcome" and self.value in CHOICES
        return None if chosen or not self.value.strip() else BOXES.get(self.name)


async def sent_with(request: Request) -> list[Sent]:
    """The fields of a form, without files; none at all where one of them is secret."""
    if request.method != "POST":
        return []
    try:
        form = await request.form()
    except HTTPException:
        return []
    fields = [Sent(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    return [] if any(field.name in SECRET for field in fields) else fields


def signed_out(request: Request, sent: Sequence[Sent]) -> Response:
    """A page that links to sign-in and holds what was written, to send it again."""
    wrote = any(field.label for field in sent)
    came_from = urlsplit(request.headers.get("Referer", ""))
    here = came_from.netloc == request.headers.get("Host")
    then = (own_path(came_from.path) if here else None) or "/console"
    return page(
        request,
        "accounts/signed_out.html",
        viewer=None,
        status=401,
        sent=sent if wrote else (),
        sign_in="/sign-in" if wrote else f"/sign-in?{urlencode({'next': then})}",
    )
