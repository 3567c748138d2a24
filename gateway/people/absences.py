"""Times when a mentor is away and not paged: read from a text, started, and ended.

An ambiguous text is refused with an example, never guessed: 3/12 is a different day in the US and
in Europe.
"""

import calendar
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from models import Absence, Person, Program

# Always English, because nothing in Warmline sets a locale. Babel would load its data at import.
WEEKDAYS = dict(enumerate(calendar.day_name))
MONTHS = {number: name for number, name in enumerate(calendar.month_name) if name}
SHORTER = {"tues": "tue", "weds": "wed", "thur": "thu", "thurs": "thu", "sept": "sep"}
COUNTED = [
    *("one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
]
NUMBERS = {"a": 1, "an": 1} | {word: number for number, word in enumerate(COUNTED, start=1)}
LONGEST = timedelta(days=366)
# A day without a year that is longer ago than this is next year's.
LONG_PAST = timedelta(days=183)

_UNITS = {"minute": "minutes", "min": "minutes", "hour": "hours", "hr": "hours", "h": "hours"}
_DURATION = re.compile(
    rf"(?P<many>\d{{1,4}}|{'|'.join(NUMBERS)})\s*(?P<unit>minute|min|hour|hr|h|day|week|month)s?"
)
_CLOCK = re.compile(
    r"(?:(?P<hour>\d{1,2})(?::(?P<minute>\d\d))?\s*(?P<half>am|pm)|(?P<hour24>\d{1,2}):(?P<minute24>\d\d)"
    r"|(?P<noon>noon|midday))"
)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DAY_MONTH = re.compile(
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<month>[a-z]+)(?:\s+(?P<year>\d{4}))?"
)
_MONTH_DAY = re.compile(
    r"(?P<month>[a-z]+)\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?(?:\s+(?P<year>\d{4}))?"
)
_UNTIL = re.compile(r"(?:from\s+(?P<begins>.+?)\s+)?(?:until|untill|till|til|to)\s+(?P<ends>.+)")


class Unreadable(Exception):
    """A text that cannot be read without ambiguity."""


class Past(Exception):
    """A time in the past."""


@dataclass(frozen=True)
class TimeAway:
    """From `begins_at` to `ends_at`; without an end, until they text ON."""

    begins_at: datetime
    ends_at: datetime | None


def read_time_away(words: str, zone: ZoneInfo, *, now: datetime, ends: time) -> TimeAway:
    """Read the words after AWAY: "", "until Monday", "2 weeks", "from Friday until 3 December".

    A last day ends at `ends`, on the person's own clock.

    Raises:
        Unreadable: not a time, or an ambiguous or very long one.
        Past: in the past, or the end is before the start.
    """
    said = " ".join(re.sub(r"[,.!]+(?=\s|$)", " ", words.casefold()).split())
    local = now.astimezone(zone)
    begins, until = now, _UNTIL.fullmatch(said)
    if not said:
        return TimeAway(now, None)
    if said in ("today", "tonight"):
        ends_at = _on(local.date() + timedelta(days=1), ends, zone)
    elif said == "this week":
        ends_at = _on(_next_weekday(local.date(), 0), ends, zone)
    elif duration := _DURATION.fullmatch(said.removeprefix("for ")):
        ends_at = _after(duration, local)
    elif until is not None:
        if until["begins"]:
            begins = max(now, _moment(until["begins"], local, zone, at=time(0)))
        ends_at = _moment(until["ends"], local, zone, at=ends)
    else:
        raise Unreadable
    if ends_at <= begins:
        raise Past
    if ends_at - now > LONGEST:
        raise Unreadable
    return TimeAway(begins, ends_at)


def _after(duration: re.Match[str], local: datetime) -> datetime:
    many = int(NUMBERS.get(duration["many"], 0) or duration["many"])
    unit = duration["unit"]
    if unit in _UNITS:
        # Elapsed hours, also when the clocks change in between.
        elapsed = timedelta(**{_UNITS[unit]: many})
        return (local.astimezone(UTC) + elapsed).astimezone(local.tzinfo)
    days = {"day": 1, "week": 7, "month": 30}[unit] * many
    return local + timedelta(days=days)


def _moment(said: str, local: datetime, zone: ZoneInfo, *, at: time) -> datetime:
    """A day, a day with a time, or a time today. A day alone means that day at `at`."""
    said = re.sub(r"\s+at\s+|\s+(?:in the )?morning$", " ", said).strip()
    clock = re.search(rf"(?:^|\s){_CLOCK.pattern}$", said)
    if clock is None:
        return _on(_day(said, local.date()), at, zone)
    day = said[: clock.start()].strip()
    return _on(_day(day, local.date()) if day else local.date(), _hour(clock), zone)


