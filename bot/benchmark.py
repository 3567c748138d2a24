"""Compare our bot with Rasa's default pipeline: `make benchmark`.

Trains both on the same domain and data, serves both on the same core, and sends each message to
both in turn, so that other load on the machine slows both alike. Writes the results into
docs/evidence.md. The default pipeline needs TensorFlow, in an environment of its own
(var/benchmark/.venv), and a quarter of an hour of training on two cores. Linux only.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from bot.environment import ROOT, BotProblem, read_yaml, run_to_end
from bot.evidence import write_evidence
from bot.server import command
from bot.serving import Served, free_port, run
from bot.training import fingerprint, train_if_changed

SCRATCH = ROOT.parent / "var" / "benchmark"
STOCK_PYTHON = SCRATCH / ".venv" / "bin" / "python"
TARGETS = "at most 650 MB, p50 15 ms, p95 30 ms; twice as fast as the other, half its memory"

Dialogue = Sequence[str]


@dataclass
class Measured:
    served: Served
    model: Path
    milliseconds: list[float] = field(default_factory=list)
    long_milliseconds: list[float] = field(default_factory=list)
    cpu_milliseconds: float = 0.0
    megabytes: float = 0.0
    empty_answers: int = 0

    @property
    def p50(self) -> float:
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        return quantile_95(self.milliseconds)

    def say(self, sender: str, text: str) -> float:
        """Milliseconds from the first byte sent to the last one read."""
        began = time.perf_counter()
        answer = self.served.http.post(
            f"{self.served.url}/webhooks/rest/webhook",
            json={"sender": sender, "message": text},
            headers={"Connection": "close"},  # as the gateway's client does
        )
        took = (time.perf_counter() - began) * 1000
        self.empty_answers += not answer.raise_for_status().json()
        return took


def quantile_95(numbers: Sequence[float]) -> float:
    return statistics.quantiles(numbers, n=100)[94]


def dialogues(tests: Path) -> list[Dialogue]:
    return [
        [
            re.sub(r"\[(.+?)\][({].+?[)}]", r"\1", step["user"].strip())
            for step in story["steps"]
            if "user" in step
        ]
        for _, content in read_yaml(tests, "test_*.yml")
        for story in content["stories"]
    ]


def stories(tests: Path) -> dict[str, Any]:
    """The conversation tests as training stories of intents, actions, and forms.

    Without the messages, which would make them end-to-end stories, and without slots: none of ours
    influences the next action.
    """
    found = []
    for name, content in read_yaml(tests, "test_*.yml"):
        for story in content["stories"]:
            steps = [
                {key: value for key, value in step.items() if key != "user"}
                for step in story["steps"]
                if "slot_was_set" not in step
            ]
            found.append({"story": f"{name}: {story['story']}", "steps": steps})
    return {"version": "3.1", "stories": found}


def stock_config(epochs: int) -> dict[str, Any]:
    """Rasa's default configuration, with our importer, so that both learn from the same domain."""
    asked = "import rasa, pathlib; print(pathlib.Path(rasa.__file__).parent)"
    package = subprocess.run(
        [str(STOCK_PYTHON), "-c", asked], capture_output=True, text=True, check=True
    ).stdout.strip()
    default = Path(package) / "engine" / "recipes" / "config_files" / "default_config.yml"
    config: dict[str, Any] = yaml.safe_load(default.read_text("utf-8"))
    config["assistant_id"] = "stock"
    config["importers"] = [{"name": "components.importer.Importer"}]
    for part in (*config["pipeline"], *config["policies"]):
        if part["name"] == "RulePolicy":
            # Our own policy decides what Rasa calls a contradiction.
            part["check_for_contradictions"] = False
        if "epochs" in part:
            part["epochs"] = epochs
    return config


def train_stock(root: Path, scratch: Path, epochs: int) -> Path:
    """Train Rasa's default pipeline and policies on our domain and data, if these changed.

    Fewer `epochs` than Rasa's 100 change what the model learns, but not its size or speed. Raises
    BotProblem.
    """
    if not STOCK_PYTHON.exists():
        raise BotProblem("Rasa with TensorFlow is not installed. Run `make benchmark`.")
    for folder in ("components", "domain", "data"):
        shutil.rmtree(scratch / folder, ignore_errors=True)
        shutil.copytree(root / folder, scratch / folder)
    shutil.copy(root / "credentials.yml", scratch)
    (scratch / "config.yml").write_text(yaml.safe_dump(stock_config(epochs), sort_keys=False))
    (scratch / "data" / "stories.yml").write_text(yaml.safe_dump(stories(root / "tests")))
    model = scratch / f"stock-{fingerprint(scratch)}.tar.gz"
    if model.exists():
        return model
    print("Training Rasa's default pipeline and policies.", file=sys.stderr)
    rasa = [str(STOCK_PYTHON), "-m", "rasa", "train", "--skip-validation"]
    rasa += ["--config", "config.yml"]
    rasa += ["--domain", "domain", "--data", "data", "--out", str(scratch)]
    rasa += ["--fixed-model-name", model.name]
    log = scratch / "training.log"
    done = run_to_end(rasa, cwd=scratch)
    log.write_text(done.stdout)
    if done.returncode != 0 or not model.exists():
        raise BotProblem(f"Rasa could not train its default pipeline; {log} says why.")
    return model


