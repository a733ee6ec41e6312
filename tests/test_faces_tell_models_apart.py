"""The demo, in earnest: the built-in faces are hard enough that models differ, and not too hard. Some minutes."""

from pathlib import Path

import pytest

import benchmark
import reports

pytestmark = pytest.mark.slow


def test_quick_preset_on_the_built_in_faces(tmp_path: Path) -> None:
    stored = benchmark.run(["mlp", "cnn4", "cnn7"], runs=tmp_path)
    assert [run.record.error for run in stored] == [None] * 3
    accuracy = reports.leaderboard(tmp_path).set_index("model")["test_accuracy"]
    assert 2 / 7 < accuracy["mlp"] < 0.55
    assert accuracy["mlp"] + 0.2 < accuracy[["cnn4", "cnn7"]].min()
    assert accuracy.max() < 0.98
