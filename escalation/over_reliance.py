"""Who leans on the bot too much, and when the line says so: once, and towards a person.

Pure but for the phrase list. Nothing here weighs on what `decide` does with a message.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from escalation.detect.lexicon import load_lexicon, load_reliance
from escalation.detect.wording import in_plain_words
from escalation.policy import ReliancePolicy

DAYS = 7
# As long as the trial whose figures are looked at here: arXiv 2503.17473.
LATELY = timedelta(weeks=4)
# Contact with people is compared with the time before; nothing older is looked at.
LOOKED_BACK = 2 * LATELY

# This far before a match, words may deny it or say that somebody else said it.
REACH = 60


class Sign(StrEnum):
    SAID = "said"
    DAYS = "days"
    NIGHT = "night"
    BOT = "bot"
    CONTACT = "contact"


@dataclass(frozen=True)
class Written:
    """One message of a mentee. `to_bot`: no handoff was open for it; `only_you`: it said so."""

    at: datetime
    to_bot: bool
    only_you: bool = False


@dataclass(frozen=True)
class Reliance:
    """One mentee's use of the line. All but `days` and `from_people_before` count `LATELY`.

    `days` is how many of the last seven dates of their own calendar, today among them, they wrote
    on; the shares are of `messages`, in 0..1, and 0 of none.
    """

    messages: int = 0
    days: int = 0
    night_share: float = 0.0
    bot_share: float = 0.0
    from_people: int = 0
    from_people_before: int = 0
    said_only_you: int = 0


def measure_over_reliance(
    written: Iterable[Written],
    from_people: Iterable[datetime],
    zone: ZoneInfo,
    *,
    now: datetime,
    policy: ReliancePolicy,
) -> Reliance:
    """Count what a mentee wrote, and when people wrote to them; `zone` is the mentee's."""
    lately = [one for one in written if now - LATELY < one.at <= now]
    to_them = [at for at in from_people if now - LOOKED_BACK < at <= now]
    nights = sum(_at_night(one.at, zone, policy) for one in lately)
    first = now.astimezone(zone).date() - timedelta(days=DAYS - 1)
    dates = {one.at.astimezone(zone).date() for one in lately}
    recent = sum(at > now - LATELY for at in to_them)
    return Reliance(
        messages=len(lately),
        days=sum(date >= first for date in dates),
        night_share=_share(nights, len(lately)),
        bot_share=_share(sum(one.to_bot for one in lately), len(lately)),
        from_people=recent,
        from_people_before=len(to_them) - recent,
        said_only_you=sum(one.only_you for one in lately),
    )


def signs_in(reliance: Reliance, policy: ReliancePolicy) -> frozenset[Sign]:
    """Which signs hold. Shares of a few messages say nothing, and neither does their fall."""
    enough = reliance.messages >= policy.at_least_messages
    had_contact = reliance.from_people_before >= policy.contact_at_least
    left = policy.contact_fell_to * reliance.from_people_before
    holds = {
        Sign.SAID: reliance.said_only_you > 0,
        Sign.DAYS: enough and reliance.days >= policy.days_a_week,
        Sign.NIGHT: enough and reliance.night_share >= policy.night_share,
        Sign.BOT: enough and reliance.bot_share >= policy.bot_share,
        Sign.CONTACT: enough and had_contact and reliance.from_people <= left,
    }
    return frozenset(sign for sign, held in holds.items() if held)


def leans_too_much(signs: Collection[Sign], policy: ReliancePolicy) -> bool:
    """Who says so is believed; figures have to agree."""
    return Sign.SAID in signs or len(signs) >= policy.signs_needed


def nudge_allowed(nudged_at: datetime | None, *, now: datetime, policy: ReliancePolicy) -> bool:
    """Whether the last nudge, if there was one, is long enough ago."""
    return nudged_at is None or now - nudged_at >= timedelta(days=policy.nudge_every_days)


def says_only_you(words: str) -> bool:
    """Whether a message says that the bot is the only one its writer has. Never raises."""
    lexicon = load_reliance()
    plain = in_plain_words(words, load_lexicon()).text
    return any(
        not lexicon.denied.search(plain[max(0, match.start() - REACH) : match.start()])
        for rule in lexicon.rules
        for match in rule.pattern.finditer(plain)
    )


def _at_night(moment: datetime, zone: ZoneInfo, policy: ReliancePolicy) -> bool:
    """From `night_from`, up to but not at `night_until`, on the mentee's own clock."""
    local = moment.astimezone(zone).time()
    if policy.night_from <= policy.night_until:
        return policy.night_from <= local < policy.night_until
    return local >= policy.night_from or local < policy.night_until


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
