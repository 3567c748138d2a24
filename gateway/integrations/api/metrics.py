"""The figures of the page Metrics, for a spreadsheet or a dashboard."""

from dataclasses import replace

from fastapi import APIRouter

from gateway.integrations.api.auth import ReadsMeasures
from gateway.integrations.api.values import Weeks
from gateway.reporting.metrics import Metrics, get_metrics
from gateway.reporting.period import get_scope

router = APIRouter(prefix="/measures", tags=["measures"])


@router.get("")
def measures(caller: ReadsMeasures, weeks: Weeks = 4) -> Metrics:
    """The figures of the page Metrics for the latest weeks."""
    caller.has_read("measures")
    with caller.line.database.reading() as session:
        found = get_metrics(get_scope(caller.line, session, caller.program, weeks))
    if caller.reads_names:
        return found
    return replace(found, loads=[replace(load, name=None) for load in found.loads])
