"""`--help` answers at once."""

import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.perf


@pytest.mark.parametrize("package", ["benchmark", "ensembles", "reports"])
def test_help_answers_in_a_fifth_of_a_second(package: str) -> None:
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", package, "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    print(f"\npython -m {package} --help: {min(seconds):.3f} s")
    assert min(seconds) < 0.2
