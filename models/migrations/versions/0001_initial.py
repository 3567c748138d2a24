"""The initial schema."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
TABLES = (
    "program",
    "person",
    "match",
    "known_device",
    "one_time_key",
    "passkey",
    "passkey_challenge",
    "web_session",
    "holiday",
    "duty_override",
    "duty_shift",
    "policy_version",
    "conversation",
    "message",
    "failed_try",
    "handoff",
    "alert",
    "alert_step",
    "handoff_code",
    "handoff_event",
    "decision_record",
    "check_in",
    "schedule",
    "scheduled_check_in",
    "goal",
    "skill_use",
    "verdict",
    "absence",
    "canned_reply",
    "debrief",
    "note",
    "presence",
    "snooze",
    "transfer",
    "safeguarding_record",
    "consent",
    "follow_up",
    "audit_entry",
    "api_token",
    "webhook",
    "webhook_delivery",
    "rate_limit",
    "key_to_destroy",
    "erased_text",
    "legal_hold",
    "provider_copy",
    "audit_anchor",
    "operator_alarm",
)
# Trigger, table, the change it refuses, the error message.
WRITE_ONCE = (
    ("handoff_event_no_update", "handoff_event", "UPDATE", "the log is append-only"),
    ("handoff_event_no_delete", "handoff_event", "DELETE", "the log is append-only"),
    (
        "message_speaker_no_update",
        "message",
        "UPDATE OF speaker, speaker_id, speaker_name, outgoing, script",
        "the speaker is written once",
    ),
    ("audit_entry_no_update", "audit_entry", "UPDATE", "the audit log is append-only"),
    ("audit_entry_no_delete", "audit_entry", "DELETE", "the audit log is append-only"),
    ("audit_anchor_no_update", "audit_anchor", "UPDATE", "an anchor is written once"),
    ("audit_anchor_no_delete", "audit_anchor", "DELETE", "an anchor is written once"),
)


def upgrade() -> None:
    create_people()
    create_rota()
    create_conversations()
    create_handoffs()
    create_decisions()
    create_check_ins()
    create_schedules()
    create_skills()
    create_verdicts()
    create_mentoring()
    create_safeguarding()
    create_consents()
    create_audit()
    create_integrations()
    create_limits()
    create_alarms()
    create_privacy()
    for name, table, change, reason in WRITE_ONCE:
        forbid(name, table, change, reason)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    if not is_sqlite():
        for name, *_ in WRITE_ONCE:
            op.execute(f"DROP FUNCTION {name}()")


def is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def key() -> sa.Column[int]:
    return sa.Column("id", sa.Integer(), primary_key=True)


def column(name: str, type_: Any, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=nullable, **options)


def link(name: str, table: str, *, nullable: bool = False, **options: Any) -> sa.Column[int]:
    key_of = sa.ForeignKey(f"{table}.id")
    return sa.Column(name, sa.Integer(), key_of, nullable=nullable, **options)


def key_name(*, nullable: bool = False) -> sa.Column[str]:
    about = "The key of its words, a file in KEY_FOLDER"
    return column("key_id", sa.String(24), nullable=nullable, comment=about)


def enum(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=24)


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    rows = sa.text(where)
    return sa.Index(name, *columns, unique=unique, postgresql_where=rows, sqlite_where=rows)


def forbid(name: str, table: str, change: str, reason: str) -> None:
    """Make the database itself refuse `change`."""
    when = unless = ""
    if name == "handoff_event_no_update":
        # Closing reasons can hold a mentee's words, so erasing them must stay possible.
        same = "IS" if is_sqlite() else "IS NOT DISTINCT FROM"
        columns = ("id", "handoff_id", "at", "move", "by_id", "detail")
        rest = " AND ".join(f"NEW.{column} {same} OLD.{column}" for column in columns)
        when = f"WHEN (NOT (NEW.note IS NULL AND {rest})) "
    if name == "audit_entry_no_delete":
        # Deleting by age first writes an anchor, from which the chain stays verifiable.
        anchored = "EXISTS (SELECT 1 FROM audit_anchor WHERE number >= OLD.id)"
        if is_sqlite():
            when = f"WHEN (NOT {anchored}) "
        else:
            unless = f"IF {anchored} THEN RETURN OLD; END IF; "
    if is_sqlite():
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {change} ON {table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{table}: {reason}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {unless}RAISE EXCEPTION '{table}: {reason}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW {when}"
        f"EXECUTE FUNCTION {name}()"
    )


def create_people() -> None:
    op.create_table(
        "program",
        key(),
        column("name", sa.String(80), unique=True),
        column(
            "phone",
            sa.String(20),
            nullable=True,
            unique=True,
            comment="The number people text, E.164",
        ),
        column("timezone", sa.String(64)),
        column("opens_at", sa.Time()),
        column("closes_at", sa.Time()),
    )
    op.create_table(
        "person",
        key(),
        link("program_id", "program", index=True),
        key_name(),
        column("role", enum("role", "mentee", "mentor", "manager")),
        column("name", sa.Text()),
        column("phone", sa.Text(), nullable=True),
        column("phone_index", sa.String(64), nullable=True, unique=True),
        column("timezone", sa.String(64)),
        column("on_duty", sa.Boolean()),
        column("password_hash", sa.String(256), nullable=True),
        column("enrolled_at", TIME),
        column(
            "opted_out_at",
            TIME,
            nullable=True,
            comment="When they texted STOP, or the carrier reported it (21610)",
        ),
        column("language", sa.String(8), server_default="en", comment="BCP 47"),
        column(
            "shares_whole",
            sa.Boolean(),
            server_default=sa.true(),
            comment="If false, the claiming mentor reads from the request on, except in a crisis",
        ),
        column("left_at", TIME, nullable=True, comment="When they left the program"),
        column("erased_at", TIME, nullable=True, comment="When their data was erased"),
        column(
            "unreachable_code",
            sa.String(16),
            nullable=True,
            comment="The provider's error code for this number, or wrong_number",
        ),
        link(
            "shares_phone_with_id",
            "person",
            nullable=True,
            comment="Whose phone this mentee uses, without a number",
        ),
        column("email", sa.Text(), nullable=True, comment="For alerts, without content"),
        column(
            "alert_channels",
            sa.String(24),
            nullable=True,
            comment="Their own order, like voice,sms; null for the policy's",
        ),
        sa.CheckConstraint("(phone IS NULL) = (phone_index IS NULL)", name="phone_has_index"),
        sa.CheckConstraint("NOT on_duty OR role <> 'mentee'", name="no_mentee_on_duty"),
        partial_index("person_staff", "program_id", where="role <> 'mentee'"),
    )
    op.create_table(
        "match",
        key(),
        link("mentee_id", "person"),
        link("mentor_id", "person", index=True),
        column("kind", enum("matchkind", "own", "back_up")),
        sa.UniqueConstraint("mentee_id", "mentor_id"),
        partial_index("one_own_mentor", "mentee_id", where="kind = 'own'", unique=True),
    )
    op.create_table(
        "known_device",
        key(),
        link("person_id", "person", index=True),
        column("token_hash", sa.String(64)),
        column("at", TIME),
        sa.UniqueConstraint("token_hash", "person_id"),
    )
    op.create_table(
        "one_time_key",
        key(),
        link("person_id", "person", index=True),
        column("purpose", sa.String(20)),
        column("key_hash", sa.String(64), unique=True),
        column("at", TIME),
        column("expires_at", TIME),
        column("used_at", TIME, nullable=True),
        column("tries", sa.Integer(), comment="Wrong codes entered"),
    )
    op.create_table(
        "passkey",
        key(),
        link("person_id", "person", index=True),
        column("credential_id", sa.String(1400), unique=True),
        column("public_key", sa.LargeBinary()),
        column("sign_count", sa.Integer()),
        column("name", sa.String(60)),
        column("at", TIME),
        column("used_at", TIME, nullable=True),
    )
    op.create_table(
        "passkey_challenge",
        key(),
        column("ticket_hash", sa.String(64), unique=True),
        column("purpose", sa.String(20)),
        column("challenge", sa.LargeBinary()),
        column("expires_at", TIME, index=True),
    )
    op.create_table(
        "web_session",
        key(),
        link("person_id", "person", index=True),
        column("token_hash", sa.String(64), unique=True),
        column("at", TIME),
        column("expires_at", TIME),
        column("ends_at", TIME),
        column("seen_at", TIME, nullable=True),
        column("confirmed_at", TIME, comment="When they last proved who they are"),
        column("how", sa.String(10), comment="password, link, passkey, code, demo"),
        column("needs_second_factor", sa.Boolean()),
        column(
            "browser", sa.String(60), nullable=True, comment="For its owner: Firefox on Android"
        ),
    )


def create_rota() -> None:
    op.create_table(
        "holiday",
        key(),
        link("program_id", "program"),
        column("day", sa.Date()),
        column("name", sa.String(60)),
        sa.UniqueConstraint("program_id", "day"),
    )
    op.create_table(
        "duty_override",
        key(),
        link("person_id", "person", index=True),
        column("begins_at", TIME),
        column("ends_at", TIME),
        column("on_duty", sa.Boolean()),
        link("by_id", "person"),
        sa.CheckConstraint("begins_at < ends_at", name="begins_before_it_ends"),
    )
    op.create_table(
        "duty_shift",
        key(),
        link("person_id", "person", index=True),
        column("weekday", sa.Integer()),
        column("begins_at", sa.Time()),
        column("ends_at", sa.Time()),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday_is_0_to_6"),
    )
    op.create_table(
        "policy_version",
        key(),
        link("program_id", "program", index=True),
        column("at", TIME),
        link("by_id", "person"),
        column("reason", sa.Text()),
        column("content", sa.Text()),
    )


def create_conversations() -> None:
    op.create_table(
        "conversation",
        key(),
        link("program_id", "program", index=True),
        link("person_id", "person", nullable=True, unique=True),
        column("stranger_phone", sa.Text(), nullable=True),
        column("stranger_index", sa.String(64), nullable=True, unique=True),
        key_name(),
        column(
            "channel",
            enum("channel", "sms", "whatsapp", "phones", "web"),
            comment="The last one used; answers go there",
        ),
        column("skill", sa.Text(), nullable=True, comment="The skill or check-in in progress"),
        column("forget_bot", sa.Boolean(), comment="Reset the bot before its next answer"),
        column(
            "forget_due_at",
            TIME,
            nullable=True,
            comment="Erased, and since then the bot's copy is due too",
        ),
        column("held_by", sa.String(40), nullable=True, comment="The worker that is handling it"),
        column("held_until", TIME, nullable=True),
        column(
            "stopped_at",
            TIME,
            nullable=True,
            comment="When a number that no one enrolled texted STOP",
        ),
        sa.CheckConstraint(
            "(person_id IS NULL) <> (stranger_phone IS NULL)", name="person_or_stranger"
        ),
        sa.CheckConstraint(
            "(stranger_phone IS NULL) = (stranger_index IS NULL)", name="stranger_has_index"
        ),
        partial_index("conversation_to_forget", "forget_due_at", where="forget_due_at IS NOT NULL"),
        partial_index("conversation_of_stranger", "program_id", where="person_id IS NULL"),
    )
    op.create_table(
        "message",
        key(),
        link("conversation_id", "conversation"),
        column(
            "about_id",
            sa.Integer(),
            nullable=True,
            comment="The mentee's conversation that a text to or from staff is about",
        ),
        key_name(nullable=True),
        column("at", TIME),
        column("outgoing", sa.Boolean()),
        column("speaker", enum("speaker", "mentee", "mentor", "manager", "unknown", "bot")),
        link("speaker_id", "person", nullable=True),
        column("speaker_name", sa.Text(), nullable=True),
        column("words", sa.Text()),
        column(
            "script",
            sa.String(60),
            nullable=True,
            comment="Its key in script.toml; null for Rasa's own words",
        ),
        column("channel", enum("channel", "sms", "whatsapp", "phones", "web")),
        column("media", sa.Integer(), comment="Attached pictures and files"),
        column(
            "kind",
            enum("textkind", "reaction", "auto_reply", "contact_card", "stop", "start", "help"),
            nullable=True,
            comment="What the phone or the provider says that a text is",
        ),
        column(
            "copy_due", sa.Boolean(), comment="Whether we have asked to delete the provider's copy"
        ),
        link(
            "relayed_from_id", "message", nullable=True, comment="The mentor's text this forwards"
        ),
        column(
            "contact_details",
            sa.String(60),
            nullable=True,
            comment="Kinds of contact details in a mentor's words to a mentee",
        ),
        column("provider_id", sa.String(64), nullable=True, unique=True),
        column("handled_at", TIME, nullable=True),
        column(
            "delivery",
            enum(
                "delivery",
                "queued",
                "sending",
                "sent",
                "delivered",
                "undelivered",
                "failed",
                "dropped",
            ),
            nullable=True,
        ),
        column("tries", sa.Integer()),
        column("error_code", sa.String(40), nullable=True),
        column("next_try_at", TIME, nullable=True),
        column("moved_at", TIME, index=True, comment="When any column last changed"),
        column("sending_at", TIME, nullable=True),
        column("sent_at", TIME, nullable=True),
        column("delivered_at", TIME, nullable=True),
        sa.CheckConstraint("(delivery IS NOT NULL) = outgoing", name="outgoing_is_delivered"),
        sa.CheckConstraint("speaker <> 'bot' OR outgoing", name="bot_only_outgoing"),
        sa.CheckConstraint("NOT outgoing OR handled_at IS NOT NULL", name="outgoing_is_handled"),
        sa.CheckConstraint(
            "speaker IN ('bot', 'unknown') OR speaker_id IS NOT NULL", name="person_has_id"
        ),
        partial_index("message_about", "about_id", where="about_id IS NOT NULL"),
        sa.Index("message_of_thread_by_time", "conversation_id", "at"),
        partial_index(
            "message_erasure_asked",
            "conversation_id",
            "id",
            where="script IN ('erase_set', 'erase_undone')",
        ),
        partial_index("message_refused", "error_code", "moved_at", where="error_code IS NOT NULL"),
        partial_index("message_contact_details", "moved_at", where="contact_details IS NOT NULL"),
        partial_index(
            "message_texted",
            "moved_at",
            "at",
            "conversation_id",
            "outgoing",
            where="tries > 0",
        ),
        sa.Index("message_thread", "conversation_id", "id"),
        partial_index(
            "message_undelivered",
            "conversation_id",
            "id",
            where="delivery IN ('queued', 'sending')",
        ),
        partial_index("message_unhandled", "conversation_id", "id", where="handled_at IS NULL"),
    )
    op.create_table(
        "failed_try",
        key(),
        link("message_id", "message", index=True),
        column("provider_id", sa.String(64), unique=True),
        column("code", sa.String(40), nullable=True),
        column("at", TIME, index=True),
    )


def create_handoffs() -> None:
    op.create_table(
        "handoff",
        key(),
        link("conversation_id", "conversation"),
        link(
            "opened_by_message_id",
            "message",
            nullable=True,
            comment="The message that asked for it",
        ),
        column(
            "need",
            enum(
                "need",
                *("crisis", "concern", "request", "connection", "stuck", "staff", "mentor"),
            ),
        ),
        column("urgency", sa.SmallInteger()),
        column(
            "danger",
            sa.Text(),
            nullable=True,
            comment="Null if the words do not say what kind of danger it is",
        ),
        column("status", enum("status", "waiting", "claimed", "resolved", "withdrawn")),
        link("mentor_id", "person", nullable=True),
        column("ladder", sa.Integer()),
        column("rung", sa.Integer(), comment="The last rung paged; -1 before the first"),
        column("next_page_at", TIME, nullable=True),
        column("opened_at", TIME, index=True),
        column("claimed_at", TIME, nullable=True),
        column(
            "first_reply_at",
            TIME,
            nullable=True,
            comment="First message by a person under any claim that is not known to have failed",
        ),
        column("closed_at", TIME, nullable=True, index=True),
        column(
            "outcome", enum("outcome", "talked", "referred", "noanswer", "notneeded"), nullable=True
        ),
        sa.CheckConstraint(
            "status <> 'claimed' OR mentor_id IS NOT NULL", name="claimed_has_mentor"
        ),
        sa.CheckConstraint(
            "status <> 'resolved' OR outcome IS NOT NULL", name="resolved_has_outcome"
        ),
        sa.CheckConstraint("urgency BETWEEN 1 AND 3", name="urgency_is_known"),
        sa.Index("handoff_of_conversation", "conversation_id", "id"),
        sa.Index("handoff_of_conversation_by_time", "conversation_id", "opened_at"),
        sa.Index("handoff_by_status", "status", "closed_at"),
        sa.Index("handoff_of_mentor", "mentor_id", "status"),
        partial_index("handoff_crisis", "mentor_id", where="urgency = 3"),
        partial_index("handoff_with_danger", "opened_at", where="danger IS NOT NULL"),
        partial_index("handoff_without_claim", "opened_at", where="claimed_at IS NULL"),
        partial_index("handoff_without_reply", "opened_at", where="first_reply_at IS NULL"),
        partial_index(
            "one_open_handoff_per_conversation",
            "conversation_id",
            where="status IN ('waiting', 'claimed')",
            unique=True,
        ),
    )
    op.create_table(
        "alert",
        key(),
        link("handoff_id", "handoff"),
        link("person_id", "person", index=True),
        link("message_id", "message", index=True),
        column("ladder", sa.Integer()),
        column("rung", sa.Integer()),
        column("at", TIME),
        sa.UniqueConstraint("handoff_id", "ladder", "rung", "person_id"),
    )
    op.create_table(
        "alert_step",
        key(),
        link("alert_id", "alert"),
        column("channel", enum("alertchannel", "sms", "voice", "email")),
        column(
            "state",
            enum("stepstate", "due", "trying", "ringing", "reached", "missed", "dropped"),
        ),
        column("due_at", TIME),
        column("moved_at", TIME),
        column("tries", sa.Integer()),
        column("provider_id", sa.String(64), nullable=True, unique=True),
        column(
            "why",
            sa.String(40),
            nullable=True,
            comment="What the person pressed, or why the step reached nobody",
        ),
        sa.UniqueConstraint("alert_id", "channel"),
        sa.Index("alert_step_by_state", "state", "due_at"),
    )
    op.create_table(
        "handoff_code",
        key(),
        link("handoff_id", "handoff"),
        link("person_id", "person"),
        column("code", sa.String(8)),
        sa.UniqueConstraint("handoff_id", "person_id"),
        sa.UniqueConstraint("person_id", "code"),
    )
    op.create_table(
        "handoff_event",
        key(),
        link("handoff_id", "handoff", index=True),
        column("at", TIME),
        column(
            "move",
            enum(
                "move",
                *("open", "page", "raise", "lower", "claim", "remind"),
                *("release", "resolve", "withdraw"),
            ),
        ),
        link("by_id", "person", nullable=True, comment="Null when Warmline moved it"),
        column("detail", JSON, comment="Never names or message text"),
        column("note", sa.Text(), nullable=True),
        partial_index("handoff_event_claim", "by_id", "handoff_id", where="move = 'claim'"),
    )


def create_decisions() -> None:
    op.create_table(
        "decision_record",
        key(),
        link("message_id", "message", unique=True),
        link("handoff_id", "handoff", nullable=True, index=True),
        column("at", TIME),
        column("owner", enum("owner", "bot", "queue", "mentor")),
        column("crisis", sa.Text()),
        column("connection", sa.Text()),
        column("tools", sa.Text()),
        column("asked_for_person", sa.Boolean()),
        column("bot", sa.String(24), comment="answered, not_understood, away, or not_asked"),
        column("evidence", sa.Text(), comment="JSON: spans of the message"),
        column("version", sa.String(80), comment="Rules and model"),
        column("thresholds", JSON),
        column("seen", sa.Text(), nullable=True, comment="The inputs besides the scores"),
        column(
            "quadrant", sa.String(12), nullable=True, comment="neither, tools, connection, or both"
        ),
        column(
            "counterfactual",
            sa.Text(),
            nullable=True,
            comment="The smallest score change that would have changed the decision",
        ),
        column("decision", sa.String(24)),
        column("why", sa.Text(), comment="The policy rule that decided"),
        column("dropped", sa.Integer(), comment="Bot messages not sent because a person answers"),
    )


def create_check_ins() -> None:
    op.create_table(
        "check_in",
        key(),
        link("conversation_id", "conversation", index=True),
        link("message_id", "message", unique=True, comment="The message that completed it"),
        column("at", TIME),
        column("kind", sa.String(24)),
        column("score", sa.Text(), nullable=True, comment="Null when it cannot be scored"),
        column("missing", sa.Integer(), server_default="0", comment="Items without an answer"),
        column(
            "answers", sa.Text(), nullable=True, comment="JSON: the mentee's answers, item by item"
        ),
        column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("missing >= 0", name="missing_is_a_count"),
    )


def create_schedules() -> None:
    op.create_table(
        "schedule",
        key(),
        link("person_id", "person"),
        column("check_in", sa.String(24), comment="A check_in.kind"),
        column("days", sa.String(27), comment="Days of the week: mon,thu"),
        column("at", sa.Time(), comment="In the person's time zone"),
        column("paused", sa.Boolean()),
        column("created_at", TIME),
        column("changed_at", TIME, comment="When days or time last changed"),
        sa.UniqueConstraint("person_id", "check_in"),
        sa.CheckConstraint("days <> ''", name="days_not_empty"),
    )
    op.create_table(
        "scheduled_check_in",
        key(),
        link("schedule_id", "schedule"),
        column("local_date", sa.Date(), comment="In the mentee's time zone"),
        column("due_at", TIME, comment="The requested time, moved out of quiet hours"),
        column("sent_at", TIME, nullable=True),
        column("reminded_at", TIME, nullable=True),
        column(
            "answered_at", TIME, nullable=True, comment="Can be after missed_at: late answers count"
        ),
        column("missed_at", TIME, nullable=True),
        column("skipped_at", TIME, nullable=True),
        column(
            "skip_reason",
            enum(
                "skipreason",
                "opted_out",
                "unreachable",
                "paused",
                "with_a_person",
                "in_an_exercise",
                "bot_away",
                "too_late",
                "left",
                "no_terms",
            ),
            nullable=True,
            comment="Final once skipped_at is set",
        ),
        sa.UniqueConstraint("schedule_id", "local_date"),
        sa.CheckConstraint("reminded_at IS NULL OR sent_at IS NOT NULL", name="sent_then_reminded"),
        sa.CheckConstraint("missed_at IS NULL OR sent_at IS NOT NULL", name="sent_then_missed"),
        sa.CheckConstraint("answered_at IS NULL OR sent_at IS NOT NULL", name="sent_then_answered"),
        sa.CheckConstraint(
            "skipped_at IS NULL OR skip_reason IS NOT NULL", name="skipped_has_reason"
        ),
        partial_index(
            "scheduled_check_in_open",
            "due_at",
            where="answered_at IS NULL AND missed_at IS NULL AND skipped_at IS NULL",
        ),
        partial_index("scheduled_check_in_missed", "missed_at", where="missed_at IS NOT NULL"),
        partial_index(
            "scheduled_check_in_unasked",
            "due_at",
            where="sent_at IS NULL AND skipped_at IS NULL",
        ),
    )


def create_skills() -> None:
    op.create_table(
        "goal",
        key(),
        link("conversation_id", "conversation", index=True),
        column("words", sa.Text()),
        column("set_at", TIME),
        column("followed_up_at", TIME, nullable=True),
        column("result", enum("goalresult", "done", "partly", "not_yet"), nullable=True),
        sa.CheckConstraint("result IS NULL OR followed_up_at IS NOT NULL", name="result_has_time"),
    )
    op.create_table(
        "skill_use",
        key(),
        link("conversation_id", "conversation"),
        column("skill", sa.Text()),
        column("started_at", TIME),
        column("ended_at", TIME, nullable=True),
        column("outcome", enum("skilloutcome", "done", "left"), nullable=True),
        column("before", sa.Text(), nullable=True),
        column("after", sa.Text(), nullable=True),
        link("message_id", "message", nullable=True, comment="The mentee's message that ended it"),
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_has_outcome"),
        partial_index(
            "one_skill_at_a_time", "conversation_id", where="ended_at IS NULL", unique=True
        ),
        sa.Index("skill_use_of_conversation", "conversation_id", "id"),
    )


def create_verdicts() -> None:
    op.create_table(
        "verdict",
        key(),
        link("conversation_id", "conversation", index=True),
        link("handoff_id", "handoff", nullable=True, index=True),
        link(
            "message_id",
            "message",
            nullable=True,
            index=True,
            comment="The mentee's last message of the reviewed week",
        ),
        link("by_id", "person"),
        column("at", TIME),
        column("verdict", enum("verdict", "right", "should_not", "should_earlier")),
        column("note", sa.Text(), nullable=True),
        sa.CheckConstraint("(handoff_id IS NULL) <> (message_id IS NULL)", name="handoff_or_week"),
        sa.CheckConstraint(
            "message_id IS NULL OR verdict <> 'should_not'", name="week_has_no_handoff"
        ),
    )


def create_mentoring() -> None:
    op.create_table(
        "absence",
        key(),
        link("person_id", "person", index=True),
        column("begins_at", TIME),
        column("ends_at", TIME, nullable=True),
        link("by_id", "person"),
    )
    op.create_table(
        "canned_reply",
        key(),
        link("program_id", "program", index=True),
        column("title", sa.String(60)),
        column("words", sa.Text()),
        link("by_id", "person", nullable=True),
        column("at", TIME),
        column("removed_at", TIME, nullable=True),
    )
    op.create_table(
        "debrief",
        key(),
        link("handoff_id", "handoff", unique=True),
        link("person_id", "person", index=True),
        column("asked_at", TIME),
        key_name(),
        column("words", sa.Text(), nullable=True),
        column("wants_to_talk", sa.Boolean(), nullable=True),
        column("answered_at", TIME, nullable=True),
    )
    op.create_table(
        "note",
        key(),
        link("handoff_id", "handoff", index=True),
        link("by_id", "person"),
        column("at", TIME),
        column("words", sa.Text()),
    )
    op.create_table(
        "presence",
        key(),
        link("person_id", "person"),
        link("handoff_id", "handoff", index=True),
        column("seen_at", TIME),
        sa.UniqueConstraint("person_id", "handoff_id"),
    )
    op.create_table(
        "snooze",
        key(),
        link("handoff_id", "handoff", index=True),
        link("person_id", "person"),
        column("at", TIME),
        column("until", TIME),
    )
    op.create_table(
        "transfer",
        key(),
        link("handoff_id", "handoff"),
        link("from_id", "person"),
        link("to_id", "person", index=True),
        column("at", TIME),
        column("note", sa.Text(), nullable=True),
        column("accepted", sa.Boolean(), nullable=True),
        column("answered_at", TIME, nullable=True),
        sa.CheckConstraint("from_id <> to_id", name="to_someone_else"),
        sa.CheckConstraint("(accepted IS NULL) = (answered_at IS NULL)", name="answered_once"),
        partial_index("one_open_transfer", "handoff_id", where="answered_at IS NULL", unique=True),
    )


def create_safeguarding() -> None:
    op.create_table(
        "safeguarding_record",
        key(),
        link("program_id", "program", index=True),
        key_name(),
        link("mentee_id", "person", index=True),
        link("mentor_id", "person", nullable=True, comment="The mentor it is about, if any"),
        link("handoff_id", "handoff", nullable=True),
        column(
            "concern",
            enum(
                "concern",
                *("mentor", "suicide", "self_harm", "abuse", "neglect", "exploitation"),
                *("violence", "eating", "other"),
            ),
        ),
        column("words", sa.Text()),
        column("opened_at", TIME),
        link("opened_by_id", "person"),
        link("owner_id", "person", nullable=True),
        column("due_at", TIME),
        column("outcome", sa.Text(), nullable=True),
        column("closed_at", TIME, nullable=True),
        link("closed_by_id", "person", nullable=True),
        column(
            "overdue_alerted_at",
            TIME,
            nullable=True,
            comment="When we texted its owner or the managers",
        ),
        column("overdue_alerted_again_at", TIME, nullable=True),
        sa.CheckConstraint("(closed_at IS NULL) = (outcome IS NULL)", name="closed_has_outcome"),
    )


def create_consents() -> None:
    op.create_table(
        "consent",
        key(),
        link("person_id", "person", index=True),
        column("at", TIME),
        column("terms", sa.String(20), comment="The version they agreed to"),
        column("age_band", enum("ageband", "under_13", "13_to_15", "16_to_17", "adult")),
        column("guardian_name", sa.Text(), nullable=True),
        column("guardian_agreed_at", TIME, nullable=True),
        link(
            "guardian_recorded_by_id",
            "person",
            nullable=True,
            comment="The manager who recorded the agreement",
        ),
        column("withdrawn_at", TIME, nullable=True),
        sa.CheckConstraint(
            "(guardian_name IS NULL) = (guardian_agreed_at IS NULL)", name="guardian_has_name"
        ),
    )
    op.create_table(
        "follow_up",
        key(),
        link("handoff_id", "handoff", unique=True),
        column("asked_at", TIME),
        column("reached", sa.Boolean(), nullable=True),
        column("helped", sa.Boolean(), nullable=True),
        column("heard", sa.Boolean(), nullable=True),
        column("answered_at", TIME, nullable=True),
        link("led_to_id", "handoff", nullable=True),
    )


def create_audit() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        column("at", TIME),
        link("program_id", "program", index=True),
        link("by_id", "person", nullable=True, comment="Null when Warmline or a program acted"),
        column("action", sa.String(40)),
        column("about", sa.String(60), comment="Such as handoff:7 or person:3"),
        column("detail", JSON),
        column("previous", sa.String(64)),
        column("hash", sa.String(64), unique=True),
        sa.Index("audit_entry_about", "program_id", "about"),
    )
    op.create_table(
        "audit_anchor",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=False),
        column("hash", sa.String(64)),
        column("at", TIME),
        column("seal", sa.String(64)),
    )


def create_integrations() -> None:
    op.create_table(
        "api_token",
        key(),
        link("program_id", "program", index=True),
        column("name", sa.String(60)),
        column("token_hash", sa.String(64), unique=True),
        column("scopes", sa.String(200)),
        link("by_id", "person"),
        column("at", TIME),
        column("used_at", TIME, nullable=True),
        column("revoked_at", TIME, nullable=True),
    )
    op.create_table(
        "webhook",
        key(),
        link("program_id", "program", index=True),
        column("url", sa.String(500)),
        column("secret", sa.Text()),
        link("by_id", "person"),
        column("at", TIME),
        column("removed_at", TIME, nullable=True),
    )
    op.create_table(
        "webhook_delivery",
        key(),
        link("webhook_id", "webhook"),
        link("event_id", "handoff_event"),
        column("payload", JSON),
        column("at", TIME),
        column("tries", sa.Integer()),
        column("next_try_at", TIME, nullable=True),
        column(
            "status",
            sa.Integer(),
            nullable=True,
            comment="The last HTTP status; null without an answer",
        ),
        column(
            "failure",
            enum(
                "deliveryfailure",
                "not_public",
                "no_such_name",
                "not_trusted",
                "too_slow",
                "unreachable",
            ),
            nullable=True,
            comment="Why the last try had no answer",
        ),
        column("delivered_at", TIME, nullable=True),
        sa.UniqueConstraint("webhook_id", "event_id"),
        partial_index("webhook_delivery_due", "next_try_at", where="next_try_at IS NOT NULL"),
    )


def create_alarms() -> None:
    op.create_table(
        "operator_alarm",
        key(),
        column("at", TIME),
        column(
            "about",
            sa.String(60),
            index=True,
            comment="Alarms about the same thing are not repeated at once",
        ),
        column("words", sa.Text()),
        column(
            "sent_at",
            TIME,
            nullable=True,
            comment="When it reached the webhook or the e-mail address",
        ),
        column("tries", sa.Integer()),
        column("next_try_at", TIME, nullable=True),
    )


def create_limits() -> None:
    op.create_table(
        "rate_limit",
        key(),
        column("key_hash", sa.String(64), unique=True),
        column("count", sa.Integer()),
        column("expires_at", TIME, index=True),
    )


def create_privacy() -> None:
    op.create_table(
        "key_to_destroy",
        sa.Column("key_id", sa.String(24), primary_key=True),
        column("at", TIME),
    )
    op.create_table(
        "erased_text",
        sa.Column("provider_hash", sa.String(64), primary_key=True),
        column("at", TIME),
    )
    op.create_table(
        "provider_copy",
        sa.Column("provider_id", sa.String(64), primary_key=True),
        column("at", TIME),
        column("next_try_at", TIME),
    )
    op.create_table(
        "legal_hold",
        key(),
        link("person_id", "person"),
        column("at", TIME),
        link("by_id", "person", nullable=True, comment="Null for a command"),
        column("reason", sa.Text()),
        column("ended_at", TIME, nullable=True),
        partial_index("one_open_hold", "person_id", where="ended_at IS NULL", unique=True),
    )
