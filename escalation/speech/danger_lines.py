"""Which line of the script says why a person is needed, by need and kind of danger."""

from models import Danger, Need

# The other kinds, and an unknown one, get the general line. Each kind has its own numbers.
WITH_A_LINE = frozenset(
    {Danger.ABUSE_AT_HOME, Danger.SEXUAL, Danger.VIOLENCE, Danger.SOMEBODY_ELSE}
)
# For these the general line about a concern, which speaks of suicide, fits.
ABOUT_SUICIDE = frozenset({Danger.SUICIDE, Danger.SELF_HARM, Danger.OTHER, None})


def why_line(need: Need, danger: Danger | None) -> str:
    if need is Need.CRISIS and danger in WITH_A_LINE:
        return f"why_crisis_{danger}"
    if need is Need.CONCERN and danger not in ABOUT_SUICIDE:
        return "why_concern_named"
    return f"why_{need.value}"
