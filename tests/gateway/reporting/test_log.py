"""The managers' log: what it shows of ten thousand handoffs, to whom, and its downloads."""

import csv
import html
import io
import itertools
import re
from datetime import timedelta

import pytest
from sqlalchemy import event

from gateway.handoffs.handoff_list import ALL_HANDOFFS, HandoffFilter, count_handoffs, find_handoffs
from gateway.reporting.exports import TABLES
from gateway.runtime.audit import first_broken
from gateway.safeguarding.records import Report, open_record
from models import (
    AuditEntry,
    CheckIn,
    Concern,
    Role,
    SafeguardingRecord,
    Urgency,
)
from tests.gateway.runtime.test_spreadsheets import read_csv, read_xlsx
from tests.history import fill
from tests.line import ASKS, JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web

DANGER = "i want to kill myself"


@pytest.fixture
def web(talk: Talk) -> Web:
    """Ruth's browser."""
    web = Web(talk)
    web.is_now(RUTH)
    return web


@pytest.fixture
def an_evening(talk: Talk) -> Talk:
    """#1: Maya asked, Sam answered and closed it. #2: Jo was in danger, and Noor claimed it. #3: a
    day later Maya asked again, and no one has come yet."""
    for number, words in (
        (MAYA, ASKS),
        (SAM, "TAKE {}"),
        (SAM, "Hey Maya"),
        (SAM, "DONE {}"),
        (JO, DANGER),
        (NOOR, "TAKE {2}"),
    ):
        talk.texts(number, words)
    talk.clock.now += timedelta(days=1)
    talk.texts(MAYA, ASKS)
    return talk


def shown(web: Web, query: str) -> set[int]:
    answer = web.gets(f"/log{query}")
    assert answer.status_code == 200, answer.text
    return {int(number) for number in re.findall(r'id="row(\d+)"', answer.text)}


def answered(talk: Talk, number: str, *totals: int | None) -> None:
    """A mentee answers the mentor check this often, a day apart."""
    for day in range(len(totals)):
        talk.texts(number, f"hi {day}")
    theirs = [one for one in reversed(talk.thread(number)) if not one.outgoing]
    with talk.database.writing() as session:
        session.add_all(
            CheckIn(
                conversation_id=message.conversation_id,
                message_id=message.id,
                at=talk.clock() + timedelta(days=day),
                kind="mentor_check",
                score=total,
                answers="[1, 2, 2, 1]",
                note="secret",
            )
            for day, (total, message) in enumerate(zip(totals, theirs, strict=False))
        )


def audited(talk: Talk) -> list[tuple[str, str]]:
    with talk.database.reading() as session:
        assert first_broken(session) is None
    return [(entry.action, entry.about) for entry in talk.rows(AuditEntry)]


# --- what is shown ---


PAGES = ("/log", "/log/measures", "/log/over-reliance", "/log/audit")
FILTERED = {
    "": {1, 2, 3},
    "?show=open": {2, 3},
    "?since=2026-11-11": {3},
    "?until=2026-11-10": {1, 2},
    "?since=2026-11-10&until=2026-11-11": {1, 2, 3},
    "?need=crisis": {2},
    "?need=request": {1, 3},
    "?urgency=crisis": {2},
    "?outcome=talked": {1},
    "?unreached=taken": {3},
    "?unreached=words": {2, 3},
    "?unreached=phones": set(),
    "?need=request&unreached=taken&show=open&since=&until=&mentor=&outcome=": {3},
    "?need=concern": set(),
}


def test_the_log_is_filtered(an_evening: Talk, web: Web) -> None:
    an_evening.texts(NOOR, "PASS {2}")
    noor, sam = (an_evening.person(number).id for number in (NOOR, SAM))
    every = FILTERED | {f"?mentor={noor}": {2}, f"?mentor={sam}": {1}, "?mentor=4711": set()}
    assert {query: shown(web, query) for query in every} == every, "a past holder counts"


