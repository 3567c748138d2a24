"""The tables of Warmline. Import from this package, not from its modules."""

from models.alarms import OperatorAlarm
from models.audit import AuditAnchor, AuditEntry
from models.base import Base, JsonDict, changes_one, literal_in, rows_changed
from models.check_ins import (
    CHECK_INS,
    CheckIn,
    Goal,
    GoalResult,
    Schedule,
    ScheduledCheckIn,
    SkillOutcome,
    SkillUse,
    SkipReason,
)
from models.conversations import (
    ON_ITS_WAY,
    Channel,
    Conversation,
    Delivery,
    FailedTry,
    Message,
    Speaker,
    TextKind,
    hold_thread,
)
from models.decisions import DecisionRecord, Verdict, VerdictRecord
from models.encryption.keys import BadKey, KeyGone, NoKey, WrongKey
from models.encryption.ownership import create_key, with_key
from models.encryption.words import (
    HOUSE,
    decrypt,
    encrypt,
    fingerprint,
    keys,
    phone_index,
    provider_hash,
    seal,
    use_key,
)
from models.handoffs import (
    DISCLOSURES,
    Alert,
    AlertStep,
    Danger,
    FollowUp,
    Handoff,
    HandoffCode,
    HandoffEvent,
    Move,
    Need,
    Outcome,
    Owner,
    Status,
    StepState,
    Urgency,
)
from models.integrations import ApiToken, DeliveryFailure, Webhook, WebhookDelivery
from models.mentoring import Absence, CannedReply, Debrief, Note, Presence, Snooze, Transfer
from models.people import (
    CAN_BE_TEXTED,
    WRONG_NUMBER,
    AgeBand,
    AlertChannel,
    Consent,
    KnownDevice,
    Match,
    MatchKind,
    OneTimeKey,
    Passkey,
    PasskeyChallenge,
    Person,
    Program,
    RateLimit,
    Role,
    WebSession,
)
from models.privacy import ErasedText, KeyToDestroy, LegalHold, ProviderCopy, destroy_key
from models.rota import DutyOverride, DutyShift, Holiday, PolicyVersion
from models.safeguarding import Concern, SafeguardingRecord
