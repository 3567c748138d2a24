"""Shows the progress of a training."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Called several times a second with the stage, the seconds so far, and the seconds expected.
Progress = Callable[[str, float, float], None]


@contextmanager
def shown() -> Iterator[Progress]:
    """A bar on standard error, or a line per stage without rich (in the Docker image)."""
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError:
        yield _lines()
        return

    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("Training the bot: starting Rasa", total=None)

        def tell(doing: str, elapsed: float, expected: float) -> None:
            # The expected time is a guess from last time, so the bar stops just before its end.
            done, description = min(elapsed, expected * 0.97), f"Training the bot: {doing}"
            bar.update(task, description=description, completed=done, total=expected)

        yield tell
        bar.update(task, description="Training the bot: done", completed=bar.tasks[0].total)


def _lines() -> Progress:
    told: set[str] = set()

    def tell(doing: str, elapsed: float, expected: float) -> None:
        if doing not in told:
            told.add(doing)
            print(f"Training the bot (about {expected:.0f} s): {doing}", file=sys.stderr)

    return tell
