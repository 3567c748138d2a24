"""The attacks on a served gateway. `python -m tests.attack` also measures how it does meanwhile."""

from collections.abc import Iterator

import pytest

from tests import attack
from tests.attack import Target


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with attack.target() as one:
        yield one


def test_huge_bodies_are_refused_and_others_are_answered_meanwhile(target: Target) -> None:
    _, said = attack.huge_bodies(target)
    assert said.count("HTTP/1.1 413") == 3, said
    assert said.count("HTTP/1.1 401") == 1, said


def test_four_hundred_slow_connections_are_closed(target: Target) -> None:
    _, said = attack.slow_connections(target)
    assert said.startswith("0 open after 30 s"), said


@pytest.mark.parametrize(
    "name", ["many_connections", "foreign_host", "wrong_passwords", "forged_addresses"]
)
def test_the_attack_fails(target: Target, name: str) -> None:
    held, said = attack.ATTACKS[name](target)
    assert held, said


def test_a_mentee_has_at_most_five_streams(target: Target) -> None:
    _, said = attack.streams(target)
    assert said.startswith("5 stay open"), said


def test_a_trusted_proxy_names_its_clients() -> None:
    with attack.target(TRUSTED_PROXIES="127.0.0.1") as behind_a_proxy:
        _, said = attack.forged_addresses(behind_a_proxy)
    assert said == ", ".join(["401"] * 8), "each address has its own attempts"
