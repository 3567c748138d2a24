"""What a decision was taken on in full, its quadrant, and what would have changed it."""

import sqlalchemy as sa
from alembic import op

from models.base import Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("decision_record") as table:
        table.add_column(
            sa.Column(
                "seen",
                Json,
                nullable=True,
                comment="What was decided on beside the scores; null in records of before 0003",
            )
        )
        table.add_column(
            sa.Column(
                "quadrant",
                sa.String(length=12),
                nullable=True,
                comment="neither, tools, connection, or both",
            )
        )
        table.add_column(
            sa.Column(
                "counterfactual",
                Json,
                nullable=True,
                comment="The smallest change of a score that would have led elsewhere",
            )
        )


def downgrade() -> None:
    with op.batch_alter_table("decision_record") as table:
        table.drop_column("counterfactual")
        table.drop_column("quadrant")
        table.drop_column("seen")
