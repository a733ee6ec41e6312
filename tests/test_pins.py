"""What moving code must not change: published scores, and the hashes by which stored runs are found.

`python tests/test_pins.py` writes the pins again: only where a changed metric or a changed recipe is meant.
"""

import json
import math
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest

import reports
from benchmark.dataset import Dataset, Split
from benchmark.running.planning import chosen_models, plan, with_variants

ROOT = Path(__file__).parent.parent
PINS = Path(__file__).parent / "pins"
DATASET = "fer2013-c38baec2"
# Of each kind one: several seeds, views, a teacher, a setting beside the recipe, ImageNet's weights.
PUBLISHED = (
    "bayes-26b20b19",
    "cnn4-146fa541",
    "cnn7-0559cbf7",
    "dinh-37d0211c",
    "dinh-3c02391b",
    "mlp-5bae4a9b",
    "mobilenet025-2ae5d7ef",
    "mobilenet025-f745cef5",
    "resnet-1971bc4e",
    "vggnet-2a780f80",
)


def fer2013() -> Dataset:
    """Images of FER-2013's shape."""

    def split(name: str) -> Split:
        ids = np.array([f"{name}-{place}" for place in range(14)])
        return Split(name, np.zeros((14, 48, 48, 1), np.uint8), np.arange(14) % 7, ids)

    return Dataset("fer2013", tuple("abcdefg"), split("train"), split("validation"), split("test"))


def hashes(preset: str) -> dict[str, str]:
    """Of every model's run, plain and in each variant, its configuration's hash."""
    planned = plan(chosen_models("all"), fer2013(), preset, (0,), {"weights": "random"})
    found = {}
    for variant in ({}, {"folds": 5}, {"refit": True}, {"cycles": 2}):
        for config in with_variants(planned, fer2013(), **variant).configs:
            found[config.title] = config.hash
    return found


def board(scratch: Path) -> list[dict[str, Any]]:
    """The leaderboard of the chosen published runs, as JSON has it."""
    for name in PUBLISHED:
        shutil.copytree(ROOT / "results" / "fer2013" / DATASET / name, scratch / DATASET / name)
    frame = reports.leaderboard(runs=scratch)
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return rows


@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_configurations_keep_their_hashes(preset: str) -> None:
    assert hashes(preset) == json.loads((PINS / f"hashes-{preset}.json").read_text())


def test_published_runs_keep_their_scores(tmp_path: Path) -> None:
    pinned = json.loads((PINS / "leaderboard.json").read_text())
    found = board(tmp_path)
    assert [row["model"] for row in found] == [row["model"] for row in pinned]
    for row, before in zip(found, pinned, strict=True):
        assert row.keys() == before.keys()
        for column, value in before.items():
            if isinstance(value, float):
                # Sums of many numbers end differently on processors with wider registers. Resampled intervals are
                # sums in single precision, good for six digits, which other numbers of threads divide otherwise.
                digits = 1e-6 if column.endswith(("_low", "_high")) else 1e-9
                assert math.isclose(row[column], value, rel_tol=digits, abs_tol=1e-9), (row["model"], column)
            else:
                assert row[column] == value, (row["model"], column)


def main(scratch: Path) -> None:
    """Write the pins."""
    for preset in ("quick", "paper"):
        (PINS / f"hashes-{preset}.json").write_text(json.dumps(hashes(preset), indent=1, sort_keys=True) + "\n")
    (PINS / "leaderboard.json").write_text(json.dumps(board(scratch), indent=1) + "\n")


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        main(Path(folder))
