"""Running `warmline` commands in the tests' own process. The fixture `local` has their database."""

from typer.testing import CliRunner, Result

from gateway.cli import app


def warmline(*words: str) -> Result:
    return CliRunner().invoke(app, words)
