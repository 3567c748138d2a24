"""Verdicts: what mentors and managers say afterwards of the line's decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.Integer(), nullable=False),
        sa.Column("handoff_id", sa.Integer(), nullable=True),
        sa.Column(
            "message_id",
            sa.Integer(),
            nullable=True,
            comment="The mentee's last message of the week that was judged",
        ),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "verdict",
            sa.Enum(
                "right",
                "should_not",
                "should_earlier",
                name="verdict",
                native_enum=False,
                create_constraint=True,
                length=24,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(handoff_id IS NULL) <> (message_id IS NULL)",
            name=op.f("ck_verdict_a_handoff_or_a_week"),
        ),
        sa.CheckConstraint(
            "message_id IS NULL OR verdict <> 'should_not'", name=op.f("ck_verdict_nobody_came")
        ),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_verdict_by_id_person")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_verdict_conversation_id_conversation"),
        ),
        sa.ForeignKeyConstraint(
            ["handoff_id"], ["handoff.id"], name=op.f("fk_verdict_handoff_id_handoff")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_verdict_message_id_message")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
    )
    for column in ("conversation_id", "handoff_id", "message_id"):
        op.create_index(op.f(f"ix_verdict_{column}"), "verdict", [column], unique=False)


def downgrade() -> None:
    for column in ("message_id", "handoff_id", "conversation_id"):
        op.drop_index(op.f(f"ix_verdict_{column}"), table_name="verdict")
    op.drop_table("verdict")
