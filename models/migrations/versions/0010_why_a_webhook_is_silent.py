"""Why a post to a webhook had no answer, so that a manager can tell a typing error from a pause."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


NAME = "ck_webhook_delivery_silence"
ALLOWED = ("not_public", "no_such_name", "not_trusted", "too_slow", "unreachable")


def upgrade() -> None:
    allowed = ", ".join(f"'{one}'" for one in ALLOWED)
    with op.batch_alter_table("webhook_delivery") as table:
        table.add_column(
            sa.Column(
                "silence",
                sa.String(length=24),
                nullable=True,
                comment="Why there was no answer to the last try",
            )
        )
        table.create_check_constraint(op.f(NAME), sa.text(f"silence IN ({allowed})"))


def downgrade() -> None:
    with op.batch_alter_table("webhook_delivery") as table:
        table.drop_constraint(op.f(NAME), type_="check")
        table.drop_column("silence")
