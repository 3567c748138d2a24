"""The program's page: hours, holidays, who is on duty, and the week ahead with its gaps."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from escalation.handoffs.hours import is_within_hours, next_opening
from gateway.people.details.refusals import CannotChange
from gateway.people.exports import ROTA_TABLES
from gateway.people.rota import read_moment
from gateway.people.week_ahead import week_ahead
from models import Absence, AuditEntry, DutyOverride, DutyShift, Holiday, Program
from tests.gateway.reporting.test_log import read_rows
from tests.gateway.runtime.test_spreadsheets import read_xlsx
from tests.line import MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web

NEW_YORK = ZoneInfo("America/New_York")
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture(autouse=True)
def nobody_on_duty(talk: Talk) -> None:
    """No one is on duty at all hours. It is Tuesday 10 November, 10:00."""
    talk.sets(NOOR, on_duty=False)


def number(talk: Talk, phone: str) -> str:
    return str(talk.person(phone).id)


def program(talk: Talk) -> Program:
    return talk.rows(Program)[0]


def add_absence(talk: Talk, phone: str, begins_at: datetime, ends_at: datetime) -> None:
    person_id = talk.person(phone).id
    away = Absence(person_id=person_id, begins_at=begins_at, ends_at=ends_at, by_id=person_id)
    with talk.database.writing() as session:
        session.add(away)


def adds_shifts(web: Web, talk: Talk, phone: str, days: str, begins: str, ends: str) -> int:
    form = {"person": number(talk, phone), "weekday": list(days), "begins": begins, "ends": ends}
    return web.client.post("/program/shifts", data=form).status_code


def week(talk: Talk) -> list[str]:
    """The week ahead, one line for each time span: day, from, until, who."""
    here = program(talk)
    with talk.database.reading() as session:
        days = week_ahead(session, here, now=talk.clock())
    zone = ZoneInfo(here.timezone)
    return [
        f"{day.day:%a} {one.begins_at.astimezone(zone):%H:%M}-{one.ends_at.astimezone(zone):%H:%M} "
        + (" ".join(person.name for person in one.people) or "nobody")
        for day in days
        for one in day.stretches
    ]


# --- the week ahead ---


def test_the_week_ahead_shows_who_is_on_duty_and_every_gap(web: Web, talk: Talk) -> None:
    assert adds_shifts(web, talk, SAM, "1", "09:00", "17:00") == 303
    assert adds_shifts(web, talk, NOOR, "1", "17:00", "09:00") == 303
    ahead = week(talk)
    assert ahead[:4] == [
        "Tue 10:00-17:00 Sam",
        "Tue 17:00-00:00 Noor",
        "Wed 00:00-09:00 Noor",
        "Wed 09:00-00:00 nobody",
    ]
    assert ahead[-1] == "Mon 00:00-00:00 nobody"
    shown = web.gets("/program").text
    assert "6 gaps with no one on duty" in shown
    assert shown.count('<span class="badge crisis">gap</span>') == 6


def test_the_rota_is_exported_also_when_empty(web: Web, talk: Talk) -> None:
    offered = set(re.findall(r'href="/program/tables/(\w+)\.xlsx"', web.gets("/program").text))
    assert offered == set(ROTA_TABLES)
    for name in ("duty", "overrides", "absences"):
        assert read_rows(web.gets(f"/program/tables/{name}.csv").content) == []
        assert len(read_xlsx(web.gets(f"/program/tables/{name}.xlsx").content)) == 1
    adds_shifts(web, talk, SAM, "1", "09:00", "17:00")
    sam = number(talk, SAM)
    tonight = {"begins": "2026-11-10 20:00", "ends": "2026-11-10 22:00"}
    web.posts("/program/overrides", person=sam, duty="on", **tonight)
    add_absence(talk, SAM, talk.clock(), talk.clock() + timedelta(hours=2))
    talk.sets(NOOR, on_duty=True)
    tables = {
        name: read_rows(web.gets(f"/program/tables/{name}.csv").content) for name in ROTA_TABLES
    }
    sam_on, noor_on = tables["duty"]
    assert tuple(sam_on.values()) == ("Sam", "mentor", "Tuesday", "09:00", "17:00")
    assert (noor_on["name"], noor_on["day"]) == ("Noor", "at all hours")
    assert tables["overrides"][0]["begins"] == "2026-11-10T20:00:00-05:00"
    assert tables["absences"][0]["ends"] == "2026-11-10T12:00:00-05:00"
    first = tables["week"][0]
    assert (first["on_duty"], first["on_duty_but_unavailable"], first["gap"]) == (
        "Noor",
        "Sam away",
        "",
    )
    assert web.gets("/program/tables/secrets.csv").status_code == 404
    assert ("export", "rota:week") in {(one.action, one.about) for one in talk.rows(AuditEntry)}


def test_a_person_who_is_away_or_opted_out_leaves_a_gap(web: Web, talk: Talk) -> None:
    adds_shifts(web, talk, SAM, "1", "00:00", "00:00")
    adds_shifts(web, talk, NOOR, "1", "00:00", "00:00")
    talk.sets(SAM, opted_out_at=talk.clock())
    noon = datetime(2026, 11, 10, 12, tzinfo=NEW_YORK)
    add_absence(talk, NOOR, noon, noon + timedelta(hours=2))
    assert week(talk)[:3] == [
        "Tue 10:00-12:00 Noor",
        "Tue 12:00-14:00 nobody",
        "Tue 14:00-00:00 Noor",
    ]
    shown = web.gets("/program").text
    assert "<bdi>Sam</bdi> cannot be texted" in shown
    assert "<bdi>Noor</bdi> away" in shown


def test_a_week_in_which_the_clocks_change_is_in_local_time(web: Web, talk: Talk) -> None:
    """Sam has Sunday from 1:00 to 4:00, in New York three hours on any other Sunday."""
    adds_shifts(web, talk, SAM, "6", "01:00", "04:00")
    for now, hours in (
        (datetime(2026, 10, 31, 16, tzinfo=UTC), 4),
        (datetime(2027, 3, 13, 16, tzinfo=UTC), 2),
    ):
        with talk.database.reading() as session:
            sunday = week_ahead(session, program(talk), now=now)[1]
        [his] = [one for one in sunday.stretches if one.people]
        assert his.ends_at - his.begins_at == timedelta(hours=hours)
        shown = [at.astimezone(NEW_YORK).hour for at in (his.begins_at, his.ends_at)]
        assert shown == [1, 4]


# --- the rota ---


def test_a_double_click_adds_a_shift_once_and_removes_it_once(web: Web, talk: Talk) -> None:
    for _ in range(2):
        adds_shifts(web, talk, SAM, "024", "09:00", "17:00")
    assert len(talk.rows(DutyShift)) == 3
    first = talk.rows(DutyShift)[0]
    path = f"/program/shifts/{first.id}/remove"
    assert web.posts(path).status_code == 303
    again = web.posts(path)
    assert again.status_code == 404
    assert "may be removed already" in again.text
    assert len(talk.rows(DutyShift)) == 2


def test_a_swap_for_one_evening(web: Web, talk: Talk) -> None:
    adds_shifts(web, talk, SAM, "1", "09:00", "22:00")
    for phone, duty in ((SAM, "off"), (NOOR, "on")):
        form = {"person": number(talk, phone), "duty": duty}
        times = {"begins": "2026-11-10T18:00", "ends": "2026-11-10T22:00"}
        assert web.posts("/program/overrides", **form, **times).status_code == 303
    assert week(talk)[:3] == [
        "Tue 10:00-18:00 Sam",
        "Tue 18:00-22:00 Noor",
        "Tue 22:00-00:00 nobody",
    ]
    override = talk.rows(DutyOverride)[0]
    assert web.posts(f"/program/overrides/{override.id}/remove").status_code == 303
    assert week(talk)[1] == "Tue 18:00-22:00 Sam Noor"


def test_ruth_switches_duty_at_all_hours_on_and_off(web: Web, talk: Talk) -> None:
    path = f"/program/duty/{number(talk, RUTH)}"
    assert web.posts(path, duty="on").status_code == 303
    assert talk.person(RUTH).on_duty
    assert week(talk)[0] == "Tue 10:00-00:00 Ruth"
    web.posts(path, duty="off")
    assert not talk.person(RUTH).on_duty


def test_a_wrong_exception_is_refused_and_stays_in_the_form(web: Web, talk: Talk) -> None:
    right = {"begins": "2026-11-12T09:00", "ends": "2026-11-12T10:00", "person": number(talk, SAM)}
    for wrong, sentence in (
        ({"ends": "2026-11-12T09:00"}, "end must be after the start"),
        ({"begins": "2026-11-09T09:00", "ends": "2026-11-09T10:00"}, "is in the past"),
        ({"begins": "soon"}, "Write a date and time like"),
        ({"begins": "2027-03-14T02:30", "ends": "2027-03-14T09:00"}, "the clocks go forward"),
        ({"person": "999999"}, "not in your program"),
        ({"person": SCRIPT}, "not in your program"),
    ):
        form = {**right, **wrong}
        answer = web.posts("/program/overrides", **form)
        assert (answer.status_code, sentence in answer.text) == (422, True), wrong
        assert f'value="{form["ends"]}"' in answer.text
        assert SCRIPT not in answer.text
    assert talk.rows(DutyOverride) == []


def test_a_repeated_hour_means_the_first() -> None:
    moment = read_moment("2026-11-01T01:30", NEW_YORK)
    assert moment.astimezone(UTC) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    with pytest.raises(CannotChange, match="Write a date and time like"):
        read_moment("9999-12-31T23:59", ZoneInfo("America/Los_Angeles"))


def test_mentees_have_no_duty(web: Web, talk: Talk) -> None:
    assert adds_shifts(web, talk, MAYA, "1", "09:00", "17:00") == 422
    assert talk.rows(DutyShift) == []


def test_the_people_of_another_program_get_no_duty(web: Web, talk: Talk) -> None:
    web.is_now(talk.a_manager_elsewhere())
    assert web.posts(f"/program/duty/{number(talk, SAM)}", duty="on").status_code == 404
    assert adds_shifts(web, talk, SAM, "1", "10:00", "11:00") == 422
    shown = web.gets("/program").text
    assert "<bdi>Sam</bdi>" not in shown
    assert ">Sam," not in shown
    assert talk.rows(DutyShift) == []


# --- hours and holidays ---


def test_hours_are_set_and_invalid_hours_refused(web: Web, talk: Talk) -> None:
    form = {"opens": "08:00", "closes": "21:00", "timezone": "America/Chicago"}
    assert web.posts("/program/hours", **form).status_code == 303
    its = program(talk)
    assert (its.opens_at, its.closes_at, its.timezone) == (time(8), time(21), "America/Chicago")
    for wrong in ({"timezone": SCRIPT}, {"opens": "25:00"}, {"closes": ""}):
        answer = web.posts("/program/hours", **{**form, **wrong})
        assert answer.status_code == 422
        assert SCRIPT not in answer.text
    [entry] = [one for one in talk.rows(AuditEntry) if one.action == "hours set"]
    assert entry.detail == {"hours": "08:00-21:00", "zone": "America/Chicago"}


def test_a_holiday_is_added_renamed_and_removed(web: Web, talk: Talk) -> None:
    for name in ("Thanksgiving", "Thanksgiving", f"Thanks {SCRIPT}"):
        assert web.posts("/program/holidays", day="2026-11-26", name=name).status_code == 303
    holiday = talk.rows(Holiday)[0]
    assert len(talk.rows(Holiday)) == 1
    assert SCRIPT not in web.gets("/program").text
    assert web.posts(f"/program/holidays/{holiday.id}/remove").status_code == 303
    assert talk.rows(Holiday) == []
    for day, name, said in (
        ("2026-11-09", "Yesterday", "is in the past"),
        ("soon", "X", "Write a date like"),
        ("2026-12-24", " ", "Give the day a name"),
        ("2026-12-24", "n" * 61, "under 60"),
    ):
        answer = web.posts("/program/holidays", day=day, name=name)
        assert answer.status_code == 422
        assert said in answer.text


def test_on_a_holiday_a_routine_request_waits_for_the_next_day(web: Web, talk: Talk) -> None:
    """Today is a holiday, so a program open from 8 to 21 opens tomorrow at 8."""
    form = {"opens": "08:00", "closes": "21:00", "timezone": "America/New_York"}
    web.posts("/program/hours", **form)
    web.posts("/program/holidays", day="2026-11-10", name="Founders' day")
    its, days = program(talk), frozenset({date(2026, 11, 10)})
    assert not is_within_hours(its, talk.clock(), days)
    opening = next_opening(its, talk.clock(), days)
    assert opening == datetime(2026, 11, 11, 8, tzinfo=NEW_YORK)
    talk.texts(MAYA, "this isn't helping")
    for _ in range(4):
        talk.texts(MAYA, "can i talk to a real person please")
    assert "closed: <bdi>Founders&#39; day</bdi>" in web.gets("/program").text
    assert not talk.read_by(SAM), "Sam is not texted on a holiday, as outside hours"


def test_hours_over_midnight_begin_at_midnight_after_a_holiday() -> None:
    night = Program(name="p", timezone="America/New_York", opens_at=time(20), closes_at=time(4))
    days = {date(2026, 11, 10)}
    at = datetime(2026, 11, 10, 21, tzinfo=NEW_YORK)
    assert next_opening(night, at, days) == datetime(2026, 11, 11, 0, tzinfo=NEW_YORK)
    always = Program(name="p", timezone="America/New_York", opens_at=time(0), closes_at=time(0))
    assert next_opening(always, at, days) == datetime(2026, 11, 11, 0, tzinfo=NEW_YORK)
    week_off = {date(2026, 11, 10) + timedelta(days=n) for n in range(7)}
    assert next_opening(always, at, week_off).date() == date(2026, 11, 17)
