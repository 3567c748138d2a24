"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What is written once. The database itself refuses to change it, whoever asks.
WRITTEN_ONCE = {
    "handoff_event_kept": "handoff_event",
    "handoff_event_never_lost": "handoff_event",
    "message_speaker_kept": "message",
}


def forbid(name: str, table: str, change: str, reason: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"CREATE TRIGGER {name} BEFORE {change} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table}: {reason}'); END"
        )
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table}: {reason}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )


def forbid_no_more(name: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"DROP TRIGGER {name}")
        return
    op.execute(f"DROP TRIGGER {name} ON {WRITTEN_ONCE[name]}")
    op.execute(f"DROP FUNCTION {name}()")


def upgrade() -> None:
    op.create_table(
        "program",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column(
            "phone", sa.String(length=20), nullable=True, comment="The number people text, E.164"
        ),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("opens_at", sa.Time(), nullable=False),
        sa.Column("closes_at", sa.Time(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_program")),
        sa.UniqueConstraint("name", name=op.f("uq_program_name")),
        sa.UniqueConstraint("phone", name=op.f("uq_program_phone")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("program_id", sa.Integer(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "mentee",
                "mentor",
                "manager",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("phone_index", sa.String(length=64), nullable=True),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("on_duty", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=True),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "opted_out_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When STOP was texted or the carrier said so (21610)",
        ),
        sa.Column(
            "unreachable_code",
            sa.String(length=16),
            nullable=True,
            comment="The provider's code that says this number cannot be texted",
        ),
        sa.CheckConstraint(
            "NOT on_duty OR role <> 'mentee'", name=op.f("ck_person_no_mentee_on_duty")
        ),
        sa.CheckConstraint(
            "(phone IS NULL) = (phone_index IS NULL)", name=op.f("ck_person_phone_has_its_index")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_person_program_id_program")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("phone_index", name=op.f("uq_person_phone_index")),
    )
    op.create_index(op.f("ix_person_program_id"), "person", ["program_id"], unique=False)
    op.create_table(
        "conversation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("program_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("stranger_phone", sa.Text(), nullable=True),
        sa.Column("stranger_index", sa.String(length=64), nullable=True),
        sa.Column(
            "channel",
            sa.Enum(
                "sms",
                "phones",
                "web",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
            comment="The channel last written on; answers go there",
        ),
        sa.Column(
            "skill",
            sa.String(length=40),
            nullable=True,
            comment="The skill or check-in under way, as the bot last said",
        ),
        sa.Column(
            "forget_bot",
            sa.Boolean(),
            nullable=False,
            comment="The bot must start afresh before it answers again",
        ),
        sa.Column(
            "held_by",
            sa.String(length=40),
            nullable=True,
            comment="The worker that handles this thread now; see gateway.pipeline.turns",
        ),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(person_id IS NULL) <> (stranger_phone IS NULL)",
            name=op.f("ck_conversation_a_person_or_a_stranger"),
        ),
        sa.CheckConstraint(
            "(stranger_phone IS NULL) = (stranger_index IS NULL)",
            name=op.f("ck_conversation_stranger_has_its_index"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_conversation_person_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["program.id"], name=op.f("fk_conversation_program_id_program")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversation")),
        sa.UniqueConstraint("person_id", name=op.f("uq_conversation_person_id")),
        sa.UniqueConstraint("stranger_index", name=op.f("uq_conversation_stranger_index")),
    )
    op.create_index(
        op.f("ix_conversation_program_id"), "conversation", ["program_id"], unique=False
    )
    op.create_table(
        "match",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mentee_id", sa.Integer(), nullable=False),
        sa.Column("mentor_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "own",
                "back_up",
                name="matchkind",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["mentee_id"], ["person.id"], name=op.f("fk_match_mentee_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["mentor_id"], ["person.id"], name=op.f("fk_match_mentor_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match")),
        sa.UniqueConstraint("mentee_id", "mentor_id", name=op.f("uq_match_mentee_id")),
    )
    op.create_index(op.f("ix_match_mentor_id"), "match", ["mentor_id"], unique=False)
    op.create_index(
        "one_own_mentor",
        "match",
        ["mentee_id"],
        unique=True,
        postgresql_where=sa.text("kind = 'own'"),
        sqlite_where=sa.text("kind = 'own'"),
    )
    op.create_table(
        "sign_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_sign_in_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sign_in_token_hash")),
    )
    op.create_index(op.f("ix_sign_in_person_id"), "sign_in", ["person_id"], unique=False)
    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outgoing", sa.Boolean(), nullable=False),
        sa.Column(
            "speaker",
            sa.Enum(
                "mentee",
                "mentor",
                "manager",
                "unknown",
                "bot",
                name="speaker",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("speaker_id", sa.Integer(), nullable=True),
        sa.Column("speaker_name", sa.Text(), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column(
            "script",
            sa.String(length=60),
            nullable=True,
            comment="Which line of script.toml this is; null for Rasa's own words",
        ),
        sa.Column(
            "channel",
            sa.Enum(
                "sms",
                "phones",
                "web",
                name="channel",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "media", sa.Integer(), nullable=False, comment="How many pictures or files came along"
        ),
        sa.Column(
            "relayed_from_id",
            sa.Integer(),
            nullable=True,
            comment="The mentor's own text that this passes on",
        ),
        sa.Column("provider_id", sa.String(length=64), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "delivery",
            sa.Enum(
                "queued",
                "sending",
                "sent",
                "delivered",
                "undelivered",
                "failed",
                "dropped",
                name="delivery",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "moved_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When anything of this row last changed",
        ),
        sa.Column("sending_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "speaker <> 'bot' OR outgoing", name=op.f("ck_message_the_bot_never_writes_in")
        ),
        sa.CheckConstraint(
            "speaker IN ('bot', 'unknown') OR speaker_id IS NOT NULL",
            name=op.f("ck_message_a_person_has_a_name"),
        ),
        sa.CheckConstraint(
            "(delivery IS NOT NULL) = outgoing", name=op.f("ck_message_outgoing_is_delivered")
        ),
        sa.CheckConstraint(
            "NOT outgoing OR handled_at IS NOT NULL", name=op.f("ck_message_outgoing_is_handled")
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_message_conversation_id_conversation"),
        ),
        sa.ForeignKeyConstraint(
            ["relayed_from_id"], ["message.id"], name=op.f("fk_message_relayed_from_id_message")
        ),
        sa.ForeignKeyConstraint(
            ["speaker_id"], ["person.id"], name=op.f("fk_message_speaker_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("provider_id", name=op.f("uq_message_provider_id")),
    )
    op.create_index(op.f("ix_message_moved_at"), "message", ["moved_at"], unique=False)
    op.create_index("message_thread", "message", ["conversation_id", "id"], unique=False)
    op.create_index(
        "message_undelivered",
        "message",
        ["conversation_id", "id"],
        unique=False,
        postgresql_where=sa.text("delivery IN ('queued', 'sending')"),
        sqlite_where=sa.text("delivery IN ('queued', 'sending')"),
    )
    op.create_index(
        "message_unhandled",
        "message",
        ["conversation_id", "id"],
        unique=False,
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.create_table(
        "check_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column(
            "message_id", sa.Integer(), nullable=False, comment="The message that completed it"
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "kind <> 'mood' OR score BETWEEN 0 AND 10", name=op.f("ck_check_in_mood_is_0_to_10")
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_check_in_conversation_id_conversation"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_check_in_message_id_message")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_in")),
        sa.UniqueConstraint("message_id", name=op.f("uq_check_in_message_id")),
    )
    op.create_index(
        op.f("ix_check_in_conversation_id"), "check_in", ["conversation_id"], unique=False
    )
    op.create_table(
        "handoff",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column(
            "opened_by_message_id",
            sa.Integer(),
            nullable=True,
            comment="The mentee's message that asked for it",
        ),
        sa.Column(
            "need",
            sa.Enum(
                "crisis",
                "concern",
                "request",
                "connection",
                "stuck",
                name="need",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "waiting",
                "claimed",
                "resolved",
                "withdrawn",
                name="status",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("mentor_id", sa.Integer(), nullable=True),
        sa.Column("ladder", sa.Integer(), nullable=False),
        sa.Column(
            "rung", sa.Integer(), nullable=False, comment="The rung last paged; -1 before the first"
        ),
        sa.Column("next_page_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "first_reply_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="First human message under any claim of this handoff",
        ),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "talked",
                "referred",
                "noanswer",
                "notneeded",
                name="outcome",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "status <> 'claimed' OR mentor_id IS NOT NULL",
            name=op.f("ck_handoff_claimed_has_mentor"),
        ),
        sa.CheckConstraint(
            "status <> 'resolved' OR outcome IS NOT NULL",
            name=op.f("ck_handoff_resolved_has_outcome"),
        ),
        sa.CheckConstraint("urgency BETWEEN 1 AND 3", name=op.f("ck_handoff_urgency_is_known")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_handoff_conversation_id_conversation"),
        ),
        sa.ForeignKeyConstraint(
            ["mentor_id"], ["person.id"], name=op.f("fk_handoff_mentor_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["opened_by_message_id"],
            ["message.id"],
            name=op.f("fk_handoff_opened_by_message_id_message"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handoff")),
    )
    op.create_index("handoff_of_conversation", "handoff", ["conversation_id", "id"], unique=False)
    op.create_index(op.f("ix_handoff_mentor_id"), "handoff", ["mentor_id"], unique=False)
    op.create_index(
        "one_open_handoff_per_conversation",
        "handoff",
        ["conversation_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('waiting', 'claimed')"),
        sqlite_where=sa.text("status IN ('waiting', 'claimed')"),
    )
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("handoff_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("ladder", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["handoff_id"], ["handoff.id"], name=op.f("fk_alert_handoff_id_handoff")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_alert_message_id_message")
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_alert_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint(
            "handoff_id", "ladder", "rung", "person_id", name=op.f("uq_alert_handoff_id")
        ),
        sa.UniqueConstraint("message_id", name=op.f("uq_alert_message_id")),
    )
    op.create_index(op.f("ix_alert_person_id"), "alert", ["person_id"], unique=False)
    op.create_table(
        "decision_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("handoff_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "owner",
            sa.Enum(
                "bot",
                "queue",
                "mentor",
                name="owner",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("crisis", sa.Double(), nullable=False),
        sa.Column("connection", sa.Double(), nullable=False),
        sa.Column("tools", sa.Double(), nullable=False),
        sa.Column("asked_for_person", sa.Boolean(), nullable=False),
        sa.Column(
            "bot",
            sa.String(length=24),
            nullable=False,
            comment="answered, not_understood, away, or not_asked",
        ),
        sa.Column("evidence", sa.Text(), nullable=False, comment="JSON: spans of the message"),
        sa.Column(
            "version", sa.String(length=80), nullable=False, comment="Of the rules and the model"
        ),
        sa.Column("thresholds", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("decision", sa.String(length=24), nullable=False),
        sa.Column(
            "why",
            sa.String(length=200),
            nullable=False,
            comment="The rule of the policy that decided",
        ),
        sa.Column(
            "dropped",
            sa.Integer(),
            nullable=False,
            comment="How many of the bot's messages yielded to a person",
        ),
        sa.ForeignKeyConstraint(
            ["handoff_id"], ["handoff.id"], name=op.f("fk_decision_record_handoff_id_handoff")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_decision_record_message_id_message")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision_record")),
        sa.UniqueConstraint("message_id", name=op.f("uq_decision_record_message_id")),
    )
    op.create_index(
        op.f("ix_decision_record_handoff_id"), "decision_record", ["handoff_id"], unique=False
    )
    op.create_table(
        "handoff_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("handoff_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "move",
            sa.Enum(
                "open",
                "page",
                "raise",
                "claim",
                "release",
                "resolve",
                "withdraw",
                name="move",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column(
            "by_id",
            sa.Integer(),
            nullable=True,
            comment="Who moved it; null when the line itself did",
        ),
        sa.Column(
            "detail",
            sa.JSON().with_variant(JSONB(), "postgresql"),
            nullable=False,
            comment="No words, no names",
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["by_id"], ["person.id"], name=op.f("fk_handoff_event_by_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["handoff_id"], ["handoff.id"], name=op.f("fk_handoff_event_handoff_id_handoff")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_handoff_event")),
    )
    op.create_index(
        op.f("ix_handoff_event_handoff_id"), "handoff_event", ["handoff_id"], unique=False
    )

    forbid("handoff_event_kept", "handoff_event", "UPDATE", "the log is append-only")
    forbid("handoff_event_never_lost", "handoff_event", "DELETE", "the log is append-only")
    forbid(
        "message_speaker_kept",
        "message",
        "UPDATE OF speaker, speaker_id, speaker_name, outgoing, script",
        "who speaks is written once",
    )


def downgrade() -> None:
    for name in WRITTEN_ONCE:
        forbid_no_more(name)
    op.drop_index(op.f("ix_handoff_event_handoff_id"), table_name="handoff_event")
    op.drop_table("handoff_event")
    op.drop_index(op.f("ix_decision_record_handoff_id"), table_name="decision_record")
    op.drop_table("decision_record")
    op.drop_index(op.f("ix_alert_person_id"), table_name="alert")
    op.drop_table("alert")
    op.drop_index(
        "one_open_handoff_per_conversation",
        table_name="handoff",
        postgresql_where=sa.text("status IN ('waiting', 'claimed')"),
        sqlite_where=sa.text("status IN ('waiting', 'claimed')"),
    )
    op.drop_index(op.f("ix_handoff_mentor_id"), table_name="handoff")
    op.drop_index("handoff_of_conversation", table_name="handoff")
    op.drop_table("handoff")
    op.drop_index(op.f("ix_check_in_conversation_id"), table_name="check_in")
    op.drop_table("check_in")
    op.drop_index(
        "message_unhandled",
        table_name="message",
        postgresql_where=sa.text("handled_at IS NULL"),
        sqlite_where=sa.text("handled_at IS NULL"),
    )
    op.drop_index(
        "message_undelivered",
        table_name="message",
        postgresql_where=sa.text("delivery IN ('queued', 'sending')"),
        sqlite_where=sa.text("delivery IN ('queued', 'sending')"),
    )
    op.drop_index("message_thread", table_name="message")
    op.drop_index(op.f("ix_message_moved_at"), table_name="message")
    op.drop_table("message")
    op.drop_index(op.f("ix_sign_in_person_id"), table_name="sign_in")
    op.drop_table("sign_in")
    op.drop_index(
        "one_own_mentor",
        table_name="match",
        postgresql_where=sa.text("kind = 'own'"),
        sqlite_where=sa.text("kind = 'own'"),
    )
    op.drop_index(op.f("ix_match_mentor_id"), table_name="match")
    op.drop_table("match")
    op.drop_index(op.f("ix_conversation_program_id"), table_name="conversation")
    op.drop_table("conversation")
    op.drop_index(op.f("ix_person_program_id"), table_name="person")
    op.drop_table("person")
    op.drop_table("program")
