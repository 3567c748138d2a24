"""The catalogs of the languages other than English, and what is missing in them.

    python -m gateway.authoring.translations          adds new sentences to each catalog
    python -m gateway.authoring.translations --check  reports missing and wrong translations

To add a language, make an empty folder in escalation/locales; the first command fills it. staff.po,
which holds the pages and texts of mentors and managers, is optional: to add it, make an empty file.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords
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
from gateway.authoring.content import KNOWN, ROOT, Fault, Text, read_content
from gateway.conversations.quick_replies import CAPITALS, GO_ON, KEYWORDS
from gateway.handoffs.brief.guide import load_guide
from gateway.runtime.labels import LABELS
from models import Delivery, Role, Speaker

WORDS = KNOWN["translated"]
EVERYTHING = ("**.html", "**.py")
JINJA = {"extensions": "jinja2.ext.do", "newstyle_gettext": "true", "silent": "false"}
CALLS = DEFAULT_KEYWORDS | parse_keywords(
    ["gettext_noop", "phrase", "phrase_counted:1,2", "said_to:2"]
)
# The audit log shows an action by its name in the code.
CALLS_OF_AUDIT = parse_keywords(["audited:3", "note_about:3", "_note:3"])

# With an accent that GSM-7 lacks, an SMS holds 67 characters, so two SMS become up to five.
MOST_WITH_ACCENTS = 5
# Catalogs of texts that go out as SMS.
TEXTED = ("script.po", "bot.po")
HEADER = """\
# Each msgid is the English sentence. Keep its placeholders, numbers, and tags.
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


# --- templates ---


@cache
def script_template() -> Catalog:
    template = Catalog(fuzzy=False)
    for key, words in load_script().lines.items():
        if key not in _lines_for_staff():
            template.add(words, auto_comments=[key])
    for word in (*WORDS["keywords"], *sorted(KEYWORDS)):
        template.add(word, context=KEYWORD)
    # Unlike OK, which may also answer a question, YES only undoes a STOP.
    template.add("YES", context="consent")
    return template


@cache
def _lines_for_staff() -> frozenset[str]:
    for_staff = SCRIPT_FILE.read_text("utf-8").split("# --- To mentors and managers:")[1]
    return frozenset(re.findall(r"^\[(\w+)\]$", for_staff, re.MULTILINE))


def _extract(
    template: Catalog, folder: Path, files: Iterable[str], calls: Mapping[str, Any]
) -> None:
    methods = {".html": "jinja2.ext:babel_extract", ".py": "python"}
    found = extract_from_dir(
        folder,
        [(pattern, methods[Path(pattern).suffix]) for pattern in files],
        {"**.html": JINJA},
        calls,
    )
    for _, _, msgid, comments, context in found:
        if msgid:
            template.add(msgid, context=context, auto_comments=comments)


@cache
def pages_template() -> Catalog:
    template = Catalog(fuzzy=False)
    _extract(template, ROOT / "gateway", WORDS["for_mentees"], CALLS)
    return template


@cache
def staff_template() -> Catalog:
    """What only mentors and managers read: their pages and texts, the log, the brief."""
    template = Catalog(fuzzy=False)
    for folder in ("gateway", "escalation"):
        _extract(template, ROOT / folder, EVERYTHING, CALLS | CALLS_OF_AUDIT)
    guide = load_guide()
    for advice in (*guide.need.values(), *guide.danger.values(), *guide.quadrant.values()):
        for line in (advice.first_line, *advice.do, *advice.do_not):
            template.add(line.text)
    for quadrant in guide.quadrant.values():
        template.add(quadrant.in_words)
    for rating in guide.rating.values():
        template.add(rating.rates)
    for word in (*Role, *Delivery, *Speaker):
        template.add(word.value)
    for scale in SCALES.values():
        template.add(scale.worse)
    for skill in read_content().forms:
        template.add(skill.replace("_", " "))
    for label in chain.from_iterable(table.values() for table in LABELS.values()):
        template.add(label)
    for key, words in load_script().lines.items():
        if key in _lines_for_staff():
            template.add(words, auto_comments=[key])
    for message in (*pages_template(), *script_template()):
        if message.id and (message.id, message.context) in template:
            template.delete(message.id, message.context)
    return template


