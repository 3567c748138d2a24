"""The browsers that people sign in with: their names, and which ones we have seen before."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gateway.runtime.one_time_keys import hash_token
from models import KnownDevice, Person

DEVICE_COOKIE = "warmline_device"
# Browsers keep no cookie for longer.
DEVICE_LASTS = timedelta(days=400)

# The first match counts: most browsers list several names.
BROWSERS = {
    "Firefox": r"Firefox/|FxiOS/",
    "Samsung Internet": r"SamsungBrowser/",
    "Opera": r"OPR/|Opera",
    "Edge": r"Edg(e|A|iOS)?/",
    "Chrome": r"Chrome/|CriOS/|Chromium/",
    "Safari": r"Safari/",
}
SYSTEMS = {
    "iPhone": r"iPhone",
    "iPad": r"iPad",
    "Android": r"Android",
    "Windows": r"Windows",
    "ChromeOS": r"CrOS",
    "Mac": r"Macintosh",
    "Linux": r"Linux",
}


def describe_browser(request: Request) -> str:
    """Such as "Firefox on Android"."""
    agent = request.headers.get("User-Agent", "")
    browser = next((name for name, mark in BROWSERS.items() if re.search(mark, agent)), "A browser")
    system = next((name for name, mark in SYSTEMS.items() if re.search(mark, agent)), None)
    return f"{browser} on {system}" if system else browser


@dataclass(frozen=True)
class Device:
    """`token` goes into the browser's cookie. `is_new`: this person never signed in with it."""

    token: str
    is_new: bool


def find_device(session: Session, person: Person, token: str) -> Device:
    known = select(KnownDevice.id).where(
        KnownDevice.person_id == person.id, KnownDevice.token_hash == hash_token(token)
    )
    is_new = not token or session.scalar(known) is None
    return Device(token or secrets.token_urlsafe(32), is_new)


def remember_device(session: Session, person: Person, device: Device, *, now: datetime) -> None:
    if device.is_new:
        row = KnownDevice(person_id=person.id, token_hash=hash_token(device.token), at=now)
        session.add(row)


def forget_devices(session: Session, person: Person) -> None:
    session.execute(delete(KnownDevice).where(KnownDevice.person_id == person.id))
