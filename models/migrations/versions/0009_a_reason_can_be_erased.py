"""The reason that a person wrote when they closed a handoff can be erased, and nothing else of a
move be changed: it may hold what a mentee has a right to have deleted."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAME, TABLE = "handoff_event_kept", "handoff_event"
SAYS = f"{TABLE}: the log is append-only"
# All but `note`.
KEPT = ("id", "handoff_id", "at", "move", "by_id", "detail")


def upgrade() -> None:
    same = "IS" if _is_sqlite() else "IS NOT DISTINCT FROM"
    kept = " AND ".join(f"NEW.{column} {same} OLD.{column}" for column in KEPT)
    _forbid(unless=f"NEW.note IS NULL AND {kept}")


def downgrade() -> None:
    _forbid(unless=None)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _forbid(*, unless: str | None) -> None:
    when = f"WHEN (NOT ({unless})) " if unless else ""
    if _is_sqlite():
        op.execute(f"DROP TRIGGER {NAME}")
        op.execute(
            f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {TABLE} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{SAYS}'); END"
        )
        return
    op.execute(f"DROP TRIGGER {NAME} ON {TABLE}")
    op.execute(
        f"CREATE TRIGGER {NAME} BEFORE UPDATE ON {TABLE} FOR EACH ROW {when}"
        f"EXECUTE FUNCTION {NAME}()"
    )
