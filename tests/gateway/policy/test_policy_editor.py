"""The policy editor names errors, previews changes, and activates a policy for its program only,
from the next message on."""

import re
import tomllib
from html import unescape

import httpx2
import pytest

from escalation.policy_file import POLICY_FILE, UnreadablePolicy, load_policy, read_policy
from gateway.policy.exports import TABLES
from gateway.runtime.policy_versions import difference, passed_over, policy_in_use, warnings
from models import AuditEntry, DecisionRecord, PolicyVersion, Status
from tests.gateway.reporting.test_log import read_rows
from tests.gateway.runtime.test_spreadsheets import read_xlsx
from tests.line import JO, MAYA, RUTH, SAM, Talk
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


def edited(*changes: tuple[str, str]) -> str:
    """The delivered policy with each pattern replaced once."""
    text = SHIPPED
    for old, new in changes:
        text, count = re.subn(old, new, text, count=1)
        assert count == 1, old
    return text


FOUR_TRIES = edited(("stuck_after = 3", "stuck_after = 4"))
CRISIS = r"(?m)^crisis = [\d.]+"


def always_brings() -> str:
    """A policy that brings a person for every message, and treats concern as less urgent."""
    marks = {"connection": 0.0, "offer": 0.0, "concern": load_policy().thresholds.crisis}
    return edited(*((rf"(?m)^{name} = [\d.]+", f"{name} = {mark}") for name, mark in marks.items()))


def seen_in(page: httpx2.Response) -> str:
    """The newest version that the page knows of."""
    seen = re.search(r'name="seen" value="(\d+)"', page.text)
    assert seen is not None
    return seen[1]


def previews(web: Web, text: str, reason: str = "") -> httpx2.Response:
    return web.posts("/policy/try", text=text, reason=reason, seen=seen_in(web.gets("/policy")))


def activates(web: Web, text: str, reason: str = "We looked at it together") -> httpx2.Response:
    """As on the page: first preview it, then activate it."""
    seen = seen_in(previews(web, text, reason))
    return web.posts("/policy", text=text, tried=text, reason=reason, seen=seen)


def write_version(talk: Talk, content: str) -> None:
    ruth = talk.person(RUTH)
    version = {"program_id": ruth.program_id, "by_id": ruth.id, "reason": "earlier"}
    with talk.database.writing() as session:
        session.add(PolicyVersion(**version, at=talk.clock(), content=content))


# --- reading ---


MISTAKES = [
    ((CRISIS, "crisis = 1.5"), "crisis = 1.5", "thresholds.crisis", "less than or equal to 1"),
    (("stuck_after = 3", 'stuck_after = "3x"'), "stuck_after", "bot.stuck_after", "valid integer"),
    (("stuck_after", "stuck_afterr"), "stuck_afterr", "bot.stuck_afterr", "there is no such key"),
    (
        ("soon = 15", "soon = 0"),
        "answer_within_minutes",
        "claim.answer_within_minutes.soon",
        "greater than 0",
    ),
    (
        (r"(?m)^concern = [\d.]+", "concern = 0.999"),
        "[thresholds]",
        "",
        "thresholds.concern must not be above thresholds.crisis",
    ),
    ((r"\[offer\]", "[offer"), "[offer", "", "at line"),
]


def test_each_mistake_is_named_with_its_line_and_key() -> None:
    for change, line_starts, key, problem in MISTAKES:
        text = edited(change)
        with pytest.raises(UnreadablePolicy) as unreadable:
            read_policy(text)
        found = next(one for one in unreadable.value.problems if one.key == key)
        assert problem in found.problem
        assert found.line is not None
        assert text.splitlines()[found.line - 1].startswith(line_starts), change


def test_all_mistakes_are_named_at_once_and_the_text_stays(web: Web, talk: Talk) -> None:
    text = edited((CRISIS, f'crisis = "{SCRIPT}"'), ("stuck_after = 3", "stuck_after = 0"))
    shown = previews(web, text, reason="because of Maya")
    assert shown.status_code == 422
    assert "thresholds.crisis" in shown.text
    assert "bot.stuck_after" in shown.text
    assert SCRIPT not in shown.text
    assert f'crisis = "{SCRIPT}"' in unescape(shown.text)
    assert "because of Maya" in shown.text
    assert activates(web, text).status_code == 422
    assert talk.rows(PolicyVersion) == []


