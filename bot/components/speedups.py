"""Faster versions of what Rasa does for every message, with the same results.

`install` patches Rasa, because no configuration replaces these parts. What each of them saves:
docs/decisions/0004-bot.md.
"""

# Runs inside Rasa, on Python 3.10 and Rasa's own pins.
from __future__ import annotations

import copy
from collections.abc import Sequence
from graphlib import TopologicalSorter
from typing import Any

from rasa.core import processor
from rasa.core.actions import action
from rasa.core.actions.action import ActionExtractSlots
from rasa.engine.exceptions import GraphRunError
from rasa.engine.runner.dask import DaskGraphRunner
from rasa.shared.core.constants import (
    ACTIVE_LOOP,
    MAPPING_CONDITIONS,
    MAPPING_TYPE,
    SlotMappingType,
)
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import Event
from rasa.shared.core.slots import Slot
from rasa.shared.core.trackers import DialogueStateTracker

Plan = Sequence[tuple[str, Sequence[str]]]
EMPTY = Domain.empty().as_dict()


def install() -> None:
    processor.DaskGraphRunner = InOrder
    action.ActionExtractSlots = ExtractSlots
    # Rasa makes several trackers each turn, and copies every slot of the domain for each.
    Slot.__copy__ = copy_slot
    Domain.is_empty = is_empty


class InOrder(DaskGraphRunner):
    """Runs the components one after the other, in an order that it computes once.

    Rasa's own runner computes it again for each message and each action.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plans: dict[tuple[str, ...], Plan] = {}

    def run(
        self, inputs: dict[str, Any] | None = None, targets: list[str] | None = None
    ) -> dict[str, Any]:
        wanted = tuple(targets or self._graph_schema.target_names)
        if wanted not in self._plans:
            self._plans[wanted] = self._plan(wanted)
        # Each result with its name, as components expect it.
        made = {name: (name, value) for name, value in (inputs or {}).items()}
        try:
            for name, needs in self._plans[wanted]:
                made[name] = self._instantiated_nodes[name](*(made.get(one, one) for one in needs))
        except RuntimeError as error:
            raise GraphRunError("Error running runner.") from error
        return {name: made[name][1] for name in wanted}

    def _plan(self, wanted: Sequence[str]) -> Plan:
        nodes = self._graph_schema.minimal_graph_schema(list(wanted)).nodes
        needs = {name: list(node.needs.values()) for name, node in nodes.items()}
        order = TopologicalSorter(needs).static_order()
        return [(name, needs[name]) for name in order if name in needs]


class ExtractSlots(ActionExtractSlots):
    async def run(
        self, output_channel: Any, nlg: Any, tracker: DialogueStateTracker, domain: Domain
    ) -> list[Event]:
        within = narrowed(domain, tracker.active_loop_name)
        return await super().run(output_channel, nlg, tracker, within)


# By form, or None: the full domain, and the narrowed one.
_narrowed: dict[str | None, tuple[Domain, Domain]] = {}


def narrowed(domain: Domain, form: str | None) -> Domain:
    """The domain with only the slots that can be filled in `form`; None is outside of forms."""
    known = _narrowed.get(form)
    if known is None or known[0] is not domain:
        within = copy.copy(domain)
        within.slots = [
            slot for slot in domain.slots if any(applies(one, form) for one in slot.mappings)
        ]
        known = _narrowed[form] = domain, within
    return known[1]


def applies(mapping: dict[str, Any], form: str | None) -> bool:
    """Whether Rasa would use a mapping in this form, by its conditions."""
    conditions = mapping.get(MAPPING_CONDITIONS)
    if not conditions or mapping[MAPPING_TYPE] == str(SlotMappingType.FROM_TRIGGER_INTENT):
        return True
    return any(condition.get(ACTIVE_LOOP) == form for condition in conditions)


def copy_slot(slot: Slot) -> Slot:
    """`copy.copy` in an eighth of the time."""
    twin: Slot = object.__new__(type(slot))
    twin.__dict__ = vars(slot).copy()
    return twin


def is_empty(domain: Domain) -> bool:
    """Rasa builds an empty domain for each message to compare with."""
    return bool(domain.as_dict() == EMPTY)
