"""What a decision was based on, besides the scores: written to its record and read back."""

from typing import Any

from escalation.decide import BotState, Standing
from escalation.signals import Signals, YesOrNo
from models import Danger, DecisionRecord, Urgency

# Inputs that are stored as they are.
OF_SIGNALS = ("item_nine", "covered", "declines_person", "takes_back")
OF_STANDING = (
    *("failures", "skill_wanted", "offered", "offered_lately"),
    *("calming_wanted", "more_follows", "paged_lately"),
)


def decision_inputs(signals: Signals, standing: Standing) -> dict[str, Any]:
    """The inputs of `decide` that have no column of their own."""
    return {
        "says": signals.says.value if signals.says else None,
        "danger": signals.danger.value if signals.danger else None,
        "urgency": standing.urgency.value if standing.urgency else None,
        **{name: getattr(signals, name) for name in OF_SIGNALS},
        **{name: getattr(standing, name) for name in OF_STANDING},
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
        danger=Danger(seen["danger"]) if seen.get("danger") else None,
        version=record.version,
        **{name: seen[name] for name in OF_SIGNALS if name in seen},
    )
    standing = Standing(
        owner=record.owner,
        urgency=Urgency(seen["urgency"]) if seen.get("urgency") else None,
        **{name: seen[name] for name in OF_STANDING if name in seen},
    )
    return signals, standing, BotState(record.bot)
