"""Limits on attempts: a stranger's wrong ones never keep a known person out."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from fastapi import Request
from starlette.testclient import TestClient

from gateway.accounts.rate_limit import RateLimits, client_key
from models import RateLimit
from tests.chat_browser import agrees, code_texted
from tests.line import MAYA, NOOR, SAM, Talk
from tests.web_client import HERE, PASSWORD, Web, give_password


@pytest.fixture
def web(talk: Talk) -> Web:
    give_password(talk, SAM)
    return Web(talk)


def browser_at(web: Web, address: str) -> TestClient:
    client = (address, 40_000)
    return TestClient(web.app, base_url=HERE, follow_redirects=False, client=client)


def tries(browser: TestClient, password: str, times: int = 1, phone: str = SAM) -> list[int]:
    form = {"phone": phone, "password": password}
    return [browser.post("/sign-in", data=form).status_code for _ in range(times)]


def test_a_stranger_elsewhere_never_locks_sam_out(web: Web) -> None:
    stranger, sams = browser_at(web, "203.0.113.7"), browser_at(web, "198.51.100.1")
    assert tries(stranger, "not the password", 20) == [401] * 5 + [429] * 15
    assert tries(sams, PASSWORD) == [303]
    assert tries(stranger, PASSWORD) == [429]


def test_a_stranger_at_the_same_address_never_locks_out_a_browser_that_sam_used(web: Web) -> None:
    sams, stranger = browser_at(web, "203.0.113.7"), browser_at(web, "203.0.113.7")
    assert tries(sams, PASSWORD) == [303]
    sams.post("/sign-out")
    tries(stranger, "not the password", 20)
    for n in range(30):
        tries(stranger, "not the password", phone=f"+120255502{n:02d}")
    assert tries(stranger, "not the password", phone=NOOR) == [429]
    assert tries(sams, PASSWORD) == [303]
    assert stranger.post("/sign-in/link", data={"phone": NOOR}).status_code == 303


def test_a_browser_that_sam_used_has_a_budget_of_its_own(talk: Talk, web: Web) -> None:
    sams = browser_at(web, "203.0.113.7")
    tries(sams, PASSWORD)
    assert tries(sams, "not the password", 12) == [401] * 10 + [429] * 2
    assert tries(browser_at(web, "203.0.113.7"), PASSWORD) == [303]
    talk.clock.now += timedelta(minutes=15)
    assert tries(sams, PASSWORD) == [303]


def test_a_browsers_cookie_cannot_be_forged_or_used_for_another_person(
    talk: Talk, web: Web
) -> None:
    give_password(talk, NOOR)
    sams = browser_at(web, "203.0.113.7")
    tries(sams, PASSWORD)
    [(name, value)] = [(name, value) for name, value in sams.cookies.items() if "signed_in" in name]
    assert SAM not in value
    forger = browser_at(web, "203.0.113.8")
    for forged in ("a" + value, value[:-2] + "zz", value.split(".")[0], ".", ""):
        forger.cookies.set(name, forged)
        tries(forger, "not the password", 1)
    assert tries(forger, PASSWORD) == [429]
    assert tries(sams, "not the password", 6, phone=NOOR) == [401] * 5 + [429]


def test_a_used_up_address_still_opens_links_and_keeps_sam_texted(talk: Talk, web: Web) -> None:
    stranger, sams = browser_at(web, "203.0.113.7"), browser_at(web, "203.0.113.7")

    def links() -> list[str]:
        return re.findall(r"/sign-in/link/[\w-]{43}", " ".join(talk.read_by(SAM)))

    sams.post("/sign-in/link", data={"phone": SAM})
    guesses = [stranger.post("/sign-in/link/" + "x" * 43).status_code for _ in range(22)]
    assert guesses == [410] * 20 + [429] * 2
    assert sams.post(links()[0]).status_code == 303
    sams.post("/sign-out")
    for _ in range(5):
        stranger.post("/sign-in/link", data={"phone": SAM})
    assert len(links()) == 3, "each text costs money"
    assert sams.post("/sign-in/link", data={"phone": SAM}).status_code == 303
    assert len(links()) == 4


def test_a_stranger_cannot_keep_maya_out_of_the_chat(talk: Talk, web: Web) -> None:
    agrees(talk, MAYA)
    hers, stranger = browser_at(web, "198.51.100.1"), browser_at(web, "203.0.113.7")

    def signs_in() -> int:
        hers.post("/chat/sign-in", data={"phone": MAYA})
        form = {"phone": MAYA, "code": code_texted(talk, MAYA), "own": "true"}
        return hers.post("/chat/sign-in/code", data=form).status_code

    assert signs_in() == 303
    hers.post("/chat/sign-out")
    for _ in range(9):
        stranger.post("/chat/sign-in", data={"phone": MAYA})
        stranger.post("/chat/sign-in/code", data={"phone": MAYA, "code": "000000"})
    assert signs_in() == 303


def test_counts_survive_a_restart_and_hold_for_all_gateways(talk: Talk, web: Web) -> None:
    first, second = browser_at(web, "203.0.113.7"), browser_at(Web(talk), "203.0.113.7")
    assert tries(first, "not the password", 3) + tries(second, "not the password", 3) == [
        *[401] * 5,
        429,
    ]
    rows = talk.rows(RateLimit)
    assert rows
    assert not any(SAM[1:] in row.key_hash for row in rows)
    assert all(re.fullmatch(r"[0-9a-f]{64}", row.key_hash) for row in rows)


def test_parallel_attempts_count_each(talk: Talk) -> None:
    limits, now = RateLimits(talk.line), talk.clock()
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda n: limits.take({"a": 5, "b": 9}, now=now), range(16)))
    assert sum(wait is None for wait in taken) == 5
    assert limits.take({"b": 9}, now=now) is None, "a refused attempt counts nowhere"
    later = now + timedelta(minutes=15)
    assert limits.take({"a": 5}, now=later) is None
    assert limits.take({"c": 1}, now=later) is None
    assert {row.count for row in talk.rows(RateLimit)} == {1}, "old counts are deleted"


def test_an_ipv6_client_is_its_network() -> None:
    def key(host: str) -> str:
        return client_key(Request({"type": "http", "headers": [], "client": (host, 1)}))

    assert {key(f"2001:db8:1:2::{n}") for n in range(9)} == {"address 2001:db8:1:2::/64"}
    assert key("203.0.113.7") != key("203.0.113.8")
