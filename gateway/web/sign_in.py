"""Signing in and out, and who may open which page."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypedDict
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Form, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from gateway.accounts import (
    SIGNED_IN_FOR,
    begin_sign_in,
    check_password,
    end_sign_in,
    person_signed_in,
)
from gateway.history import in_words
from gateway.receive import as_e164
from gateway.settings import Settings
from gateway.web.pages import NotSignedIn, Number, PageRefused, go_to, line_of, page, settings_of
from models import Person, Role
from models.encryption import phone_index

router = APIRouter()

COOKIE = "warmline"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
TRIES_WITHIN = timedelta(minutes=15)
TRIES_PER_NUMBER = 5
TRIES_PER_ADDRESS = 20

WRONG = "The number or the password is not right."
MENTEES_WRITE_BY_TEXT = (
    "This page is for mentors and managers. To reach a person, text PERSON to the line."
)
MANAGERS_ONLY = "This page is for the programme's managers."


def comes_from_another_site(request: Request, settings: Settings) -> bool:
    """Whether a request that changes something was made by another site's page.

    Browsers say so in Sec-Fetch-Site, or at least in Origin. Programs send neither, and carry
    nobody's cookie. Twilio signs its requests instead.
    """
    if request.method in SAFE_METHODS or request.url.path.startswith("/twilio/"):
        return False
    if site := request.headers.get("Sec-Fetch-Site"):
        return site not in ("same-origin", "none")
    if origin := request.headers.get("Origin"):
        return urlsplit(origin).netloc not in (
            request.headers.get("Host"),
            urlsplit(settings.public_url).netloc,
        )
    return False


def viewer_of(request: Request) -> Person | None:
    """Who is signed in, if anybody."""
    token = request.cookies.get(COOKIE)
    if not token:
        return None
    line = line_of(request)
    with line.database.reading() as session:
        # Kept with the request, so that a refusal too shows who is signed in.
        request.state.viewer = person_signed_in(session, token, now=line.clock())
    viewer: Person | None = request.state.viewer
    return viewer


def signed_in(*roles: Role) -> Callable[[Request], Person]:
    """What a page asks for with `Depends`: somebody of these roles, or the request is refused."""

    def somebody(request: Request) -> Person:
        person = viewer_of(request)
        if person is None:
            raise NotSignedIn
        if person.role is Role.MENTEE:
            raise PageRefused(403, MENTEES_WRITE_BY_TEXT)
        if person.role not in roles:
            raise PageRefused(403, MANAGERS_ONLY)
        return person

    return somebody


Mentor = Annotated[Person, Depends(signed_in(Role.MENTOR, Role.MANAGER))]
Manager = Annotated[Person, Depends(signed_in(Role.MANAGER))]


def may_listen(request: Request) -> None:
    """Raises NotSignedIn. The demo's phones listen without a sign-in."""
    if settings_of(request).sms != "phones" and viewer_of(request) is None:
        raise NotSignedIn


class Tries:
    """How often a number or an address tried to sign in lately.

    Kept in memory: a table would let anybody who finds the page write to our database, and
    what a restart forgets is a quarter of an hour. Each process counts for itself.
    """

    def __init__(self) -> None:
        self._tries: dict[str, deque[datetime]] = {}
        self._lock = threading.Lock()

    def take(self, limits: dict[str, int], *, now: datetime) -> timedelta | None:
        """Count one try for each key, before its outcome is known, so that many at once count too.

        Returns None, or how long to wait when a key has had all of its tries; then none counts.
        """
        with self._lock:
            self._forget_old(now)
            waits = [
                self._tries[key][0] + TRIES_WITHIN - now
                for key, limit in limits.items()
                if len(self._tries.get(key, ())) >= limit
            ]
            if waits:
                return max(waits)
            for key in limits:
                self._tries.setdefault(key, deque()).append(now)
            return None

    def give_back(self, limits: dict[str, int]) -> None:
        """A try that succeeded does not count."""
        with self._lock:
            for key in limits:
                if self._tries.get(key):
                    self._tries[key].pop()

    def _forget_old(self, now: datetime) -> None:
        for key, tries in list(self._tries.items()):
            while tries and tries[0] + TRIES_WITHIN <= now:
                tries.popleft()
            if not tries:
                del self._tries[key]


