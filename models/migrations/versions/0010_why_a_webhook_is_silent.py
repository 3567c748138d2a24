"""Why a post to a webhook had no answer, so that a manager can tell a typing error from a pause."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "webhook_delivery",
        sa.Column(
            "silence",
            sa.String(length=24),
            nullable=True,
            comment="Why there was no answer to the last try",
        ),
    )


def downgrade() -> None:
    op.drop_column("webhook_delivery", "silence")
