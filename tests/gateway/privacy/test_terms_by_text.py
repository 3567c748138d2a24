"""If the program asks by text, a mentee agrees to the terms before the bot answers."""

from dataclasses import replace

import pytest

from escalation.policy_file import load_policy
from gateway.privacy.terms_by_text import agreed_in
from models import AgeBand, Consent, Need, SkipReason
from tests.gateway.check_ins.test_jobs import agrees, scheduled
from tests.line import MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web

ASKED = "To get answers, text AGREE and the letter for your age"
NOTED = "Thanks, I can answer you now."


@pytest.fixture
def asking(talk: Talk) -> Talk:
    """A program that asks by text."""
    policy = load_policy()
    consent = policy.consent.model_copy(update={"by_text": "asked"})
    rules = replace(talk.line.rules, policy=policy.model_copy(update={"consent": consent}))
    talk.line = replace(talk.line, rules=rules)
    return talk


def test_maya_agrees_by_text_and_is_answered_from_then_on(asking: Talk) -> None:
    asking.texts(MAYA, "how can i sleep better")
    first, how = asking.read_by(MAYA)
    assert first.startswith("Warmline bot: This is Harbor Mentoring's bot: an automated assistant")
    assert "https://warmline.example/chat/terms/read" in first
    asking.texts(MAYA, "what?")
    assert ASKED in how
    assert asking.read_by(MAYA)[2:] == [how], "the rest is not said again"
    assert asking.bot.heard == [], "nothing of it goes to the bot before"
    asking.texts(MAYA, "Agree: c")
    assert NOTED in asking.read_by(MAYA)[-1]
    [given] = asking.rows(Consent)
    assert given.age_band is AgeBand.FROM_16
    asking.texts(MAYA, "how can i sleep better")
    assert asking.bot.heard == ["how can i sleep better"]


def test_an_agreement_names_an_age_band() -> None:
    bands = {
        "AGREE B": AgeBand.FROM_13,
        "i agree, d.": AgeBand.ADULT,
        "agree A": AgeBand.UNDER_13,
        "ACEPTO C": AgeBand.FROM_16,
        "Sí acepto b": AgeBand.FROM_13,
        **dict.fromkeys(["agree", "B", "agree e", "i disagree b", "a", ""]),
    }
    assert {words: agreed_in(words) for words in bands} == bands


def test_without_terms_she_reaches_a_person(asking: Talk) -> None:
    asking.texts(MAYA, "can i talk to a person")
    assert asking.handoff().need is Need.REQUEST
    assert not any(ASKED in words for words in asking.read_by(MAYA))
    asking.texts(SAM, "take {}")
    asking.texts(MAYA, "i am so tired of all this")
    asking.texts(SAM, "I am here, Maya.")
    assert asking.read_by(MAYA)[-1] == "Sam: I am here, Maya."
    asking.texts(SAM, "done {1} helped we talked")
    asking.texts(MAYA, "how can i sleep better")
    assert ASKED in asking.read_by(MAYA)[-1], "it is the bot again, which waits for her yes"


def test_a_crisis_calls_people_before_she_has_agreed(asking: Talk) -> None:
    asking.texts(MAYA, "i want to kill myself tonight")
    assert asking.handoff().need is Need.CRISIS
    said = " ".join(asking.read_by(MAYA))
    assert "988" in said
    assert ASKED not in said
    assert any("URGENT" in words for words in asking.read_by(NOOR))


def test_below_the_age_limit_a_guardian_agrees_and_then_she_is_told(asking: Talk) -> None:
    asking.texts(MAYA, "hi")
    asking.texts(MAYA, "AGREE A")
    assert (
        "If you are under 13, a parent or guardian has to agree, too." in asking.read_by(MAYA)[-1]
    )
    asking.texts(MAYA, "agree d")
    assert "If you are under 13" in asking.read_by(MAYA)[-1], "choosing again does not let her in"
    assert asking.bot.heard == []
    web = Web(asking)
    web.is_now(RUTH)
    maya = asking.person(MAYA).id
    day = f"{asking.clock():%Y-%m-%d}"
    assert web.posts(f"/people/{maya}/guardian", name="Ana Diaz", day=day).status_code == 303
    assert NOTED in asking.read_by(MAYA)[-1]
    told = len(asking.read_by(MAYA))
    web.posts(f"/people/{maya}/guardian", name="Ana Diaz", day=day)
    assert len(asking.read_by(MAYA)) == told
    asking.texts(MAYA, "how can i sleep better")
    assert asking.bot.heard == ["how can i sleep better"]


def test_stop_help_concern_and_language_work_before_she_agrees(asking: Talk) -> None:
    asking.texts(MAYA, "HELP")
    assert "a mentoring program" in asking.read_by(MAYA)[-1]
    asking.texts(MAYA, "español")
    asking.texts(MAYA, "hola")
    assert "envía ACEPTO y la letra de tu edad" in asking.read_by(MAYA)[-1]
    asking.texts(MAYA, "QUEJA: alguien me escribe raro")
    assert "Lo leen los responsables" in asking.read_by(MAYA)[-1]
    asking.texts(MAYA, "STOP")
    assert asking.person(MAYA).opted_out_at is not None


def test_nobody_is_asked_if_the_program_does_not_ask_by_text(talk: Talk) -> None:
    talk.texts(MAYA, "how can i sleep better")
    assert not any(ASKED in words for words in talk.read_by(MAYA))
    assert talk.bot.heard == ["how can i sleep better"]


def test_anybody_can_read_the_terms_first(asking: Talk) -> None:
    page = Web(asking).gets("/chat/terms/read")
    assert page.status_code == 200
    assert "This is the chat of your mentoring program." in page.text
    assert "What we can't keep secret" in page.text
    assert "<form" not in page.text.partition("<main")[2]


def test_a_mentee_who_has_not_agreed_gets_no_check_in(asking: Talk) -> None:
    asking.kept.ignored = ()
    asking.texts(MAYA, "hi")
    agrees(asking, MAYA)
    asking.passes(hours=10)
    [one] = scheduled(asking)
    assert (one.sent_at, one.skip_reason) == (None, SkipReason.NO_TERMS)
    assert asking.bot.begun == []
