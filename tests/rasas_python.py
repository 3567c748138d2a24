"""Scripts in Rasa's own Python, each in a process of its own that has Rasa imported already.

Rasa takes several seconds to import, and each comparison with it wants a fresh process. So one
process imports it once, and a copy of that one (fork) runs each script.
"""

import atexit
import json
import subprocess
from functools import cache

from bot.environment import ROOT, environment, find_python

ONCE_IMPORTED = """
import json, os, sys, tempfile, traceback
from components import slim_rasa
slim_rasa.leave_out()
import rasa.core.agent, rasa.core.policies.rule_policy, rasa.engine.loader
import rasa.core.actions.action, rasa.shared.core.domain, rasa.shared.core.trackers

for line in sys.stdin:
    said, failed = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
    child = os.fork()
    if child == 0:
        os.dup2(said.fileno(), 1)
        os.dup2(failed.fileno(), 2)
        code = 1
        try:
            exec(compile(json.loads(line), "<script>", "exec"), {"__name__": "__main__"})
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    for file in (said, failed):
        file.seek(0)
    told = [os.waitstatus_to_exitcode(status), said.read(), failed.read()]
    print(json.dumps(told), flush=True)
"""


@cache
def _imported() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [str(find_python()), "-c", ONCE_IMPORTED],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.kill)
    return process


def in_rasas_python(script: str) -> str:
    process = _imported()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(script) + "\n")
    process.stdin.flush()
    code, said, failed = json.loads(process.stdout.readline())
    assert code == 0, failed
    return str(said)


def in_a_new_process(script: str) -> str:
    """As `in_rasas_python`, from the first import on: for what is about importing itself."""
    done = subprocess.run(
        [str(find_python()), "-c", script],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
