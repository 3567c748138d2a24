"""Time zones of people and programs: only those of a place, which know its summer time."""

import re
from functools import cache
from zoneinfo import available_timezones

from babel.core import get_global

from escalation.speech.i18n import gettext_noop, phrase
from gateway.people.details.refusals import BadDetails

# "Etc/" holds offsets with the sign reversed; most names without "/" are offsets without summer
# time, such as EST.
REGIONS = (
    *("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/"),
    *("Europe/", "Indian/", "Pacific/"),
)
# What people write for the zone of their place. Several places share each of these, and we suggest
# the largest.
MEANT = {
    "New_York": "est edt et eastern est5edt utc-5",
    "Chicago": "cst cdt ct central cst6cdt utc-6",
    "Denver": "mst mdt mt mountain mst7mdt utc-7",
    "Los_Angeles": "pst pdt pt pacific pst8pdt utc-8",
    "Anchorage": "akst akdt alaska utc-9",
    "Honolulu": "hst hawaii utc-10",
    "London": "gmt bst utc z utc+0",
    "Berlin": "cet cest met utc+1",
    "Athens": "eet eest utc+2",
    "Kolkata": "ist india utc+5:30",
}
PLACES = {word: place for place, words in MEANT.items() for word in words.split()}


@cache
def common_zones() -> tuple[str, ...]:
    """The time zones of places, such as America/New_York."""
    return tuple(sorted(zone for zone in available_timezones() if zone.startswith(REGIONS)))


def is_zone(name: str) -> bool:
    return name in common_zones()


def check_zone(name: str) -> None:
    """Raises BadDetails with the form to use instead, where we can guess it."""
    if is_zone(name):
        return
    meant = _meant(name)
    if meant is not None:
        sentence = gettext_noop("time zone {zone!r} is not valid; if you mean {meant}, write that")
        raise BadDetails(phrase(sentence, zone=name, meant=meant))
    sentence = gettext_noop("time zone {zone!r} is unknown; use one like America/New_York")
    raise BadDetails(phrase(sentence, zone=name))


def region_of(zone: str) -> str:
    """The country of a time zone, as two letters; US for a zone without one."""
    territories, aliases = get_global("zone_territories"), get_global("zone_aliases")
    return territories.get(zone) or territories.get(aliases.get(zone, "")) or "US"


def _meant(name: str) -> str | None:
    plain = " ".join(name.casefold().replace("_", " ").split())
    if plain in _windows_zones():
        return _windows_zones()[plain]
    for ending in (" time", " standard", " daylight"):
        plain = plain.removesuffix(ending)
    plain = re.sub(r"^(gmt|utc) ?([+-])0?(?=\d)", r"utc\2", plain.removeprefix("us/"))
    # In "Etc/" names the sign is the other way round.
    plain = plain.replace("etc/gmt+", "utc-").replace("etc/gmt-", "utc+")
    place = PLACES.get(plain, plain).casefold().replace(" ", "_")
    for zone in common_zones():
        if place in (zone.casefold(), zone.casefold().rpartition("/")[2]):
            return zone
    return None


@cache
def _windows_zones() -> dict[str, str]:
    zones = get_global("windows_zone_mapping").items()
    return {name.casefold(): zone for name, zone in zones if is_zone(zone)}
