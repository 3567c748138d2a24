"""How well the bot reads messages: `python -m bot.intent_quality [--everyday FILE] [--folds 5]`.

Makes three tables and writes them into docs/evidence.md:

- the messages of bot/tests/nlu/messages.yml, which were written before any tuning and are not
  training data;
- everyday messages that ask for nothing the bot does (JSON lines with `text` and `stratum`, stored
  outside the project): how often the bot answers one with a topic, a skill, or a check-in;
- Rasa's own five-fold cross-validation over the training examples.
"""

import argparse
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scipy.stats import binomtest
from sklearn.metrics import f1_score

from bot.environment import ROOT, BotProblem, find_python, rasa, read_yaml, run_to_end
from bot.evidence import write_evidence
from bot.serving import Served, serve
from bot.training import train_if_changed

SAMPLE = 2_000
# Actions that do something for the mentee. Everything else is small talk or a fallback.
DOES = re.compile(r"topic_|ask_(?!if_|abilities|how_bot_is|privacy|for_person)")
# People under stress ask for the bot's topics, so these messages are not out of scope.
IN_SCOPE = "everyday_stressor"


@dataclass(frozen=True)
class Read:
    text: str
    meant: str
    taken: str


def messages() -> Iterator[tuple[str, str]]:
    """Text and intent of every message in bot/tests/nlu."""
    for _, content in read_yaml(ROOT / "tests" / "nlu"):
        for block in content["nlu"]:
            for line in block["examples"].splitlines():
                yield line.removeprefix("- ").strip(), block["intent"]


def examples() -> set[str]:
    return {
        bare(re.sub(r"\[(.+?)\]\(.+?\)", r"\1", line))
        for _, content in read_yaml(ROOT / "data")
        for block in content.get("nlu", [])
        if "intent" in block
        for line in block["examples"].splitlines()
    }


def bare(text: str) -> str:
    return re.sub(r"\W+", " ", text.casefold()).strip()


def read_all(served: Served, texts: Iterable[tuple[str, str]]) -> list[Read]:
    return [Read(text, meant, served.read_intent(text)) for text, meant in texts]


def macro_f1(read: Sequence[Read]) -> float:
    meant = sorted({one.meant for one in read})
    pairs = [one.meant for one in read], [one.taken for one in read]
    return float(f1_score(*pairs, labels=meant, average="macro", zero_division=0))


def test_table(read: Sequence[Read], known: set[str]) -> str:
    fresh = [one for one in read if bare(one.text) not in known]
    right = sum(one.meant == one.taken for one in read)
    lines = [
        f"messages {len(read)}, intents {len({one.meant for one in read})}",
        f"macro-F1 {macro_f1(read):.3f}, accuracy {right / len(read):.3f}",
        f"without the {len(read) - len(fresh)} that are also examples (keywords, mostly): "
        f"macro-F1 {macro_f1(fresh):.3f}",
        "",
        "weakest intents (right of all):",
    ]
    by_intent = Counter(one.meant for one in read)
    hits = Counter(one.meant for one in read if one.meant == one.taken)
    weakest = sorted(by_intent, key=lambda intent: hits[intent] / by_intent[intent])[:12]
    lines += [f"  {intent:24} {hits[intent]} of {by_intent[intent]}" for intent in weakest]
    confused = Counter((one.meant, one.taken) for one in read if one.meant != one.taken)
    lines += ["", "confusions (meant, taken for, times):"]
    lines += [f"  {meant:24} {taken:24} {n}" for (meant, taken), n in confused.most_common()]
    return "\n".join(lines)


def everyday_table(served: Served, file: Path, seed: int = 20) -> str:
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    rows = [row for row in rows if not row["stratum"].startswith(IN_SCOPE)]
    # The same sample each time, which is no secret.
    sample = random.Random(seed).sample(rows, min(SAMPLE, len(rows)))  # noqa: S311 # nosec B311
    read = read_all(served, ((row["text"], row["stratum"]) for row in sample))
    wrong = [one for one in read if DOES.match(one.taken)]
    low, high = binomtest(len(wrong), len(read)).proportion_ci(method="wilson")
    lines = [
        f"everyday messages {len(read)} (random sample, seed {seed})",
        f"answered with a topic, skill or check-in: {len(wrong)}, "
        f"{len(wrong) / len(read):.2%} [{low:.2%} to {high:.2%}]",
        "",
        "by kind of message:",
    ]
    for stratum, n in sorted(Counter(one.meant for one in read).items()):
        of_it = sum(one.meant == stratum for one in wrong)
        lines.append(f"  {stratum:28} {of_it} of {n}")
    lines += ["", "taken for:"]
    lines += [f"  {i:24} {n}" for i, n in Counter(one.taken for one in wrong).most_common(10)]
    return "\n".join(lines)


def cross_validation(folds: int) -> str:
    """Rasa's own k-fold cross-validation over all examples. Raises BotProblem."""
    with tempfile.TemporaryDirectory() as out:
        testing = [*rasa(find_python()), "test", "nlu", "--cross-validation"]
        testing += ["--folds", str(folds), "--nlu", "data", "--config", "config.yml"]
        testing += ["--domain", "domain", "--out", out, "--no-plot", "--no-errors"]
        done = run_to_end(testing)
        report = Path(out) / "intent_report.json"
        if done.returncode != 0 or not report.exists():
            raise BotProblem(f"The cross-validation failed:\n{done.stdout[-2000:]}")
        scores: Mapping[str, dict[str, float]] = json.loads(report.read_text())
    macro, weighted = scores["macro avg"], scores["weighted avg"]
    return (
        f"{folds} folds over {weighted['support']:.0f} examples: macro-F1 {macro['f1-score']:.3f}, "
        f"weighted F1 {weighted['f1-score']:.3f}"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--everyday", type=Path, help="everyday messages, JSON lines")
    options.add_argument("--folds", type=int, default=5, help="0 leaves cross-validation out")
    asked = options.parse_args()
    try:
        train_if_changed()
        with serve() as served:
            tables = [test_table(read_all(served, messages()), examples())]
            if asked.everyday:
                tables.append(everyday_table(served, asked.everyday))
        if asked.folds:
            tables.append(cross_validation(asked.folds))
    except BotProblem as problem:
        sys.exit(str(problem))
    print("\n\n".join(tables))
    write_evidence("intents", "\n\n".join(tables))


if __name__ == "__main__":
    main()
