"""A program's verdicts in a few lines: for `warmline verdicts` and for the managers' log."""

from rich.console import Console
from rich.table import Table

from escalation.intervals import Rate
from escalation.speech.i18n import gettext_noop, phrase, phrase_counted
from gateway.review.verdicts import Matrix, NoSuggestion, Reach, Suggestion, Summary

NOTHING_CHANGES = "Nothing changes by itself."
WHAT_THEN = (
    "Put a threshold you would try into a copy of the policy file; "
    "`warmline replay --policy FILE` shows what it would have done."
)
NO_CRISIS_THRESHOLD = (
    "For crisis and concern none is suggested: a verdict says that a person was needed, not "
    "that somebody was in danger."
)


def print_verdicts(out: Console, program: str, summary: Summary) -> None:
    """Decisions against verdicts, the rates with their intervals, and the suggestion."""
    matrix = summary.matrix
    if not matrix.judged:
        out.print(f"{program}: no verdicts in the last {summary.weeks} weeks.")
        return
    out.print(
        f"{program}: {judged_in_words(summary)} In brackets: 95% intervals.",
        highlight=False,
        soft_wrap=True,
    )
    out.print()
    out.print(_matrix(matrix))
    out.print()
    out.print(_rates(matrix))
    out.print()
    for sentence in (*suggestion_in_words(summary), NO_CRISIS_THRESHOLD):
        out.print(sentence, highlight=False, soft_wrap=True)
    out.print(f"{NOTHING_CHANGES} {WHAT_THEN}", highlight=False, soft_wrap=True)


def judged_in_words(summary: Summary) -> str:
    judged, differed = summary.matrix.judged, summary.differed
    return phrase_counted(
        "{count} decision judged in the last {weeks} weeks, "
        "{differed} of them differently by two people.",
        "{count} decisions judged in the last {weeks} weeks, "
        "{differed} of them differently by two people.",
        judged,
        weeks=summary.weeks,
        differed=differed or phrase("none"),
    )


def list_rates(matrix: Matrix) -> list[tuple[str, Rate]]:
    return [
        (gettext_noop("of the handoffs, a person was needed in"), matrix.handed_over),
        (gettext_noop("of these, a person should have come earlier in"), matrix.came_late),
        (gettext_noop("of those not handed over, somebody was needed in"), matrix.missed),
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
    asked = f"{summary.needed_at_least:.0%}"
    match summary.connection:
        case NoSuggestion(why):
            return [phrase("No threshold for connection is suggested: {why}.", why=why)]
        case Suggestion() as found:
            return [
                phrase(
                    "Suggested for connection: {threshold:.2f} (95% interval {low:.2f} to "
                    "{high:.2f}, {judged} verdicts); in use: {in_use:.2f}.",
                    threshold=found.suggested.threshold,
                    low=found.low,
                    high=found.high,
                    judged=found.judged,
                    in_use=found.in_use.threshold,
                ),
                phrase(
                    "It is the lowest at which surely {asked} or more of those brought needed a "
                    "person.{if_shaky}",
                    asked=asked,
                    if_shaky=_if_shaky(found),
                ),
                _reach_in_words(found.suggested),
                _reach_in_words(found.in_use),
            ]


def _if_shaky(found: Suggestion) -> str:
    if found.holds_in > 0.975:
        return ""
    return phrase(
        " In {share:.0%} of resamplings there is none: more verdicts are needed.",
        share=1 - found.holds_in,
    )


def _reach_in_words(reach: Reach) -> str:
    if reach.needed is None:
        return phrase(
            "At {threshold:.2f} nobody of those judged would be brought a person.",
            threshold=reach.threshold,
        )
    return phrase(
        "At {threshold:.2f} about {needed:.0%} of those brought needed a person, and "
        "{reached:.0%} of those who needed one are reached.",
        threshold=reach.threshold,
        needed=reach.needed,
        reached=reach.reached,
    )


def _matrix(matrix: Matrix) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("a person was needed", justify="right")
    table.add_column("not needed", justify="right")
    table.add_row("handed over", str(matrix.handed_over_needed), str(matrix.handed_over_not_needed))
    table.add_row("not handed over", str(matrix.left_needed), str(matrix.left_not_needed))
    return table


def _rates(matrix: Matrix) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, rate in list_rates(matrix):
        table.add_row(name, rate_in_words(rate))
    return table
