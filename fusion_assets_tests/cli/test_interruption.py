"""Work ends on SIGINT and SIGTERM whatever it does: in processes of their own, without Dagster."""

import signal
import subprocess
import sys
import time

import psutil
import pytest

PATIENCE_SECONDS = 60
PROGRAM = """
import os, signal, subprocess, sys, threading, time
from fusion_assets.cli import interruption
interruption.GRACE_SECONDS = {grace}
def say(text):
    print(text, flush=True)
def work():
    say(f"working {{os.getpid()}}")
{body}
sys.exit(interruption.supervised(work, lambda: say("tidied")))
"""
WAITING = "time.sleep(600)"
# Holds the interpreter and looks at no signal, as native code may.
NATIVE = "sum(range(10**14))"
SWALLOWING = """
while True:
    try:
        time.sleep(600)
    except BaseException:
        say("caught")
"""
THREADED = """
thread = threading.Thread(target=time.sleep, args=[600])
thread.start()
thread.join()
"""
WITH_CHILDREN = """
subprocess.Popen(["sleep", "600"])
subprocess.Popen(["sleep", "600"], start_new_session=True)
say("children")
time.sleep(600)
"""
NOTICING = """
try:
    time.sleep(600)
except BaseException:
    interruption.check()
"""
# As a callback of the garbage collector: what it raises goes nowhere.
FORGETTING = """
class Odd:
    def __del__(self):
        time.sleep(600)
Odd()
return 0
"""
LATE = """
import os, signal, sys
from fusion_assets.cli import interruption
code = interruption.supervised(lambda: os._exit(3), lambda: None)
signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as Python has it at its very end
os.kill(os.getpid(), signal.SIGTERM)
sys.exit(code)
"""


class Program:
    """A process that supervises `body`."""

    def __init__(self, body, grace=0.5, **options):
        lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
        command = [sys.executable, "-c", PROGRAM.format(grace=grace, body=lines)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
        self.worker = int(self.process.stdout.readline().split()[1])

    def end(self):
        """Exit code and what was printed."""
        printed, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, printed


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("body", [WAITING, NATIVE, SWALLOWING, THREADED, NOTICING])
def test_work_ends_with_the_code_of_the_signal(body, number, code):
    program = Program(body)
    time.sleep(0.2)
    program.process.send_signal(number)
    ended, printed = program.end()
    assert ended == code
    assert ("tidied" in printed) == (body in (NATIVE, SWALLOWING)), "what was killed is tidied after"
    assert not psutil.pid_exists(program.worker)


def test_a_signal_that_went_nowhere_ends_the_work_without_a_word():
    program = Program(FORGETTING, grace=600, stderr=subprocess.PIPE)
    time.sleep(0.2)
    program.process.send_signal(signal.SIGINT)
    _, said = program.process.communicate(timeout=PATIENCE_SECONDS)
    assert (program.process.returncode, said) == (130, "")


def test_what_else_cannot_be_raised_is_said():
    program = Program(FORGETTING.replace("time.sleep(600)", "raise ValueError('odd')"), stderr=subprocess.PIPE)
    _, said = program.process.communicate(timeout=PATIENCE_SECONDS)
    assert program.process.returncode == 0 and "ValueError: odd" in said


def test_a_script_that_ignores_sigint_for_its_children_can_still_send_it():
    program = Program(WAITING, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    program.process.send_signal(signal.SIGINT)
    assert program.end()[0] == 130


def test_children_go_too_also_those_in_sessions_of_their_own():
    program = Program(WITH_CHILDREN)
    assert program.process.stdout.readline() == "children\n"
    children = psutil.Process(program.worker).children(recursive=True)
    assert len(children) == 2
    program.process.send_signal(signal.SIGINT)
    assert program.end()[0] == 130
    assert psutil.wait_procs(children, timeout=PATIENCE_SECONDS)[1] == []


def test_a_second_signal_ends_at_once():
    program = Program(NATIVE, grace=600)
    for _ in range(2):
        time.sleep(0.2)
        program.process.send_signal(signal.SIGTERM)
    assert program.end()[0] == 143


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("gap", [0, 0.03, 0.05, 0.08, 0.1, 0.12])
def test_a_second_signal_while_the_first_ends_the_work_changes_nothing(number, gap):
    program = Program(WAITING, grace=600, stderr=subprocess.PIPE)
    program.process.send_signal(number)
    time.sleep(gap)
    program.process.send_signal(number)
    _, said = program.process.communicate(timeout=PATIENCE_SECONDS)
    assert program.process.returncode == 128 + number
    assert "psutil" not in said


def test_a_signal_after_the_work_does_not_end_its_watcher():
    ended = subprocess.run([sys.executable, "-c", LATE], stdout=subprocess.DEVNULL, check=False)
    assert ended.returncode == 3


def test_work_dies_with_its_watcher():
    program = Program(NATIVE)
    program.process.kill()
    program.process.wait()
    end = time.monotonic() + PATIENCE_SECONDS
    while psutil.pid_exists(program.worker) and psutil.Process(program.worker).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("body", "code"),
    [("return 0", 0), ("return 3", 3), ("sys.exit(2)", 2), ("raise ValueError('x')", 1),
     ("os.kill(os.getpid(), signal.SIGKILL)", 137)],
)  # fmt: skip
def test_without_a_signal_the_code_is_the_works_own(body, code):
    program = Program(body, stderr=subprocess.DEVNULL)
    assert program.end()[0] == code


def test_what_is_stopped_by_a_terminal_goes_on_when_it_lets_it():
    program = Program("time.sleep(0.1)\nsys.stdin.readline()\nsay('went on')\nreturn 0", stdin=subprocess.PIPE)
    program.process.send_signal(signal.SIGTSTP)
    wait_for(program.worker, psutil.STATUS_STOPPED)
    wait_for(program.process.pid, psutil.STATUS_STOPPED)
    program.process.send_signal(signal.SIGCONT)
    assert program.process.communicate("\n", timeout=PATIENCE_SECONDS)[0] == "went on\n"
    assert program.process.returncode == 0


def wait_for(process, status):
    end = time.monotonic() + PATIENCE_SECONDS
    while psutil.Process(process).status() != status:
        assert time.monotonic() < end
        time.sleep(0.02)
