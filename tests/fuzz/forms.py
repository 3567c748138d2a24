"""Finding every form and every link with a query that the pages show, by following all links."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from tests.fuzz.world import NOBODY, Sent, World

MOST_PAGES = 400
STARTS = {
    NOBODY: ("/", "/sign-in", "/chat", "/chat/sign-in", "/phones", "/phones/all", "/forgot"),
    "Maya": ("/chat", "/chat/you", "/chat/terms"),
    "Sam": ("/console", "/account"),
    "Ruth": ("/console", "/log", "/people", "/program", "/policy", "/account", "/people/import"),
}


@dataclass
class Form:
    """What a page lets this person send. `fields` has the values that the page offers."""

    who: str
    method: str
    action: str
    is_multipart: bool = False
    fields: dict[str, list[str]] = field(default_factory=dict)

    @property
    def kind(self) -> tuple[str, str, str, tuple[str, ...]]:
        return self.who, self.method, re.sub(r"\d+", "1", self.action), tuple(sorted(self.fields))


class _Page(HTMLParser):
    def __init__(self, who: str, address: str) -> None:
        super().__init__()
        self._who, self._address = who, address
        self._open: Form | None = None
        self._choice = ""
        self.forms: list[Form] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in given}
        for name in ("href", "hx-get", "data-live", "src"):
            if has.get(name, "").startswith("/"):
                self.links.append(urljoin(self._address, has[name]))
        if posted := has.get("hx-post"):
            self.forms.append(Form(self._who, "POST", urljoin(self._address, posted)))
        if tag == "form":
            self._begins(has)
        elif self._open is not None and tag in ("input", "textarea", "button", "select"):
            self._choice = has.get("name", "")
            if self._choice:
                self._open.fields.setdefault(self._choice, []).append(has.get("value", ""))
            if has.get("formaction"):
                action = urljoin(self._address, has["formaction"])
                self.forms.append(Form(self._who, "POST", action, fields=self._open.fields))
        elif self._open is not None and tag == "option" and self._choice:
            self._open.fields[self._choice].append(has.get("value", ""))

    def _begins(self, has: dict[str, str]) -> None:
        self._open = Form(
            self._who,
            has.get("method", "get").upper(),
            urljoin(self._address, has.get("action") or self._address),
            is_multipart="multipart" in has.get("enctype", ""),
        )
        self.forms.append(self._open)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def find_forms(world: World) -> list[Form]:
    """One of each kind, and each link with a query as a form that is sent with GET."""
    found: dict[object, Form] = {}
    for who, starts in STARTS.items():
        for form in _follow(world, who, starts):
            found.setdefault(form.kind, form)
    shown = [re.compile(re.sub(r"\d+", r"[^/]+", form.action)) for form in found.values()]
    hidden = [
        form for form in _described(world) if not any(s.fullmatch(form.action) for s in shown)
    ]
    return [*found.values(), *hidden]


def _described(world: World) -> Iterator[Form]:
    """A form for each route that takes one, with the fields that its function names."""
    for route in iter_route_contexts(world.demo.app.routes):
        if "POST" in (route.methods or ()):
            names = _field_names(route.dependant) if route.dependant else []
            action = re.sub(r"{[^}]*}", "1", str(route.path))
            yield Form("Ruth", "POST", action, fields={name: [] for name in names})


def _field_names(dependant: Dependant) -> list[str]:
    inner = [name for part in dependant.dependencies for name in _field_names(part)]
    return [field.alias for field in dependant.body_params] + inner


def _follow(world: World, who: str, starts: tuple[str, ...]) -> Iterator[Form]:
    seen: set[str] = set()
    ahead = deque(starts)
    while ahead and len(seen) < MOST_PAGES:
        address = ahead.popleft()
        parts = urlsplit(address)
        kind = re.sub(r"\d+", "1", address) if parts.query else address
        if kind in seen or parts.path.startswith(("/static", "/sign-out")):
            continue
        seen.add(kind)
        _, body = world.answers_to(Sent(who, "GET", address))
        fields = {name: [value] for name, value in parse_qsl(parts.query, keep_blank_values=True)}
        yield Form(who, "GET", parts.path, fields=fields)
        page = _Page(who, address)
        page.feed(body.decode("utf-8", "replace"))
        yield from page.forms
        ahead.extend(page.links)
