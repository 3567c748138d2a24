"""Everything the line can say, in one table, and what is wrong with it: `warmline content`.

For those who write texts. Reads the files, needs no Rasa and no database, and changes nothing.
Exit status 1 when something is wrong, each fault in one line: which file, which key, what to do.
"""

import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from escalation.speech.guard import claims
from gateway.authoring import gsm, readability
from gateway.messaging.outbox import LABEL_OF_BOT

ROOT = Path(__file__).resolve().parents[2]

LABEL = f"{LABEL_OF_BOT}: "
MOST_SEGMENTS = 2
HIGHEST_GRADE = 7.0
FEWEST_EXAMPLES = 20

# As long as what stands in a blank really gets, so that a text fits with it, too.
BLANKS = {
    "age": "18",
    "also": "muscle relaxation",
    "before": "Alexandra",
    "code": "12345",
    "codes": "#12345, #12346 and #12347",
    "date": "Wednesday 30 September",
    "days": "30",
    "error_code": "30007",
    "example": "12345",
    "holder": "Maximilian",
    "keyword": "WELLBEING",
    "link": "https://warmline.example.org/console/12345",
    "mentor": "Maximilian",
    "mentors": "Maximilian, Alexandra and Christina",
    "minutes": "45",
    "outcome": "not needed",
    "program": "Harbor Mentoring",
    "start": "Wed 30 Sep 2027 12:00",
    "time": "Wednesday 12:00",
    "tongue": "ESPAÑOL",
    "until": "Wed 30 Sep 2027 12:00",
    "who": "Maximilian",
    "whose": "your mentee",
    "why": "Maximilian already has enough to carry. These can: "
    "Alexandra, Benjamin, Christina, Dominique, Elizabeth and others.",
}
RATING = re.compile(r"\w+_(?:before|after|score)")
# Hold what somebody wrote, however long that was: these lines are not measured with it.
OTHERS_WORDS = frozenset({("mentee_words", "words"), ("goal_reminder", "goal")})

# What carriers and Twilio take for a command of their own.
CARRIER_WORDS = frozenset(
    {"STOP", "STOPALL", "END", "QUIT", "CANCEL", "UNSUBSCRIBE", "REVOKE", "OPTOUT", "START", "YES"}
    | {"UNSTOP", "HELP", "INFO"}
)
# Capitals that are no word to text.
NO_KEYWORDS = frozenset({"OK", "TV", "PM", "AM", "US", "UK", "WHO", "CDC", "CC"})
# Words that the gateway itself reads; the rest are training examples of an intent.
GATEWAY_WORDS = frozenset({"PAUSE", "RESUME"})
KEYWORD = re.compile(r"(?<![\w-])[A-Z]{2,}(?: [A-Z]{2,})*(?![\w-])")

PARTS_OF_TOPIC = ("what", "why", "helps", "more")
PARTS_OF_SKILL = ("started", "done", "left", "set_aside", "given_up")


@dataclass(frozen=True)
class Fault:
    """`where` is a file and, if it is about one, the key in it; `problem` says what to do."""

    where: str
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True)
class Text:
    """One text that can go out. A response with variants is one of these for each."""

    file: str
    key: str
    words: str
    source: str
    official: bool = False

    @property
    def where(self) -> str:
        return f"{self.file}, {self.key}"

    @cached_property
    def as_sent(self) -> str:
        """With its label, and with the longest that its blanks can hold."""
        return LABEL + re.sub(r"\{(\w+)\}", lambda blank: self._longest(blank[1]), self.words)

    def _longest(self, blank: str) -> str:
        if (self.key, blank) in OTHERS_WORDS:
            return ""
        return "10" if RATING.fullmatch(blank) else BLANKS.get(blank, "")

    @property
    def unknown_blanks(self) -> list[str]:
        return [
            blank
            for blank in re.findall(r"\{(\w+)\}", self.words)
            if not (blank in BLANKS or RATING.fullmatch(blank) or (self.key, blank) in OTHERS_WORDS)
        ]

    @property
    def prose(self) -> str:
        """As it is graded: what stands in a blank is not our wording, and reads as a key does."""
        return re.sub(r"\{\w+\}", "KEY", self.words)

    @cached_property
    def grade(self) -> float | None:
        return readability.grade(self.prose)

    @property
    def keywords(self) -> set[str]:
        return set(KEYWORD.findall(self.words)) - NO_KEYWORDS


