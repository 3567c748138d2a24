"""The policy editor: what is wrong is named, what would differ is shown, and what is taken up
counts from the next message on, for its program alone."""

import re
import tomllib
from html import unescape

import httpx2
import pytest
from sqlalchemy import select

from escalation.policy import POLICY_FILE, UnreadablePolicy, load_policy, read_policy
from gateway.policy.exports import TABLES
from gateway.runtime.policy_versions import difference, passed_over, policy_in_use, warnings
from models import AuditEntry, DecisionRecord, Handoff, Message, PolicyVersion, Program, Status
from tests.gateway.reporting.test_log import rows_of
from tests.gateway.runtime.test_spreadsheets import read_xlsx
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web

SHIPPED = POLICY_FILE.read_text("utf-8")
TIDES = "how do tides work"
DANGER = "i want to kill myself tonight"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def web(talk: Talk) -> Web:
    web = Web(talk)
    web.is_now(RUTH)
    return web


def edited(old: str, new: str) -> str:
    text, count = re.subn(old, new, SHIPPED, count=1)
    assert count == 1
    return text


def always_brings() -> str:
    """A policy under which every message brings a person, and words of concern less soon."""
    marks = {"connection": 0.0, "offer": 0.0, "concern": load_policy().thresholds.crisis}
    text = SHIPPED
    for name, mark in marks.items():
        text, count = re.subn(rf"(?m)^{name} = [\d.]+", f"{name} = {mark}", text, count=1)
        assert count == 1
    return text


def tries(web: Web, text: str, reason: str = "") -> httpx2.Response:
    seen = re.search(r'name="seen" value="(\d+)"', web.gets("/policy").text)
    assert seen is not None
    return web.posts("/policy/try", text=text, reason=reason, seen=seen[1])


def takes_up(web: Web, text: str, reason: str = "We looked at it together") -> httpx2.Response:
    """As the page does it: first see what it would have done, then take it up."""
    shown = tries(web, text, reason)
    seen = re.search(r'name="seen" value="(\d+)"', shown.text)
    assert seen is not None
    form = {"text": text, "tried": text, "reason": reason, "seen": seen[1]}
    return web.posts("/policy", **form)


def versions(talk: Talk) -> list[PolicyVersion]:
    with talk.database.reading() as session:
        return list(session.scalars(select(PolicyVersion).order_by(PolicyVersion.id)))


# --- reading ---


