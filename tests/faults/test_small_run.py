"""A small run on both databases, with several faults; docs/crash-test.md has large ones."""

from pathlib import Path

import pytest

from tests.faults.run import Outcome, Size, run
from tests.rasa_server import RasaServer


@pytest.mark.parametrize("on_postgres", [False, True], ids=["sqlite", "postgres"])
def test_people_write_while_everything_breaks_and_nothing_is_lost(
    on_postgres: bool, rasa: RasaServer, tmp_path: Path
) -> None:
    only = {"kill_gateway", "full_disk", "twilio_hangs", "freeze_rasa"}
    only |= {"stop_postgres"} if on_postgres else {"lock_file"}
    size = Size(messages=30, mentees=10, faults=5, seed=7, at_once=6)
    outcome = run(tmp_path, size, on_postgres=on_postgres, only=frozenset(only), rasa=rasa)
    assert outcome.written == 30
    assert {fault.kind for fault in outcome.history.faults} == only
    assert outcome.history.moved, "somebody asked for a person"
    assert outcome.holds, wrong_in(outcome)


def wrong_in(outcome: Outcome) -> dict[str, list[str]]:
    return {name: wrong for name, wrong in outcome.wrong.items() if wrong}
