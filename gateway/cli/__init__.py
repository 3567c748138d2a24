"""The `warmline` command.

`warmline --help` lists every command from the table below. A command's own module, and the parts
of Warmline that it uses, are imported only when that command runs.
"""

import os
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

# Section of the help -> command -> (module, summary). The summary is also the first line of the
# command's docstring; a test compares the two.
SECTIONS = {
    "Start": {
        "up": ("serving", "Start everything on this machine: bot, web pages, and workers."),
        "serve": ("serving", "Start the web server and its workers."),
        "bot": ("serving", "Start the Rasa server with the trained bot."),
        "migrate": ("installation", "Update the database tables to this version."),
        "demo": ("installation", "Add the demo program to an empty database."),
        "rotate-key": ("keys", "Change WARMLINE_KEY: wrap every key with the new one."),
        "backup": ("keys", "Copy the database and the keys to separate folders."),
        "restore": ("keys", "Replace the database with a copy."),
        "key": ("installation", "Print a new encryption key for WARMLINE_KEY."),
    },
    "People": {
        "enroll": ("people", "Enroll mentees, mentors, and managers from a CSV file."),
        "invite": ("people", "Print a one-time link to the web chat for a mentee."),
        "guardian": ("people", "Record a guardian's consent, or correct a mentee's age."),
        "set-password": ("people", "Set the password of a mentor or manager."),
        "sign-out": ("people", "Sign one person out of every browser, or sign everybody out."),
        "duty": ("people", "Put a mentor or manager on duty, or take them off."),
        "alerts": ("alerting", "Set how a mentor or manager is reached after an alert's text."),
        "away": ("people", "List who is away, now or later, and until when."),
        "export": ("privacy", "Print everything stored about one person or number, as JSON."),
        "retention": ("privacy", "Delete data that is past its retention period, or count it."),
        "hold": ("privacy", "Keep everything about a person for a legal case, or end the hold."),
        "erase": ("privacy", "Erase the messages, name, and phone number of a person or number."),
    },
    "Every day": {
        "check": ("checks", "Check for anything that would keep a person from being reached."),
        "watch": (
            "alerting",
            "Alarm the operators if work is late, with or without a gateway.",
        ),
        "waiting": ("handoffs", "List the handoffs that wait for a mentor, most urgent first."),
        "log": ("handoffs", "Show the handoff log, or every step of one handoff."),
        "schedule": ("check_ins", "Set, pause, resume, or list scheduled check-ins."),
        "missed-check-ins": ("check_ins", "List check-ins that got no answer, latest first."),
        "over-reliance": ("check_ins", "List mentees who may over-rely on the bot, and why."),
    },
    "Policy and texts": {
        "assess": ("installation", "Assess messages from JSON lines with the shipped policy."),
        "replay": ("policy", "Compare another policy with the active one on past messages."),
        "verdicts": ("policy", "Summarize how mentors and managers judged past decisions."),
        "content": ("installation", "List every text Warmline can send, and check each one."),
    },
}
COMMANDS = {name: entry for commands in SECTIONS.values() for name, entry in commands.items()}


class LazyCommands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"gateway.cli.{COMMANDS[cmd_name][0]}")
        return typer.main.get_group(module.commands).commands[cmd_name]

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            from gateway.cli.context import EXPECTED

            if not isinstance(error, EXPECTED):
                raise
            print(error, file=sys.stderr)
            raise typer.Exit(2) from error

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, summary) for name, (_, summary) in commands.items()])


app = typer.Typer(
    cls=LazyCommands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain text: formatting with rich takes a quarter of a second.
    rich_markup_mode=None,
)


@app.callback()
def warmline() -> None:
    """Warmline: a texting and web chat line for mentoring programs. The bot answers everyday
    messages and hands the conversation to a mentor when a person is needed.

    `warmline COMMAND --help` explains a command, with an example.
    """


def main() -> None:
    os.umask(0o077)  # the database, its log, its lock, and .env are for this user alone
    if "--help" not in sys.argv:
        from gateway.runtime.logging import set_up_logs

        set_up_logs()
    app()