def play(both: Sequence[Measured], scripts: Sequence[Dialogue], evening: Dialogue) -> None:
    """Play every dialogue with both in turn, then one long conversation with one mentee."""
    for one in both:
        for text in scripts[0]:
            one.say("someone to warm up with", text)
    before = [cpu_seconds(one) for one in both]
    for number, dialogue in enumerate(scripts):
        for one in both:
            for text in dialogue:
                one.milliseconds.append(one.say(f"conversation-{number}", text))
    for one, spent in zip(both, before, strict=True):
        one.cpu_milliseconds = (cpu_seconds(one) - spent) * 1000 / len(one.milliseconds)
    for text in evening:
        for one in both:
            one.long_milliseconds.append(one.say("a long evening", text))
    for one in both:
        one.megabytes = resident_megabytes(one)
    if both[0].empty_answers:
        raise BotProblem(
            f"{both[0].empty_answers} answers of ours were empty: Rasa failed, so its times do not "
            "count."
        )


def cpu_seconds(one: Measured) -> float:
    stat = Path(f"/proc/{one.served.process.pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(one: Measured) -> float:
    status = Path(f"/proc/{one.served.process.pid}/status").read_text()
    [kilobytes] = re.findall(r"^VmRSS:\s+(\d+) kB", status, re.M)
    return int(kilobytes) / 1024


def table(ours: Measured, stock: Measured) -> str:
    rows = [
        ("resident memory, MB", ours.megabytes, stock.megabytes),
        ("a message, p50, ms", ours.p50, stock.p50),
        ("a message, p95, ms", ours.p95, stock.p95),
        ("a message, CPU, mean, ms", ours.cpu_milliseconds, stock.cpu_milliseconds),
        (
            "in a long evening, p95, ms",
            quantile_95(ours.long_milliseconds),
            quantile_95(stock.long_milliseconds),
        ),
        (
            "start to first answer, s",
            ours.served.ready_after_seconds,
            stock.served.ready_after_seconds,
        ),
        ("model, MB", megabytes(ours.model), megabytes(stock.model)),
    ]
    lines = [f"{'':28}{'ours':>10}{'rasa init':>12}{'ratio':>8}"]
    lines += [f"{what:28}{a:>10.1f}{b:>12.1f}{b / a:>8.1f}" for what, a, b in rows]
    empty = f"{ours.empty_answers:>10}{stock.empty_answers:>12}"
    lines.append(f"{'messages without an answer':28}{empty}")
    return "\n".join(lines)


def verdict(ours: Measured, stock: Measured) -> str:
    met = (
        ours.megabytes <= 650
        and ours.p50 <= 15
        and ours.p95 <= 30
        and stock.p50 >= 2 * ours.p50
        and stock.megabytes >= 2 * ours.megabytes
    )
    return f"Asked for: {TARGETS}. {'Met.' if met else 'NOT met.'}"


def megabytes(file: Path) -> float:
    return file.stat().st_size / 1e6


def describe_size(root: Path, scripts: Sequence[Dialogue], evening: Dialogue) -> str:
    data = [content for _, content in read_yaml(root / "data")]
    blocks = [block for part in data for block in part.get("nlu", [])]
    examples = sum(len(block["examples"].splitlines()) for block in blocks if "intent" in block)
    rules = sum(len(part.get("rules", ())) for part in data)
    count: Counter[str] = Counter()
    for _, domain in read_yaml(root / "domain"):
        count.update({part: len(domain.get(part, ())) for part in ("intents", "forms", "slots")})
    return (
        f"{count['intents']} intents, {examples} examples, {count['forms']} forms, "
        f"{count['slots']} slots, {rules} rules. "
        f"{sum(map(len, scripts))} messages in {len(scripts)} dialogues; "
        f"the long evening has {len(evening)} in one."
    )


def measure(root: Path, scratch: Path, epochs: int) -> str:
    scratch.mkdir(parents=True, exist_ok=True)
    model, stock_model = train_if_changed(root=root), train_stock(root, scratch, epochs)
    scripts = dialogues(root / "tests")
    evening = [text for dialogue in scripts[::7] for text in dialogue][:200]
    *mine, core = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, mine or [core])
    on_core = ["taskset", "--cpu-list", str(core)]
    with ExitStack() as running:
        port = free_port()
        served = running.enter_context(run([*on_core, *command(root, port)], port, root))
        ours = Measured(served, model)
        port = free_port()
        rasa = [str(STOCK_PYTHON), "-m", "rasa", "run", "--enable-api", "--model", str(stock_model)]
        rasa += ["--interface", "127.0.0.1", "--port", str(port)]
        stock = Measured(running.enter_context(run([*on_core, *rasa], port, scratch)), stock_model)
        print("Playing the dialogues with both.", file=sys.stderr)
        play((ours, stock), scripts, evening)
    size = f"{describe_size(root, scripts, evening)} rasa init trained for {epochs} epochs."
    return "\n".join([size, "", table(ours, stock), "", verdict(ours, stock)])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bot", type=Path, default=ROOT, help="another folder like bot/")
    options.add_argument("--epochs", type=int, default=100, help="Rasa's default is 100")
    asked = options.parse_args()
    root = asked.bot.resolve()
    try:
        measured = measure(root, SCRATCH / root.parent.name, asked.epochs)
    except (BotProblem, httpx.HTTPError) as problem:
        sys.exit(str(problem))
    print(measured)
    if root == ROOT:
        write_evidence("benchmark", measured)


if __name__ == "__main__":
    main()
