"""Before Maya uses the chat: terms in plain words, her age band, and a guardian if needed."""

from pathlib import Path

import pytest
from sqlalchemy import select

from escalation.policy_file import load_policy
from gateway.privacy.terms import (
    TERMS_VERSION,
    ConsentRefused,
    agree,
    get_consent,
    needs_guardian,
    record_guardian,
)
from gateway.runtime.policy_versions import Draft, activate
from models import AgeBand, AuditEntry, Consent, Need, Person, Program, Status
from tests.commands import warmline
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web, at_the_chat

POLICY = Path("escalation/policy.toml")


def says_yes(web: Web, band: AgeBand) -> str:
    answer = web.posts("/chat/terms", age_band=band.value, agrees="yes")
    return answer.headers.get("Location", str(answer.status_code))


def has_agreed(talk: Talk, number: str = MAYA) -> bool:
    with talk.database.reading() as session:
        person = session.get_one(Person, talk.person(number).id)
        policy = talk.line.of(session, person.program_id).rules.policy.consent
        return get_consent(session, person, policy) is not None


def guardian_agrees(talk: Talk, name: str = "Alex Doe") -> None:
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        ruth = session.get_one(Person, talk.person(RUTH).id)
        record_guardian(session, maya, name, by=ruth, now=talk.clock())


def test_maya_reads_the_terms_before_her_first_use_and_then_never_again(talk: Talk) -> None:
    web = at_the_chat(talk)
    assert web.gets("/chat").headers["Location"] == "/chat/terms"
    page = web.gets("/chat/terms").text
    for plain in (
        "It is a computer program, not a person.",
        "Who reads what",
        "What we can't keep secret",
        "What we keep",
        "message and data rates may apply",
        'href="tel:988"',
        "Talk to a person",
    ):
        assert plain in page
    assert 'type="date"' not in page
    assert says_yes(web, AgeBand.FROM_16) == "/chat"
    assert web.gets("/chat").status_code == 200
    [consent] = talk.rows(Consent)
    assert (consent.terms, consent.age_band) == (TERMS_VERSION, AgeBand.FROM_16)
    assert "You agreed to this on" in web.gets("/chat/terms").text


def test_sent_twice_or_from_two_tabs_it_is_one_yes(talk: Talk) -> None:
    web = at_the_chat(talk)
    assert says_yes(web, AgeBand.ADULT) == says_yes(web, AgeBand.ADULT) == "/chat"
    assert len(talk.rows(Consent)) == 1


def test_without_a_band_or_a_yes_nothing_is_recorded(talk: Talk) -> None:
    web = at_the_chat(talk)
    forms: list[dict[str, str]] = [
        {},
        {"age_band": "adult"},
        {"age_band": "<script>", "agrees": "yes"},
        {"agrees": "yes"},
        {"age_band": "adult\x00", "agrees": "yes"},
    ]
    for form in forms:
        answer = web.posts("/chat/terms", **form)
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert talk.rows(Consent) == []


def test_below_the_limit_the_page_says_who_must_do_what(talk: Talk) -> None:
    web = at_the_chat(talk)
    assert says_yes(web, AgeBand.UNDER_13) == "/chat/terms"
    page = web.gets("/chat/terms").text
    assert "A parent or guardian must agree first" in page
    assert "They tell Harbor Mentoring, the program that signed you up, that they agree." in page
    assert 'href="tel:988"' in page
    assert web.gets("/chat").headers["Location"] == "/chat/terms"
    refused = web.posts("/chat", words="hi", key="abcdefgh")
    assert refused.status_code == 403
    assert not has_agreed(talk)
    guardian_agrees(talk)
    assert has_agreed(talk)
    assert web.gets("/chat").status_code == 200


def test_a_mentee_who_needs_a_guardian_does_not_get_in_by_choosing_again(talk: Talk) -> None:
    web = at_the_chat(talk)
    says_yes(web, AgeBand.UNDER_13)
    again = web.posts("/chat/terms", age_band="adult", agrees="yes")
    assert again.status_code == 409
    assert "a manager of the program can correct it" in again.text
    assert 'name="age_band"' not in again.text
    assert not has_agreed(talk)


