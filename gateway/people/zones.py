"""The time zones a page offers to choose from."""

from functools import cache
from zoneinfo import available_timezones

# "Etc" holds offsets with their sign turned round; what has no "/" are older names of others.
REGIONS = (
    "Africa/",
    "America/",
    "Antarctica/",
    "Asia/",
    "Atlantic/",
    "Australia/",
    "Europe/",
    "Indian/",
    "Pacific/",
)


@cache
def common_zones() -> tuple[str, ...]:
    """Place by place, as people name them: America/New_York."""
    return tuple(sorted(zone for zone in available_timezones() if zone.startswith(REGIONS)))
