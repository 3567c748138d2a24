"""Passkeys: adding one, signing in with it, and what is refused."""

import json
import random
import re
from datetime import timedelta

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from gateway.accounts.passkeys import (
    LONGEST_NAME,
    MOST_PASSKEYS,
    Answer,
    Site,
    challenge_to_sign_in,
    check_passkey,
    clean_name,
    get_site,
)
from gateway.accounts.sessions import COOKIE
from gateway.runtime.one_time_keys import KeyRefused
from tests.authenticator import Device
from tests.gateway.accounts.test_sign_in import (
    audited,
    leaves,
    says,
    signed_in_as,
    web,
)
from tests.line import NOOR, SAM, Talk
from tests.web_client import Web

__all__ = ["web"]


def adds_passkey(web: Web, number: str, device: Device) -> httpx2.Response:
    web.is_now(number)
    options = web.clicks("/account/passkeys/options").json()
    return web.posts("/account/passkeys", answer=device.makes(options))


def signs_in_by(web: Web, device: Device, next: str = "") -> httpx2.Response:
    options = web.clicks("/sign-in/passkey/options").json()
    return web.posts("/sign-in/passkey", answer=device.signs(options), next=next)


def test_sam_adds_a_passkey_and_signs_in_with_it(talk: Talk, web: Web) -> None:
    device = Device()
    assert adds_passkey(web, SAM, device).headers["Location"] == "/account?done=added"
    web.posts("/sign-out")
    answer = signs_in_by(web, device, next="/console/7")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/7")
    assert signed_in_as(web, "Sam")
    assert "last used" in web.gets("/account").text
    actions = [action for action, _, _ in audited(talk, SAM)]
    assert actions == ["signed in", "added a passkey", "signed in"]


def test_the_sign_in_challenge_names_no_person(web: Web) -> None:
    options = web.clicks("/sign-in/passkey/options").json()
    assert options["rpId"] == "warmline.example"
    assert options["userVerification"] == "preferred"
    assert options.get("allowCredentials", []) == []
    web.is_now(SAM)
    made = web.clicks("/account/passkeys/options").json()
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert made["attestation"] == "none"
    assert len(made["user"]["id"]) == 43, "a fingerprint, not a row number"


def test_a_device_registers_only_one_passkey_for_a_person(web: Web) -> None:
    device = Device()
    adds_passkey(web, SAM, device)
    options = web.clicks("/account/passkeys/options").json()
    assert len(options["excludeCredentials"]) == 1
    again = web.posts("/account/passkeys", answer=device.makes(options))
    assert says(again, 409, "already registered")


def test_a_passkey_of_another_site_is_refused(talk: Talk, web: Web) -> None:
    for name, value in (
        ("origin", "https://evil.example"),
        ("origin", "http://warmline.example"),
        ("site", "evil.example"),
    ):
        device, elsewhere = Device(), Device()
        setattr(elsewhere, name, value)
        assert adds_passkey(web, SAM, elsewhere).status_code == 409, value
        adds_passkey(web, SAM, device)
        web.posts("/sign-out")
        setattr(device, name, value)
        assert says(signs_in_by(web, device), 401, "did not sign you in"), value
        assert audited(talk, SAM)[-1] == ("failed to sign in", None, "passkey")


def test_a_copied_passkey_is_refused_by_its_use_counter(web: Web) -> None:
    counting, other = Device(), Device(counts=False)
    for device in (counting, other):
        adds_passkey(web, SAM, device)
        assert [signs_in_by(web, device).status_code for _ in range(3)] == [303] * 3
    counting.count = 1
    assert signs_in_by(web, counting).status_code == 401


def test_every_refused_passkey_gets_the_same_words(talk: Talk, web: Web) -> None:
    known, gone, forged = Device(), Device(), Device()
    adds_passkey(web, SAM, known)
    adds_passkey(web, NOOR, gone)
    leaves(talk, NOOR)
    web.posts("/sign-out")
    forged.id, forged.handle = known.id, known.handle
    stolen = Device(id=known.id, key=known.key, handle=gone.handle)
    answers = [signs_in_by(web, one) for one in (Device(), gone, forged, stolen)]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert web.gets("/account").status_code == 303


def test_a_credential_is_valid_only_for_a_recent_challenge_to_this_browser(
    talk: Talk, web: Web
) -> None:
    device = Device(counts=False)
    adds_passkey(web, SAM, device)
    web.posts("/sign-out")
    options = web.clicks("/sign-in/passkey/options").json()
    answer = device.signs(options)
    talk.clock.now += timedelta(minutes=5)
    assert says(web.posts("/sign-in/passkey", answer=answer), 401, "took too long")
    talk.clock.now -= timedelta(minutes=1)
    elsewhere = web.browser().post("/sign-in/passkey", data={"answer": answer})
    assert says(elsewhere, 401, "another tab")
    assert web.posts("/sign-in/passkey", answer=answer).status_code == 303
    assert web.posts("/sign-in/passkey", answer=answer).status_code == 401, "the ticket is gone"


