"""The managers' log: what is shown of ten thousand handoffs, to whom, and how it is taken away."""

import csv
import html
import io
import itertools
import re
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.handoffs.handoff_list import ALL_HANDOFFS, HandoffFilter, count_handoffs, find_handoffs
from gateway.reporting.exports import TABLES
from gateway.runtime.audit import first_broken
from gateway.safeguarding.records import open_record
from models import (
    AuditEntry,
    CheckIn,
    Concern,
    Conversation,
    Handoff,
    Message,
    Person,
    Role,
    SafeguardingRecord,
    Urgency,
    phone_index,
)
from tests.gateway.runtime.test_spreadsheets import read_xlsx
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.many_handoffs import fill
from tests.web_client import Web

ASKS = "can i talk to a person please"
DANGER = "i want to kill myself"


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


@pytest.fixture
def an_evening(talk: Talk) -> Talk:
    """#1: Maya asked, Sam answered and closed. #2: Jo was in danger, Noor took it. #3: Maya asked
    again a day later, and nobody has come yet."""
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE")
    talk.texts(SAM, "Hey Maya")
    talk.texts(SAM, "DONE")
    talk.texts(JO, DANGER)
    talk.texts(NOOR, "TAKE 2")
    talk.clock.now += timedelta(days=1)
    talk.texts(MAYA, ASKS)
    return talk


def shown(web: Web, query: str) -> set[int]:
    answer = web.gets(f"/log{query}")
    assert answer.status_code == 200, answer.text
    return {int(number) for number in re.findall(r'id="row(\d+)"', answer.text)}


def answered(talk: Talk, number: str, *totals: int | None) -> None:
    """Somebody answers the mentor check this often, a day between each."""
    for day in range(len(totals)):
        talk.texts(number, f"hi {day}")
    with talk.database.writing() as session:
        thread = Conversation.person_id == talk.person(number).id
        messages = select(Message).join(Conversation).where(thread, ~Message.outgoing)
        latest = session.scalars(messages.order_by(Message.id.desc()).limit(len(totals))).all()
        for day, total in enumerate(totals):
            last = latest[day]
            session.add(
                CheckIn(
                    conversation_id=last.conversation_id,
                    message_id=last.id,
                    at=talk.clock() + timedelta(days=day),
                    kind="mentor_check",
                    score=total,
                    answers="[1, 2, 2, 1]",
                    note="secret",
                )
            )


def audited(talk: Talk) -> list[tuple[str, str]]:
    with talk.database.reading() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        assert first_broken(session) is None
    return [(entry.action, entry.about) for entry in entries]


# --- what is shown ---


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


def test_the_log_is_filtered_by_time_reason_urgency_outcome_and_reach(
    an_evening: Talk, web: Web
) -> None:
    web.is_now(RUTH)
    assert {query: shown(web, query) for query in FILTERED} == FILTERED


def test_the_log_is_filtered_by_whoever_held_it_at_some_time(an_evening: Talk, web: Web) -> None:
    an_evening.texts(NOOR, "PASS 2")
    web.is_now(RUTH)
    assert shown(web, f"?mentor={an_evening.person(NOOR).id}") == {2}, "though she gave it back"
    assert shown(web, f"?mentor={an_evening.person(SAM).id}") == {1}
    assert shown(web, "?mentor=4711") == set()


NO_CHOICE = {
    "?since=yesterday": "like 2026-11-30",
    "?until=9999-12-31": "too far away",
    "?mentor=Sam": "cannot be read",
    "?mentor=99999999999": "cannot be read",
    "?need=food": "cannot be read",
    "?urgency=%00": "cannot be read",
    "?outcome=%3Cscript%3E": "cannot be read",
    "?unreached=x": "cannot be read",
    "?show=everything": "cannot be read",
    "?page=0": "cannot be read",
}


def test_a_choice_that_there_is_not_is_refused_in_words(web: Web) -> None:
    web.is_now(RUTH)
    for path in ("/log", "/log/rows", "/log.csv"):
        for query, says in NO_CHOICE.items():
            answer = web.gets(f"{path}{query}")
            assert (answer.status_code, says in answer.text) == (422, True), query
            assert "<script>" not in answer.text


