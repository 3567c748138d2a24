"""The catalogs of the languages other than English, and what is missing in them.

    python -m gateway.authoring.translations          adds new sentences to each catalog
    python -m gateway.authoring.translations --check  reports what is missing; changes nothing

A new language begins as an empty folder in escalation/locales: the first command fills it. What
mentors and managers read is in staff.po, which a language may do without: it begins as an empty
file.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import write_po

from escalation.check_ins.scales import SCALES
from escalation.speech.i18n import (
    DEFAULT_LANGUAGE,
    FOLDER,
    FOR_STAFF,
    KEYWORD,
    keyword_in,
    read_catalog,
)
from escalation.speech.script import SCRIPT_FILE, load_script
from gateway.authoring import gsm
from gateway.authoring.content import Text, read_content
from gateway.conversations.quick_replies import CAPITALS, GO_ON, KEYWORDS
from gateway.handoffs.brief import load_guide
from models import Delivery, Role, Speaker

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "gateway" / "web" / "templates"
# What a mentee reads; all other pages and modules are for mentors and managers.
PAGES = ("chat/*.html",)
MODULES = tuple(
    ROOT / "gateway" / name
    for name in (
        "accounts/permissions.py",
        "accounts/rate_limit.py",
        "app.py",
        "chat/handoff_history.py",
        "chat/pages.py",
        "chat/privacy_pages.py",
        "chat/sign_in.py",
        "chat/thread.py",
        "chat/widget.py",
        "conversations/person_requests.py",
        "privacy/terms.py",
        "runtime/one_time_keys.py",
        "web/i18n.py",
        "web/rendering.py",
    )
)
ALL_MODULES = tuple(
    module
    for folder in (ROOT / "escalation", ROOT / "gateway")
    for module in sorted(folder.rglob("*.py"))
)
CALLS = {"gettext_noop": None, "said_to": (2,), "phrase": None, "phrase_counted": (1, 2)}
# What is done stands in the audit by the name that it has in the code.
CALLS_OF_AUDIT = {"note_about": (3,), "_note": (3,)}
IN_TEMPLATES = {"_": None, "gettext": None, "ngettext": (1, 2)}

# What a mentee texts, beside the words of the bot's menu.
OWN_WORDS = (
    "PERSON",
    "STOP",
    "START",
    "HELP",
    "CONCERN",
    "NEVER MIND",
    "AGREE",
    "DELETE MY DATA",
    "DELETE ALL",
)
# What the bot reads and its menu does not name.
BOTS_WORDS = ("GO ON", "START OVER", "partly", "not yet", "HI", "THANKS", "BYE")
# An accent that GSM-7 lacks leaves 67 characters to an SMS, so what took two takes up to five.
MOST_WITH_ACCENTS = 5
# Catalogs of what leaves as an SMS.
TEXTED = ("script.po", "bot.po")
HEADER = """\
# Each msgid is the English sentence. A blank, a number and a tag stand in both.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural}\\n"

"""
BLANK = re.compile(r"\{(\w*)[^{}]*\}|%\((\w+)\)s")
NUMBER = re.compile(r"(?<![\d-])(?:988|911|800-422-4453)(?![\d-])")
TAG = re.compile(r"</?(\w+)")


@dataclass(frozen=True)
class Fault:
    """`msgid` is the English sentence; `problem` says what to do."""

    file: Path
    msgid: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: “{self.msgid[:70]}”: {self.problem}"


# --- what there is to say ---


@cache
def script_template() -> Catalog:
    """The script's lines for mentees, and the words that they may text."""
    template = Catalog(fuzzy=False)
    for key, words in load_script().lines.items():
        if key not in _lines_for_staff():
            template.add(words, auto_comments=[key])
    for word in (*OWN_WORDS, *sorted(KEYWORDS)):
        template.add(word, context=KEYWORD)
    # Beside OK, which says the same and may be an answer: this one only undoes a stop.
    template.add("YES", context="consent")
    return template


@cache
def _lines_for_staff() -> frozenset[str]:
    staffs = SCRIPT_FILE.read_text("utf-8").split("# --- To mentors and managers:")[1]
    return frozenset(re.findall(r"^\[(\w+)\]$", staffs, re.MULTILINE))


@cache
def pages_template() -> Catalog:
    """Every sentence of the mentees' pages, and those that Python gives them."""
    template = Catalog(fuzzy=False)
    for pattern in PAGES:
        for page in sorted(TEMPLATES.glob(pattern)):
            _add(template, page, "jinja2.ext:babel_extract", IN_TEMPLATES)
    for module in MODULES:
        _add(template, module, "python", CALLS)
    return template


@cache
def staff_template() -> Catalog:
    """What mentors and managers read beside that: their pages and texts, the log, the brief."""
    template = Catalog(fuzzy=False)
    for page in sorted(TEMPLATES.rglob("*.html")):
        if not any(page.match(pattern) for pattern in PAGES):
            _add(template, page, "jinja2.ext:babel_extract", IN_TEMPLATES)
    for module in ALL_MODULES:
        calls = {} if module in MODULES else CALLS
        _add(template, module, "python", {**calls, **CALLS_OF_AUDIT})
    for kind in (Role, Delivery, Speaker):
        for one in kind:
            template.add(one.value)
    for scale in SCALES.values():
        template.add(scale.worse)
    guide = load_guide()
    for told in (*guide.needs.values(), *guide.corners.values()):
        for line in (told.first_line, *told.do, *told.do_not):
            template.add(line.text)
    for key, words in load_script().lines.items():
        if key in _lines_for_staff():
            template.add(words, auto_comments=[key])
    for said in (*pages_template(), *script_template()):
        if said.id and (said.id, said.context) in template:
            template.delete(said.id, said.context)
    return template


