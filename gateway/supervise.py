"""Runs supervisord in this process, and exits with 1 when a part failed to start.

supervisord itself exits with 0 however it is stopped. A shell around it could tell the
difference, but would have to pass on every signal.
"""

import signal
import sys

START_FAILED = signal.SIGUSR1


def main() -> int:
    failed: list[int] = []

    def stop(number: int, _frame: object) -> None:
        failed.append(number)
        signal.raise_signal(signal.SIGTERM)

    signal.signal(START_FAILED, stop)
    # Only here: the announcer imports this module for the signal's number alone.
    from supervisor import supervisord

    supervisord.main()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
