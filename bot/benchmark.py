"""Compare our bot with Rasa's default pipeline: `make benchmark`.

Trains both on the same domain and data, serves both on the same core, and sends each message to
both in turn, so that other load on the machine slows both alike. Writes the results into
docs/evidence.md. The default pipeline needs TensorFlow, in an environment of its own
(var/benchmark/.venv), and a quarter of an hour of training on two cores. Linux only.
"""

import argparse
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.fernet import Fernet

from bot.environment import ROOT, BotProblem, environment, run_to_end
from bot.evidence import keep_evidence
from bot.server import command
from bot.serving import free_port
from bot.training import fingerprint, train_if_changed

SCRATCH = ROOT.parent / "var" / "benchmark"
STOCK_PYTHON = SCRATCH / ".venv" / "bin" / "python"
START_SECONDS = 180.0
TARGETS = "at most 650 MB, p50 15 ms, p95 30 ms; twice as fast as the other, half its memory"

Dialogue = Sequence[str]


@dataclass
class Rasa:
    """A running Rasa, and its measurements."""

    name: str
    model: Path
    process: subprocess.Popen[bytes]
    port: int
    started_in: float
    milliseconds: list[float] = field(default_factory=list)
    long_milliseconds: list[float] = field(default_factory=list)
    cpu_milliseconds: float = 0.0
    megabytes: float = 0.0
    silences: int = 0

    def quantile(self, percent: int, of: Sequence[float] | None = None) -> float:
        return statistics.quantiles(of or self.milliseconds, n=100)[percent - 1]


def dialogues(tests: Path) -> list[Dialogue]:
    """The mentees' messages in the conversation tests, one list per conversation."""
    found: list[Dialogue] = []
    for file in sorted(tests.glob("test_*.yml")):
        for story in yaml.safe_load(file.read_text("utf-8"))["stories"]:
            said = [step["user"].strip() for step in story["steps"] if "user" in step]
            found.append([re.sub(r"\[(.+?)\][({].+?[)}]", r"\1", text) for text in said])
    return found


def stories(tests: Path) -> dict[str, Any]:
    """The conversation tests as training stories of intents, actions, and forms.

    Without the messages, which would make them end-to-end stories, and without slots: none of ours
    influences the next action.
    """
    found = []
    for file in sorted(tests.glob("test_*.yml")):
        for story in yaml.safe_load(file.read_text("utf-8"))["stories"]:
            steps = [
                {key: value for key, value in step.items() if key != "user"}
                for step in story["steps"]
                if "slot_was_set" not in step
            ]
            found.append({"story": f"{file.stem}: {story['story']}", "steps": steps})
    return {"version": "3.1", "stories": found}


def train_stock(root: Path, scratch: Path, epochs: int) -> Path:
    """Train Rasa's default pipeline and policies on our domain and data, if these changed.

    Fewer `epochs` than Rasa's 100 change what the model learns, but not its size or speed. Raises
    BotProblem.
    """
    if not STOCK_PYTHON.exists():
        raise BotProblem("Rasa with TensorFlow is not installed. Run `make benchmark`.")
    asked = "import rasa, pathlib; print(pathlib.Path(rasa.__file__).parent)"
    package = subprocess.run(
        [str(STOCK_PYTHON), "-c", asked], capture_output=True, text=True, check=True
    ).stdout.strip()
    default = Path(package) / "engine" / "recipes" / "config_files" / "default_config.yml"
    config = yaml.safe_load(default.read_text("utf-8"))
    config["assistant_id"] = "stock"
    # Our importer, so that both learn from the same domain.
    config["importers"] = [{"name": "components.importer.Importer"}]
    # Rasa would reject the stories: our own policy decides what it calls a contradiction.
    for part in (*config["pipeline"], *config["policies"]):
        if part["name"] == "RulePolicy":
            part["check_for_contradictions"] = False
        if "epochs" in part:
            part["epochs"] = epochs
    for folder in ("components", "domain", "data"):
        shutil.rmtree(scratch / folder, ignore_errors=True)
        shutil.copytree(root / folder, scratch / folder)
    shutil.copy(root / "credentials.yml", scratch)
    (scratch / "config.yml").write_text(yaml.safe_dump(config, sort_keys=False))
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


def stock_command(model: Path, port: int) -> list[str]:
    rasa = [str(STOCK_PYTHON), "-m", "rasa", "run", "--enable-api", "--model", str(model)]
    return [*rasa, "--interface", "127.0.0.1", "--port", str(port)]


@contextmanager
def serving(
    name: str, rasa: list[str], model: Path, port: int, cwd: Path, core: int, scratch: Path
) -> Iterator[Rasa]:
    log = scratch / f"{name}.log"
    (scratch / "tracker.db").unlink(missing_ok=True)
    own = {
        "RASA_TRACKER_DB": str(scratch / "tracker.db"),
        "WARMLINE_KEY": Fernet.generate_key().decode(),
    }
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "--cpu-list", str(core), *rasa],
            cwd=cwd,
            env=environment() | own,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while not is_ready(port):
            if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise BotProblem(f"{name} did not start; {log} says why.")
            time.sleep(0.1)
        yield Rasa(name, model, process, port, time.monotonic() - began)
    finally:
        process.terminate()
        process.wait(timeout=30)


def is_ready(port: int) -> bool:
    try:
        status, body = call(port, "GET", "/status")
    except OSError:
        return False
    return status == 200 and bool(json.loads(body).get("model_file"))