@pytest.mark.parametrize(
    ("text", "line_starts", "key", "problem"),
    [
        (edited(r"(?m)^crisis = [\d.]+", "crisis = 1.5"), "crisis = 1.5", "thresholds.crisis",
         "less than or equal to 1"),
        (edited("stuck_after = 3", 'stuck_after = "3x"'), "stuck_after", "bot.stuck_after",
         "valid integer"),
        (edited("stuck_after", "stuck_afterr"), "stuck_afterr", "bot.stuck_afterr",
         "there is no such key here"),
        (edited("soon = 15", "soon = 0"), "answer_within_minutes",
         "claim.answer_within_minutes.soon", "greater than 0"),
        (edited(r"(?m)^concern = [\d.]+", "concern = 0.999"), "[thresholds]", "",
         "thresholds.concern must not be above thresholds.crisis"),
        (edited(r"\[offer\]", "[offer"), "[offer", "", "at line"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_by_its_line_and_key(
    text: str, line_starts: str, key: str, problem: str
) -> None:
    with pytest.raises(UnreadablePolicy) as unreadable:
        read_policy(text)
    found = next(one for one in unreadable.value.problems if one.key == key)
    assert problem in found.problem
    assert found.line is not None
    assert text.splitlines()[found.line - 1].startswith(line_starts)


def test_all_mistakes_are_named_at_once_and_nothing_that_was_written_is_lost(
    web: Web, talk: Talk
) -> None:
    text = edited(r"(?m)^crisis = [\d.]+", f'crisis = "{SCRIPT}"').replace(
        "stuck_after = 3", "stuck_after = 0"
    )
    shown = tries(web, text, reason="because of Maya")
    assert shown.status_code == 422
    assert "thresholds.crisis" in shown.text
    assert "bot.stuck_after" in shown.text
    assert SCRIPT not in shown.text
    assert f'crisis = "{SCRIPT}"' in unescape(shown.text)
    assert "because of Maya" in shown.text
    assert takes_up(web, text).status_code == 422
    assert versions(talk) == []


def test_what_is_the_installations_own_is_left_to_the_operator(web: Web) -> None:
    shown = tries(web, edited("timeout_seconds = 2.0", "timeout_seconds = 5.0"))
    assert "bot.timeout_seconds" in shown.text
    assert "ask the operator" in shown.text


# --- what it would have done ---


def test_the_replay_beside_it_says_what_would_differ_and_changes_nothing(
    web: Web, talk: Talk
) -> None:
    talk.texts(MAYA, TIDES)
    talk.passes(minutes=30)
    web.is_now(RUTH)
    shown = tries(web, always_brings())
    assert shown.status_code == 200
    assert "1 decision since" in shown.text
    parted = shown.text[shown.text.index("Conversations that change") :]
    assert "<bdi>Maya</bdi>" in parted
    assert "thresholds.concern is " in shown.text
    assert '<li class="plus">' in shown.text
    assert versions(talk) == []


def test_the_replay_can_be_taken_away_as_it_is_shown(web: Web, talk: Talk) -> None:
    for name in TABLES:
        empty = web.posts(f"/policy/try/{name}.csv", tried=SHIPPED)
        assert len(empty.content.decode("utf-8-sig").splitlines()) == 1, "only headings"
    talk.texts(MAYA, TIDES)
    text = always_brings()
    shown = tries(web, text).text
    assert set(re.findall(r'formaction="/policy/try/(\w+)\.xlsx"', shown)) == set(TABLES)
    weeks, hours, parted = (
        rows_of(web.posts(f"/policy/try/{name}.csv", tried=text).content)
        for name in ("weeks", "hours", "differences")
    )
    assert weeks[0]["per_week"] == "Handoffs"
    assert float(weeks[0]["active"]) == 0 < float(weeks[0]["yours"])
    assert [row["hour"] for row in hours][:1] == ["10"]
    assert [(row["mentee"], row["at"]) for row in parted] == [("Maya", "2026-11-10T10:00:00-05:00")]
    assert TIDES not in str(parted)
    assert read_xlsx(web.posts("/policy/try/differences.xlsx", tried=text).content)[1][0] == "Maya"
    assert web.posts("/policy/try/weeks.csv", tried="no policy").status_code == 422
    assert web.posts("/policy/try/words.csv", tried=text).status_code == 404
    with talk.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "export")).all()
    assert [entry.about for entry in entries[:3]] == [f"replay:{name}" for name in TABLES]


def test_a_policy_that_changes_no_decision_is_said_to_change_none(web: Web, talk: Talk) -> None:
    talk.texts(MAYA, TIDES)
    talk.passes(minutes=30)
    web.is_now(RUTH)
    shown = tries(web, edited("crisis = 5 }", "crisis = 4 }"))
    parted = shown.text[shown.text.index("Conversations that change") :]
    assert '<p class="empty">None.</p>' in parted[:400]


def test_nothing_is_taken_up_that_was_not_seen_beside_the_replay(web: Web, talk: Talk) -> None:
    answer = web.posts("/policy", text=always_brings(), reason="why not", seen="0", tried=SHIPPED)
    assert answer.status_code == 409
    assert "Preview the policy first" in answer.text
    assert versions(talk) == []


# --- taking it up ---


def test_it_counts_from_the_next_message_on(web: Web, talk: Talk) -> None:
    assert takes_up(web, always_brings()).status_code == 303
    talk.texts(MAYA, TIDES)
    assert len(talk.handoffs()) == 1
    with talk.database.reading() as session:
        record = session.scalars(select(DecisionRecord)).one()
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "policy activated")
        ).one()
    assert record.thresholds["connection"] == 0.0
    assert entry.about == f"policy:{versions(talk)[0].id}"
    assert entry.by_id == talk.person(RUTH).id
    web.is_now(RUTH)
    assert takes_up(web, SHIPPED, "It called everybody").status_code == 303
    talk.texts(JO, TIDES)
    assert len(talk.handoffs()) == 1