def test_without_terms_she_reaches_a_person_with_one_click(talk: Talk) -> None:
    web = at_the_chat(talk)
    says_yes(web, AgeBand.UNDER_13)
    for _ in range(2):
        assert web.posts("/chat/terms/person").headers["Location"] == "/chat"
    [handoff] = talk.handoffs()
    assert (handoff.need, handoff.status) == (Need.REQUEST, Status.WAITING)
    assert any(who == "sam" for who, _ in talk.new_texts())
    assert "You asked for a person" in web.gets("/chat").text
    assert web.posts("/chat", words="please come", key="abcdefgh").status_code == 303
    talk.texts(SAM, f"TAKE {{{handoff.id}}}")
    talk.texts(SAM, "Hey, I am here")
    assert "Hey, I am here" in web.gets("/chat").text
    assert talk.bot.heard == []
    talk.texts(SAM, f"DONE {{{handoff.id}}} TALKED")
    assert web.gets("/chat").headers["Location"] == "/chat/terms"


def test_texting_is_never_stopped_by_missing_terms(talk: Talk) -> None:
    talk.texts(MAYA, "hi")
    assert talk.bot.heard == ["hi"]
    assert talk.rows(Consent) == []


def test_new_terms_ask_anew_and_so_does_a_withdrawn_yes(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        agree(session, maya, AgeBand.ADULT, now=talk.clock())
    assert has_agreed(talk)
    monkeypatch.setattr("gateway.privacy.terms.TERMS_VERSION", "2027-01")
    assert not has_agreed(talk)
    monkeypatch.undo()
    with talk.database.writing() as session:
        session.scalars(select(Consent)).one().withdrawn_at = talk.clock()
    assert not has_agreed(talk)


def test_each_program_has_its_own_limit(talk: Talk) -> None:
    text = POLICY.read_text("utf-8")
    with talk.database.writing() as session:
        maya = session.get_one(Person, talk.person(MAYA).id)
        agree(session, maya, AgeBand.FROM_13, now=talk.clock())
    assert has_agreed(talk)
    with talk.database.writing() as session:
        text = text.replace("guardian_below = 13", "guardian_below = 16")
        ruth = session.get_one(Person, talk.person(RUTH).id)
        draft = Draft(text, "our lawyer says so", by=ruth, seen=None)
        program = session.scalars(select(Program)).one()
        activate(session, program, draft, file=load_policy(), now=talk.clock())
    assert not has_agreed(talk)
    web = at_the_chat(talk)
    assert "If you are under 16, the law says" in web.gets("/chat/terms").text
    guardian_agrees(talk)
    assert has_agreed(talk)


def test_the_limit_decides_which_bands_need_a_guardian() -> None:
    needed = {
        0: [],
        13: [AgeBand.UNDER_13],
        16: [AgeBand.UNDER_13, AgeBand.FROM_13],
        18: [AgeBand.UNDER_13, AgeBand.FROM_13, AgeBand.FROM_16],
    }
    consent = load_policy().consent
    found = {
        below: [
            band
            for band in AgeBand
            if needs_guardian(band, consent.model_copy(update={"guardian_below": below}))
        ]
        for below in needed
    }
    assert found == needed


def test_a_guardian_is_recorded_by_name_and_in_the_audit_without_it(talk: Talk) -> None:
    with pytest.raises(ConsentRefused, match="has not agreed to the terms yet"):
        guardian_agrees(talk)
    says_yes(at_the_chat(talk), AgeBand.UNDER_13)
    for nobody in ("", " \x00 ", "x" * 81):
        with pytest.raises(ConsentRefused):
            guardian_agrees(talk, nobody)
    guardian_agrees(talk, "Alex Doe")
    [consent] = talk.rows(Consent)
    assert (consent.guardian_name, consent.guardian_agreed_at) == ("Alex Doe", talk.clock())
    assert consent.guardian_recorded_by_id == talk.person(RUTH).id
    entries = talk.rows(AuditEntry)
    with talk.database.reading() as session:
        raw = session.connection().exec_driver_sql("SELECT guardian_name FROM consent")
        assert "Alex" not in raw.scalars().one()
    actions = [entry.action for entry in entries if entry.action.startswith("consent.")]
    assert actions == ["consent.given", "consent.guardian"]
    assert all("Alex" not in str(entry.detail) for entry in entries)


def test_the_manager_who_saw_it_can_be_added_to_a_guardians_consent(talk: Talk) -> None:
    says_yes(at_the_chat(talk), AgeBand.UNDER_13)
    maya, ruth = talk.person(MAYA).id, talk.person(RUTH).id
    for by in (None, ruth, None, ruth):
        with talk.database.writing() as session:
            person, seen_by = session.get_one(Person, maya), by and session.get_one(Person, by)
            record_guardian(session, person, "Alex Doe", by=seen_by or None, now=talk.clock())
    [consent] = talk.rows(Consent)
    assert consent.guardian_recorded_by_id == ruth
    entries = [one.by_id for one in talk.rows(AuditEntry) if one.action == "consent.guardian"]
    assert entries == [None, ruth]


def test_ruth_records_a_guardians_consent_and_the_chat_opens(talk: Talk) -> None:
    maya, ruth = at_the_chat(talk), Web(talk)
    ruth.is_now(RUTH)
    page = f"/people/{talk.person(MAYA).id}"
    assert "They have not agreed to the terms yet" in ruth.gets(page).text
    early = ruth.posts(f"{page}/guardian", name="Alex Doe", day="2026-11-10")
    assert (early.status_code, "has not agreed" in early.text) == (422, True)
    says_yes(maya, AgeBand.UNDER_13)
    assert maya.gets("/chat").headers["Location"] == "/chat/terms"
    shown = ruth.gets(page).text
    assert "12 or younger" in shown
    assert "A parent or guardian must agree, too" in shown
    for name, day, why in (
        (" ", "2026-11-09", "Who agreed?"),
        ("Alex Doe", "2026-11-11", "in the future"),
        ("Alex Doe", "next week", "Write a date like"),
    ):
        refused = ruth.posts(f"{page}/guardian", name=name, day=day)
        assert (refused.status_code, why in refused.text) == (422, True), day
    assert 'name="name" value="Alex Doe" maxlength="80"' in refused.text, "what was typed stays"
    assert not has_agreed(talk)
    for _ in range(2):
        noted = ruth.posts(f"{page}/guardian", name="Alex\u202e Doe", day="2026-11-09")
        assert noted.headers["Location"] == f"{page}?done=guardian"
    shown = ruth.gets(noted.headers["Location"]).text
    assert "<bdi>Alex Doe</bdi></strong>, agreed on" in shown
    assert "09 Nov 2026" in shown
    assert "recorded by <bdi>Ruth</bdi>" in shown
    assert maya.gets("/chat").status_code == 200
    entries = [one for one in talk.rows(AuditEntry) if one.action == "consent.guardian"]
    assert [(one.by_id, one.at) for one in entries] == [(talk.person(RUTH).id, talk.clock())]
    assert "Alex" not in str(entries[0].detail)


def test_the_page_asks_for_no_guardian_if_none_is_needed(talk: Talk) -> None:
    says_yes(at_the_chat(talk), AgeBand.ADULT)
    ruth = Web(talk)
    ruth.is_now(RUTH)
    shown = ruth.gets(f"/people/{talk.person(MAYA).id}").text
    assert "No guardian needs to agree" in shown
    assert "/guardian" not in shown
    assert "/guardian" not in ruth.gets(f"/people/{talk.person(SAM).id}").text


def test_jos_agreement_does_not_count_for_maya(talk: Talk) -> None:
    says_yes(at_the_chat(talk, JO), AgeBand.ADULT)
    assert has_agreed(talk, JO)
    assert not has_agreed(talk, MAYA)


# --- the command ---


def test_warmline_guardian_opens_the_chat_and_corrects_a_slip(local: Talk) -> None:
    early = warmline("guardian", MAYA, "--name", "Alex Doe")
    assert early.exit_code == 2
    assert "They open /chat first" in early.stderr
    says_yes(at_the_chat(local), AgeBand.UNDER_13)
    for wrong in (["guardian", MAYA], ["guardian", SAM, "--name", "A"]):
        assert warmline(*wrong).exit_code == 2
    not_hers = warmline("guardian", MAYA, "--name", "Alex", "--by", NOOR)
    assert not_hers.exit_code == 2
    assert "number of a manager" in not_hers.stderr
    ran = warmline("guardian", MAYA, "--name", "Alex Doe", "--by", RUTH)
    assert ran.exit_code == 0, ran.output
    assert has_agreed(local)

    says_yes(at_the_chat(local, JO), AgeBand.UNDER_13)
    assert not has_agreed(local, JO)
    ran = warmline("guardian", JO, "--age", "16_to_17")
    assert ran.exit_code == 0, ran.output
    assert has_agreed(local, JO)
