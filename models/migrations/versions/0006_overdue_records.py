"""Whether somebody was told that a safeguarding record is overdue, so that it is told once."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "safeguarding_record",
        sa.Column(
            "overdue_told_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When its owner, or the managers, were told that it is overdue",
        ),
    )
    op.add_column(
        "safeguarding_record",
        sa.Column("overdue_told_again_at", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    op.drop_column("safeguarding_record", "overdue_told_again_at")
    op.drop_column("safeguarding_record", "overdue_told_at")