NO_CHOICE = {
    "?since=yesterday": "like 2026-11-30",
    "?until=9999-12-31": "too far away",
    "?mentor=Sam": "Choose a person",
    "?mentor=99999999999": "Choose a person",
    "?need=food": "Choose a need",
    "?urgency=%00": "Choose an urgency",
    "?outcome=%3Cscript%3E": "Choose an outcome",
    "?unreached=x": "Choose a missing step",
    "?show=everything": "only the open ones",
    "?before=0": "cannot be read",
}
NO_TIME = {
    "?weeks=0": "cannot be read",
    "?weeks=5000": "cannot be read",
    "?month=2026-13": "like 2026-11-30",
    "?month=2027-01": "has not started",
    "?month=November": "like 2026-11-30",
}


def test_an_invalid_filter_or_time_is_refused_with_a_sentence(web: Web) -> None:
    log = itertools.product(("/log", "/log/rows", "/log.csv"), NO_CHOICE.items())
    tables = itertools.product(("/log/measures", "/log/tables/load.csv"), NO_TIME.items())
    for path, (query, says) in itertools.chain(log, tables):
        answer = web.gets(f"{path}{query}")
        assert (answer.status_code, says in answer.text) == (422, True), path + query
        assert "<script>" not in answer.text


def test_ten_thousand_handoffs_come_a_page_at_a_time(talk: Talk, web: Web) -> None:
    fill(talk.database, 130, now=talk.clock())
    newest = shown(web, "")
    assert (len(newest), max(newest)) == (50, 130)
    assert shown(web, "?before=81") == set(range(31, 81))
    assert shown(web, "?before=31") == set(range(1, 31))
    assert shown(web, "?after=30") == set(range(31, 81))
    assert shown(web, "?after=100") == newest, "fewer than a page are newer"
    assert shown(web, "?before=1") == newest, "beyond the end, the newest"
    page = web.gets("/log?urgency=soon").text
    [last] = re.findall(r'rel="next" href="/log\?urgency=soon&amp;before=(\d+)"', page)
    assert 'rel="prev"' not in page
    older = web.gets(f"/log?urgency=soon&before={last}").text
    first = max(shown(web, f"?urgency=soon&before={last}"))
    assert f'rel="prev" href="/log?urgency=soon&amp;after={first}"' in older
    assert first < int(last)
    with talk.database.reading() as session:
        soon = HandoffFilter(urgency=Urgency.SOON)
        program = talk.person(RUTH).program_id
        assert f"{count_handoffs(session, program, soon)} handoffs" in page
        assert count_handoffs(session, program, most=100) == 100
        assert count_handoffs(session, program) == 130
        every = find_handoffs(session, program, ALL_HANDOFFS)
    assert [row.handoff.id for row in every] == list(range(130, 0, -1))


def test_a_page_of_the_log_costs_the_same_however_many_there_are(talk: Talk, web: Web) -> None:
    """Counted in statements: none runs once per handoff."""
    asked: list[object] = []
    event.listen(talk.database.engine, "before_cursor_execute", lambda *about: asked.append(about))

    def statements() -> int:
        asked.clear()
        web.gets("/log/rows")
        web.gets("/log/measures")
        return len(asked)

    statements()
    few = statements()
    fill(talk.database, 120, now=talk.clock())
    assert statements() - few <= 3


def test_a_script_in_a_name_does_not_run(talk: Talk, web: Web) -> None:
    enrolled_at = talk.clock() - timedelta(days=90)
    talk.sets(MAYA, name="<script>alert(1)</script>\u202e", enrolled_at=enrolled_at)
    talk.texts(MAYA, ASKS)
    for path in (*PAGES, "/log/1"):
        assert "<script>alert" not in web.gets(path).text


# --- who reads it ---


