"""Over-reliance on the bot: its signs, and when to point a mentee to their mentor.

Does not influence what `decide` does with a message.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from escalation.detect.lexicon import load_reliance
from escalation.detect.wording import in_plain_words
from escalation.policy import ReliancePolicy

DAYS = 7
# As long as the trial in arXiv 2503.17473.
LATELY = timedelta(weeks=4)
# Contact with people is compared with the same time before.
LOOKED_BACK = 2 * LATELY

# Characters before a match in which it can be denied or attributed to someone else.
REACH = 60


class Sign(StrEnum):
    SAID = "said"
    DAYS = "days"
    NIGHT = "night"
    BOT = "bot"
    CONTACT = "contact"


@dataclass(frozen=True)
class Written:
    """A mentee's message. `to_bot`: no handoff was open. `only_you`: see `says_only_you`."""

    at: datetime
    to_bot: bool
    only_you: bool = False


@dataclass(frozen=True)
class Reliance:
    """One mentee's use, in the time `LATELY` except for `days` and `from_people_before`.

    `days`: on how many of the last seven local dates, including today, they wrote. Shares of
    `messages` are in 0..1.
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
    """`from_people`: when people wrote to the mentee. `zone`: the mentee's time zone."""
    lately = [one for one in written if now - LATELY < one.at <= now]
    to_them = [at for at in from_people if now - LOOKED_BACK < at <= now]
    nights = sum(_at_night(one.at, zone, policy) for one in lately)
    first = now.astimezone(zone).date() - timedelta(days=DAYS - 1)
    dates = {one.at.astimezone(zone).date() for one in lately}
    recent = sum(at > now - LATELY for at in to_them)
    count = len(lately) or 1  # without messages, each share is 0
    return Reliance(
        messages=len(lately),
        days=sum(date >= first for date in dates),
        night_share=nights / count,
        bot_share=sum(one.to_bot for one in lately) / count,
        from_people=recent,
        from_people_before=len(to_them) - recent,
        said_only_you=sum(one.only_you for one in lately),
    )


def signs_in(reliance: Reliance, policy: ReliancePolicy) -> frozenset[Sign]:
    """Shares count only with enough messages."""
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


def is_over_reliance(signs: Collection[Sign], policy: ReliancePolicy) -> bool:
    """One plain sentence is enough; figures need a second sign."""
    return Sign.SAID in signs or len(signs) >= policy.signs_needed


def nudge_allowed(nudged_at: datetime | None, *, now: datetime, policy: ReliancePolicy) -> bool:
    return nudged_at is None or now - nudged_at >= timedelta(days=policy.nudge_every_days)


def says_only_you(words: str) -> bool:
    """Whether a message says that the bot is all they have. Never raises."""
    lexicon = load_reliance()
    plain = in_plain_words(words).text
    return any(
        not lexicon.denied.search(plain[max(0, match.start() - REACH) : match.start()])
        for rule in lexicon.rules
        for match in rule.pattern.finditer(plain)
    )


def _at_night(moment: datetime, zone: ZoneInfo, policy: ReliancePolicy) -> bool:
    """`night_until` is exclusive. In the mentee's local time."""
    local = moment.astimezone(zone).time()
    if policy.night_from <= policy.night_until:
        return policy.night_from <= local < policy.night_until
    return local >= policy.night_from or local < policy.night_until
