"""How often the authenticity guard is wrong: `python -m escalation.speech.guard_errors`."""

import sys
from dataclasses import dataclass
from pathlib import Path

from escalation.speech.guard import claims

LISTS = Path(__file__).resolve().parents[2] / "tests" / "escalation" / "speech" / "guard"


@dataclass(frozen=True)
class Errors:
    missed: list[str]
    of_forbidden: int
    blocked: list[str]
    of_allowed: int

    @property
    def missed_share(self) -> float:
        return len(self.missed) / self.of_forbidden

    @property
    def blocked_share(self) -> float:
        return len(self.blocked) / self.of_allowed


def errors(suffix: str = "") -> Errors:
    """Counted on forbidden{suffix}.txt and allowed{suffix}.txt."""
    forbidden, allowed = (_read(LISTS / f"{name}{suffix}.txt") for name in ("forbidden", "allowed"))
    missed = [text for text in forbidden if not claims(text)]
    blocked = [text for text in allowed if claims(text)]
    return Errors(missed, len(forbidden), blocked, len(allowed))


def _read(file: Path) -> list[str]:
    """One text in each line, without remarks, which begin with #."""
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def main() -> None:
    if not LISTS.exists():
        sys.exit(f"The lists are not in {LISTS}; they come with the sources.")
    for title, suffix in (("the list", ""), ("the list not used for tuning", "_later")):
        found = errors(suffix)
        print(
            f"On {title}: missed {len(found.missed)} of {found.of_forbidden} forbidden texts "
            f"({found.missed_share:.1%}), stopped {len(found.blocked)} of {found.of_allowed} "
            f"allowed ones ({found.blocked_share:.1%})."
        )
        for text in found.missed:
            print(f"  missed:  {text}")
        for text in found.blocked:
            named = ", ".join(f"{claim.rule} '{claim.span}'" for claim in claims(text))
            print(f"  stopped: {text}  [{named}]")


if __name__ == "__main__":
    main()
