"""A form that a person sent after the session had ended: the response gives the typed words back.

With our script the page stays open and shows a notice. Without it the browser shows this response
instead, so it contains the words and a button that sends them again.
"""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from starlette.exceptions import HTTPException

from gateway.accounts.sessions import own_path
from gateway.web.rendering import page
from models import Outcome

# The template has their labels.
TEXT_FIELDS = {"words", "note", "handing", "outcome", "reason", "debrief", "title", "text", "name"}
TEXT_FIELDS |= {"phone", "timezone", "url"}
# We never show passwords and passkey credentials.
SECRET = frozenset({"old", "new", "again", "password", "answer"})
SECRET |= {"confirm_password", "confirm_code"}


class Sent(NamedTuple):
    name: str
    value: str

    @property
    def is_text(self) -> bool:
        """Whether a person typed it, rather than chose it or sent it in a hidden field."""
        is_chosen = self.name == "outcome" and self.value in list(Outcome)
        return self.name in TEXT_FIELDS and bool(self.value.strip()) and not is_chosen


async def sent_with(request: Request) -> list[Sent]:
    """The fields of a form, without files; none at all if one of them is secret."""
    if request.method != "POST":
        return []
    try:
        form = await request.form()
    except HTTPException:
        return []
    fields = [Sent(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    return [] if any(field.name in SECRET for field in fields) else fields


def signed_out(request: Request, sent: Sequence[Sent]) -> Response:
    wrote = any(field.is_text for field in sent)
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
