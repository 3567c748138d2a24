"""Rasa without the packages that this bot does not use: `python -m components.slim_rasa run ...`.

Does what `python -m rasa run ...` does. Whenever Rasa starts, it imports TensorFlow, and clients of
every chat service and store. Here inert stand-ins replace them, so we need not install them. Rasa
itself is unchanged. Reasons and savings: docs/decisions/0004-bot.md.
"""

from __future__ import annotations

import gc
import hmac
import importlib
import os
import sys
from abc import ABCMeta
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

LEFT_OUT = frozenset(
    {
        # Components that config.yml does not name.
        *("keras", "tensorflow", "tensorflow_addons", "tensorflow_hub", "tensorflow_text"),
        *("pycrfsuite", "sklearn_crfsuite"),
        # Channels that credentials.yml does not name.
        *("aiogram", "cachecontrol", "fbmessenger", "google", "mattermostwrapper"),
        *("rocketchat_API", "slack_sdk", "socketio", "twilio", "webexteamssdk"),
        # Stores and brokers that endpoints.yml does not name.
        *("aio_pika", "aiormq", "boto3", "botocore", "confluent_kafka", "pymongo", "redis"),
        # Plots, and commands that ask questions on a terminal.
        *("matplotlib", "prompt_toolkit", "questionary"),
    }
)


class LeftOut(Exception):
    """Something needs a package that is left out. The message says what."""


class StandIn(ABCMeta):
    """The type of every name in a package that is left out.

    While Rasa is imported, such a name can be a base class, a decorator, or an annotation. After
    that, a call raises LeftOut.
    """

    importing = True

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(f"{cls.__module__}.{cls.__name__}", name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if not StandIn.importing:
            [left_out, *_] = base_packages(cls) & LEFT_OUT
            raise LeftOut(
                f"{cls.__module__}.{cls.__name__} was called, but {left_out} is left out."
            )
        return cls


class Package(ModuleType):
    """A package or module that is left out. It has every name."""

    __path__: Sequence[str] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        setattr(self, name, stand_in(self.__name__, name))
        return vars(self)[name]


class Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in LEFT_OUT:
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Package(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


def stand_in(where: str, name: str) -> StandIn:
    # An exception, so that `except tf.errors.X` is as inert as everything else.
    return StandIn(name, (Exception,), {"__module__": where})


def needs(component: type) -> set[str]:
    """The packages left out that the modules of a component and of its base classes import."""
    modules = (sys.modules[parent.__module__] for parent in component.__mro__)
    imported = (value for module in modules for value in vars(module).values())
    return {name for value in imported for name in base_packages(value)} & LEFT_OUT


def base_packages(value: Any) -> set[str]:
    if isinstance(value, Package):
        return {value.__name__.partition(".")[0]}
    if isinstance(value, type):
        return {str(parent.__module__).partition(".")[0] for parent in value.__mro__}
    return set()


def check(config: Path) -> None:
    """Raises LeftOut when `config` names a component that needs a package that is left out.

    Rasa itself reports a file that it cannot read and a name that it does not know.
    """
    try:
        ours = yaml.safe_load(config.read_text(encoding="utf-8"))
        names = [entry["name"] for part in ("pipeline", "policies") for entry in ours[part]]
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return
    for name in names:
        component = find_component(name)
        if component and needs(component):
            raise LeftOut(
                f"{config.name} names {name}, which needs {', '.join(sorted(needs(component)))}, "
                "and the bot runs without (docs/decisions/0004-bot.md). "
                "Take it out of the file."
            )


def find_component(name: str) -> type | None:
    from rasa.engine.recipes.default_components import DEFAULT_COMPONENTS

    module, _, own = name.rpartition(".")
    if not module:
        return {component.__name__: component for component in DEFAULT_COMPONENTS}.get(name)
    try:
        return getattr(importlib.import_module(module), own, None)
    except ImportError:
        return None


def leave_out() -> None:
    sys.meta_path.insert(0, Finder())


def main() -> None:
    leave_out()
    sys.path.insert(0, str(Path.cwd()))
    # Everything that Rasa would import later, while stand-ins can still be called.
    for module in ("rasa.core.agent", "rasa.core.run", "rasa.core.test", "rasa.model_training"):
        importlib.import_module(module)
    from components import speedups
    from rasa.__main__ import main as rasa_main

    speedups.install()
    try:
        check(config_named(sys.argv))
    except LeftOut as problem:
        sys.exit(str(problem))
    take_token()
    StandIn.importing = False
    # The imports stay in memory, so the collector need not go through them.
    gc.collect()
    gc.freeze()
    rasa_main()


def take_token() -> None:
    """Ask for RASA_TOKEN on every route. Rasa itself leaves out the routes of its channels.

    The token is in the environment, because `ps` shows the arguments of a process.
    """
    token = os.environ.get("RASA_TOKEN")
    if not token or "run" not in sys.argv:
        return
    from rasa.core import run
    from sanic import response

    configure = run.configure_app

    def refuse_others(request: Any) -> Any:
        if not hmac.compare_digest(request.args.get("token", "").encode(), token.encode()):
            return response.json({"status": "failure", "reason": "NotAuthenticated"}, status=401)
        return None

    def configure_guarded(*arguments: Any, **named: Any) -> Any:
        app = configure(*arguments, **named)
        app.register_middleware(refuse_others, "request")
        return app

    run.configure_app = configure_guarded


def config_named(arguments: list[str]) -> Path:
    if "--config" in arguments[:-1]:
        return Path(arguments[arguments.index("--config") + 1])
    return Path("config.yml")


if __name__ == "__main__":
    main()