def _hour(clock: re.Match[str]) -> time:
    if clock["noon"]:
        return time(12)
    try:
        if clock["half"] is None:
            return time(int(clock["hour24"]), int(clock["minute24"]))
        hour = int(clock["hour"])
        if not 1 <= hour <= 12:
            raise Unreadable
        return time(hour % 12 + 12 * (clock["half"] == "pm"), int(clock["minute"] or 0))
    except ValueError:
        raise Unreadable from None


def _day(said: str, today: date) -> date:
    if said == "next week":
        return _next_weekday(today, 0)
    said = re.sub(r"^(?:next|this|on|the)\s+", "", said)
    if said == "today":
        return today
    if said == "tomorrow":
        return today + timedelta(days=1)
    if (weekday := _find_name(said, WEEKDAYS)) is not None:
        return _next_weekday(today, weekday)
    try:
        if iso := _ISO.fullmatch(said):
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        if named := _DAY_MONTH.fullmatch(said) or _MONTH_DAY.fullmatch(said):
            return _named(named, today)
    except ValueError:
        raise Unreadable from None
    raise Unreadable


def _named(named: re.Match[str], today: date) -> date:
    month = _find_name(named["month"], MONTHS)
    if month is None:
        raise Unreadable
    day = date(int(named["year"] or today.year), month, int(named["day"]))
    if not named["year"] and today - day > LONG_PAST:
        return date(today.year + 1, month, int(named["day"]))
    return day


def _find_name(said: str, names: Mapping[int, str]) -> int | None:
    """The number of a weekday or month, written out or as its first three letters."""
    said = SHORTER.get(said, said)
    for number, name in names.items():
        if said in (name.casefold(), name.casefold()[:3]):
            return number
    return None


def _next_weekday(today: date, weekday: int) -> date:
    """The next such day after today: on a Monday, Monday is a week from now."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def _on(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone)


def go_away(session: Session, person: Person, away: TimeAway, *, by: Person, now: datetime) -> None:
    """Store the absence. It replaces the ones that it overlaps."""
    overlaps = [
        Absence.person_id == person.id,
        or_(Absence.ends_at.is_(None), Absence.ends_at > away.begins_at),
        *([] if away.ends_at is None else [Absence.begins_at < away.ends_at]),
    ]
    session.execute(delete(Absence).where(*overlaps, Absence.begins_at > now))
    session.execute(update(Absence).where(*overlaps).values(ends_at=now))
    session.add(
        Absence(person_id=person.id, begins_at=away.begins_at, ends_at=away.ends_at, by_id=by.id)
    )
    session.flush()


def come_back(session: Session, person: Person, *, now: datetime) -> bool:
    """End current and delete future absences. False when there were none."""
    mine = Absence.person_id == person.id
    running = or_(Absence.ends_at.is_(None), Absence.ends_at > now)
    there = session.scalar(select(Absence.id).where(mine, running).limit(1)) is not None
    session.execute(delete(Absence).where(mine, Absence.begins_at > now))
    session.execute(update(Absence).where(mine, running).values(ends_at=now))
    return there


def list_absences(session: Session, program: Program, *, now: datetime) -> list[Absence]:
    """Current and future absences in a program, earliest first."""
    absences = select(Absence).join(Person, Person.id == Absence.person_id)
    absences = absences.where(
        Person.program_id == program.id,
        Person.left_at.is_(None),
        or_(Absence.ends_at.is_(None), Absence.ends_at > now),
    )
    return list(session.scalars(absences.order_by(Absence.begins_at, Absence.id)))


def absences_between(
    session: Session, people: Iterable[int], *, since: datetime, until: datetime
) -> Sequence[Absence]:
    """The absences of `people` that overlap this time, earliest first."""
    return session.scalars(
        select(Absence)
        .where(
            Absence.person_id.in_(list(people)),
            Absence.begins_at < until,
            or_(Absence.ends_at.is_(None), Absence.ends_at > since),
        )
        .order_by(Absence.begins_at, Absence.id)
    ).all()


def holds(absence: Absence, at: datetime) -> bool:
    """Whether it applies at a moment; the end is exclusive."""
    return absence.begins_at <= at and (absence.ends_at is None or at < absence.ends_at)


def until_in_words(at: datetime, zone: ZoneInfo, *, now: datetime) -> str:
    """Such as Mon 30 Nov 08:00; with the year unless it is the current one."""
    local = at.astimezone(zone)
    year = f" {local.year}" if local.year != now.astimezone(zone).year else ""
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M}"


def absence_in_words(session: Session, absence: Absence, *, now: datetime) -> str:
    """Such as "Sam is away until Mon 30 Nov 08:00 (America/New_York)", for managers."""
    person = session.get_one(Person, absence.person_id)
    zone = ZoneInfo(person.timezone)
    said = f"{person.name} is away"
    if absence.begins_at > now:
        said = f"{person.name} will be away from {until_in_words(absence.begins_at, zone, now=now)}"
    if absence.ends_at is None:
        return f"{said} until they text ON"
    return f"{said} until {until_in_words(absence.ends_at, zone, now=now)} ({person.timezone})"
