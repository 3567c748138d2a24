"""Scheduled check-ins, uses of skills, goals; check-ins of every kind."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

MOOD_BEFORE = "kind <> 'mood' OR score BETWEEN 0 AND 10"
MOOD = "kind <> 'mood' OR (score IS NOT NULL AND score BETWEEN 0 AND 10)"
STILL_GOING = "ended_at IS NULL"
OPEN = "answered_at IS NULL AND missed_at IS NULL AND skipped_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column(
            "check_in",
            sa.String(length=24),
            nullable=False,
            comment="Its kind, as in check_in.kind",
        ),
        sa.Column(
            "days", sa.String(length=27), nullable=False, comment="Days of the week: mon,thu"
        ),
        sa.Column("at", sa.Time(), nullable=False, comment="Local, in the time zone of the person"),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When days or time were last set; nothing wished before it is sent",
        ),
        sa.CheckConstraint("days <> ''", name=op.f("ck_schedule_some_day")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_schedule_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schedule")),
        sa.UniqueConstraint("person_id", "check_in", name=op.f("uq_schedule_person_id")),
    )
    op.create_table(
        "scheduled_check_in",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("schedule_id", sa.Integer(), nullable=False),
        sa.Column(
            "local_date",
            sa.Date(),
            nullable=False,
            comment="The mentee's own date it was wished for on",
        ),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="The wished time, moved out of the quiet hours",
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reminded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "answered_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="May be after missed_at: a late answer is an answer",
        ),
        sa.Column("missed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("skipped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "hindrance",
            sa.Enum(
                "opted_out",
                "unreachable",
                "paused",
                "with_a_person",
                "in_an_exercise",
                "bot_away",
                "too_late",
                "left",
                name="hindrance",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
            comment="What stands in its way; for good once skipped_at is set",
        ),
        sa.CheckConstraint(
            "skipped_at IS NULL OR hindrance IS NOT NULL",
            name=op.f("ck_scheduled_check_in_skipped_has_reason"),
        ),
        sa.CheckConstraint(
            "answered_at IS NULL OR sent_at IS NOT NULL",
            name=op.f("ck_scheduled_check_in_sent_then_answered"),
        ),
        sa.CheckConstraint(
            "missed_at IS NULL OR sent_at IS NOT NULL",
            name=op.f("ck_scheduled_check_in_sent_then_missed"),
        ),
        sa.CheckConstraint(
            "reminded_at IS NULL OR sent_at IS NOT NULL",
            name=op.f("ck_scheduled_check_in_sent_then_reminded"),
        ),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["schedule.id"],
            name=op.f("fk_scheduled_check_in_schedule_id_schedule"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scheduled_check_in")),
        sa.UniqueConstraint(
            "schedule_id", "local_date", name=op.f("uq_scheduled_check_in_schedule_id")
        ),
    )
    op.create_index(
        "scheduled_check_in_open",
        "scheduled_check_in",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text(OPEN),
        sqlite_where=sa.text(OPEN),
    )
    op.create_table(
        "skill_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("skill", sa.String(length=40), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "done",
                "left",
                name="skilloutcome",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.Column("before", sa.Integer(), nullable=True),
        sa.Column("after", sa.Integer(), nullable=True),
        sa.Column(
            "message_id",
            sa.Integer(),
            nullable=True,
            comment="The mentee's message with which it ended",
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (outcome IS NULL)", name=op.f("ck_skill_use_ended_has_outcome")
        ),
        sa.CheckConstraint("before BETWEEN 0 AND 10", name=op.f("ck_skill_use_before_is_0_to_10")),
        sa.CheckConstraint("after BETWEEN 0 AND 10", name=op.f("ck_skill_use_after_is_0_to_10")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_skill_use_conversation_id_conversation"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_skill_use_message_id_message")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skill_use")),
    )
    op.create_index(
        "one_skill_at_a_time",
        "skill_use",
        ["conversation_id"],
        unique=True,
        postgresql_where=sa.text(STILL_GOING),
        sqlite_where=sa.text(STILL_GOING),
    )
    op.create_index("skill_use_of_conversation", "skill_use", ["conversation_id", "id"])
    op.create_table(
        "goal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("followed_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "result",
            sa.Enum(
                "done",
                "partly",
                "not_yet",
                name="goalresult",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=True,
        ),
        sa.CheckConstraint(
            "result IS NULL OR followed_up_at IS NOT NULL",
            name=op.f("ck_goal_result_has_its_time"),
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_goal_conversation_id_conversation"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_goal")),
    )
    op.create_index(op.f("ix_goal_conversation_id"), "goal", ["conversation_id"], unique=False)
    _check_ins_of_every_kind()


def _check_ins_of_every_kind() -> None:
    # In a batch, because SQLite cannot alter a column: there the table is copied.
    with op.batch_alter_table("check_in") as check_in:
        check_in.drop_constraint(op.f("ck_check_in_mood_is_0_to_10"), type_="check")
        check_in.alter_column(
            "score",
            existing_type=sa.Integer(),
            nullable=True,
            comment="Null when it cannot be scored",
        )
        check_in.add_column(
            sa.Column(
                "missing",
                sa.Integer(),
                nullable=False,
                server_default="0",
                comment="How many items have no answer",
            )
        )
        check_in.add_column(
            sa.Column(
                "answers",
                sa.Text(),
                nullable=True,
                comment="JSON: the mentee's answers, item by item",
            )
        )
        check_in.create_check_constraint(op.f("ck_check_in_mood_is_0_to_10"), MOOD)
        check_in.create_check_constraint(op.f("ck_check_in_missing_is_a_count"), "missing >= 0")


def downgrade() -> None:
    # A check-in without a score has no place in the old table.
    op.execute("DELETE FROM check_in WHERE score IS NULL")
    with op.batch_alter_table("check_in") as check_in:
        check_in.drop_constraint(op.f("ck_check_in_missing_is_a_count"), type_="check")
        check_in.drop_constraint(op.f("ck_check_in_mood_is_0_to_10"), type_="check")
        check_in.drop_column("answers")
        check_in.drop_column("missing")
        check_in.alter_column("score", existing_type=sa.Integer(), nullable=False, comment=None)
        check_in.create_check_constraint(op.f("ck_check_in_mood_is_0_to_10"), MOOD_BEFORE)
    op.drop_index(op.f("ix_goal_conversation_id"), table_name="goal")
    op.drop_table("goal")
    op.drop_index("skill_use_of_conversation", table_name="skill_use")
    op.drop_index(
        "one_skill_at_a_time",
        table_name="skill_use",
        postgresql_where=sa.text(STILL_GOING),
        sqlite_where=sa.text(STILL_GOING),
    )
    op.drop_table("skill_use")
    op.drop_index(
        "scheduled_check_in_open",
        table_name="scheduled_check_in",
        postgresql_where=sa.text(OPEN),
        sqlite_where=sa.text(OPEN),
    )
    op.drop_table("scheduled_check_in")
    op.drop_table("schedule")
