"""Random requests: forms with fields that are missing, odd, or huge, and Twilio's webhooks."""

import re
from urllib.parse import quote, urlencode

from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from tests.fuzz.forms import Form
from tests.fuzz.world import ACCOUNT, NOBODY, TWILIO_TOKEN, Sent
from tests.line import JO, MAYA, NOOR, RUTH, SAM, STRANGER
from tests.web_client import HERE

# Values that have broken programs before.
ODD = (
    *(
        "",
        " ",
        "0",
        "-1",
        "1",
        "2",
        "3.5",
        "1e400",
        "NaN",
        "9" * 25,
        "9" * 5_000,
        "0x10",
        "\uff11\uff12",
    ),
    *("true", "null", "[]", "{}", '{"a": [' * 50, "undefined", "on"),
    *("2026-02-30", "0000-00-00", "9999-12-31", "2026-11-10T25:61", "24:60", "00:00-00:00"),
    *("2026-W99", "2026-11-10", "23:59", "America/New_York", "Mars/Phobos", "es", "xx-YY"),
    *(MAYA, SAM, STRANGER, "+1", "+999999999999999999", "whatsapp:+12025550101", "202 555 0101"),
    *("\x00", "a\x00b", "\r\nSet-Cookie: a=b", "\u202etxet", "e\u0301" * 40, "\U0001f600" * 20),
    *(
        "\ud800",
        "\u0130\u0131\u017f",
        "\ufdfa" * 30,
        "<script>alert(1)</script>",
        "'; DROP TABLE person; --",
        "%s%n%x",
    ),
    *("{{7*7}}", "${7*7}", "../../../etc/passwd", "//evil.example/", "https://evil.example"),
    *("=cmd|'/c calc'!A0", "a" * 4_001, "a" * 70_000, "b\n" * 3_000, "k:" * 200),
    *("TAKE", "take 1", "DONE 1", "#1 hi", "STOP", "HELP", "PERSON", "AWAY till friday", "MENU"),
)
NUMBERS = (
    "0",
    "-1",
    "2",
    "3",
    "4",
    "7",
    "99",
    "9" * 19,
    "9" * 40,
    "1.5",
    "a",
    "%00",
    "%F0%28",
    "+1",
)
FORM = "application/x-www-form-urlencoded"
KINDS = (
    FORM,
    "application/json",
    "text/plain",
    "multipart/form-data",
)
BOUNDARY = "fuzzboundary"

text = st.text(max_size=30)
odd = st.sampled_from(ODD)
value = st.one_of(odd, odd, text, st.integers().map(str))
number = st.sampled_from(NUMBERS)


@st.composite
def form_requests(draw: st.DrawFn, forms: list[Form], who: list[str]) -> Sent:
    form = draw(st.sampled_from(forms))
    sender = draw(st.sampled_from(who)) if draw(st.integers(0, 9)) == 0 else form.who
    address = _with_other_numbers(draw, form.action)
    pairs = _fields(draw, form)
    if form.method == "GET":
        return Sent(sender, "GET", f"{address.partition('?')[0]}?{_encode(pairs)}")
    headers = {"HX-Request": "true"} if draw(st.booleans()) else {}
    if draw(st.integers(0, 19)) == 0:
        kind, body = draw(st.sampled_from(KINDS)), draw(st.binary(max_size=300))
    elif form.is_multipart:
        kind, body = f"multipart/form-data; boundary={BOUNDARY}", _multipart(draw, pairs)
    else:
        kind, body = FORM, _encode(pairs).encode()
    headers |= {"Content-Type": kind, "Content-Length": str(len(body))}
    return Sent(sender, form.method, address, body, tuple(headers.items()))


def _with_other_numbers(draw: st.DrawFn, address: str) -> str:
    if draw(st.integers(0, 3)):
        return address
    return re.sub(r"(?<=/)\d+", lambda _: draw(number), address)


def _fields(draw: st.DrawFn, form: Form) -> list[tuple[str, str]]:
    pairs = []
    for name, offered in form.fields.items():
        what = draw(st.integers(0, 9))
        if what < 4 and offered:
            pairs.append((name, draw(st.sampled_from(offered))))
        elif what < 8:
            pairs.append((name, draw(value)))
        elif what == 8:
            pairs += [(name, draw(value)), (name, draw(value))]
    if draw(st.integers(0, 19)) == 0:
        pairs.append((draw(text), draw(value)))
    return pairs


def _encode(pairs: list[tuple[str, str]]) -> str:
    return urlencode(pairs, errors="surrogatepass")


def _multipart(draw: st.DrawFn, pairs: list[tuple[str, str]]) -> bytes:
    parts = []
    for name, content in pairs:
        file = f'; filename="{draw(st.sampled_from(("people.csv", "a.zip", "")))}"'
        given = draw(st.binary(max_size=200)) if draw(st.booleans()) else _bytes(content)
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{quote(name)}"{file}\r\n\r\n'
        parts.append(head.encode() + given + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def _bytes(content: str) -> bytes:
    return content.encode("utf-8", "surrogatepass")


FIELDS = {
    "AccountSid": st.just(ACCOUNT),
    "MessageSid": st.one_of(st.uuids().map(lambda one: f"SM{one.hex}"), value),
    "From": st.one_of(st.sampled_from((MAYA, JO, SAM, NOOR, RUTH, STRANGER)), value),
    "To": st.one_of(st.just(RUTH), value),
    "Body": st.one_of(value, st.text(max_size=200)),
    "NumMedia": value,
    "OptOutType": st.one_of(st.sampled_from(("STOP", "START", "HELP")), value),
    "MessageStatus": st.one_of(st.sampled_from(("sent", "delivered", "failed")), value),
    "ErrorCode": st.one_of(st.sampled_from(("30003", "30007", "21610")), value),
    "NumSegments": value,
}


@st.composite
def webhook_requests(draw: st.DrawFn) -> Sent:
    path = draw(st.sampled_from(("/twilio/sms", "/twilio/sms", "/twilio/status/1")))
    path = _with_other_numbers(draw, path)
    form = {
        name: draw(given).encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        for name, given in FIELDS.items()
        if draw(st.integers(0, 9))
    }
    is_signed = draw(st.integers(0, 9)) > 0
    signature = RequestValidator(TWILIO_TOKEN).compute_signature(f"{HERE}{path}", form)
    body = urlencode(form).encode()
    headers = (
        ("Content-Type", FORM),
        ("Content-Length", str(len(body))),
        ("X-Twilio-Signature", signature if is_signed else draw(text)),
    )
    return Sent(NOBODY, "POST", path, body, headers, to_twilio_webhook=True)
