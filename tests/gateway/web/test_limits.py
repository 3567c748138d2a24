"""What arrives is limited before anything reads it, and only our own host is answered."""

import json
from collections.abc import Iterator

import httpx2
import pytest

from models import Message
from tests.chat_browser import agrees
from tests.line import MAYA, RUTH, Talk
from tests.web_client import HERE, Web, at_the_chat

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


def chunked(size: int) -> Iterator[bytes]:
    for _ in range(size // 1000):
        yield b"a" * 1000


def says(answer: httpx2.Response, status: int, sentence: str) -> bool:
    return answer.status_code == status and sentence in answer.text


# --- limits ---


def test_a_body_that_is_too_large_is_refused_with_its_limit(web: Web) -> None:
    for body in (b"a" * 200_000, chunked(200_000)):
        answer = web.client.post("/sign-in", content=body, headers=FORM)
        assert says(answer, 413, "This is larger than 128 KB. Send less at once.")
        assert answer.headers["Connection"] == "close"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_browser_gets_a_page_and_spanish_readers_get_spanish(web: Web) -> None:
    headers = {**FORM, "Accept": "text/html"}
    answer = web.client.post("/chat", content=b"a" * 300_000, headers=headers)
    assert says(answer, 413, "<h1>")
    assert "This is larger than 256 KB" in answer.text
    headers["Accept-Language"] = "es"
    answer = web.client.post("/chat", content=b"a" * 300_000, headers=headers)
    assert says(answer, 413, "Esto ocupa más de 256 KB")


def test_a_form_has_at_most_two_hundred_fields(web: Web) -> None:
    many = "&".join(f"f{n}=v" for n in range(201)).encode()
    answer = web.client.post("/sign-in", content=many, headers=FORM)
    assert says(answer, 413, "This form has more than 200 fields.")
    parts = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\nv\r\n' for _ in range(250)
    )
    for kind, body in (
        ("application/x-www-form-urlencoded; charset=json", many),
        ("multipart/form-data; Boundary=x", parts + b"--x--"),
        ("multipart/form-data; boundary=zzz; boundary=x", parts + b"--x--"),
        ("multipart/form-data; xboundary=zzz; boundary=x", parts + b"--x--"),
    ):
        answer = web.client.post("/sign-in", content=body, headers={"Content-Type": kind})
        assert says(answer, 413, "This form has more than 200 fields."), kind
    files = {f"f{n}": (None, "v") for n in range(250)}
    answer = web.client.post("/sign-in", files=files)
    assert says(answer, 413, "This form has more than 200 fields.")


def test_a_webhook_has_at_most_a_hundred_fields_and_32_kb(talk: Talk) -> None:
    web = Web(talk, sms="twilio")
    for form in ({f"f{n}": "v" for n in range(101)}, {"Body": "a" * 40_000}):
        signed = {"X-Twilio-Signature": "AAAA"}
        assert web.client.post("/twilio/sms", data=form, headers=signed).status_code == 413


def test_what_has_no_signature_or_token_is_refused_before_its_body_is_read(talk: Talk) -> None:
    web, read = Web(talk, sms="twilio"), []

    def body() -> Iterator[bytes]:
        for part in chunked(100_000):
            read.append(part)
            yield part

    for path, status in (("/twilio/sms", 403), ("/api/v1/people", 401)):
        # The test client reads the whole body, but hands over only what the application asks for.
        answer = web.client.post(path, content=body(), headers=FORM)
        assert answer.status_code == status, path
        assert "KB" not in answer.text, "not refused for its size, which is not known yet"


def test_json_is_nested_at_most_twenty_deep(talk: Talk) -> None:
    web = Web(talk)
    headers = {"Content-Type": "application/json"}
    for deep, is_refused in ((20, False), (21, True)):
        body = "[" * deep + '"]]\\"}{[["' + "]" * deep
        json.loads(body)
        answer = web.client.post("/sign-in/passkey", content=body, headers=headers)
        assert (answer.status_code == 400) == is_refused, deep


def test_only_a_manager_may_send_a_large_people_file(talk: Talk, web: Web) -> None:
    file = {"file": ("people.csv", b"a" * 1_000_000, "text/csv")}
    headers = {"Accept": "text/html"}
    answer = web.client.post("/people/import/preview", files=file, headers=headers)
    assert answer.status_code == 401
    web.is_now(RUTH)
    answer = web.client.post("/people/import/preview", files=file, headers=headers)
    assert answer.status_code in (200, 422)
    file = {"file": ("people.csv", b"a" * 5_000_000, "text/csv")}
    answer = web.client.post("/people/import/preview", files=file, headers=headers)
    assert says(answer, 413, "This is larger than 3,906 KB")


def test_a_wrong_content_length_is_refused(web: Web) -> None:
    answer = web.client.post("/sign-in", content=b"", headers={**FORM, "Content-Length": "many"})
    assert says(answer, 400, "Content-Length")


def test_maya_keeps_her_words_when_they_are_too_long_for_the_chat(talk: Talk) -> None:
    agrees(talk, MAYA)
    web = at_the_chat(talk)
    answer = web.posts("/chat", words="ñ" * 5_001)
    assert says(answer, 413, "longer than 5000 characters")
    assert "ñ" * 5_001 in answer.text
    assert talk.rows(Message) == []


# --- the host, and headers ---


def test_only_the_host_in_public_url_is_answered(web: Web) -> None:
    for host in (
        "evil.example",
        "warmline.example.evil.example",
        "warmline.example:81",
        "[::1",
        "",
    ):
        for path in ("/sign-in", "/chat", "/api/v1/openapi.json", "/static/chat.js", "/console/"):
            answer = web.client.get(path, headers={"Host": host})
            assert says(answer, 400, "Warmline answers only at warmline.example."), (host, path)
    for host in ("warmline.example", "WARMLINE.example", "warmline.example:443"):
        assert web.client.get("/sign-in", headers={"Host": host}).status_code == 200


def test_a_monitor_reaches_health_and_metrics_by_address(web: Web) -> None:
    for host in ("10.0.0.7:8000", "[fd00::7]:8000", "gateway:8000", "warmline.example"):
        for path in ("/healthz", "/metrics"):
            assert web.client.get(path, headers={"Host": host}).status_code == 200, (host, path)
        assert (web.client.get("/sign-in", headers={"Host": host}).status_code == 200) == (
            host == "warmline.example"
        )
    assert web.client.get("/healthz", headers={"Host": "evil.example"}).status_code == 400


def test_a_redirect_for_a_slash_stays_here(web: Web) -> None:
    where = web.client.get("/console/").headers.get("Location", "/console")
    assert httpx2.URL(HERE).join(where).host == "warmline.example"


def test_every_response_tells_browsers_what_the_page_may_do(talk: Talk, web: Web) -> None:
    twilio = Web(talk, sms="twilio")
    answers = [
        web.gets("/sign-in"),
        web.gets("/nowhere"),
        web.client.get("/healthz", headers={"Host": "evil.example"}),
        web.client.get("/api/v1/people"),
        twilio.posts("/twilio/sms"),
    ]
    for answer in answers:
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    button = web.gets("/static/widget.js")
    assert button.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
