"""Past messages under another policy: which handoffs it would have opened."""

import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy import select
from typer.testing import CliRunner

from escalation.decide import Do
from escalation.policy import Policy
from escalation.policy_file import POLICY_FILE, load_policy
from gateway.cli import app
from gateway.policy.backtest import (
    History,
    differences,
    load_by_hour,
    read_history,
    repeated,
    replay,
)
from gateway.runtime.database import Database, make_engine
from models import Program, Urgency
from tests.conftest import Templates
from tests.line import JO, MAYA, SAM, Talk
from tests.processes import KEY

LONELY = "i feel so alone tonight. nobody would even notice"
TIDES = "how do tides work"
DANGER = "i want to kill myself tonight"
PERSON = "can i talk to a real person please"


def history(talk: Talk) -> History:
    now = talk.clock()
    with talk.database.reading() as session:
        program = session.scalars(select(Program)).one()
        return read_history(session, program, since=now - timedelta(weeks=8), now=now)


def policy(**thresholds: float) -> Policy:
    shipped = load_policy()
    changed = shipped.thresholds.model_copy(update=thresholds)
    return shipped.model_copy(update={"thresholds": changed})


# It never brings a person unless someone asks for one.
DEAF = policy(crisis=1.0, concern=1.0, connection=1.0, offer=1.0)


def acts() -> st.SearchStrategy[tuple[str, str]]:
    words = st.sampled_from([LONELY, TIDES, DANGER, PERSON, "yes", "no", "never mind", "breathing"])
    mentees = st.sampled_from([MAYA, JO])
    mentors = st.tuples(st.just(SAM), st.sampled_from(["take", "take {}", "hi there", "done"]))
    time = st.tuples(st.just("minutes"), st.sampled_from(["1", "45", "130"]))
    return st.one_of(st.tuples(mentees, words), mentors, time)


@settings(max_examples=12, deadline=None)
@given(st.lists(acts(), min_size=3, max_size=15))
def test_the_active_policy_repeats_every_decision(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str]]
) -> None:
    file = shutil.copy(templates.file(False), tmp_path_factory.mktemp("replay"))
    database = Database(make_engine(f"sqlite:///{file}"))
    talk = Talk(database)
    for who, what in acts:
        if who == "minutes":
            talk.passes(minutes=int(what))
        elif "{}" not in what or any(one.is_open for one in talk.handoffs()[-1:]):
            talk.passes(seconds=5)
            talk.texts(who, what)
    read = history(talk)
    again = replay(read, load_policy())
    assert repeated(read, again) == len(read.steps)
    assert len(again.handoffs) == len(talk.handoffs())
    database.engine.dispose()


def test_a_bolder_policy_brings_a_person_earlier(talk: Talk) -> None:
    talk.texts(MAYA, TIDES)
    talk.passes(minutes=5)
    talk.texts(MAYA, DANGER)
    read = history(talk)
    shipped = replay(read, load_policy())
    bold = replay(read, policy(connection=0.0, offer=0.0, tools=1.0))
    assert [one.urgency for one in shipped.handoffs] == [Urgency.CRISIS]
    (parted,) = differences(read, shipped, bold)
    assert (parted.active.do, parted.other.do) == (Do.REPLY, Do.HAND_OFF)
    assert parted.step.message == min(step.message for step in read.steps)
    assert [one.urgency for one in bold.handoffs] == [Urgency.CRISIS], "raised, not opened again"


def test_a_policy_that_misses_danger_still_brings_a_person_to_those_who_ask(talk: Talk) -> None:
    talk.texts(MAYA, DANGER)
    talk.texts(JO, PERSON)
    deaf = replay(history(talk), DEAF)
    assert [one.urgency for one in deaf.handoffs] == [Urgency.SOON]


def test_the_bot_does_not_wait_for_a_handoff_that_this_policy_never_opened(talk: Talk) -> None:
    talk.texts(MAYA, DANGER)
    talk.passes(minutes=1)
    talk.texts(MAYA, TIDES)
    read = history(talk)
    last = read.steps[-1].message
    assert replay(read, load_policy()).decisions[last].do is Do.STAND_BACK
    deaf = replay(read, DEAF)
    assert deaf.decisions[last].do is Do.REPLY


def test_the_load_is_counted_by_hour_in_the_programs_time_zone(talk: Talk) -> None:
    # 10:00 in New York. A handoff open from 10:30 to 12:15, over a week.
    talk.texts(JO, TIDES)
    talk.passes(minutes=30)
    talk.texts(MAYA, PERSON)
    talk.texts(SAM, "take {}")
    talk.texts(SAM, "Hi Maya, I am here.")
    talk.passes(minutes=105)
    talk.texts(SAM, "done {}")
    talk.passes(days=7, minutes=-135)
    read = history(talk)
    hours = load_by_hour(read, replay(read, load_policy()))
    assert {one.hour: round(one.opened, 3) for one in hours if one.opened} == {10: 1.0}
    assert {one.hour: round(one.at_once * 7, 2) for one in hours if one.at_once} == {
        10: 0.5,
        11: 1.0,
        12: 0.25,
    }


def test_warmline_replay_compares_two_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'warmline.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setattr("gateway.cli.policy.Console", lambda: Console(width=160))
    database = Database(make_engine(url))
    database.migrate()
    talk = Talk(database)
    monkeypatch.setattr("gateway.cli.policy.utc_now", talk.clock)
    talk.texts(MAYA, DANGER)
    talk.texts(JO, TIDES)
    talk.passes(minutes=10)
    tried = tmp_path / "tried.toml"
    never = r"(?m)^(crisis|concern|connection|offer) = 0\."
    tried.write_text(re.sub(never, r"\1 = 1.0 # ", POLICY_FILE.read_text("utf-8")), "utf-8")
    ran = CliRunner().invoke(app, ["replay", "--policy", str(tried)])
    assert ran.exit_code == 0, ran.output
    assert "The active policy would repeat 2 of them." in ran.stdout
    assert "Conversations that change: 1" in ran.stdout
    assert "bring a person, crisis: crisis score at or above the threshold" in ran.stdout
    assert "let the bot answer: nothing shows a need for a person" in ran.stdout


def test_a_policy_file_with_a_mistake_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[thresholds]\ncrisis = 7\n", "utf-8")
    ran = CliRunner().invoke(app, ["replay", "--policy", str(wrong)])
    assert ran.exit_code == 2
    assert "wrong.toml" in ran.stderr
