"""Indexes: what of a thread lies in some time, and what the audit says about one thing."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("message_of_thread_by_time", "message", ["conversation_id", "at"])
    op.create_index("handoff_of_conversation_by_time", "handoff", ["conversation_id", "opened_at"])
    op.create_index("audit_entry_about", "audit_entry", ["program_id", "about"])


def downgrade() -> None:
    op.drop_index("audit_entry_about", "audit_entry")
    op.drop_index("handoff_of_conversation_by_time", "handoff")
    op.drop_index("message_of_thread_by_time", "message")
