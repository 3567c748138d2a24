"""A small kill test on both databases; docs/crash-test.md has the large one."""

from pathlib import Path

from tests.crash import Figures, run
from tests.rasa_server import RasaServer


def test_people_write_while_the_gateway_is_killed_and_nothing_is_lost(
    database_url: str, rasa: RasaServer, tmp_path: Path
) -> None:
    size = {"messages": 24, "mentees": 12, "kills": 2, "seed": 7}
    figures = run(tmp_path, database_url=database_url, rasa=rasa, **size)
    assert figures.messages == 24
    assert figures.kills == 2
    assert figures.handoffs >= 4
    assert figures.holds, figures


def test_the_kill_test_can_fail() -> None:
    assert Figures(kills=5).holds
    for wrong in ("lost", "handled_twice", "out_of_order", "paged_twice"):
        figures = Figures(kills=5)
        setattr(figures, wrong, 1)
        assert not figures.holds, wrong