@dataclass
class Content:
    """All that was read, and what could not be."""

    texts: list[Text] = field(default_factory=list)
    responses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    file_of: dict[str, str] = field(default_factory=dict)
    forms: dict[str, list[str]] = field(default_factory=dict)
    intents: dict[str, str] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    trained_in: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    root: Path = ROOT

    @property
    def topics(self) -> list[str]:
        return sorted(name[6:] for name in self.intents if name.startswith("topic_"))


# --- reading ---


def read_content(root: Path = ROOT) -> Content:
    """Read escalation/script.toml and bot/domain and bot/data below `root`."""
    content = Content(root=root)
    _read_script(content, root / "escalation" / "script.toml")
    for file in sorted((root / "bot" / "domain").glob("*.yml")):
        _read_domain(content, file)
    for file in sorted((root / "bot" / "data").glob("*.yml")):
        _read_training(content, file)
    return content


def _read_script(content: Content, file: Path) -> None:
    name = _name(content, file)
    try:
        lines = tomllib.loads(file.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        content.faults.append(Fault(name, f"cannot be read: {error}."))
        return
    for key, line in lines.items():
        words, source = str(line.get("text", "")), str(line.get("source", ""))
        content.texts.append(Text(name, key, words, source))
        if not words.strip():
            content.faults.append(Fault(f"{name}, {key}", 'has no words. Add: text = "..."'))
    for first, second in _said_together(lines):
        words = f"{lines[first].get('text')} {lines[second].get('text')}"
        source = str(lines[first].get("source", ""))
        content.texts.append(Text(name, f"{first} + {second}", words, source))


def _said_together(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Why a person comes, and who was asked, go out as one text."""
    whys = [key for key in lines if key.startswith("why_")]
    whos = [key for key in lines if key.startswith("who_") or key == "raised"]
    return [(why, who) for why in whys for who in whos]


def _read_domain(content: Content, file: Path) -> None:
    read, name = _yaml(content, file), _name(content, file)
    for intent in read.get("intents") or []:
        content.intents[intent if isinstance(intent, str) else next(iter(intent))] = name
    for form, told in (read.get("forms") or {}).items():
        content.forms[form.removesuffix("_form")] = list((told or {}).get("required_slots") or [])
        content.file_of[form] = name
    for key, variants in (read.get("responses") or {}).items():
        if key in content.responses:
            other = content.file_of[key]
            content.faults.append(
                Fault(f"{name}, {key}", f"stands in {other}, too. Keep one of them.")
            )
        content.responses[key], content.file_of[key] = list(variants or []), name
        for variant in variants or []:
            about = variant.get("metadata") or {}
            if "text" in variant:
                source = str(about.get("source") or "")
                official = bool(about.get("official"))
                content.texts.append(Text(name, key, str(variant["text"]), source, official))


def _read_training(content: Content, file: Path) -> None:
    read, name = _yaml(content, file), _name(content, file)
    for block in read.get("nlu") or []:
        if intent := block.get("intent"):
            content.trained_in.setdefault(intent, name)
            lines = re.findall(r"^\s*- (.+)$", block.get("examples") or "", re.MULTILINE)
            content.examples[intent] += [_without_entities(line) for line in lines]


def _without_entities(line: str) -> str:
    return re.sub(r"\[(.+?)\](?:\(.+?\)|\{.+?\})", r"\1", line).strip()


def _yaml(content: Content, file: Path) -> Mapping[str, Any]:
    try:
        read = yaml.safe_load(file.read_text("utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it is not YAML"
        content.faults.append(
            Fault(
                _name(content, file),
                f"cannot be read{line}: {problem}. Compare with a file that works; often a quote "
                "is missing, or a line is not indented like the one above it.",
            )
        )
        return {}
    return read if isinstance(read, dict) else {}


def _name(content: Content, file: Path) -> str:
    return file.relative_to(content.root).as_posix()


# --- what is wrong ---


def find_faults(content: Content) -> list[Fault]:
    """Everything wrong, by file."""
    found = [
        *content.faults,
        *(fault for text in content.texts for fault in _find_text_faults(text)),
        *_keyword_faults(content),
        *_topic_faults(content),
        *_skill_faults(content),
        *_example_faults(content),
        *_missing_files(content),
    ]
    return sorted(dict.fromkeys(found), key=lambda fault: fault.where)


def _find_text_faults(text: Text) -> Iterator[Fault]:
    if not text.source.strip():
        what_to_add = (
            'source = "..."' if text.file.endswith(".toml") else 'metadata: {source: "..."}'
        )
        yield Fault(
            text.where,
            f"no source. Say what it rests on: {what_to_add}, with body or authors, title and "
            'year; "Program wording" for words that only connect.',
        )
    for blank in text.unknown_blanks:
        yield Fault(
            text.where,
            f"nobody knows how long {{{blank}}} can get. Ratings may be repeated to the mentee, "
            "what a mentee wrote may not; for any other add its longest value to BLANKS in "
            "gateway/authoring/content.py.",
        )
    if odd := gsm.outside_gsm_7(text.as_sent):
        yield Fault(
            text.where,
            f"{_quoted(odd)} cannot be sent in a plain SMS and makes it cost twice as much. Write "
            "straight quotes, a plain hyphen, three full stops, no emoji.",
        )
    elif gsm.segments(text.as_sent) > MOST_SEGMENTS:
        length, fits = gsm.septets(text.as_sent), gsm.longest(MOST_SEGMENTS)
        yield Fault(
            text.where,
            f'{length} characters with "{LABEL}" before it; {fits} fit two SMS. '
            f"Cut {length - fits} or more.",
        )
    if text.grade is not None and text.grade > HIGHEST_GRADE and not text.official:
        yield Fault(text.where, _too_hard(text))
    for claim in claims(text.words):
        kind = claim.kind.value.replace("_", " ")
        yield Fault(
            text.where,
            f'"{claim.span}" says what a program may not say of itself ({kind}). Name what the '
            "mentee said, what helps, or what a person can do; put words for the mentee to use "
            "in quotation marks.",
        )
    if taken := sorted(text.keywords & _taken(text)):
        yield Fault(
            text.where,
            f"{_quoted(taken)} belongs to the phone company: it never reaches us, or ends all "
            "texts. Ask for another word.",
        )


def _taken(text: Text) -> frozenset[str]:
    """The script explains STOP, and to who has stopped START; nothing else of the carrier's."""
    if not text.file.endswith(".toml"):
        return CARRIER_WORDS
    explained = {"STOP": r"\bSTOP ends texts\b", "START": r"^\{program\}: no more texts\b"}
    return CARRIER_WORDS - {word for word, how in explained.items() if re.search(how, text.words)}


def _too_hard(text: Text) -> str:
    sentence = readability.hardest(text.prose)
    long = readability.long_words(sentence)
    advice = f"Replace long words ({', '.join(long)}) or" if long else "Try to"
    return (
        f"reading grade {text.grade:.1f}, and {HIGHEST_GRADE:g} is the highest. The hardest "
        f'sentence is "{sentence}". {advice} cut it in two.'
    )


def _keyword_faults(content: Content) -> Iterator[Fault]:
    """A word to text must be understood, and must not belong to the carrier."""
    known = {line.casefold() for lines in content.examples.values() for line in lines}
    for text in content.texts:
        if not text.file.startswith("bot/"):
            continue
        for word in sorted(text.keywords - CARRIER_WORDS - GATEWAY_WORDS):
            if word.casefold() not in known:
                yield Fault(
                    text.where,
                    f"nobody would understand {word}: no intent has it as an example. Add "
                    f'"- {word.lower()}" to the intent it stands for, in bot/data.',
                )


def _topic_faults(content: Content) -> Iterator[Fault]:
    for topic in content.topics:
        where = content.intents[f"topic_{topic}"]
        for part in PARTS_OF_TOPIC:
            key = f"utter_{topic}_{part}"
            if key not in content.responses:
                yield Fault(where, f"the topic {topic} has no {key}. Add it under responses.")
        offers = _offered(content.responses.get(f"utter_{topic}_helps", []))
        if offers is None and f"utter_{topic}_helps" in content.responses:
            yield Fault(
                f"{where}, utter_{topic}_helps",
                "offers no exercise, so a yes after it leads nowhere. Add offers: NAME to its "
                "metadata.",
            )
        elif offers is not None and offers not in content.forms:
            yield Fault(
                f"{where}, utter_{topic}_helps",
                f"offers {offers}, and there is no such exercise. There are "
                f"{', '.join(sorted(content.forms))}.",
            )


def _offered(variants: Iterable[Mapping[str, Any]]) -> str | None:
    for variant in variants:
        if offered := (variant.get("metadata") or {}).get("offers"):
            return str(offered)
    return None


def _skill_faults(content: Content) -> Iterator[Fault]:
    for skill, slots in content.forms.items():
        where = content.file_of[f"{skill}_form"]
        goes_on = any(other.startswith(f"{skill}_") for other in content.forms)
        needed = [f"utter_{skill}_{part}" for part in PARTS_OF_SKILL]
        if goes_on:  # mood goes on with mood_note, and is done with that
            needed.remove(f"utter_{skill}_done")
        needed += [f"utter_again_{skill}", *(f"utter_ask_{slot}" for slot in slots)]
        for key in needed:
            if key not in content.responses:
                yield Fault(where, f"{skill} has no {key}. Add it under responses.")
        if not slots:
            yield Fault(where, f"{skill}_form asks nothing. List its slots in required_slots.")


def _example_faults(content: Content) -> Iterator[Fault]:
    for intent, where in sorted(content.intents.items()):
        many = len(set(content.examples.get(intent, [])))
        if many == 0:
            yield Fault(
                where,
                f"the intent {intent} has no examples, so nobody will be understood. Write 40 "
                f"under nlu in {where.replace('domain', 'data')}.",
            )
        elif many < FEWEST_EXAMPLES:
            yield Fault(
                content.trained_in[intent],
                f"the intent {intent} has {many} examples; {FEWEST_EXAMPLES} are the fewest, 40 "
                "are better.",
            )
    for intent in sorted(set(content.examples) - set(content.intents)):
        yield Fault(
            content.trained_in[intent],
            f"the intent {intent} stands in no file in bot/domain. Add it under intents there, "
            "or correct its name.",
        )
    seen: dict[str, str] = {}
    for intent, lines in sorted(content.examples.items()):
        for line in lines:
            other = seen.setdefault(line.casefold(), intent)
            if other != intent:
                yield Fault(
                    content.trained_in[intent],
                    f'"{line}" is an example of {intent} and of {other}. Keep it in one.',
                )


def _missing_files(content: Content) -> Iterator[Fault]:
    """One name, the same in every folder."""
    named = {f"topic_{topic}": topic for topic in content.topics}
    teaching = {Path(content.intents[intent]).stem for intent in named}
    teaching |= {Path(content.file_of[f"{skill}_form"]).stem for skill in content.forms}
    for name in sorted(teaching):
        if not (content.root / "docs" / "content" / f"{name}.md").exists():
            yield Fault(
                f"bot/domain/{name}.yml",
                f"docs/content/{name}.md is missing. Copy another and say there what it rests on.",
            )
    for file in sorted((content.root / "bot" / "domain").glob("*.yml")):
        for needed in (f"bot/data/{file.stem}.yml", f"bot/tests/test_{file.stem}.yml"):
            if not (content.root / needed).exists():
                yield Fault(f"bot/domain/{file.name}", f"{needed} is missing.")


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in sorted(words))


# --- telling ---


def content_table(content: Content) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("key", overflow="fold", min_width=24)
    for column in ("words", "chars", "SMS", "grade"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("source", overflow="fold")
    file = ""
    for text in content.texts:
        if text.file != file:
            file = text.file
            table.add_section()
            table.add_row(f"[bold]{file}")
        graded = "-" if text.grade is None else f"{max(text.grade, 0):.1f}"
        table.add_row(
            text.key,
            str(len(readability.words(text.as_sent.removeprefix(LABEL)))),
            str(gsm.septets(text.as_sent)),
            str(gsm.segments(text.as_sent)),
            f"{graded} official" if text.official else graded,
            text.source or "-",
        )
    return table


def run(*, brief: bool, root: Path = ROOT) -> int:
    """Print the table unless `brief`, then the faults. Returns the exit status."""
    content = read_content(root)
    found = find_faults(content)
    if not brief:
        wide = None if sys.stdout.isatty() else 160
        Console(width=wide, markup=True, highlight=False).print(content_table(content))
        print()
    for fault in found:
        print(fault)
    print(_summary(content, found))
    return 1 if found else 0


def _summary(content: Content, found: list[Fault]) -> str:
    examples = sum(len(lines) for lines in content.examples.values())
    had = (
        f"{len(content.texts)} texts, {len(content.topics)} topics, {len(content.forms)} exercises "
        f"and check-ins, {len(content.intents)} intents with {examples} examples"
    )
    return f"{had}: {len(found)} things to correct." if found else f"{had}: all in order."


def main() -> None:
    sys.exit(run(brief="--brief" in sys.argv[1:]))


if __name__ == "__main__":
    main()