def test_ten_thousand_handoffs_come_a_page_at_a_time(talk: Talk, web: Web) -> None:
    fill(talk.database, 130, now=talk.clock())
    web.is_now(RUTH)
    newest = shown(web, "")
    assert (len(newest), max(newest)) == (50, 130)
    assert shown(web, "?page=2") == set(range(31, 81))
    assert shown(web, "?page=3") == set(range(1, 31))
    assert shown(web, "?page=400") == set(range(1, 31)), "beyond the end stands the end"
    page = web.gets("/log?urgency=soon&page=1").text
    assert re.search(r'rel="next" href="/log\?urgency=soon&amp;page=2"', page)
    assert 'rel="prev"' not in page
    with talk.database.reading() as session:
        soon = HandoffFilter(urgency=Urgency.SOON)
        program = talk.person(RUTH).program_id
        assert f"1 to 50 of {count_handoffs(session, program, soon)}" in page
        assert count_handoffs(session, program) == 130
        every = find_handoffs(session, program, ALL_HANDOFFS)
    assert [row.handoff.id for row in every] == list(range(130, 0, -1))


def test_a_page_of_the_log_costs_the_same_however_many_there_are(talk: Talk, web: Web) -> None:
    """Counted in statements: none is asked once per handoff."""
    from sqlalchemy import event

    asked: list[str] = []
    event.listen(
        talk.database.engine, "before_cursor_execute", lambda *about: asked.append(str(about[2]))
    )
    web.is_now(RUTH)

    def statements() -> int:
        asked.clear()
        web.gets("/log/rows")
        web.gets("/log/measures")
        return len(asked)

    statements()
    few = statements()
    fill(talk.database, 120, now=talk.clock())
    assert statements() - few <= 3


def test_a_name_with_a_script_in_it_is_only_a_name(talk: Talk, web: Web) -> None:
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        maya.name = "<script>alert(1)</script>\u202e"
        maya.enrolled_at -= timedelta(days=90)
    talk.texts(MAYA, ASKS)
    web.is_now(RUTH)
    for path in ("/log", "/log/1", "/log/measures", "/log/over-reliance", "/log/audit"):
        assert "<script>alert" not in web.gets(path).text


# --- who reads it ---


