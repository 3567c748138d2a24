"""Passkeys: adding one, signing in with it, and what is refused."""

import hashlib
import json
import random
import re
from datetime import timedelta
from functools import partial

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from gateway.accounts.passkeys import (
    LONGEST_NAME,
    MOST_PASSKEYS,
    Answer,
    Site,
    add_passkey,
    challenge_to_sign_in,
    check_passkey,
    clean_name,
    get_site,
)
from gateway.accounts.sessions import COOKIE
from gateway.runtime.one_time_keys import KeyRefused
from models import Passkey, PasskeyChallenge, Person
from tests.authenticator import VERIFIED, Device
from tests.gateway.accounts.test_sign_in import (
    audited,
    leaves,
    says,
    signed_in_as,
    web,
)
from tests.line import NOOR, SAM, Talk, at_once
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
    assert options["userVerification"] == "required"
    assert options.get("allowCredentials", []) == []
    web.is_now(SAM)
    made = web.clicks("/account/passkeys/options").json()
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert made["authenticatorSelection"]["userVerification"] == "required"
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
    ticket = web.client.cookies["__Host-warmline_passkey"]
    web.client.cookies.delete(f"__Host-{COOKIE}")
    assert web.posts("/sign-in/passkey", answer=device.signs(options)).status_code == 401
    web.is_now(NOOR)
    web.client.cookies.set("__Host-warmline_passkey", ticket)
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
    with talk.database.writing() as session:
        challenge = challenge_to_sign_in(session, site, now=now)
    credential = json.loads(device.signs(json.loads(challenge.options)))
    right = base64url_to_bytes(credential["response"][part])

    def check(data: bytes) -> str:
        credential["response"][part] = bytes_to_base64url(data)
        asked = base64url_to_bytes(json.loads(challenge.options)["challenge"])
        answer = Answer(json.dumps(credential), asked)
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


def test_passkeys_are_not_offered_where_they_cannot_work(talk: Talk) -> None:
    web = Web(talk, url="http://127.0.0.1:8000")
    assert "data-passkey" not in web.gets("/sign-in").text
    web.is_now(SAM)
    assert "Passkeys do not work at this address" in web.gets("/account").text
    for path in ("/account/passkeys/options", "/sign-in/passkey/options"):
        assert says(web.clicks(path), 409, "need https and a domain name"), path


# --- once ---


def test_an_answer_signs_in_once_even_if_it_is_sent_twice_at_once(talk: Talk, web: Web) -> None:
    """As an attacker would who sees the request: the same answer with the same cookie."""
    device = Device(counts=False)
    adds_passkey(web, SAM, device)
    web.posts("/sign-out")
    answer = device.signs(web.clicks("/sign-in/passkey/options").json())
    copies = []
    for _ in range(4):
        copies.append(web.browser())
        copies[-1].cookies.update(web.client.cookies)
    sends = [partial(one.post, "/sign-in/passkey", data={"answer": answer}) for one in copies]
    statuses = sorted(sent.status_code for sent in at_once(*sends))
    assert statuses == [303, 401, 401, 401]
    assert web.posts("/sign-in/passkey", answer=answer).status_code == 401


def test_a_challenge_is_used_up_by_a_wrong_answer(web: Web) -> None:
    device = Device(counts=False)
    adds_passkey(web, SAM, device)
    web.posts("/sign-out")
    options = web.clicks("/sign-in/passkey/options").json()
    assert web.posts("/sign-in/passkey", answer=Device().signs(options)).status_code == 401
    assert web.posts("/sign-in/passkey", answer=device.signs(options)).status_code == 401


def test_a_device_must_check_who_holds_it(web: Web) -> None:
    careless = Device(verifies=False)
    assert adds_passkey(web, SAM, careless).status_code == 409
    device = Device()
    adds_passkey(web, SAM, device)
    web.posts("/sign-out")
    device.verifies = False
    assert says(signs_in_by(web, device), 401, "did not sign you in")


def test_old_challenges_are_deleted(talk: Talk, web: Web) -> None:
    for _ in range(3):
        web.clicks("/sign-in/passkey/options")
    talk.clock.now += timedelta(minutes=5)
    web.clicks("/sign-in/passkey/options")
    assert len(talk.rows(PasskeyChallenge)) == 1


# --- published test vectors ---