def test_each_read_and_download_by_ruth_is_audited_once(an_evening: Talk, web: Web) -> None:
    before = len(audited(an_evening))
    for path in ("2", "2/steps", "2/steps.xlsx", "tables/load.csv"):
        web.gets(f"/log/{path}")
    web.gets("/log.csv?urgency=crisis")
    assert audited(an_evening)[before:] == [
        ("read", "handoff:2"),
        ("export", "handoff:2"),
        ("export", "table:load"),
        ("export", "log"),
    ]
    page = web.gets("/log/2").text
    assert re.search(r"<strong><bdi>Ruth</bdi></strong> viewed it", page)
    assert re.search(r"<strong><bdi>Ruth</bdi></strong> downloaded it", page)
    maya = an_evening.person(MAYA).id
    web.gets(f"/people/{maya}")
    audit = web.gets("/log/audit").text
    assert 'href="/log/2">#2</a>' in audit
    assert f'href="/people/{maya}">person {maya}</a>' in audit
    assert "<td>table load</td>" in audit


def test_a_handoff_of_another_program_is_not_audited_as_read(an_evening: Talk, web: Web) -> None:
    web.is_now(an_evening.a_manager_elsewhere())
    before = audited(an_evening)
    for path in ("/log/2", "/log/2/steps", "/log/2/steps.csv", "/log/4711"):
        assert web.gets(path).status_code == 404
    assert audited(an_evening) == before


def test_the_closest_other_decision_is_explained(talk: Talk, web: Web) -> None:
    """Getting a person because of a concern differs from getting one because you asked."""
    talk.texts(MAYA, ASKS)
    page = html.unescape(web.gets("/log/1").text)
    assert "Decided to bring a person: asked for a person" in page
    assert "to bring a person, soon: crisis score at or above the concern threshold." in page


def test_another_program_sees_none_of_our_data_on_any_page_or_in_any_file(
    an_evening: Talk, web: Web
) -> None:
    web.gets("/log/2")
    web.is_now(an_evening.a_manager_elsewhere())
    paths = [*PAGES, "/log/rows", "/log.csv", "/log/verdicts", "/safeguarding", "/safeguarding.csv"]
    for path in paths + [f"/log/tables/{name}.csv" for name in TABLES]:
        answer = web.gets(path)
        assert answer.status_code == 200, path
        for name in ("Maya", "Jo,", ">Jo<", "Sam", "Noor", "Ruth"):
            assert name not in answer.text, (path, name)
    assert shown(web, "") == set()


# --- downloads ---


def read_rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_download_has_the_filtered_handoffs(an_evening: Talk, web: Web) -> None:
    [row] = read_rows(web.gets("/log.csv?urgency=crisis").content)
    assert (row["number"], row["mentee"], row["holder"]) == ("2", "Jo", "Noor")
    headings, cells = read_xlsx(web.gets("/log.xlsx?urgency=crisis").content)
    assert (headings[0], cells[0], cells[2]) == ("number", 2.0, "Jo")
    assert len(read_xlsx(web.gets("/log.xlsx?need=concern").content)) == 1, "only headings"


def test_every_table_of_the_managers_pages_can_be_downloaded_even_when_empty(web: Web) -> None:
    offered = {
        name
        for path in (*PAGES, "/log/verdicts")
        for name in re.findall(r'href="/log/tables/([\w-]+)\.xlsx', web.gets(path).text)
    }
    assert offered == set(TABLES)
    for name, form in itertools.product(TABLES, ("csv", "xlsx")):
        answer = web.gets(f"/log/tables/{name}.{form}")
        assert answer.status_code == 200, name
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.{form}"'
        table = read_csv(answer.content) if form == "csv" else read_xlsx(answer.content)
        assert table, f"{name} has headings"
    assert web.gets("/log/tables/passwords.csv").status_code == 404
    assert web.gets("/log/tables/load.pdf").status_code == 404


def test_the_steps_of_a_handoff_can_be_downloaded(an_evening: Talk, web: Web) -> None:
    rows = read_rows(web.gets("/log/1/steps.csv").content)
    told = [row["what"] for row in rows]
    assert (told[0], rows[0]["quote"]) == ("Maya wrote", ASKS)
    assert {"Text to Sam: delivered", "Sam closed it: We talked"} <= set(told)
    assert told[-1].startswith("Messages while it was open: Maya 1, the bot 4, Sam 1")


