"""What is true: the tables of Warmline. Imports nothing of ours."""

from models.base import Base
from models.check_ins import CheckIn
from models.conversations import Channel, Conversation, Delivery, Message, Speaker
from models.decisions import DecisionRecord
from models.handoffs import (
    Alert,
    Handoff,
    HandoffEvent,
    Move,
    Need,
    Outcome,
    Owner,
    Status,
    Urgency,
)
from models.people import Match, MatchKind, Person, Programme, Role, SignIn
from models.schedules import Hindrance, Schedule, ScheduledCheckIn
from models.skills import Goal, GoalResult, SkillOutcome, SkillUse
from models.verdicts import Verdict, VerdictRecord

__all__ = [
    "Alert",
    "Base",
    "Channel",
    "CheckIn",
    "Conversation",
    "DecisionRecord",
    "Delivery",
    "Goal",
    "GoalResult",
    "Handoff",
    "HandoffEvent",
    "Hindrance",
    "Match",
    "MatchKind",
    "Message",
    "Move",
    "Need",
    "Outcome",
    "Owner",
    "Person",
    "Programme",
    "Role",
    "Schedule",
    "ScheduledCheckIn",
    "SignIn",
    "SkillOutcome",
    "SkillUse",
    "Speaker",
    "Status",
    "Urgency",
    "Verdict",
    "VerdictRecord",
]
