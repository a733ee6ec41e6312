"""Programs of tests that fork, which a process that has imported a machine learning library must not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def seen(program: str, *arguments: object, seconds: float | None = None) -> dict[str, Any]:
    """What the program in this folder saw: the JSON that it prints, once it has ended well and said nothing else.

    Args:
        program: the name of its file.
        arguments: of its command line.
        seconds: after which it is ended, which raises `subprocess.TimeoutExpired`.
    """
    ended = subprocess.run(
        [sys.executable, "-c", "import sys; sys.path[:0] = ['.', 'tests']; import runpy; "
         f"runpy.run_path('tests/{program}', run_name='__main__')", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found