# W3C, Web Authentication Level 3, section 16: test vectors, ES256 without attestation.
# https://www.w3.org/TR/webauthn-3/#sctn-test-vectors-none-es256
W3C = {
    "challenge": "00c30fb78531c464d2b6771dab8d7b603c01162f2fa486bea70f283ae556e130",
    "credential_id": "f91f391db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4",
    "attestationObject": (
        "a363666d74646e6f6e656761747453746d74a068617574684461746158a4bfabc37432958b063360d3ad6461"
        "c9c4735ae7f8edd46592a5e0f01452b2e4b559000000008446ccb9ab1db374750b2367ff6f3a1f0020f91f39"
        "1db4c9b2fde0ea70189cba3fb63f579ba6122b33ad94ff3ec330084be4a5010203262001215820afefa16f97"
        "ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61225820930a56b87a2fca66334b03458abf"
        "879717c12cc68ed73290af2e2664796b9220"
    ),
    "clientDataJSON": (
        "7b2274797065223a22776562617574686e2e637265617465222c226368616c6c656e6765223a22414d4d5074"
        "34557878475453746e63647134313759447742466938767049612d7077386f4f755657345441222c226f7269"
        "67696e223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c"
        "73652c22657874726144617461223a22636c69656e74446174614a534f4e206d617920626520657874656e64"
        "65642077697468206164646974696f6e616c206669656c647320696e20746865206675747572652c20737563"
        "6820617320746869733a20426b5165446a646354427258426941774a544c453551227d"
    ),
}
W3C_SIGNS = {
    "challenge": "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408",
    "credential_id": W3C["credential_id"],
    "authenticatorData": (
        "bfabc37432958b063360d3ad6461c9c4735ae7f8edd46592a5e0f01452b2e4b51900000000"
    ),
    "clientDataJSON": (
        "7b2274797065223a22776562617574686e2e676574222c226368616c6c656e6765223a224f63446e55685158"
        "756c5455506f334a5558543049393770767a7a59425039745a63685879617630314167222c226f726967696e"
        "223a2268747470733a2f2f6578616d706c652e6f7267222c2263726f73734f726967696e223a66616c73657d"
    ),
    "signature": (
        "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd380221008480ac0f"
        "0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87"
    ),
}
W3C_SITE = Site("example.org", "https://example.org")


def published(vector: dict[str, str]) -> Answer:
    own_id = bytes_to_base64url(bytes.fromhex(vector["credential_id"]))
    response = {
        part: bytes_to_base64url(bytes.fromhex(value))
        for part, value in vector.items()
        if part not in ("challenge", "credential_id")
    }
    credential = {"id": own_id, "rawId": own_id, "type": "public-key", "response": response}
    return Answer(json.dumps(credential), bytes.fromhex(vector["challenge"]))


def flags(vector: dict[str, str]) -> int:
    """Of a vector's authenticator data: the byte after the hash of the site's name."""
    site = hashlib.sha256(b"example.org").hexdigest()
    data = vector.get("authenticatorData") or vector["attestationObject"]
    return int(data.split(site)[1][:2], 16)


def test_the_w3c_vectors_are_read_and_refused_for_lack_of_user_verification(talk: Talk) -> None:
    """The registration and the sign-in are of a device that checked nobody (flag UV not set)."""
    assert (flags(W3C) & VERIFIED, flags(W3C_SIGNS) & VERIFIED) == (0, 0)
    made, signs = published(W3C), published(W3C_SIGNS)
    key = verify_registration_response(
        credential=made.credential,
        expected_challenge=made.challenge,
        expected_rp_id=W3C_SITE.name,
        expected_origin=W3C_SITE.origin,
    )
    assert key.credential_id.hex() == W3C["credential_id"]
    assert (key.aaguid, key.sign_count) == ("8446ccb9-ab1d-b374-750b-2367ff6f3a1f", 0)
    used = verify_authentication_response(
        credential=signs.credential,
        expected_challenge=signs.challenge,
        expected_rp_id=W3C_SITE.name,
        expected_origin=W3C_SITE.origin,
        credential_public_key=key.credential_public_key,
        credential_current_sign_count=0,
    )
    assert used.user_verified is False
    with talk.database.writing() as session, pytest.raises(KeyRefused):
        sam = session.get_one(Person, talk.person(SAM).id)
        add_passkey(session, W3C_SITE, sam, made, name="W3C", now=talk.clock())
    with talk.database.writing() as session:
        own_id = bytes_to_base64url(key.credential_id)
        sams = Passkey(person_id=talk.person(SAM).id, sign_count=0, name="W3C", at=talk.clock())
        sams.credential_id, sams.public_key = own_id, key.credential_public_key
        session.add(sams)
    with talk.database.writing() as session, pytest.raises(KeyRefused):
        check_passkey(session, W3C_SITE, signs, now=talk.clock())
