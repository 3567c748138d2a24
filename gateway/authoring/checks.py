"""What is wrong with the texts: `warmline content`.

Reads the files only; needs neither Rasa nor a database. Each fault is one line: which file, which
key, what to do. Exit status 1 if there is a fault.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from escalation.speech.guard import claims
from gateway.authoring import gsm, readability
from gateway.authoring.content import LABEL, ROOT, Content, Fault, Text, read_content

MOST_SEGMENTS = 2
HIGHEST_GRADE = 7.0
FEWEST_EXAMPLES = 20

# Carriers and Twilio handle these themselves.
CARRIER_WORDS = frozenset(
    {"STOP", "STOPALL", "END", "QUIT", "CANCEL", "UNSUBSCRIBE", "REVOKE", "OPTOUT", "START", "YES"}
    | {"UNSTOP", "HELP", "INFO"}
)
# The gateway reads these itself. The others must be training examples of an intent.
GATEWAY_WORDS = frozenset({"PAUSE", "RESUME"})
PARTS_OF_TOPIC = ("what", "why", "helps", "more")
PARTS_OF_SKILL = ("started", "done", "left", "set_aside", "given_up")


def find_faults(content: Content) -> list[Fault]:
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
            f"no source. Name it: {what_to_add}, with body or authors, title, and year. For "
            'words that only connect, write "Program wording".',
        )
    for blank in text.unknown_blanks:
        yield Fault(
            text.where,
            f"unknown length of {{{blank}}}. A text may repeat ratings, not what a mentee wrote. "
            "For anything else, add the longest value to BLANKS in gateway/authoring/content.py.",
        )
    if odd := gsm.outside_gsm_7(text.as_sent):
        yield Fault(
            text.where,
            f"{_quoted(odd)} cannot be sent in a plain SMS and doubles its cost. Use straight "
            "quotes, a hyphen, three periods, and no emoji.",
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
            f'"{claim.span}" is a claim that a bot must not make ({kind}). Name what the mentee '
            "said, what helps, or what a person can do. Put words for the mentee to use in "
            "quotation marks.",
        )
    if taken := sorted(text.keywords & _taken(text)):
        yield Fault(
            text.where,
            f"{_quoted(taken)} belongs to the phone company: it never reaches us, or it ends all "
            "texts. Use another keyword.",
        )


def _taken(text: Text) -> frozenset[str]:
    """The carriers' keywords that this text must not use. The script explains STOP and START."""
    if not text.file.endswith(".toml"):
        return CARRIER_WORDS
    explained = {"STOP": r"\bSTOP ends texts\b", "START": r"^\{program\}: no more texts\b"}
    return CARRIER_WORDS - {word for word, how in explained.items() if re.search(how, text.words)}


def _too_hard(text: Text) -> str:
    sentence = readability.hardest(text.prose)
    long = readability.long_words(sentence)
    advice = f"Replace long words ({', '.join(long)}) or" if long else "Try to"
    return (
        f"reading grade {text.grade:.1f}; the highest allowed is {HIGHEST_GRADE:g}. The hardest "
        f'sentence is "{sentence}". {advice} cut it in two.'
    )


def _keyword_faults(content: Content) -> Iterator[Fault]:
    """The bot must understand every keyword that its texts name."""
    known = {line.casefold() for lines in content.examples.values() for line in lines}
    for text in content.texts:
        if not text.file.startswith("bot/"):
            continue
        for word in sorted(text.keywords - CARRIER_WORDS - GATEWAY_WORDS):
            if word.casefold() not in known:
                yield Fault(
                    text.where,
                    f"the bot does not understand {word}: no intent has it as an example. Add "
                    f'"- {word.lower()}" to its intent in bot/data.',
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
                f"offers {offers}, but there is no such exercise. Choose from "
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
        if goes_on:  # mood continues with mood_note, which says it is done
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
                f"the intent {intent} has no examples, so the bot cannot recognize it. Write 40 "
                f"under nlu in {where.replace('domain', 'data')}.",
            )
        elif many < FEWEST_EXAMPLES:
            yield Fault(
                content.trained_in[intent],
                f"the intent {intent} has {many} examples. Write at least {FEWEST_EXAMPLES}; 40 is "
                "better.",
            )
    for intent in sorted(set(content.examples) - set(content.intents)):
        yield Fault(
            content.trained_in[intent],
            f"no file in bot/domain lists the intent {intent}. Add it under intents, or correct "
            "its name.",
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
    """Each topic and skill has a file with its name in every folder."""
    named = {f"topic_{topic}": topic for topic in content.topics}
    teaching = {Path(content.intents[intent]).stem for intent in named}
    teaching |= {Path(content.file_of[f"{skill}_form"]).stem for skill in content.forms}
    for name in sorted(teaching):
        if not (content.root / "docs" / "content" / f"{name}.md").exists():
            yield Fault(
                f"bot/domain/{name}.yml",
                f"docs/content/{name}.md is missing. Copy another one and name the sources there.",
            )
    for file in sorted((content.root / "bot" / "domain").glob("*.yml")):
        for needed in (f"bot/data/{file.stem}.yml", f"bot/tests/test_{file.stem}.yml"):
            if not (content.root / needed).exists():
                yield Fault(f"bot/domain/{file.name}", f"{needed} is missing.")


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in sorted(words))


# --- the report ---


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
    counts = (
        f"{len(content.texts)} texts, {len(content.topics)} topics, {len(content.forms)} exercises "
        f"and check-ins, {len(content.intents)} intents with {examples} examples"
    )
    return f"{counts}: {len(found) or 'no'} problem{'' if len(found) == 1 else 's'}."


if __name__ == "__main__":
    sys.exit(run(brief="--brief" in sys.argv[1:]))
