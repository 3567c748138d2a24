"""The demo program: five people with phone numbers reserved for examples."""

from datetime import datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.check_ins.schedules import read_days
from gateway.check_ins.schedules import agree_on
from gateway.people.enrollment import enroll
from gateway.people.people_file.reading import read_people
from models import Program

PEOPLE = b"""role,name,phone,timezone,mentor
mentor,Sam,+12025550111,America/New_York,
mentor,Noor,+12025550112,America/New_York,
manager,Ruth,+12025550121,America/New_York,
mentee,Maya,+12025550101,America/New_York,Sam/Noor
mentee,Jo,+12025550102,America/New_York,Noor/Sam
"""
ON_DUTY = {"Noor"}
# Scheduled check-ins: kind, days, and local time.
CHECK_INS = {"Maya": ("mood", "sun", time(17))}


def seed_demo(session: Session, *, now: datetime) -> bool:
    """Add the demo program, open around the clock, if there is no program yet."""
    if session.scalar(select(Program.id).limit(1)) is not None:
        return False
    zone = "America/New_York"
    program = Program(
        name="Harbor Mentoring",
        phone="+12025550100",
        timezone=zone,
        opens_at=time(0),
        closes_at=time(0),
    )
    session.add(program)
    session.flush()
    _, people = enroll(session, program, read_people(PEOPLE, timezone=zone), now=now)
    for person in people:
        person.on_duty = person.name in ON_DUTY
        if person.name in CHECK_INS:
            check_in, days, at = CHECK_INS[person.name]
            agree_on(session, person, check_in, days=read_days(days), at=at, now=now)
    return True
