"""A check-in is not asked of somebody who has still to agree to the terms by text."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BEFORE = (
    "opted_out",
    "unreachable",
    "paused",
    "with_a_person",
    "in_an_exercise",
    "bot_away",
    "too_late",
    "left",
)
NAME = "ck_scheduled_check_in_hindrance"


def upgrade() -> None:
    _only((*BEFORE, "no_terms"))


def downgrade() -> None:
    op.execute("UPDATE scheduled_check_in SET hindrance = 'paused' WHERE hindrance = 'no_terms'")
    _only(BEFORE)


def _only(values: tuple[str, ...]) -> None:
    allowed = ", ".join(f"'{value}'" for value in values)
    with op.batch_alter_table("scheduled_check_in") as table:
        table.drop_constraint(op.f(NAME), type_="check")
        table.create_check_constraint(op.f(NAME), sa.text(f"hindrance IN ({allowed})"))
