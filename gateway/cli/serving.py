"""Commands that start Warmline. Each imports only what it starts."""

import gc
import os
import sys

import typer

commands = typer.Typer(rich_markup_mode=None)


@commands.command()
def up() -> None:
    """Start everything on this machine: bot, web pages, and workers.

    Trains the bot first if its training data changed. Press Ctrl-C to stop everything.
    """
    from gateway.up import run

    sys.exit(run())


@commands.command()
def serve() -> None:
    """Start the web server and its workers.

    Serves the mentors' and managers' pages, the mentees' web chat, and Twilio. Start the bot
    beside it with `warmline bot`.
    """
    # Almost everything that is loaded now stays: searching it for garbage again and again takes a
    # fifth of the start. `serve_gateway` turns the collector on.
    gc.disable()
    from gateway.runtime.settings import load_settings
    from gateway.serve import serve as serve_gateway

    serve_gateway(load_settings())


@commands.command()
def bot() -> None:
    """Start the Rasa server with the trained bot."""
    from bot import server
    from gateway.runtime.settings import load_settings
    from gateway.up import bot_environment

    os.environ.update(bot_environment(load_settings()))
    server.main()
