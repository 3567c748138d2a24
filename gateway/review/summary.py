"""A program's verdicts in a few lines: for `warmline verdicts` and for the managers' log."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from escalation.intervals import Rate
from escalation.policy import Policy
from escalation.speech.i18n import Phrase, gettext_noop, phrase, phrase_counted
from gateway.review.judgments import Judged, judged_since
from gateway.review.suggestion import Reach, Suggestion, suggest
from models import Program, Verdict

# Older verdicts are about another model and another policy.
LOOKED_BACK = timedelta(weeks=26)
NOTHING_CHANGES = (
    "Verdicts do not change the policy. To try a threshold, edit it on the page Policy; it shows "
    "what the threshold would have done."
)
NO_CRISIS_THRESHOLD = (
    "There is no suggestion for crisis and concern: a verdict says that a person was needed, not "
    "that someone was in danger."
)


class Matrix:
    """Decisions against verdicts. A handoff that should have come earlier was needed, too."""

    def __init__(self, judged: Iterable[Judged]) -> None:
        counts = Counter((one.handed_over, one.verdict) for one in judged)
        late = counts[True, Verdict.SHOULD_EARLIER]
        self.judged = counts.total()
        self.handed_over_needed = counts[True, Verdict.RIGHT] + late
        self.handed_over_not_needed = counts[True, Verdict.SHOULD_NOT]
        self.left_needed = counts[False, Verdict.SHOULD_EARLIER]
        self.left_not_needed = counts[False, Verdict.RIGHT]
        # Shares: handoffs that needed a person; of those, the ones that came too late;
        # conversations without a handoff that needed a person.
        self.handed_over = Rate(
            self.handed_over_needed, self.handed_over_needed + self.handed_over_not_needed
        )
        self.came_late = Rate(late, self.handed_over_needed)
        self.missed = Rate(self.left_needed, self.left_needed + self.left_not_needed)


@dataclass(frozen=True)
class Summary:
    """`differed` counts decisions that two people judged differently."""

    matrix: Matrix
    differed: int
    connection: Suggestion | Phrase
    needed_at_least: float
    weeks: int


def summarize(
    session: Session,
    program: Program,
    policy: Policy,
    *,
    now: datetime,
    looked_back: timedelta = LOOKED_BACK,
) -> Summary:
    judged = judged_since(session, program, since=now - looked_back, now=now)
    needed, in_use = policy.review.needed_at_least, policy.thresholds.connection
    return Summary(
        matrix=Matrix(judged),
        differed=sum(not one.agreed for one in judged),
        connection=suggest(judged, in_use=in_use, needed_at_least=needed),
        needed_at_least=needed,
        weeks=round(looked_back / timedelta(weeks=1)),
    )


def print_verdicts(out: Console, program: str, summary: Summary) -> None:
    matrix = summary.matrix
    if not matrix.judged:
        out.print(f"{program}: no verdicts in the last {summary.weeks} weeks.")
        return

    def say(sentence: str) -> None:
        out.print(sentence, highlight=False, soft_wrap=True)

    say(f"{program}: {judged_in_words(summary)} Ranges are 95% intervals.")
    counts = Table(box=None, pad_edge=False, header_style="bold")
    counts.add_column("")
    counts.add_column("a person was needed", justify="right")
    counts.add_column("not needed", justify="right")
    counts.add_row("handoff", str(matrix.handed_over_needed), str(matrix.handed_over_not_needed))
    counts.add_row("no handoff", str(matrix.left_needed), str(matrix.left_not_needed))
    rates = Table(box=None, pad_edge=False, show_header=False)
    for name, rate in list_rates(matrix):
        rates.add_row(name, rate_in_words(rate))
    for part in ("", counts, "", rates, ""):
        out.print(part)
    for sentence in (*suggestion_in_words(summary), NO_CRISIS_THRESHOLD, NOTHING_CHANGES):
        say(sentence)


def judged_in_words(summary: Summary) -> str:
    judged, differed = summary.matrix.judged, summary.differed
    return phrase_counted(
        "{count} decision judged in the last {weeks} weeks; people disagreed on {differed}.",
        "{count} decisions judged in the last {weeks} weeks; people disagreed on {differed}.",
        judged,
        weeks=summary.weeks,
        differed=differed or phrase("none"),
    )


def list_rates(matrix: Matrix) -> list[tuple[str, Rate]]:
    return [
        (gettext_noop("handoffs that needed a person"), matrix.handed_over),
        (gettext_noop("of these, handoffs that came too late"), matrix.came_late),
        (gettext_noop("conversations without a handoff that needed a person"), matrix.missed),
    ]


def rate_in_words(rate: Rate) -> str:
    """Like: 80% (61 to 91), 20 of 25."""
    if not rate.of:
        return gettext_noop("none judged")
    low, high = rate.interval
    return phrase(
        "{share:.0%} ({low:.0f} to {high:.0f}), {hits} of {of}",
        share=rate.share,
        low=low * 100,
        high=high * 100,
        hits=rate.hits,
        of=rate.of,
    )


def suggestion_in_words(summary: Summary) -> list[str]:
    found = summary.connection
    if isinstance(found, Phrase):
        return [phrase("No suggestion for the connection threshold: {why}.", why=found)]
    sentences = [
        phrase(
            "Suggested connection threshold: {threshold:.2f} (95% interval {low:.2f} to "
            "{high:.2f}, {judged} verdicts). In use: {in_use:.2f}.",
            threshold=found.suggested.threshold,
            low=found.low,
            high=found.high,
            judged=found.judged,
            in_use=found.in_use.threshold,
        ),
        phrase(
            "It is the lowest threshold at which at least {asked} of handoffs need a person, with "
            "95% confidence.",
            asked=f"{summary.needed_at_least:.0%}",
        ),
    ]
    if found.holds_in <= 0.975:
        sentences.append(
            phrase(
                "It is not reliable yet ({share:.0%} of resamplings find none): collect more "
                "verdicts.",
                share=1 - found.holds_in,
            )
        )
    return [*sentences, _reach_in_words(found.suggested), _reach_in_words(found.in_use)]


def _reach_in_words(reach: Reach) -> str:
    if reach.needed is None:
        return phrase(
            "At {threshold:.2f}, none of the judged conversations would be handed off.",
            threshold=reach.threshold,
        )
    return phrase(
        "At {threshold:.2f}, about {needed:.0%} of handoffs need a person, and {reached:.0%} of "
        "those who need a person get one.",
        threshold=reach.threshold,
        needed=reach.needed,
        reached=reach.reached,
    )