@cache
def bot_template() -> Catalog:
    """The bot's responses, and the words that only the bot reads."""
    template = Catalog(fuzzy=False)
    for text in read_content().texts:
        if text.file.startswith("bot/"):
            about = f"{Path(text.file).stem}: {text.key.removeprefix('utter_')}"
            template.add(text.words, auto_comments=[about])
    for word in WORDS["bot_keywords"]:
        template.add(word, context=KEYWORD)
    return template


TEMPLATES_OF: Mapping[str, Callable[[], Catalog]] = {
    "script.po": script_template,
    "bot.po": bot_template,
    "pages.po": pages_template,
    FOR_STAFF: staff_template,
}


def _updated_catalogs(folder: Path, language: str) -> Iterator[tuple[Path, Catalog]]:
    """Each catalog of a language, with every sentence of its template. Raises BadCatalog."""
    for name, template in TEMPLATES_OF.items():
        file = folder / language / name
        if name == FOR_STAFF and not file.exists():
            continue
        catalog = read_catalog(file, language) if file.exists() else Catalog(language)
        catalog.update(template(), no_fuzzy_matching=True)
        yield file, catalog


# --- checking ---


def faults_in(folder: Path, language: str) -> Iterator[Fault]:
    """Missing, obsolete, and wrong entries of one language. Raises BadCatalog."""
    for file, catalog in _updated_catalogs(folder, language):
        for message in catalog.obsolete.values():
            yield _fault(file, message, "is no longer used; delete it")
        for message in catalog:
            if not message.id:
                continue
            if not all(_strings(message.string)):
                yield _fault(file, message, "is not translated")
            elif message.fuzzy:
                yield _fault(file, message, "is marked fuzzy: read it again and remove the mark")
            elif message.context != KEYWORD:
                yield from _differences(file, message)


def _fault(file: Path, message: Message, problem: str) -> Fault:
    return Fault(f"{file}: “{_strings(message.id)[0][:70]}”", problem)


def _differences(file: Path, message: Message) -> Iterator[Fault]:
    ours, theirs = _strings(message.id)[-1], _strings(message.string)[-1]
    for what, pattern in (("placeholders", BLANK), ("numbers", NUMBER), ("tags", TAG)):
        if set(pattern.findall(ours)) != set(pattern.findall(theirs)):
            yield _fault(file, message, f"its {what} differ from the English")
    if file.name not in TEXTED:
        return
    for word in CAPITALS.findall(ours):
        shown = keyword_in(file.parent.name, word)
        # OK and NO also stand for themselves.
        if word in {*KEYWORDS, "PERSON", GO_ON} - {"OK", "NO"} and shown not in theirs:
            yield _fault(file, message, f"does not name {shown}, the word to text for {word}")
    key = next(iter(message.auto_comments), "")
    needed = gsm.segments(Text(file.name, key, theirs, "").as_sent)
    if needed > MOST_WITH_ACCENTS:
        yield _fault(file, message, f"takes {needed} SMS; make it shorter")


def _strings(text: str | Iterable[str] | None) -> list[str]:
    return [text or ""] if text is None or isinstance(text, str) else list(text)


# --- the command ---


def update_catalogs(folder: Path, language: str) -> int:
    """Add new sentences, remove obsolete ones, and count the untranslated."""
    missing = 0
    for file, catalog in _updated_catalogs(folder, language):
        missing += sum(not all(_strings(one.string)) for one in catalog if one.id)
        with file.open("wb") as output:
            output.write(HEADER.format(language=language, plural=catalog.plural_forms).encode())
            options = {"omit_header": True, "no_location": True, "ignore_obsolete": True}
            write_po(output, catalog, width=100, **options)
    return missing


def main(arguments: list[str]) -> int:
    languages = sorted(one.name for one in FOLDER.iterdir() if one.is_dir())
    if "--check" not in arguments:
        for language in languages:
            print(f"{language}: {update_catalogs(FOLDER, language)} entries not translated yet.")
        return 0
    faults = [fault for language in languages for fault in faults_in(FOLDER, language)]
    for fault in faults:
        print(fault)
    if not faults:
        print(f"The catalogs are complete: {', '.join([DEFAULT_LANGUAGE, *languages])}.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