def say(rasa: Rasa, sender: str, text: str) -> float:
    """Milliseconds from the first byte sent to the last one read. Raises BotProblem."""
    said = json.dumps({"sender": sender, "message": text}).encode()
    began = time.perf_counter()
    status, answer = call(rasa.port, "POST", "/webhooks/rest/webhook", said)
    took = (time.perf_counter() - began) * 1000
    if status != 200:
        raise BotProblem(f"{rasa.name} answered with status {status}.")
    rasa.silences += not json.loads(answer)
    return took


def call(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    # A new connection for each call, as in the gateway's client.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def play(both: Sequence[Rasa], scripts: Sequence[Dialogue], evening: Dialogue) -> None:
    """Play every dialogue with both in turn, then one long conversation with one mentee."""
    for rasa in both:
        for text in scripts[0]:
            say(rasa, "somebody to warm up with", text)
    before = {rasa.name: cpu_seconds(rasa.process.pid) for rasa in both}
    for number, dialogue in enumerate(scripts):
        for rasa in both:
            for text in dialogue:
                rasa.milliseconds.append(say(rasa, f"conversation-{number}", text))
    for rasa in both:
        spent = cpu_seconds(rasa.process.pid) - before[rasa.name]
        rasa.cpu_milliseconds = spent * 1000 / len(rasa.milliseconds)
    for text in evening:
        for rasa in both:
            rasa.long_milliseconds.append(say(rasa, "a long evening", text))
    for rasa in both:
        rasa.megabytes = resident_megabytes(rasa.process.pid)
    if both[0].silences:
        raise BotProblem(
            f"{both[0].silences} answers were empty: Rasa failed, so its times do not count."
        )


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    [line] = re.findall(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(line) / 1024


def table(ours: Rasa, stock: Rasa) -> str:
    """Both side by side, with the ratio."""
    rows = [
        ("resident memory, MB", ours.megabytes, stock.megabytes),
        ("a message, p50, ms", ours.quantile(50), stock.quantile(50)),
        ("a message, p95, ms", ours.quantile(95), stock.quantile(95)),
        ("a message, CPU, mean, ms", ours.cpu_milliseconds, stock.cpu_milliseconds),
        (
            "in a long evening, p95, ms",
            ours.quantile(95, ours.long_milliseconds),
            stock.quantile(95, stock.long_milliseconds),
        ),
        ("start to first answer, s", ours.started_in, stock.started_in),
        ("model, MB", megabytes(ours.model), megabytes(stock.model)),
    ]
    lines = [f"{'':28}{'ours':>10}{'rasa init':>12}{'ratio':>8}"]
    lines += [f"{what:28}{a:>10.1f}{b:>12.1f}{b / a:>8.1f}" for what, a, b in rows]
    lines.append(f"{'messages without an answer':28}{ours.silences:>10}{stock.silences:>12}")
    return "\n".join(lines)


def verdict(ours: Rasa, stock: Rasa) -> str:
    met = (
        ours.megabytes <= 650
        and ours.quantile(50) <= 15
        and ours.quantile(95) <= 30
        and stock.quantile(50) >= 2 * ours.quantile(50)
        and stock.megabytes >= 2 * ours.megabytes
    )
    return f"Asked for: {TARGETS}. {'Met.' if met else 'NOT met.'}"


def megabytes(file: Path) -> float:
    return file.stat().st_size / 1e6


def size_of(root: Path, scripts: Sequence[Dialogue], evening: Dialogue) -> str:
    """The size of the training data and of the dialogues played."""
    data = [yaml.safe_load(file.read_text("utf-8")) for file in (root / "data").glob("*.yml")]
    blocks = [block for part in data for block in (part or {}).get("nlu", [])]
    examples = sum(len(block["examples"].splitlines()) for block in blocks if "intent" in block)
    domain = [yaml.safe_load(file.read_text("utf-8")) for file in (root / "domain").glob("*.yml")]
    count = {
        part: sum(len(one.get(part, ())) for one in domain)
        for part in ("intents", "forms", "slots")
    }
    rules = sum(len((part or {}).get("rules", ())) for part in data)
    return (
        f"{count['intents']} intents, {examples} examples, {count['forms']} forms, "
        f"{count['slots']} slots, {rules} rules. "
        f"{sum(map(len, scripts))} messages in {len(scripts)} dialogues; "
        f"the long evening has {len(evening)} in one."
    )


def measure(root: Path, scratch: Path, epochs: int) -> str:
    """Raises BotProblem if one of the two cannot be trained, started, or called."""
    scratch.mkdir(parents=True, exist_ok=True)
    model, stock_model = train_if_changed(root=root), train_stock(root, scratch, epochs)
    scripts = dialogues(root / "tests")
    evening = [text for dialogue in scripts[::7] for text in dialogue][:200]
    *mine, core = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, mine or [core])
    with ExitStack() as running:
        port = free_port()
        ours = running.enter_context(
            serving("ours", command(root, port), model, port, root, core, scratch)
        )
        port = free_port()
        rasa = stock_command(stock_model, port)
        stock = running.enter_context(
            serving("stock", rasa, stock_model, port, scratch, core, scratch)
        )
        print("Playing the dialogues with both.", file=sys.stderr)
        play((ours, stock), scripts, evening)
    size = f"{size_of(root, scripts, evening)} rasa init trained for {epochs} epochs."
    return "\n".join([size, "", table(ours, stock), "", verdict(ours, stock)])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--bot", type=Path, default=ROOT, help="another folder like bot/")
    options.add_argument("--epochs", type=int, default=100, help="Rasa's default is 100")
    asked = options.parse_args()
    root = asked.bot.resolve()
    try:
        measured = measure(root, SCRATCH / root.parent.name, asked.epochs)
    except BotProblem as problem:
        sys.exit(str(problem))
    print(measured)
    if root == ROOT:
        keep_evidence("benchmark", measured)


if __name__ == "__main__":
    main()