def tries_of(request: Request) -> Tries:
    tries: Tries = request.app.state.tries
    return tries


def own_path(wanted: str) -> str | None:
    """`wanted` if it is a path of ours; None for anything that could lead to another site."""
    if not wanted.startswith("/") or wanted.startswith("//") or not wanted.isprintable():
        return None
    if "\\" in wanted or urlsplit(wanted).netloc:
        return None
    return wanted


@router.get("/sign-in")
def sign_in_page(request: Request, next: str = "") -> Response:
    return _sign_in_page(request, next)


@router.post("/sign-in")
def sign_in(
    request: Request,
    phone: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "",
) -> Response:
    """One answer for a wrong number and a wrong password, taking as long either way."""
    line = line_of(request)
    now = line.clock()
    index = phone_index(as_e164(phone) or phone)
    address = request.client.host if request.client else ""
    limits = {f"number {index}": TRIES_PER_NUMBER, f"address {address}": TRIES_PER_ADDRESS}
    if wait := tries_of(request).take(limits, now=now):
        sentence = f"Too many tries. Wait {in_words(wait + timedelta(minutes=1))}, then try again."
        return _sign_in_page(request, next, phone=phone, sentence=sentence, status=429)
    with line.database.reading() as session:
        person = session.scalar(select(Person).where(Person.phone_index == index))
    if not check_password(person, password) or person is None:
        return _sign_in_page(request, next, phone=phone, sentence=WRONG, status=401)
    tries_of(request).give_back(limits)
    return _sign_in(request, person, next, now=now)


@router.post("/sign-in/as/{person_id}")
def sign_in_as(
    request: Request,
    person_id: Number,
    next: Annotated[str, Form()] = "",
) -> Response:
    """The demo's one-click sign-in. It exists only where the phones are the demo's."""
    line = line_of(request)
    with line.database.reading() as session:
        person = _demo_people(session).get(person_id)
    if settings_of(request).sms != "phones" or person is None:
        raise PageRefused(404, "There is nobody to sign in as here.")
    return _sign_in(request, person, next, now=line.clock())


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    with line_of(request).database.writing() as session:
        end_sign_in(session, request.cookies.get(COOKIE, ""))
    response = go_to(request, "/sign-in")
    response.delete_cookie(COOKIE, **_cookie_marks(request))
    return response


def _sign_in(request: Request, person: Person, wanted: str, *, now: datetime) -> Response:
    with line_of(request).database.writing() as session:
        end_sign_in(session, request.cookies.get(COOKIE, ""))
        token = begin_sign_in(session, person, now=now)
    response = go_to(request, own_path(wanted) or "/console")
    response.set_cookie(
        COOKIE, token, max_age=int(SIGNED_IN_FOR.total_seconds()), **_cookie_marks(request)
    )
    return response


class CookieMarks(TypedDict):
    httponly: bool
    samesite: Literal["lax"]
    secure: bool


def _cookie_marks(request: Request) -> CookieMarks:
    return {
        "httponly": True,
        "samesite": "lax",
        "secure": settings_of(request).public_url.startswith("https://"),
    }


def _sign_in_page(
    request: Request,
    wanted: str,
    *,
    phone: str = "",
    sentence: str = "",
    status: int = 200,
) -> Response:
    people: list[Person] = []
    if settings_of(request).sms == "phones":
        with line_of(request).database.reading() as session:
            people = list(_demo_people(session).values())
    return page(
        request,
        "sign_in.html",
        viewer=None,
        status=status,
        next=own_path(wanted) or "",
        phone=phone,
        sentence=sentence,
        people=people,
    )


def _demo_people(session: Session) -> dict[int, Person]:
    """The mentors and managers whom the demo lets one be."""
    staff = session.scalars(
        select(Person).where(Person.role != Role.MENTEE).order_by(Person.role.desc(), Person.id)
    )
    return {person.id: person for person in staff}
