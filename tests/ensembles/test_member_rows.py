"""Members that are read in blocks give what members in memory give, and take no more memory than a block."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from stored_runs import DATASET, config, ids, store_run
from synthetic_members import synthetic

import ensembles
from benchmark.files import npz_files
from benchmark.metrics import accuracy, log_loss
from benchmark.records import Predictions
from benchmark.store import stored_predictions
from benchmark.store.run_store import RunStore
from ensembles import member_rows, members
from ensembles.building.building import build_all
from ensembles.costs import eliminate
from ensembles.explaining.mean_subsets import MeanSubsets
from ensembles.member_rows import MemberRows, Source, blocks
from ensembles.members import find_members, load_members
from ensembles.methods.options import METHODS, Options
from ensembles.methods.stacking import check_size
from zoo.errors import UserError

SAMPLES, CLASSES = 300, 6


def fill(store: RunStore) -> None:
    """Four models, the last with two seeds and its samples in another order."""
    said, labels = synthetic(5, 2 * SAMPLES, CLASSES, seed=3)
    names = tuple(f"class{position}" for position in range(CLASSES))
    for number, probabilities in enumerate(said.astype(np.float32)):
        order = np.arange(SAMPLES)[::-1] if number >= 3 else np.arange(SAMPLES)
        found = [
            Predictions(split, ids(split, SAMPLES)[order], names, probabilities[rows][order], labels[rows][order])
            for split, rows in (("validation", slice(0, SAMPLES)), ("test", slice(SAMPLES, None)))
        ]
        store_run(store, config(f"model{min(number, 3)}"), found, seed=int(number == 4))


@pytest.fixture
def in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz_files, "MAPPED_BYTES", 1)
    monkeypatch.setattr(stored_predictions, "MAPPED_BYTES", 1)
    monkeypatch.setattr(members, "LOADED_BYTES", 0)
    monkeypatch.setattr(member_rows, "BLOCK_BYTES", 4 * CLASSES * 8 * 70)


@pytest.mark.parametrize("options", [Options(), Options("accuracy"), Options(calibrate=True)])
def test_every_method(tmp_path: Path, in_blocks: None, options: Options) -> None:
    store = RunStore(tmp_path / "runs")
    fill(store)
    loaded = load_members(find_members(store.snapshot(DATASET), "all"), "validation").probabilities
    assert isinstance(loaded, MemberRows)
    assert len(list(blocks(loaded))) == 5
    built = build_all("all", runs=store.root, options=options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "LOADED_BYTES", 1 << 30)
        whole = RunStore(tmp_path / "whole")
        fill(whole)
        expected = build_all("all", runs=whole.root, options=options)
    for method in METHODS:
        assert built[method].config == expected[method].config
        for split in ("validation", "test"):
            found, known = built[method].predictions(split), expected[method].predictions(split)
            assert found is not None
            assert known is not None
            # Temperatures are fitted on what is pooled, which is float32 where it is made in blocks.
            np.testing.assert_allclose(found.probabilities, known.probabilities, atol=1e-6 * options.calibrate)


def test_explained(tmp_path: Path, in_blocks: None) -> None:
    store = RunStore(tmp_path / "runs")
    fill(store)
    build_all("all", runs=store.root)
    found = ensembles.explain("average-all", runs=store.root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "LOADED_BYTES", 1 << 30)
        expected = ensembles.explain("average-all", runs=store.root)
    assert found.validation.contest == expected.validation.contest
    for ours, theirs in zip(found.validation.members, expected.validation.members, strict=True):
        assert ours.accuracy == theirs.accuracy
        assert ours.gain_log_loss.value == pytest.approx(theirs.gain_log_loss.value, abs=1e-6)
    assert found.tradeoff.best.accuracy == pytest.approx(expected.tradeoff.best.accuracy)
    # A fitted method without a member: the others keep their weights.
    weighted = ensembles.explain("weighted-all", runs=store.root)
    assert len(weighted.validation.members) == 4


def test_means_of_subsets() -> None:
    said, labels = synthetic(5, 200, CLASSES, seed=1)
    rows = MemberRows(tuple((Source(one.astype(np.float32), None),) for one in said), (5, 200, CLASSES))
    means = MeanSubsets(rows, labels)
    for chosen in ([2], [0, 3], [0, 1, 2, 3, 4]):
        mean = said[chosen].mean(axis=0)
        found = means.score(chosen)
        assert found.accuracy == pytest.approx((mean.argmax(axis=1) == labels).mean())
        assert found.log_loss == pytest.approx(-np.log(mean[np.arange(200), labels]).mean())
    assert [subset.members for subset in means.without_each([0, 3, 4])] == [(3, 4), (0, 4), (0, 3)]
    assert means.without_each([0, 3, 4])[1].accuracy == means.score([0, 4]).accuracy


def test_elimination_over_hard_votes_that_tie() -> None:
    said, labels = synthetic(9, 400, CLASSES, seed=4)
    votes = np.eye(CLASSES)[said.argmax(axis=2)]
    rows = MemberRows(tuple((Source(one.astype(np.float32), None),) for one in votes), votes.shape)
    found = eliminate(9, (means := MeanSubsets(rows, labels)).score, means.without_each)
    expected = [votes[list(subset.members)].mean(axis=0) for subset in found.subsets]
    assert [one.accuracy for one in found.subsets] == pytest.approx([accuracy(one, labels) for one in expected])
    assert [one.log_loss for one in found.subsets] == pytest.approx([log_loss(one, labels) for one in expected])


def test_stacking_too_large_says_what_it_would_take() -> None:
    check_size((20, 10_000, 200))
    with pytest.raises(UserError, match=r"50,000,000 coefficients on 50,000 samples.*use --features shared") as error:
        check_size((50, 50_000, 1_000))
    assert "60 GB" in str(error.value)
    assert "\n" not in str(error.value)


READ = """
import sys, resource
from pathlib import Path
from benchmark.store.stored_predictions import read_predictions
from benchmark.files.npz_files import let_go
import numpy as np
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kept = [read_predictions(Path(sys.argv[1])) for _ in range(5)]
for found in kept:
    found.probabilities[-1].sum()
    let_go(found.probabilities)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_large_predictions_stay_on_the_disk(tmp_path: Path) -> None:
    said = np.full((20_000, 1_000), 1e-3, np.float32)
    predictions = Predictions("test", ids("test", 20_000), tuple(map(str, range(1_000))), said)
    stored_predictions.write_predictions(tmp_path / "test.npz", predictions)
    found = stored_predictions.read_predictions(tmp_path / "test.npz")
    np.testing.assert_array_equal(found.probabilities, said)
    assert found.probabilities.flags.aligned
    assert not found.probabilities.flags.writeable
    with np.load(tmp_path / "test.npz") as archive:
        np.testing.assert_array_equal(archive["probabilities"][:5], said[:5])
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path / "test.npz")], capture_output=True, text=True, check=True
    )
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 3 * said.nbytes