# --- the metrics ---


def test_each_chart_of_the_metrics_has_a_table(an_evening: Talk, web: Web) -> None:
    page = web.gets("/log/measures").text
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == 3
    for figure in figures:
        assert figure.count("<table") == 1
        assert figure.count("data-line=") >= 2
        assert re.search(r'data-value="\d', figure)
    assert "<td>100%</td>" in page
    assert "[targets]" in page


def test_mentor_checks_show_totals_by_pair_and_no_single_answers(
    an_evening: Talk, web: Web
) -> None:
    assert "No mentee has answered the mentor check yet" in web.gets("/log/measures").text
    # The latest answer has too many gaps for a total.
    answered(an_evening, MAYA, 14, 6, None)
    answered(an_evening, JO, 12)
    page = web.gets("/log/measures").text
    said = page[page.index("mentor-checks-heading") : page.index("coverage-heading")]
    assert re.findall(r'scope="row"><bdi>(\w+)</bdi></th><td><bdi>(\w+)</bdi>', said) == [
        ("Maya", "Sam"),
        ("Jo", "Noor"),
    ], "the lowest first"
    assert said.count(">low<") == 1
    assert "<td>-8</td><td>2</td>" in said
    maya, jo = read_rows(web.gets("/log/tables/mentor-checks.csv").content)
    assert list(maya.values())[:3] == ["Maya", "Sam", "6"]
    assert (maya["change_since_first"], maya["answers"]) == ("-8", "2")
    assert (jo["latest_total"], jo["change_since_first"], jo["answers"]) == ("12", "", "1")
    assert "secret" not in said
    web.is_now(SAM)
    assert web.gets("/log/tables/mentor-checks.csv").status_code == 403
    an_evening.sets(JO, left_at=an_evening.clock())
    web.is_now(RUTH)
    [row] = read_rows(web.gets("/log/tables/mentor-checks.csv").content)
    assert row["mentee"] == "Maya"


def test_any_number_of_weeks_and_any_month_can_be_shown(an_evening: Talk, web: Web) -> None:
    for query in ("?weeks=1", "?weeks=52", "?weeks=104&month=2020-02", "?month=2026-10"):
        assert web.gets(f"/log/measures{query}").status_code == 200
    page = web.gets("/log/measures?month=2020-02").text
    assert '<option value="2020-02" selected>February 2020' in page


# --- safeguarding ---


def a_concern(talk: Talk, words: str = "i am not comfortable with him", about: str = SAM) -> int:
    maya, mentor = talk.person(MAYA), talk.person(about)
    with talk.database.writing() as session:
        report = Report(maya, Concern.MENTOR, words, opened_by=maya, mentor=mentor)
        return open_record(talk.line.at(session), report).id


def find_record(talk: Talk, number: int) -> SafeguardingRecord:
    with talk.database.reading() as session:
        return session.get_one(SafeguardingRecord, number)


def test_a_manager_takes_on_a_concern_and_closes_it_with_an_outcome(talk: Talk, web: Web) -> None:
    number = a_concern(talk)
    listed = web.gets("/safeguarding").text
    assert "No owner yet" in listed
    assert "not comfortable with him" not in listed, "only the record has the words"
    page = web.gets(f"/safeguarding/{number}").text
    assert "i am not comfortable with him" in page
    for _ in range(2):
        assert web.posts(f"/safeguarding/{number}/own", owner="").status_code == 303
    assert find_record(talk, number).owner_id == talk.person(RUTH).id
    for _ in range(2):
        closed = web.posts(f"/safeguarding/{number}/close", outcome="Talked with both.")
        assert closed.status_code == 303
    record = find_record(talk, number)
    assert (record.outcome, record.closed_at) == ("Talked with both.", talk.clock())
    assert "No open records" in web.gets("/safeguarding").text
    assert [action for action, about in audited(talk) if about == f"safeguarding:{number}"] == [
        "safeguarding.opened",
        "read",
        "safeguarding.owned",
        "safeguarding.closed",
    ]


