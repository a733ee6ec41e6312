"""fer2013.csv at its full size: read cold against the obvious way, and from the cache. In a process of its own each."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.perf

ROWS = 35_887
ALLOWED_RATIO, CACHED_RATIO, PEAK_BYTES = 1.5, 2.0, 1.5e9
TURNS = 3

MEASURED = """
import json, resource, sys, time
from pathlib import Path
{imports}
started = time.process_time()
rows = {call}
seconds = time.process_time() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([rows, seconds, peak]))
"""
OBVIOUS = MEASURED.format(
    imports="import warnings, numpy as np, pandas as pd\nwarnings.simplefilter('ignore')",
    call="len([np.fromstring(row, sep=' ') for row in pd.read_csv(sys.argv[1])['pixels']])",
)
COLD = MEASURED.format(
    imports="import benchmark.data.loading as data", call="sum(map(len, data.load(sys.argv[1], cache=None).splits))"
)
CACHED = MEASURED.format(
    imports="import benchmark.data.loading as data",
    call="sum(map(len, data.load(sys.argv[1], cache=Path(sys.argv[2])).splits))",
)
PLAIN = MEASURED.format(
    imports="import numpy as np",
    call="sum(len(array) for name, array in np.load(next(Path(sys.argv[2]).glob('*.npz'))).items() if 'ids' in name)",
)
"""All arrays of the cache's entry, by NumPy alone."""


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of FER-2013's layout and size; its pixels are random, so that numbers have as many digits as there."""
    path = tmp_path_factory.mktemp("csv") / "fer2013.csv"
    generator = np.random.default_rng(0)
    usages = ["Training"] * 28_709 + ["PublicTest"] * 3_589 + ["PrivateTest"] * 3_589
    with path.open("w") as file:
        file.write("emotion,pixels,Usage\n")
        for number, usage in enumerate(usages):
            row = " ".join(map(str, generator.integers(0, 256, 48 * 48).tolist()))
            file.write(f"{number % 7},{row},{usage}\n")
    return path


def measured(script: str, *arguments: Path) -> tuple[float, float]:
    """Seconds of the processor without imports, and peak memory in bytes with them."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows, seconds, peak = json.loads(shown)
    assert rows == ROWS
    return seconds, peak


def test_cold_against_the_obvious_way(csv: Path) -> None:
    pairs = [(measured(COLD, csv), measured(OBVIOUS, csv)) for _ in range(TURNS)]
    ratio = statistics.median(cold[0] / obvious[0] for cold, obvious in pairs)
    peak = max(cold[1] for cold, _ in pairs)
    size = csv.stat().st_size / 1e6
    print(f"\n{size:.0f} MB of CSV: {ratio:.2f} x the time of pandas and np.fromstring, peak {peak / 1e6:.0f} MB")
    assert ratio <= ALLOWED_RATIO
    assert peak < PEAK_BYTES


def test_from_the_cache(csv: Path, tmp_path: Path) -> None:
    measured(CACHED, csv, tmp_path)
    pairs = [(measured(CACHED, csv, tmp_path)[0], measured(PLAIN, csv, tmp_path)[0]) for _ in range(TURNS)]
    ours, plain = (min(seconds) for seconds in zip(*pairs, strict=True))
    print(f"\nfrom the cache: {ours:.2f} s, its arrays read by NumPy {plain:.2f} s: {ours / plain:.1f} x")
    assert ours < CACHED_RATIO * plain