def test_a_setting_of_the_server_is_left_to_the_operator(web: Web) -> None:
    shown = previews(web, edited(("timeout_seconds = 2.0", "timeout_seconds = 5.0")))
    assert "bot.timeout_seconds" in shown.text
    assert "ask the operator" in shown.text


# --- the preview ---


def test_the_preview_shows_what_would_change_and_changes_nothing(web: Web, talk: Talk) -> None:
    talk.texts(MAYA, TIDES)
    talk.passes(minutes=30)
    web.is_now(RUTH)
    shown = previews(web, always_brings())
    assert shown.status_code == 200
    assert "1 decision since" in shown.text
    parted = shown.text[shown.text.index("Conversations that change") :]
    assert "<bdi>Maya</bdi>" in parted
    assert "thresholds.concern is " in shown.text
    assert '<li class="plus">' in shown.text
    same = previews(web, edited(("crisis = 5 }", "crisis = 4 }"))).text
    changed = same[same.index("Conversations that change") :]
    assert '<p class="empty">None.</p>' in changed[:400], "no decision changes"
    assert talk.rows(PolicyVersion) == []


def test_the_tables_of_the_preview_can_be_downloaded(web: Web, talk: Talk) -> None:
    for name in TABLES:
        empty = web.posts(f"/policy/try/{name}.csv", tried=SHIPPED)
        assert len(empty.content.decode("utf-8-sig").splitlines()) == 1, "only headings"
    talk.texts(MAYA, TIDES)
    text = always_brings()
    shown = previews(web, text).text
    assert set(re.findall(r'formaction="/policy/try/(\w+)\.xlsx"', shown)) == set(TABLES)
    weeks, hours, parted = (
        read_rows(web.posts(f"/policy/try/{name}.csv", tried=text).content)
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
    exports = [entry.about for entry in talk.rows(AuditEntry) if entry.action == "export"]
    assert exports[:3] == [f"replay:{name}" for name in TABLES]


# --- activating ---


def test_a_policy_applies_from_the_next_message_on(web: Web, talk: Talk) -> None:
    assert activates(web, always_brings()).status_code == 303
    talk.texts(MAYA, TIDES)
    assert len(talk.handoffs()) == 1
    [record] = talk.rows(DecisionRecord)
    [entry] = [one for one in talk.rows(AuditEntry) if one.action == "policy activated"]
    assert record.thresholds["connection"] == 0.0
    assert entry.about == f"policy:{talk.rows(PolicyVersion)[0].id}"
    assert entry.by_id == talk.person(RUTH).id
    web.is_now(RUTH)
    assert activates(web, SHIPPED, "It paged everyone").status_code == 303
    talk.texts(JO, TIDES)
    assert len(talk.handoffs()) == 1


def test_a_policy_never_changes_in_the_middle_of_a_message(talk: Talk) -> None:
    """Ruth activates one while the bot composes: this message ends under the former policy."""

    def meanwhile() -> None:
        talk.bot.while_answering = None
        write_version(talk, always_brings())

    talk.bot.while_answering = meanwhile
    talk.texts(MAYA, TIDES)
    talk.texts(MAYA, TIDES)
    records = talk.rows(DecisionRecord)
    shipped = load_policy().thresholds.connection
    assert [record.thresholds["connection"] for record in records] == [shipped, 0.0]


def test_claims_follow_the_activated_policy_too(web: Web, talk: Talk) -> None:
    """A claim of a handoff that is `soon` without a first message: 15 minutes, now 3."""
    activates(web, edited(("soon = 15", "soon = 3")))
    talk.texts(MAYA, "nobody would notice if i was gone, i just want someone to talk to")
    talk.texts(SAM, "take {}")
    assert talk.handoff().status is Status.CLAIMED
    talk.passes(minutes=4)
    assert talk.handoff().status is Status.WAITING


def test_another_program_keeps_its_own_policy(web: Web, talk: Talk) -> None:
    eve = talk.person(talk.a_manager_elsewhere())
    activates(web, always_brings())
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
    number = talk.rows(PolicyVersion)[0].id
    assert other.gets(f"/policy/versions/{number}").status_code == 404
    assert other.gets(f"/policy?version={number}").status_code == 404
    assert "We looked at it together" not in other.gets("/policy").text


def test_a_preview_and_a_reason_are_required_and_the_text_stays(web: Web, talk: Talk) -> None:
    text = always_brings()
    unseen = web.posts("/policy", text=text, reason="why not", seen="0", tried=SHIPPED)
    no_reason = activates(web, text, reason="  \n ")
    assert (unseen.status_code, no_reason.status_code) == (409, 409)
    assert "Preview the policy first" in unseen.text
    assert "Add a reason" in no_reason.text
    assert "connection = 0.0" in no_reason.text
    assert talk.rows(PolicyVersion) == []


def test_a_double_click_makes_one_version(web: Web, talk: Talk) -> None:
    text = always_brings()
    previews(web, text)
    form = {"text": text.replace("\n", "\r\n"), "tried": text, "reason": "once", "seen": "0"}
    assert [web.posts("/policy", **form).status_code for _ in range(2)] == [303, 303]
    assert [version.reason for version in talk.rows(PolicyVersion)] == ["once"]


def test_the_second_of_two_tabs_sees_what_the_first_activated(web: Web, talk: Talk) -> None:
    activates(web, FOUR_TRIES, reason="first tab")
    text = always_brings()
    answer = web.posts("/policy", text=text, tried=text, reason="second tab", seen="0")
    assert answer.status_code == 409
    assert "Ruth has just activated version" in answer.text
    assert "connection = 0.0" in answer.text
    assert "second tab" in answer.text
    assert len(talk.rows(PolicyVersion)) == 1
    form = {"text": text, "tried": text, "reason": "second tab", "seen": seen_in(answer)}
    assert web.posts("/policy", **form).status_code == 303


def test_an_older_version_can_be_viewed_and_activated_again(web: Web, talk: Talk) -> None:
    activates(web, always_brings(), reason=SCRIPT)
    activates(web, FOUR_TRIES, reason="second")
    first, second = talk.rows(PolicyVersion)
    page = web.gets(f"/policy/versions/{second.id}").text
    assert f"Changes from version {first.id}" in page
    assert '<li class="plus">' in page
    assert SCRIPT not in web.gets("/policy").text
    shown = web.gets(f"/policy?version={first.id}").text
    assert "connection = 0.0" in shown
    assert f"Version {first.id} again" in shown
    assert activates(web, first.content, reason=f"Version {first.id} again").status_code == 303
    assert [one.content for one in talk.rows(PolicyVersion)] == [
        first.content,
        second.content,
        first.content,
    ]


# --- with a later release ---


def test_a_version_of_an_earlier_release_gets_missing_keys_from_the_file(talk: Talk) -> None:
    older = re.sub(r"(?s)\[review\].*?(?=\[reliance\])", "", always_brings())
    older = older.replace("[offer]", "[offer]\nwas_known_once = 3")
    assert "review" not in tomllib.loads(older)
    write_version(talk, older)
    file = load_policy()
    with talk.database.reading() as session:
        policy = policy_in_use(session, talk.person(MAYA).program_id, file)
    assert policy.review == file.review
    assert policy.thresholds.connection == 0.0


def test_an_unreadable_version_is_skipped(web: Web, talk: Talk) -> None:
    write_version(talk, FOUR_TRIES)
    write_version(talk, "[thresholds]\ncrisis = 7\n")
    talk.texts(MAYA, DANGER)
    assert len(talk.handoffs()) == 1
    program = talk.person(MAYA).program_id
    with talk.database.reading() as session:
        assert talk.line.of(session, program).rules.policy.bot.stuck_after == 4
        unread = passed_over(session, program, load_policy())
    assert unread is not None
    web.is_now(RUTH)
    assert f"Warmline cannot read version {unread.id}" in web.gets("/policy").text


def test_a_difference_is_shown_line_by_line() -> None:
    lines = difference("a = 1\nb = 2\n", "a = 1\nb = 3\n")
    assert lines[1:] == [" a = 1", "-b = 2", "+b = 3"]


def test_the_delivered_policy_has_no_warnings() -> None:
    assert warnings(load_policy(), load_policy()) == []
