"""What is true: the tables of Warmline. Imports nothing of ours."""

from models.audit import AuditEntry
from models.base import Base
from models.check_ins import CheckIn
from models.consents import AgeBand, Consent, FollowUp
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
from models.integrations import ApiToken, DeliveryFailure, Webhook, WebhookDelivery
from models.mentoring import Absence, CannedReply, Debrief, Note, Presence, Snooze, Transfer
from models.people import Match, MatchKind, OneTimeKey, Passkey, Person, Program, Role, WebSession
from models.rota import DutyOverride, DutyShift, Holiday, PolicyVersion
from models.safeguarding import Concern, SafeguardingRecord
from models.schedules import Schedule, ScheduledCheckIn, SkipReason
from models.skills import Goal, GoalResult, SkillOutcome, SkillUse
from models.verdicts import Verdict, VerdictRecord

__all__ = [
    "Absence",
    "AgeBand",
    "Alert",
    "ApiToken",
    "AuditEntry",
    "Base",
    "CannedReply",
    "Channel",
    "CheckIn",
    "Concern",
    "Consent",
    "Conversation",
    "Debrief",
    "DecisionRecord",
    "Delivery",
    "DeliveryFailure",
    "DutyOverride",
    "DutyShift",
    "FollowUp",
    "Goal",
    "GoalResult",
    "Handoff",
    "HandoffEvent",
    "Holiday",
    "Match",
    "MatchKind",
    "Message",
    "Move",
    "Need",
    "Note",
    "OneTimeKey",
    "Outcome",
    "Owner",
    "Passkey",
    "Person",
    "PolicyVersion",
    "Presence",
    "Program",
    "Role",
    "SafeguardingRecord",
    "Schedule",
    "ScheduledCheckIn",
    "SkillOutcome",
    "SkillUse",
    "SkipReason",
    "Snooze",
    "Speaker",
    "Status",
    "Transfer",
    "Urgency",
    "Verdict",
    "VerdictRecord",
    "WebSession",
    "Webhook",
    "WebhookDelivery",
]
