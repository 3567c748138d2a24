"""The files a program may edit: a mistake is named, and every line is really used."""

import re
from pathlib import Path

import pytest

from escalation.policy_file import POLICY_FILE, BadPolicy, load_policy
from escalation.speech.danger_lines import why_line
from escalation.speech.script import SCRIPT_FILE, BadScript, load_script
from gateway.authoring.gsm import outside_gsm_7
from gateway.check_ins.follow_ups import Question
from models import Danger, Need, Urgency

SCRIPT = load_script()
ROOT = Path(__file__).parents[2]
SCALES_FILE = ROOT / "escalation" / "check_ins" / "scales.toml"

# A handoff that began with a mentor's own words says no reason.
WHY = {why_line(need, danger) for need in Need for danger in Danger} - {"why_mentor"}
# Feeling, care, watching, or a promise that no one can keep.
CLAIMS = re.compile(
    r"\bI('m| am)? (care|worry|worried|feel|understand how|love|here for you|always)\b"
    r"|\bwatching\b|\bI promise\b|\byou are not alone\b|\bhelp is on the way\b",
    re.IGNORECASE,
)


def test_each_line_can_be_sent_as_plain_sms_and_claims_no_feeling() -> None:
    failures = [
        (key, words)
        for key, words in SCRIPT.lines.items()
        if outside_gsm_7(words) or len(words) > 306 or CLAIMS.search(words)
    ]
    assert not failures


def test_an_alert_contains_nothing_that_the_mentee_wrote() -> None:
    alerts = [key for key in SCRIPT.lines if key.startswith("alert_")]
    ours = {"code", "codes", "example", "whose", "link"}
    assert not [key for key in alerts if not SCRIPT.blanks(key) <= ours]


def test_every_need_says_why_and_every_urgency_has_its_alert() -> None:
    lines = set(SCRIPT.lines)
    assert lines >= WHY
    assert lines >= {f"alert_{urgency.name.lower()}" for urgency in Urgency}


def test_every_line_of_the_script_is_used() -> None:
    files = [*(ROOT / "escalation").rglob("*.py"), *(ROOT / "gateway").rglob("*.py")]
    used_in = "".join(file.read_text("utf-8") for file in (*files, SCALES_FILE))
    made_up = WHY | {f"alert_{urgency.name.lower()}" for urgency in Urgency}
    made_up |= {f"{verb}_{end}" for verb in ("write", "open", "record") for end in ("which", "how")}
    made_up |= {question.line for question in Question}
    # Said instead of the line without the ending.
    for released in ("released", "released_silent", "taken_back"):
        made_up |= {f"{released}_nobody", f"{released}_at_opening"}
    assert made_up <= set(SCRIPT.lines)
    assert {key for key in SCRIPT.lines if f'"{key}"' not in used_in} <= made_up


def test_each_mistake_in_the_policy_is_named(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    failures = []
    for wrong, right, named in (
        ("crisis = 1.5", "crisis = ", "thresholds.crisis"),
        ('page = ["everybody"]', 'page = ["own"]', "ladder.routine.rungs"),
        ("stuck_after = 0", "stuck_after = 3", "bot.stuck_after"),
        ("stuck_afterr = 3", "stuck_after = 3", "bot.stuck_after"),
        ("concern = 0.999", "concern = ", "thresholds.concern must not be above"),
        (
            "delivered_within_minutes = 1",
            "delivered_within_minutes = ",
            "unknown_numbers_alert_seconds must be below alert.delivered_within_minutes",
        ),
        ("together_seconds = 120", "together_seconds = ", "alert.together_seconds must be below"),
    ):
        text = POLICY_FILE.read_text("utf-8")
        file.write_text(re.sub(re.escape(right) + r"[\d.]*", wrong, text, count=1), "utf-8")
        with pytest.raises(BadPolicy) as refused:
            load_policy(file)
        if named not in str(refused.value):
            failures.append((wrong, str(refused.value)))
    assert not failures


def test_a_line_without_its_source_is_named(tmp_path: Path) -> None:
    file = tmp_path / "script.toml"
    file.write_text('[hello]\ntext = "hi"\n', "utf-8")
    with pytest.raises(BadScript, match=r"\[hello\] has no source"):
        load_script(file)
    assert SCRIPT_FILE.exists()
