"""What is wrong with the texts: `warmline content`.

Reads the files only; needs neither Rasa nor a database. Each fault is one line: which file, which
key, what to do. Exit status 1 if there is a fault.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from escalation.speech.guard import claims
from gateway.authoring import gsm, readability
from gateway.authoring.content import KNOWN, LABEL, ROOT, Content, Fault, Text, read_content

MOST_SEGMENTS = 2
HIGHEST_GRADE = 7.0
FEWEST_EXAMPLES = 20

CARRIER_WORDS = frozenset(KNOWN["words"]["carrier"])
GATEWAY_WORDS = frozenset(KNOWN["words"]["gateway"])


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


def _fault(where: str, name: str, **blanks: object) -> Fault:
    return Fault(where, KNOWN["faults"][name].format(**blanks))


def _find_text_faults(text: Text) -> Iterator[Fault]:
    where, sent = text.where, text.as_sent
    if not text.source.strip():
        is_toml = text.file.endswith(".toml")
        what = 'source = "..."' if is_toml else 'metadata: {source: "..."}'
        yield _fault(where, "no_source", what=what)
    for blank in text.unknown_blanks:
        yield _fault(where, "unknown_length", blank=blank)
    if odd := gsm.outside_gsm_7(sent):
        yield _fault(where, "not_gsm", odd=_quoted(odd))
    elif gsm.segments(sent) > MOST_SEGMENTS:
        length, fits = gsm.septets(sent), gsm.longest(MOST_SEGMENTS)
        excess = length - fits
        yield _fault(where, "too_long", length=length, label=LABEL, fits=fits, excess=excess)
    if text.grade is not None and text.grade > HIGHEST_GRADE and not text.official:
        sentence = readability.hardest(text.prose)
        long = ", ".join(readability.long_words(sentence))
        yield _fault(
            where,
            "too_hard",
            grade=text.grade,
            highest=HIGHEST_GRADE,
            sentence=sentence,
            advice=f"Replace long words ({long}) or" if long else "Try to",
        )
    for claim in claims(text.words):
        yield _fault(where, "claim", span=claim.span, kind=claim.kind.value.replace("_", " "))
    if taken := text.keywords & _taken(text):
        yield _fault(where, "carriers_keyword", words=_quoted(taken))


def _taken(text: Text) -> frozenset[str]:
    """The carriers' keywords that this text must not use. The script explains STOP and START."""
    explained = {"STOP": r"\bSTOP ends texts\b", "START": r"^\{program\}: no more texts\b"}
    if not text.file.endswith(".toml"):
        explained = {}
    return CARRIER_WORDS - {word for word, how in explained.items() if re.search(how, text.words)}


def _keyword_faults(content: Content) -> Iterator[Fault]:
    known = {line.casefold() for lines in content.examples.values() for line in lines}
    for text in content.texts:
        for word in sorted(text.keywords - CARRIER_WORDS - GATEWAY_WORDS):
            if text.file.startswith("bot/") and word.casefold() not in known:
                yield _fault(text.where, "unknown_keyword", word=word, example=word.lower())


def _topic_faults(content: Content) -> Iterator[Fault]:
    for topic in content.topics:
        where, helps = content.intents[f"topic_{topic}"], f"utter_{topic}_helps"
        for part in KNOWN["parts"]["topic"]:
            key = f"utter_{topic}_{part}"
            if key not in content.responses:
                yield _fault(where, "topic_lacks", topic=topic, key=key)
        if helps not in content.responses:
            continue
        metadata = [variant.get("metadata") or {} for variant in content.responses[helps]]
        offers = next((one["offers"] for one in metadata if one.get("offers")), None)
        if offers is None:
            yield _fault(f"{where}, {helps}", "offers_nothing")
        elif offers not in content.forms:
            forms = ", ".join(sorted(content.forms))
            yield _fault(f"{where}, {helps}", "offers_unknown", offers=offers, forms=forms)


def _skill_faults(content: Content) -> Iterator[Fault]:
    for skill, slots in content.forms.items():
        where = content.file_of[f"{skill}_form"]
        goes_on = any(other.startswith(f"{skill}_") for other in content.forms)
        needed = [f"utter_{skill}_{part}" for part in KNOWN["parts"]["skill"]]
        if goes_on:  # mood continues with mood_note, which says it is done
            needed.remove(f"utter_{skill}_done")
        needed += [f"utter_again_{skill}", *(f"utter_ask_{slot}" for slot in slots)]
        for key in needed:
            if key not in content.responses:
                yield _fault(where, "skill_lacks", skill=skill, key=key)
        if not slots:
            yield _fault(where, "asks_nothing", skill=skill)


def _example_faults(content: Content) -> Iterator[Fault]:
    trained = content.trained_in
    for intent, where in sorted(content.intents.items()):
        many = len(set(content.examples.get(intent, [])))
        if many == 0:
            file = where.replace("domain", "data")
            yield _fault(where, "no_examples", intent=intent, file=file)
        elif many < FEWEST_EXAMPLES:
            counts = {"many": many, "fewest": FEWEST_EXAMPLES}
            yield _fault(trained[intent], "few_examples", intent=intent, **counts)
    for intent in sorted(set(content.examples) - set(content.intents)):
        yield _fault(trained[intent], "unlisted_intent", intent=intent)
    seen: dict[str, str] = {}
    for intent, lines in sorted(content.examples.items()):
        for line in lines:
            if (other := seen.setdefault(line.casefold(), intent)) != intent:
                blanks = {"line": line, "intent": intent, "other": other}
                yield _fault(trained[intent], "example_of_two", **blanks)


def _missing_files(content: Content) -> Iterator[Fault]:
    teaching = {Path(content.intents[f"topic_{topic}"]).stem for topic in content.topics}
    teaching |= {Path(content.file_of[f"{skill}_form"]).stem for skill in content.forms}
    for name in sorted(teaching):
        file = f"docs/content/{name}.md"
        if not (content.root / file).exists():
            yield _fault(f"bot/domain/{name}.yml", "no_docs", file=file)
    for domain in sorted((content.root / "bot" / "domain").glob("*.yml")):
        for file in (f"bot/data/{domain.stem}.yml", f"bot/tests/test_{domain.stem}.yml"):
            if not (content.root / file).exists():
                yield _fault(f"bot/domain/{domain.name}", "missing_file", file=file)


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
    examples = sum(len(lines) for lines in content.examples.values())
    print(
        f"{len(content.texts)} texts, {len(content.topics)} topics, {len(content.forms)} exercises "
        f"and check-ins, {len(content.intents)} intents with {examples} examples: "
        f"{len(found) or 'no'} problem{'' if len(found) == 1 else 's'}."
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(run(brief="--brief" in sys.argv[1:]))
