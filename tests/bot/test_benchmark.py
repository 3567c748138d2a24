"""How the benchmark ends when a Rasa fails."""

import httpx
import pytest

from bot import benchmark


def test_an_error_answer_of_rasa_ends_the_benchmark_with_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        request = httpx.Request("POST", "http://rasa/webhooks/rest/webhook")
        httpx.Response(500, request=request).raise_for_status()

    monkeypatch.setattr(benchmark, "measure", fail)
    monkeypatch.setattr("sys.argv", ["benchmark"])
    with pytest.raises(SystemExit, match="500 Internal Server Error"):
        benchmark.main()