def test_sams_challenge_to_add_a_passkey_works_for_nothing_else(talk: Talk, web: Web) -> None:
    device = Device(counts=False)
    adds_passkey(web, SAM, device)
    options = web.clicks("/account/passkeys/options").json()
    ticket = web.client.cookies["warmline_passkey"]
    web.client.cookies.delete(COOKIE)
    assert web.posts("/sign-in/passkey", answer=device.signs(options)).status_code == 401
    web.is_now(NOOR)
    web.client.cookies.set("warmline_passkey", ticket)
    assert web.posts("/account/passkeys", answer=Device().makes(options)).status_code == 409


def test_a_removed_passkey_no_longer_signs_in(talk: Talk, web: Web) -> None:
    device = Device()
    adds_passkey(web, SAM, device)
    remove = re.findall(r'action="(/account/passkeys/\d+/remove)"', web.gets("/account").text)[0]
    assert web.posts(remove).headers["Location"] == "/account?done=removed"
    assert web.clicks(remove).status_code == 404
    web.posts("/sign-out")
    assert signs_in_by(web, device).status_code == 401


def test_a_passkeys_name_is_shown_as_plain_text(talk: Talk, web: Web) -> None:
    adds_passkey(web, SAM, Device())
    rename = re.findall(r'action="(/account/passkeys/\d+/rename)"', web.gets("/account").text)[0]
    assert says(web.clicks(rename, name=" \u202e\x00 "), 422, "Give the passkey a name")
    assert web.clicks(rename, name="<script>alert(1)</script> \u202eenohp").status_code == 204
    page = web.gets("/account?done=renamed").text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)" in page


@given(st.text(max_size=200))
def test_a_passkeys_name_is_cleaned_to_one_short_line(name: str) -> None:
    kept = clean_name(name)
    assert len(kept) <= LONGEST_NAME
    assert kept.isprintable()
    kept.encode()


NOT_CREDENTIALS = (
    "",
    "null",
    "[]",
    "{}",
    '{"id": "x"}',
    '{"id": "x", "response": {}}',
    '{"id": 7, "rawId": 7, "type": "public-key", "response": {"clientDataJSON": 1}}',
    '{"id": "\\u0000", "rawId": "x", "type": "public-key", "response": {}}',
    '{"id": "\\ud800", "rawId": "x", "type": "public-key", "response": {}}',
    '{"id": "x", "response": {"userHandle": 7}}',
    '{"id": "x", "rawId": "x", "type": "public-key", "response":'
    ' {"clientDataJSON": "x", "attestationObject": "x", "authenticatorData": "x",'
    ' "signature": "x"}}',
    "[" * 15_000,
    "x" * 30_000,
)


def test_what_is_not_a_credential_is_refused(web: Web) -> None:
    web.is_now(SAM)
    for path, status, sentence in (
        ("/sign-in/passkey", 401, "did not sign you in"),
        ("/account/passkeys", 409, "could not be added"),
    ):
        for answer in NOT_CREDENTIALS:
            web.clicks(f"{path}/options")
            assert says(web.posts(path, answer=answer), status, sentence), answer


@pytest.mark.parametrize("part", ["clientDataJSON", "authenticatorData", "signature", "userHandle"])
def test_a_credential_with_any_byte_changed_is_refused(talk: Talk, web: Web, part: str) -> None:
    device = Device(counts=False)
    adds_passkey(web, SAM, device)
    site, now, chance = Site(device.site, device.origin), talk.clock(), random.Random(7)
    challenge = challenge_to_sign_in(site, now=now)
    credential = json.loads(device.signs(json.loads(challenge.options)))
    right = base64url_to_bytes(credential["response"][part])

    def check(data: bytes) -> str:
        credential["response"][part] = bytes_to_base64url(data)
        answer = Answer(json.dumps(credential), challenge.ticket)
        with talk.database.writing() as session:
            return check_passkey(session, site, answer, now=now).name

    for _ in range(25):
        wrong = bytearray(right)
        wrong[chance.randrange(len(wrong))] ^= chance.randrange(1, 256)
        with pytest.raises(KeyRefused):
            check(bytes(wrong))
    assert check(right) == "Sam"


def test_a_person_has_a_limited_number_of_passkeys(web: Web) -> None:
    for _ in range(MOST_PASSKEYS):
        adds_passkey(web, SAM, Device())
    assert f"You have {MOST_PASSKEYS} passkeys" in web.gets("/account").text
    assert adds_passkey(web, SAM, Device()).status_code == 409


def test_passkeys_need_a_domain_name_and_https() -> None:
    origins = [
        ("https://line.example.org", "https://line.example.org"),
        ("https://line.example.org:8443/under", "https://line.example.org:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.0.0.1:8000", None),
        ("https://[::1]:8000", None),
        ("http://line.example.org", None),
    ]
    for address, origin in origins:
        site = get_site(address)
        assert (site.origin if site else None) == origin, address


def test_passkeys_are_not_offered_where_they_cannot_work(talk: Talk, web: Web) -> None:
    bare = web.app.state.settings.model_copy(update={"public_url": "http://127.0.0.1:8000"})
    web.app.state.settings = bare
    web.client.base_url = httpx2.URL("http://127.0.0.1:8000")
    assert "data-passkey" not in web.gets("/sign-in").text
    web.is_now(SAM)
    assert "Passkeys do not work at this address" in web.gets("/account").text
    for path in ("/account/passkeys/options", "/sign-in/passkey/options"):
        assert says(web.clicks(path), 409, "need https and a domain name"), path