def test_what_ruth_reads_and_takes_away_is_noted_once_each(an_evening: Talk, web: Web) -> None:
    web.is_now(RUTH)
    before = len(audited(an_evening))
    web.gets("/log/2")
    web.gets("/log/2/steps")
    web.gets("/log.csv?urgency=crisis")
    web.gets("/log/2/steps.xlsx")
    web.gets("/log/tables/load.csv")
    assert audited(an_evening)[before:] == [
        ("read", "handoff:2"),
        ("export", "log"),
        ("export", "handoff:2"),
        ("export", "table:load"),
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


def test_a_handoff_that_is_not_there_is_not_noted_as_read(an_evening: Talk, web: Web) -> None:
    web.is_now(an_evening.a_manager_elsewhere())
    before = audited(an_evening)
    for path in ("/log/2", "/log/2/steps", "/log/2/steps.csv", "/log/4711"):
        assert web.gets(path).status_code == 404
    assert audited(an_evening) == before


def test_the_nearest_other_decision_says_how_it_is_another(talk: Talk, web: Web) -> None:
    """To be brought a person soon because of a concern is not the same as because one asked."""
    talk.texts(MAYA, "can i talk to a person please")
    web.is_now(RUTH)
    page = html.unescape(web.gets("/log/1").text)
    assert "Decided to bring a person: asked for a person" in page
    assert "to bring a person, soon: crisis score at or above the concern threshold." in page


def test_another_program_sees_nothing_of_ours_on_any_page_or_in_any_file(
    an_evening: Talk, web: Web
) -> None:
    web.is_now(RUTH)
    web.gets("/log/2")
    web.is_now(an_evening.a_manager_elsewhere())
    paths = ["/log", "/log/rows", "/log/measures", "/log/over-reliance", "/log/audit", "/log.csv"]
    paths += ["/log/verdicts", "/safeguarding", "/safeguarding.csv"]
    paths += [f"/log/tables/{name}.csv" for name in TABLES]
    for path in paths:
        answer = web.gets(path)
        assert answer.status_code == 200, path
        for name in ("Maya", "Jo,", ">Jo<", "Sam", "Noor", "Ruth"):
            assert name not in answer.text, (path, name)
    assert shown(web, "") == set()


def test_the_managers_pages_are_for_managers(an_evening: Talk, web: Web) -> None:
    paths = ["/log/measures", "/log/over-reliance", "/log/verdicts", "/log/audit", "/log.xlsx"]
    paths += ["/log/1/steps.csv", "/log/tables/load.csv", "/log/tables/nothing.csv"]
    paths += ["/safeguarding", "/safeguarding.csv", "/safeguarding/1"]
    web.is_now(SAM)
    assert {web.gets(path).status_code for path in paths} == {403}
    web.posts("/sign-out")
    assert {web.gets(path).status_code for path in paths} == {303}


# --- taking it away ---


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_the_download_holds_what_was_chosen(an_evening: Talk, web: Web) -> None:
    web.is_now(RUTH)
    [row] = rows_of(web.gets("/log.csv?urgency=crisis").content)
    assert (row["number"], row["mentee"], row["holder"]) == ("2", "Jo", "Noor")
    headings, cells = read_xlsx(web.gets("/log.xlsx?urgency=crisis").content)
    assert (headings[0], cells[0], cells[2]) == ("number", 2.0, "Jo")
    assert len(read_xlsx(web.gets("/log.xlsx?need=concern").content)) == 1, "only headings"


def test_every_table_can_be_taken_away_also_with_nothing_in_it(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    for name, form in itertools.product(TABLES, ("csv", "xlsx")):
        answer = web.gets(f"/log/tables/{name}.{form}")
        assert answer.status_code == 200, name
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.{form}"'
        rows: Sequence[object] = (
            answer.content.decode("utf-8-sig").splitlines()
            if form == "csv"
            else read_xlsx(answer.content)
        )
        assert rows, f"{name} has headings"
    assert web.gets("/log/tables/passwords.csv").status_code == 404
    assert web.gets("/log/tables/load.pdf").status_code == 404


def test_every_table_on_the_measures_page_has_its_download(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    offered: set[str] = set()
    for path in ("/log", "/log/measures", "/log/over-reliance", "/log/audit", "/log/verdicts"):
        offered |= set(re.findall(r'href="/log/tables/([\w-]+)\.xlsx', web.gets(path).text))
    assert offered == set(TABLES)


def test_the_steps_of_a_handoff_can_be_taken_away(an_evening: Talk, web: Web) -> None:
    web.is_now(RUTH)
    rows = rows_of(web.gets("/log/1/steps.csv").content)
    told = [row["what"] for row in rows]
    assert (told[0], rows[0]["quote"]) == ("Maya wrote", ASKS)
    assert {"Text to Sam: delivered", "Sam closed it: We talked"} <= set(told)
    assert told[-1].startswith("Messages while it was open: Maya 1, the bot 4, Sam 1")


# --- the measures ---


def test_the_measures_say_what_they_are_and_show_a_table_beside_each_chart(
    an_evening: Talk, web: Web
) -> None:
    web.is_now(RUTH)
    page = web.gets("/log/measures").text
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == 3
    for figure in figures:
        assert figure.count("<table") == 1
        assert figure.count("data-line=") >= 2
        assert re.search(r'data-value="\d', figure)
    assert "<td>100%</td>" in page
    assert "[targets]" in page


def test_what_mentees_say_of_their_mentor_stands_by_pair_and_not_answer_by_answer(
    an_evening: Talk, web: Web
) -> None:
    web.is_now(RUTH)
    assert "No mentee has answered the mentor check yet" in web.gets("/log/measures").text
    # The latest one has too many gaps for a total.
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
    maya, jo = rows_of(web.gets("/log/tables/mentor-checks.csv").content)
    assert list(maya.values())[:3] == ["Maya", "Sam", "6"]
    assert (maya["change_since_first"], maya["answers"]) == ("-8", "2")
    assert (jo["latest_total"], jo["change_since_first"], jo["answers"]) == ("12", "", "1")
    assert "secret" not in said
    web.is_now(SAM)
    assert web.gets("/log/tables/mentor-checks.csv").status_code == 403
    with an_evening.database.writing() as session:
        session.get_one(Person, an_evening.person(JO).id).left_at = an_evening.clock()
    web.is_now(RUTH)
    assert [
        row["mentee"] for row in rows_of(web.gets("/log/tables/mentor-checks.csv").content)
    ] == ["Maya"]


NO_TIME = {
    "?weeks=0": "cannot be read",
    "?weeks=5000": "cannot be read",
    "?month=2026-13": "like 2026-11-30",
    "?month=2027-01": "has not started",
    "?month=November": "like 2026-11-30",
}


def test_a_time_that_cannot_be_looked_at_is_refused_in_words(web: Web) -> None:
    web.is_now(RUTH)
    for path in ("/log/measures", "/log/tables/human-contact.csv"):
        for query, says in NO_TIME.items():
            answer = web.gets(path + query)
            assert (answer.status_code, says in answer.text) == (422, True), query


def test_any_span_and_any_month_can_be_looked_at(an_evening: Talk, web: Web) -> None:
    web.is_now(RUTH)
    for query in ("?weeks=1", "?weeks=52", "?weeks=104&month=2020-02", "?month=2026-10"):
        assert web.gets(f"/log/measures{query}").status_code == 200
    assert (
        '<option value="2020-02" selected>February 2020'
        in web.gets("/log/measures?month=2020-02").text
    )


# --- safeguarding ---


def a_concern(talk: Talk, words: str = "i am not comfortable with him", about: str = SAM) -> int:
    maya, mentor = talk.person(MAYA), talk.person(about)
    with talk.database.writing() as session:
        record = open_record(
            session,
            program_id=maya.program_id,
            mentee=maya,
            concern=Concern.MENTOR,
            words=words,
            opened_by=maya,
            now=talk.clock(),
            mentor=mentor,
        )
        return record.id


def record_of(talk: Talk, number: int) -> SafeguardingRecord:
    with talk.database.reading() as session:
        return session.get_one(SafeguardingRecord, number)


def another_manager(talk: Talk) -> str:
    """Ada enrolls, who manages Ruth's program with her."""
    ada = "+12025550151"
    with talk.database.writing() as session:
        ruth = talk.person(RUTH)
        session.add(
            Person(
                program_id=ruth.program_id,
                role=Role.MANAGER,
                name="Ada",
                phone=ada,
                phone_index=phone_index(ada),
                timezone=ruth.timezone,
                enrolled_at=talk.clock(),
            )
        )
    return ada


def test_a_concern_is_taken_on_and_closed_with_an_outcome(talk: Talk, web: Web) -> None:
    number = a_concern(talk)
    web.is_now(RUTH)
    listed = web.gets("/safeguarding").text
    assert "Nobody yet" in listed
    assert "not comfortable with him" not in listed, "words stand on the record only"
    page = web.gets(f"/safeguarding/{number}").text
    assert "i am not comfortable with him" in page
    for _ in range(2):
        assert web.posts(f"/safeguarding/{number}/own", owner="").status_code == 303
    assert record_of(talk, number).owner_id == talk.person(RUTH).id
    for _ in range(2):
        answer = web.posts(f"/safeguarding/{number}/close", outcome="Talked with both.")
        assert answer.status_code == 303
    record = record_of(talk, number)
    assert (record.outcome, record.closed_at) == ("Talked with both.", talk.clock())
    assert "Nothing is open" in web.gets("/safeguarding").text
    assert [action for action, about in audited(talk) if about == f"safeguarding:{number}"] == [
        "safeguarding.opened",
        "read",
        "safeguarding.owned",
        "safeguarding.closed",
    ]


def test_what_is_due_first_stands_on_top_and_overdue_is_marked(talk: Talk, web: Web) -> None:
    first = a_concern(talk, "first")
    talk.clock.now += timedelta(hours=20)
    second = a_concern(talk, "second", about=NOOR)
    talk.clock.now += timedelta(hours=5)
    web.is_now(RUTH)
    page = web.gets("/safeguarding").text
    assert page.index(f"Record {first}") < page.index(f"Record {second}")
    assert page.count("Overdue since") == 1
    assert "Overdue: it was due" in web.gets(f"/safeguarding/{first}").text
    [old, _] = rows_of(web.gets("/safeguarding.csv").content)
    assert (old["overdue"], old["mentee"], "words" in old) == ("yes", "Maya", False)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [("", "Write how it ended"), ("  \n", "Write how it ended"), ("x" * 4001, "under 4,000")],
)
def test_a_record_is_not_closed_without_an_outcome_and_keeps_what_was_written(
    talk: Talk, web: Web, outcome: str, says: str
) -> None:
    number = a_concern(talk)
    web.is_now(RUTH)
    web.posts(f"/safeguarding/{number}/own", owner="")
    answer = web.posts(f"/safeguarding/{number}/close", outcome=outcome)
    assert (answer.status_code, says in answer.text) == (409, True)
    assert outcome.strip() in answer.text
    assert record_of(talk, number).closed_at is None


def test_two_managers_do_not_take_a_record_from_each_other_unseen(talk: Talk, web: Web) -> None:
    number, ada = a_concern(talk), another_manager(talk)
    web.is_now(RUTH)
    web.posts(f"/safeguarding/{number}/own", owner="")
    web.is_now(ada)
    late = web.posts(f"/safeguarding/{number}/own", owner="")
    assert (late.status_code, "Ruth has record" in late.text) == (409, True)
    not_hers = web.posts(f"/safeguarding/{number}/close", outcome="All is well <b>")
    assert (not_hers.status_code, "Take it on first" in not_hers.text) == (409, True)
    assert "All is well &lt;b&gt;" in not_hers.text, "what she wrote is kept"
    ruth = talk.person(RUTH)
    assert web.posts(f"/safeguarding/{number}/own", owner=str(ruth.id)).status_code == 303
    assert record_of(talk, number).owner_id == talk.person(ada).id


def test_a_manager_never_sees_a_record_about_themselves(talk: Talk, web: Web) -> None:
    number, ada = a_concern(talk, about=RUTH), another_manager(talk)
    web.is_now(RUTH)
    assert "Nothing is open" in web.gets("/safeguarding").text
    assert "Maya" not in web.gets("/safeguarding.csv").text
    assert web.gets(f"/safeguarding/{number}").status_code == 404
    assert web.posts(f"/safeguarding/{number}/own", owner="").status_code == 404
    assert web.posts(f"/safeguarding/{number}/close", outcome="x").status_code == 404
    web.is_now(ada)
    assert web.gets(f"/safeguarding/{number}").status_code == 200


def test_a_concern_is_shown_nowhere_but_on_its_page(an_evening: Talk, web: Web) -> None:
    a_concern(an_evening, "he frightens me")
    with an_evening.database.reading() as session:
        numbers = list(session.scalars(select(Handoff.id)))
    web.is_now(RUTH)
    paths = ["/log", "/log/measures", "/log/audit", "/log/over-reliance", "/console", "/log.csv"]
    paths += [f"/log/{number}" for number in numbers]
    paths += [f"/log/tables/{name}.csv" for name in TABLES]
    for path in paths:
        assert "frightens" not in web.gets(path).text, path
    other = web.gets("/safeguarding/4711")
    assert other.status_code == 404
    web.is_now(an_evening.a_manager_elsewhere())
    assert web.gets("/safeguarding/1").status_code == 404