def test_never_in_the_middle_of_a_message(web: Web, talk: Talk) -> None:
    """Ruth takes it up while the bot composes: this message ends under the former policy."""

    def meanwhile() -> None:
        talk.bot.while_answering = None
        with talk.database.writing() as session:
            program = session.scalars(select(Program)).one()
            session.add(
                PolicyVersion(
                    program_id=program.id,
                    at=talk.clock(),
                    by_id=talk.person(RUTH).id,
                    reason="now",
                    content=always_brings(),
                )
            )

    talk.bot.while_answering = meanwhile
    talk.texts(MAYA, TIDES)
    talk.texts(MAYA, TIDES)
    with talk.database.reading() as session:
        records = session.scalars(select(DecisionRecord).order_by(DecisionRecord.id)).all()
    shipped = load_policy().thresholds.connection
    assert [record.thresholds["connection"] for record in records] == [shipped, 0.0]


def test_ladders_and_claims_go_by_it_too(web: Web, talk: Talk) -> None:
    """A claim of a handoff that is `soon` without a first message: 15 minutes, now 3."""
    takes_up(web, edited("soon = 15", "soon = 3"))
    talk.texts(MAYA, "nobody would notice if i was gone, i just want someone to talk to")
    talk.texts(SAM, "take")
    assert talk.handoff().status is Status.CLAIMED
    talk.passes(minutes=4)
    with talk.database.reading() as session:
        assert session.scalars(select(Handoff.status)).one() is Status.WAITING


def test_another_program_goes_on_under_its_own(web: Web, talk: Talk) -> None:
    eve = talk.person(talk.a_manager_elsewhere())
    takes_up(web, always_brings())
    file = load_policy()
    with talk.database.reading() as session:
        here = talk.line.of(session, talk.person(MAYA).program_id)
        there = talk.line.of(session, eve.program_id)
        assert policy_in_use(session, eve.program_id, file) == file
    assert here.rules.policy.thresholds.connection == 0.0
    assert there.rules.policy.thresholds == file.thresholds
    assert here.workers is there.workers is talk.line.workers
    other = Web(talk)
    other.is_now(eve.phone or "")
    number = versions(talk)[0].id
    assert other.gets(f"/policy/versions/{number}").status_code == 404
    assert other.gets(f"/policy?version={number}").status_code == 404
    assert "We looked at it together" not in other.gets("/policy").text


def test_a_reason_is_asked_for_and_what_was_written_stays(web: Web, talk: Talk) -> None:
    answer = takes_up(web, always_brings(), reason="  \n ")
    assert answer.status_code == 409
    assert "Add a reason" in answer.text
    assert "connection = 0.0" in answer.text
    assert versions(talk) == []


def test_a_double_click_makes_one_version(web: Web, talk: Talk) -> None:
    text = always_brings()
    tries(web, text)
    form = {"text": text.replace("\n", "\r\n"), "tried": text, "reason": "once", "seen": "0"}
    assert [web.posts("/policy", **form).status_code for _ in range(2)] == [303, 303]
    assert [version.reason for version in versions(talk)] == ["once"]


