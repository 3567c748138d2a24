"""What a form was sent with after its sender's sign-in had ended: given back, and kept nowhere.

With our script the page stays as it is and says so. Without it the browser shows whatever is
answered, so the answer holds the words, and a button that sends them once somebody is signed in.
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

# The boxes that one writes in, by their names in our forms, and what they are called.
BOXES = {
    "words": gettext_noop("Your words"),
    "note": gettext_noop("Note"),
    "handing": gettext_noop("What you tell your colleague"),
    "outcome": gettext_noop("How it ended"),
    "reason": gettext_noop("Reason"),
    "debrief": gettext_noop("How it was for you"),
    "title": gettext_noop("Title"),
    "text": gettext_noop("Text"),
    "name": gettext_noop("Name"),
    "phone": gettext_noop("Mobile number"),
    "timezone": gettext_noop("Time zone"),
    "url": gettext_noop("Address"),
}
# Passwords, and what a passkey answered: never shown.
SECRET = frozenset({"old", "new", "again", "password", "answer"})
CHOICES = frozenset(outcome.value for outcome in Outcome)


class Sent(NamedTuple):
    """One field of a form, as it was sent."""

    name: str
    value: str

    @property
    def label(self) -> str | None:
        """What its box is called; None for a choice, and for what the form sends unseen."""
        chosen = self.name == "outcome" and self.value in CHOICES
        return None if chosen or not self.value.strip() else BOXES.get(self.name)


async def sent_with(request: Request) -> list[Sent]:
    """The fields that a form was sent with, but files; none where there is something secret."""
    if request.method != "POST":
        return []
    try:
        form = await request.form()
    except HTTPException:
        return []
    fields = [Sent(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    return [] if any(field.name in SECRET for field in fields) else fields


def signed_out(request: Request, sent: Sequence[Sent]) -> Response:
    """Where to sign in, with what was written to be sent again after that."""
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