def _add(
    template: Catalog, file: Path, method: str, calls: Mapping[str, tuple[int, ...] | None]
) -> None:
    options = {
        "extensions": "jinja2.ext.do",
        "newstyle_gettext": "true",
        "trimmed": "false",
        "silent": "false",
    }
    source = BytesIO(file.read_bytes())
    found = extract(method, source, calls, options=options if file.suffix == ".html" else None)
    for _, msgid, comments, context in found:
        if msgid:
            template.add(msgid, context=context, auto_comments=comments)


@cache
def bot_template() -> Catalog:
    """What the bot says, from its domain, and the words that only it reads."""
    template = Catalog(fuzzy=False)
    for text in read_content().texts:
        if text.file.startswith("bot/"):
            about = f"{Path(text.file).stem}: {text.key.removeprefix('utter_')}"
            template.add(text.words, auto_comments=[about])
    for word in BOTS_WORDS:
        template.add(word, context=KEYWORD)
    return template


TEMPLATES_OF = {
    "script.po": script_template,
    "bot.po": bot_template,
    "pages.po": pages_template,
    FOR_STAFF: staff_template,
}


# --- what is wrong ---


def faults_in(folder: Path, language: str) -> Iterator[Fault]:
    """What is missing or wrong in the catalogs of one language. Raises BadCatalog."""
    for name, template in TEMPLATES_OF.items():
        file = folder / language / name
        if name == FOR_STAFF and not file.exists():
            continue
        there = read_catalog(file, language) if file.exists() else Catalog()
        yield from _faults(file, template(), there)


def _faults(file: Path, wanted: Catalog, there: Catalog) -> Iterator[Fault]:
    said = {_key(message): message for message in there if message.id}
    asked = {_key(message): message for message in wanted if message.id}
    for key in said.keys() - asked.keys():
        yield Fault(file, key[0], "nobody says this any more; take it out")
    for key, message in asked.items():
        here = said.get(key)
        if here is None or not all(_strings(here.string)):
            yield Fault(file, key[0], "is not translated")
        elif here.fuzzy:
            yield Fault(file, key[0], "is marked fuzzy: read it again and take the mark off")
        else:
            yield from _differences(file, message, here)


def _differences(file: Path, message: Message, here: Message) -> Iterator[Fault]:
    msgid = _key(message)[0]
    if message.context == KEYWORD:
        return
    for ours, theirs in zip(_strings(message.id)[-1:], _strings(here.string)[-1:], strict=True):
        for what, pattern in (("blanks", BLANK), ("numbers", NUMBER), ("tags", TAG)):
            if set(pattern.findall(ours)) != set(pattern.findall(theirs)):
                yield Fault(file, msgid, f"its {what} differ from the English")
        if file.name not in TEXTED:
            continue
        for word in _words_to_text(ours):
            if (shown := keyword_in(file.parent.name, word)) not in theirs:
                yield Fault(file, msgid, f"does not name {shown}, the word to text for {word}")
        key = next(iter(message.auto_comments), "")
        needed = gsm.count_segments(Text(file.name, key, theirs, "").as_sent)
        if needed > MOST_WITH_ACCENTS:
            yield Fault(file, msgid, f"takes {needed} SMS; make it shorter")


def _words_to_text(said: str) -> Iterator[str]:
    """The words that a text asks for; OK and NO are also said for themselves."""
    for word in CAPITALS.findall(said):
        if word in {*KEYWORDS, "PERSON", GO_ON} - {"OK", "NO"}:
            yield word


def _key(message: Message) -> tuple[str, str | None]:
    return _strings(message.id)[0], message.context


def _strings(said: str | Iterable[str] | None) -> list[str]:
    return [said or ""] if said is None or isinstance(said, str) else list(said)


# --- the command ---


def add_what_is_new(folder: Path, language: str) -> int:
    """Write each catalog anew with all that is to be said; returns how much has no words yet."""
    missing = 0
    for name, template in TEMPLATES_OF.items():
        file = folder / language / name
        if name == FOR_STAFF and not file.exists():
            continue
        there = read_catalog(file, language) if file.exists() else Catalog(language)
        said = {_key(message): message for message in there if message.id}
        new = Catalog(language, fuzzy=False)
        new.locale = language.replace("-", "_")
        for message in template():
            if not message.id:
                continue
            here = said.get(_key(message))
            new.add(
                message.id,
                here.string if here else None,
                context=message.context,
                auto_comments=message.auto_comments,
                user_comments=here.user_comments if here else (),
                flags=here.flags if here else (),
            )
            missing += here is None or not all(_strings(here.string))
        with file.open("wb") as written:
            written.write(HEADER.format(language=language, plural=new.plural_forms).encode())
            write_po(written, new, width=100, omit_header=True, no_location=True)
    return missing


def main(arguments: list[str]) -> int:
    languages = sorted(one.name for one in FOLDER.iterdir() if one.is_dir())
    if "--check" not in arguments:
        for language in languages:
            print(f"{language}: {add_what_is_new(FOLDER, language)} without words yet.")
        return 0
    faults = [fault for language in languages for fault in faults_in(FOLDER, language)]
    for fault in faults:
        print(fault)
    if not faults:
        print(f"The catalogs are complete: {', '.join([DEFAULT_LANGUAGE, *languages])}.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
