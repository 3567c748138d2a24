"""The arithmetic of the measurements, and that they see what they are to see."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.bench import load, rounds
from tests.bench.figures import Comparison, Goal, percentile, short, spread, table
from tests.bench.load import measure
from tests.bench.rates import Rate
from tests.bench.rounds import Round, compare
from tests.bench.usage import cpu_by_role, family, megabytes_by_role


def test_a_percentile_is_one_of_the_numbers() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert percentile(hundred, 50) == 50
    assert percentile(hundred, 99) == 99
    assert percentile([3.0, 1.0, 2.0], 99) == 3
    assert percentile([3.0, 1.0, 2.0], 50) == 2
    assert percentile([7.0], 1) == 7


def test_a_ratio_is_of_two_figures_of_the_same_round() -> None:
    """The machine is half as fast in the second round, which changes no ratio."""
    faster = Comparison("messages a second", [30, 15, 24], [10, 5, 6], Goal(3, at_least=True))
    assert faster.ratio == spread([3, 3, 4])
    assert faster.is_met
    row = faster.row()
    assert row == (
        "messages a second",
        "24.0 (15.0-30.0)",
        "6.00 (5.00-10.0)",
        "3.00 (3.00-4.00)",
        "at least 3",
    )
    slower = Comparison("ms", [70.0], [100.0], Goal(0.6))
    assert not slower.is_met
    assert slower.row()[-1] == "at most 0.6: NOT met"
    assert Comparison("ms", [70.0], [100.0], None).is_met


def test_a_round_adds_up_the_processes() -> None:
    ours = Round(21, [50.0, 60.0], [40.0, 20.0, 30.0], {"gateway": 20, "bot": 10}, {"gateway": 300})
    stock = Round(7, [100.0, 120.0], [60.0], {"bot": 100}, {"bot": 1000})
    ratios = [one.ratio.median for one in compare([ours], [stock])]
    assert ratios == [3, 0.5, 0.5, 0.3, 0.3]
    assert "Warmline's CPU a message, ms: bot 10.0, gateway 20.0" in rounds.report([ours], [stock])


def test_columns_are_aligned_and_numbers_are_short() -> None:
    assert table([("a", "1"), ("bcd", "100")]) == "a      1\nbcd  100"
    assert [short(one) for one in (0.1234, 12.34, 1234.5)] == ["0.12", "12.3", "1234"]


def test_the_usage_of_a_process_is_read() -> None:
    assert os.getpid() in family(os.getppid())
    assert sum(megabytes_by_role(os.getpid()).values()) > 10
    assert sum(cpu_by_role(os.getpid()).values()) > 0


def test_mentees_write_at_a_rate_and_what_became_of_it_is_counted(
    database_url: str, tmp_path: Path
) -> None:
    """Ten messages without the bot. One of the ten is a crisis: a reply and an alert go out."""
    run = measure(
        tmp_path / "line",
        [Rate(20, 0.5)],
        mentees=3,
        with_bot=False,
        database_url=database_url,
        patience_seconds=60,
    )
    [result] = asyncio.run(run)
    assert result.nothing_is_lost, result
    assert len(result.answered_ms) == 10
    assert len(result.reply_ms) == len(result.alert_ms) == 1
    assert result.texts >= 5
    printed = load.report([result])
    assert "messages lost" in printed


def test_rates_are_read_as_they_are_written() -> None:
    assert Rate.read("300x10") == Rate(300, 10)
    assert (Rate(50, 30).count, Rate(50, 30).crises, Rate(20, 0.5).crises) == (1500, 15, 1)
    with pytest.raises(ValueError, match="could not convert"):
        Rate.read("fast")
