"""What a decision was based on, besides the scores: written to its record and read back."""

from typing import Any

from escalation.decide import BotState, Standing
from escalation.signals import Signals, YesOrNo
from models import DecisionRecord, Urgency


def decision_inputs(signals: Signals, standing: Standing) -> dict[str, Any]:
    """The inputs of `decide` that have no column of their own."""
    return {
        "says": signals.says.value if signals.says else None,
        "item_nine": signals.item_nine,
        "covered": signals.covered,
        "urgency": standing.urgency.value if standing.urgency else None,
        "failures": standing.failures,
        "skill_wanted": standing.skill_wanted,
        "offered": standing.offered,
        "offered_lately": standing.offered_lately,
    }


def decided_on(record: DecisionRecord) -> tuple[Signals, Standing, BotState]:
    """What `decide` was given for this record. The evidence is left out.

    Without `seen`, only the scores, the owner and the bot's state are known.
    """
    seen = record.seen or {}
    signals = Signals(
        crisis=record.crisis,
        connection=record.connection,
        tools=record.tools,
        asked_for_person=record.asked_for_person,
        says=YesOrNo(seen["says"]) if seen.get("says") else None,
        item_nine=seen.get("item_nine", False),
        covered=seen.get("covered", True),
        version=record.version,
    )
    standing = Standing(
        owner=record.owner,
        urgency=Urgency(seen["urgency"]) if seen.get("urgency") else None,
        failures=seen.get("failures", 0),
        skill_wanted=seen.get("skill_wanted", False),
        offered=seen.get("offered", False),
        offered_lately=seen.get("offered_lately", False),
    )
    return signals, standing, BotState(record.bot)
