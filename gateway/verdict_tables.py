"""A programme's verdicts in a few lines: for `warmline verdicts` and for the managers' log."""

from rich.console import Console
from rich.table import Table

from escalation.intervals import Rate
from gateway.verdicts import Matrix, NoSuggestion, Reach, Suggestion, Summary

NOTHING_CHANGES = "Nothing changes by itself."
WHAT_THEN = (
    "Put a threshold you would try into a copy of the policy file; "
    "`warmline replay --policy FILE` shows what it would have done."
)
NO_CRISIS_THRESHOLD = (
    "For crisis and concern none is suggested: a verdict says that a person was needed, not "
    "that somebody was in danger."
)


def print_verdicts(out: Console, programme: str, summary: Summary) -> None:
    """Decisions against verdicts, the rates with their intervals, and the suggestion."""
    matrix = summary.matrix
    if not matrix.judged:
        out.print(f"{programme}: no verdicts in the last {summary.weeks} weeks.")
        return
    out.print(
        f"{programme}: {judged_in_words(summary)} In brackets: 95% intervals.",
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
    said = f"{judged} {'decision' if judged == 1 else 'decisions'} judged in the last "
    return f"{said}{summary.weeks} weeks, {differed or 'none'} of them differently by two people."


def rates_of(matrix: Matrix) -> list[tuple[str, Rate]]:
    return [
        ("of the handoffs, a person was needed in", matrix.handed_over),
        ("of these, a person should have come earlier in", matrix.came_late),
        ("of those not handed over, somebody was needed in", matrix.missed),
    ]


def rate_in_words(rate: Rate) -> str:
    """Like: 80% (61 to 91), 20 of 25."""
    if not rate.of:
        return "none judged"
    low, high = rate.interval
    return f"{rate.share:.0%} ({low * 100:.0f} to {high * 100:.0f}), {rate.hits} of {rate.of}"


def suggestion_in_words(summary: Summary) -> list[str]:
    asked = f"{summary.needed_at_least:.0%}"
    match summary.connection:
        case NoSuggestion(why):
            return [f"No threshold for connection is suggested: {why}."]
        case Suggestion() as found:
            return [
                f"Suggested for connection: {found.suggested.threshold:.2f} (95% interval "
                f"{found.low:.2f} to {found.high:.2f}, {found.judged} verdicts); "
                f"in use: {found.in_use.threshold:.2f}.",
                f"It is the lowest at which surely {asked} or more of those brought needed a "
                f"person.{_if_shaky(found)}",
                _reach_in_words(found.suggested),
                _reach_in_words(found.in_use),
            ]


def _if_shaky(found: Suggestion) -> str:
    if found.holds_in > 0.975:
        return ""
    return f" In {1 - found.holds_in:.0%} of resamplings there is none: more verdicts are needed."


def _reach_in_words(reach: Reach) -> str:
    if reach.needed is None:
        return f"At {reach.threshold:.2f} nobody of those judged would be brought a person."
    return (
        f"At {reach.threshold:.2f} about {reach.needed:.0%} of those brought needed a person, "
        f"and {reach.reached:.0%} of those who needed one are reached."
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
    for name, rate in rates_of(matrix):
        table.add_row(name, rate_in_words(rate))
    return table
