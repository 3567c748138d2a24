"""Who takes part in a run, and what the mentees write."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

from escalation.policy_file import POLICY_FILE

SAY = (
    "hi",
    "how can i sleep better",
    "im so stressed about school",
    "what can you do",
    "tell me about loneliness",
    "thanks",
    "are you a bot",
    "more please",
    "my exam is on friday",
    "good night",
)
ASKS = "can i talk to a real person please"
CRISIS = "i am going to kill myself tonight"
# The carrier's own word, which the carrier confirms, and words that Warmline confirms.
STOPS = ("STOP", "please stop texting me")
RUNG_SECONDS = 6.0
PROGRAM = "Faults"


@dataclass
class Mentee:
    number: str
    words: list[str]


@dataclass(frozen=True)
class Cast:
    mentees: list[Mentee]
    mentors: list[str]
    manager: str

    @property
    def staff(self) -> list[str]:
        return [*self.mentors, self.manager]


def make_cast(*, messages: int, mentees: int, seed: int) -> Cast:
    """Every third mentee asks for a person, every tenth is in crisis, every twelfth stops texts."""
    chance = random.Random(seed)
    counts = [messages // mentees + (place < messages % mentees) for place in range(mentees)]
    people = []
    for place, count in enumerate(counts):
        words = chance.choices(SAY, k=count)
        for position in range(count):
            if place % 3 == 0 and (position % 12 == 0 or count < 4):
                words[position] = ASKS if position == count // 2 or count > 4 else words[position]
        if place % 10 == 1:
            words[chance.randrange(count)] = CRISIS
        if place % 12 == 2:
            words[-max(1, count // 4)] = STOPS[place // 12 % 2]
        people.append(Mentee(f"+1212555{100 + place:04d}", words))
    mentors = [f"+1202555{111 + place:04d}" for place in range(max(3, min(24, mentees // 8)))]
    return Cast(people, mentors, "+12025550190")


def people_file(folder: Path, cast: Cast) -> Path:
    zone = "America/New_York"
    rows = ["role,name,phone,timezone,mentor"]
    rows += [f"mentor,Mentor {place},{phone},{zone}," for place, phone in enumerate(cast.mentors)]
    rows += [f"manager,Ruth,{cast.manager},{zone},"]
    for place, mentee in enumerate(cast.mentees):
        own, back_up = place % len(cast.mentors), (place + 1) % len(cast.mentors)
        rows += [f"mentee,M{place},{mentee.number},{zone},Mentor {own}/Mentor {back_up}"]
    file = folder / "people.csv"
    file.write_text("\n".join(rows), "utf-8")
    return file


def quick_policy(folder: Path) -> Path:
    """The shipped policy: rungs of seconds, no hours, no limits on load or on paid texts."""
    text = POLICY_FILE.read_text("utf-8")
    text = re.sub(r"wait_minutes = [\d.]+", f"wait_minutes = {RUNG_SECONDS / 60:.4f}", text)
    text = re.sub(r'outside_hours = "\w+"', 'outside_hours = "page"', text)
    figures = {
        "together_seconds": 3,
        "crises_together_seconds": 1,
        "per_person_an_hour": 1000,
        "per_program_a_day": 10_000_000,
        "cool_down_hours": 0,
        "most_held": 1000,
        "most_crises_a_week": 1000,
    }
    for name, figure in figures.items():
        text, found = re.subn(rf"^{name} = \S+", f"{name} = {figure}", text, flags=re.MULTILINE)
        assert found == 1, name
    file = folder / "policy.toml"
    file.write_text(text, "utf-8")
    return file