def test_of_two_tabs_the_second_sees_what_the_first_took_up(web: Web, talk: Talk) -> None:
    other = edited("stuck_after = 3", "stuck_after = 4")
    takes_up(web, other, reason="first tab")
    text = always_brings()
    answer = web.posts("/policy", text=text, tried=text, reason="second tab", seen="0")
    assert answer.status_code == 409
    assert "Ruth has just activated version" in answer.text
    assert "connection = 0.0" in answer.text
    assert "second tab" in answer.text
    assert len(versions(talk)) == 1
    seen = re.search(r'name="seen" value="(\d+)"', answer.text)
    assert seen is not None
    form = {"text": text, "tried": text, "reason": "second tab", "seen": seen[1]}
    assert web.posts("/policy", **form).status_code == 303


def test_an_older_version_is_looked_at_and_taken_up_again(web: Web, talk: Talk) -> None:
    takes_up(web, always_brings(), reason=SCRIPT)
    takes_up(web, edited("stuck_after = 3", "stuck_after = 4"), reason="second")
    first, second = versions(talk)
    page = web.gets(f"/policy/versions/{second.id}").text
    assert f"Changes from version {first.id}" in page
    assert '<li class="plus">' in page
    assert SCRIPT not in web.gets("/policy").text
    shown = web.gets(f"/policy?version={first.id}").text
    assert "connection = 0.0" in shown
    assert f"Version {first.id} again" in shown
    assert takes_up(web, first.content, reason=f"Version {first.id} again").status_code == 303
    assert [one.content for one in versions(talk)] == [first.content, second.content, first.content]


def test_mentors_have_no_say_in_it(web: Web, talk: Talk) -> None:
    for number in (SAM, NOOR):
        web.is_now(number)
        assert web.gets("/policy").status_code == 403
        assert web.posts("/policy/try", text=SHIPPED).status_code == 403
        assert web.posts("/policy", text=SHIPPED, tried=SHIPPED, reason="x").status_code == 403


# --- with a later release ---


def write_version(talk: Talk, content: str) -> None:
    with talk.database.writing() as session:
        program = session.scalars(select(Program)).one()
        session.add(
            PolicyVersion(
                program_id=program.id,
                at=talk.clock(),
                by_id=talk.person(RUTH).id,
                reason="earlier",
                content=content,
            )
        )


def test_a_version_from_before_a_release_counts_with_what_it_lacks_from_the_file(
    talk: Talk,
) -> None:
    older = re.sub(r"(?s)\[review\].*?(?=\[reliance\])", "", always_brings())
    older = older.replace("[offer]", "[offer]\nwas_known_once = 3")
    assert "review" not in tomllib.loads(older)
    write_version(talk, older)
    file = load_policy()
    with talk.database.reading() as session:
        policy = policy_in_use(session, talk.person(MAYA).program_id, file)
    assert policy.review == file.review
    assert policy.thresholds.connection == 0.0


def test_a_version_that_cannot_be_read_leaves_nobody_without_a_policy(web: Web, talk: Talk) -> None:
    write_version(talk, edited("stuck_after = 3", "stuck_after = 4"))
    write_version(talk, "[thresholds]\ncrisis = 7\n")
    talk.texts(MAYA, DANGER)
    assert len(talk.handoffs()) == 1
    program = talk.person(MAYA).program_id
    with talk.database.reading() as session:
        assert talk.line.of(session, program).rules.policy.bot.stuck_after == 4
        unread = passed_over(session, program, load_policy())
        assert session.scalars(select(Message.id)).first() is not None
    assert unread is not None
    web.is_now(RUTH)
    assert f"Warmline cannot read version {unread.id}" in web.gets("/policy").text


def test_a_difference_is_shown_line_by_line() -> None:
    lines = difference("a = 1\nb = 2\n", "a = 1\nb = 3\n")
    assert lines[1:] == [" a = 1", "-b = 2", "+b = 3"]


def test_the_policy_as_delivered_needs_no_warning() -> None:
    assert warnings(load_policy(), load_policy()) == []
