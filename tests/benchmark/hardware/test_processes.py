"""Processes that answer."""

import time
from pathlib import Path

import pytest

from benchmark.hardware.processes import ask
from zoo import UserError

WORKER = """
import os, signal, sys, time
from benchmark.hardware.processes import serve
from zoo import UserError

def task(question):
    print("noise on stdout")
    os.write(1, b"and below Python")
    {body}

sys.exit(serve(task))
"""


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def asked(body: str) -> dict[str, object]:
        (tmp_path / "some_worker.py").write_text(WORKER.replace("{body}", body))
        return ask("some_worker", {"number": 20, "name": "Zoë"})

    return asked


def test_an_answer_comes_back_without_what_else_is_printed(answer) -> None:
    assert answer("return {'doubled': 2 * question['number'], 'name': question['name']}") == {
        "doubled": 40,
        "name": "Zoë",
    }


def test_what_the_user_can_mend_is_raised_here(answer) -> None:
    with pytest.raises(UserError, match=r"^no such picture$"):
        answer("raise UserError('no such picture')")


def test_a_failure_comes_with_the_end_of_the_log(answer) -> None:
    with pytest.raises(RuntimeError, match=r"(?s)some_worker ended with exit code 1.*noise.*ZeroDivisionError"):
        answer("1 / 0")


def test_a_killed_process_is_one_line(answer) -> None:
    with pytest.raises(UserError, match=r"^the process was killed by SIGKILL \(out of memory\?\)$"):
        answer("os.kill(os.getpid(), signal.SIGKILL)")


def test_a_forked_process_that_lives_on_is_not_waited_for(answer) -> None:
    before = time.monotonic()
    assert answer("os.fork() or (os.close(2), os.close(1), time.sleep(60), os._exit(0)); return {'done': 1}") == {
        "done": 1
    }
    assert time.monotonic() - before < 30
