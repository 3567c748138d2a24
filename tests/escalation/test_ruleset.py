"""The files a program may edit: a mistake is named, and every line is really used."""

import re
from pathlib import Path

import pytest

from escalation.policy import POLICY_FILE, BadPolicy, load_policy
from escalation.speech.script import SCRIPT_FILE, BadScript, load_script
from gateway.authoring.gsm import outside_gsm_7
from models import Need, Urgency

SCRIPT = load_script()
ROOT = Path(__file__).parents[2]

# Feeling, care, watching, or a promise nobody can keep. Not for a machine's mouth.
CLAIMS = re.compile(
    r"\bI('m| am)? (care|worry|worried|feel|understand how|love|here for you|always)\b"
    r"|\bwatching\b|\bI promise\b|\byou are not alone\b|\bhelp is on the way\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("key", SCRIPT.lines)
def test_a_line_can_be_sent_as_plain_sms(key: str) -> None:
    assert not outside_gsm_7(SCRIPT.lines[key])
    assert len(SCRIPT.lines[key]) <= 306


@pytest.mark.parametrize("key", SCRIPT.lines)
def test_a_line_claims_no_feeling_and_promises_nothing(key: str) -> None:
    assert not CLAIMS.search(SCRIPT.lines[key])


@pytest.mark.parametrize("key", [key for key in SCRIPT.lines if key.startswith("alert_")])
def test_an_alert_says_nothing_of_what_was_written(key: str) -> None:
    assert SCRIPT.blanks(key) <= {"code", "whose", "link"}


def test_every_need_says_why_and_every_urgency_has_its_alert() -> None:
    assert {f"why_{need.value}" for need in Need} <= set(SCRIPT.lines)
    assert {f"alert_{urgency.name.lower()}" for urgency in Urgency} <= set(SCRIPT.lines)


def test_every_line_of_the_script_is_spoken_somewhere() -> None:
    code = "".join(
        file.read_text("utf-8")
        for folder in ("escalation", "gateway")
        for file in (ROOT / folder).rglob("*.py")
    )
    made_up = {f"why_{need.value}" for need in Need}
    made_up |= {f"alert_{urgency.name.lower()}" for urgency in Urgency}
    assert {key for key in SCRIPT.lines if f'"{key}"' not in code} == made_up


@pytest.mark.parametrize(
    ("wrong", "right", "named"),
    [
        ("crisis = 1.5", "crisis = ", "thresholds.crisis"),
        ('page = ["everybody"]', 'page = ["own"]', "ladder.routine.rungs"),
        ("stuck_after = 0", "stuck_after = 3", "bot.stuck_after"),
        ("stuck_afterr = 3", "stuck_after = 3", "bot.stuck_after"),
    ],
)
def test_a_mistake_in_the_policy_is_named(
    tmp_path: Path, wrong: str, right: str, named: str
) -> None:
    file = tmp_path / "policy.toml"
    text = POLICY_FILE.read_text("utf-8")
    file.write_text(re.sub(re.escape(right) + r"[\d.]*", wrong, text, count=1), "utf-8")
    with pytest.raises(BadPolicy, match=re.escape(named)):
        load_policy(file)


def test_concern_may_not_be_above_crisis(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    text = re.sub(r"concern = [\d.]+", "concern = 0.999", POLICY_FILE.read_text("utf-8"), count=1)
    file.write_text(text, "utf-8")
    with pytest.raises(BadPolicy, match=r"thresholds\.concern"):
        load_policy(file)


def test_a_line_without_its_source_is_named(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    file.write_text('[hello]\ntext = "hi"\n', "utf-8")
    with pytest.raises(BadScript, match=r"\[hello\] has no source"):
        load_script(file)
    assert SCRIPT_FILE.exists()