def test_the_record_due_first_comes_first_and_overdue_ones_are_marked(talk: Talk, web: Web) -> None:
    first = a_concern(talk, "first")
    talk.clock.now += timedelta(hours=20)
    second = a_concern(talk, "second", about=NOOR)
    talk.clock.now += timedelta(hours=5)
    web.is_now(RUTH)
    page = web.gets("/safeguarding").text
    assert page.index(f"Record {first}") < page.index(f"Record {second}")
    assert page.count("Overdue since") == 1
    assert "Overdue: it was due" in web.gets(f"/safeguarding/{first}").text
    [old, _] = read_rows(web.gets("/safeguarding.csv").content)
    assert (old["overdue"], old["mentee"], "words" in old) == ("yes", "Maya", False)


def test_a_record_needs_an_outcome_to_close_and_the_text_stays(talk: Talk, web: Web) -> None:
    number = a_concern(talk)
    web.posts(f"/safeguarding/{number}/own", owner="")
    no_outcome, too_long = "Write the outcome", "at most 4,000"
    for outcome, says in (("", no_outcome), ("  \n", no_outcome), ("x" * 4001, too_long)):
        answer = web.posts(f"/safeguarding/{number}/close", outcome=outcome)
        assert (answer.status_code, says in answer.text) == (409, True), outcome
        assert outcome.strip() in answer.text
        assert find_record(talk, number).closed_at is None


def test_managers_do_not_take_a_record_from_each_other_unseen(talk: Talk, web: Web) -> None:
    talk.sets(NOOR, role=Role.MANAGER)
    number = a_concern(talk)
    web.posts(f"/safeguarding/{number}/own", owner="")
    web.is_now(NOOR)
    late = web.posts(f"/safeguarding/{number}/own", owner="")
    assert (late.status_code, "Ruth owns record" in late.text) == (409, True)
    not_hers = web.posts(f"/safeguarding/{number}/close", outcome="All is well <b>")
    assert (not_hers.status_code, "Take ownership first" in not_hers.text) == (409, True)
    assert "All is well &lt;b&gt;" in not_hers.text, "her text stays"
    ruth = talk.person(RUTH)
    assert web.posts(f"/safeguarding/{number}/own", owner=str(ruth.id)).status_code == 303
    assert find_record(talk, number).owner_id == talk.person(NOOR).id


def test_a_manager_never_sees_a_record_about_themselves(talk: Talk, web: Web) -> None:
    talk.sets(NOOR, role=Role.MANAGER)
    number = a_concern(talk, about=RUTH)
    assert "Nothing here yet." in web.gets("/safeguarding").text
    assert "Maya" not in web.gets("/safeguarding.csv").text
    assert web.gets(f"/safeguarding/{number}").status_code == 404
    assert web.posts(f"/safeguarding/{number}/own", owner="").status_code == 404
    assert web.posts(f"/safeguarding/{number}/close", outcome="x").status_code == 404
    web.is_now(NOOR)
    assert web.gets(f"/safeguarding/{number}").status_code == 200


def test_a_concern_is_shown_only_on_its_page(an_evening: Talk, web: Web) -> None:
    a_concern(an_evening, "he frightens me")
    paths = [*PAGES, "/console", "/log.csv"]
    paths += [f"/log/{handoff.id}" for handoff in an_evening.handoffs()]
    paths += [f"/log/tables/{name}.csv" for name in TABLES]
    for path in paths:
        assert "frightens" not in web.gets(path).text, path
    assert web.gets("/safeguarding/4711").status_code == 404
    web.is_now(an_evening.a_manager_elsewhere())
    assert web.gets("/safeguarding/1").status_code == 404
