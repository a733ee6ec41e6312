"""Stratified splits: right to within one image of each class, seeded, and refused where they make no sense."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.data import ReadOptions, load
from benchmark.data.splits import stratified
from zoo.errors import UserError


@pytest.mark.parametrize("shares", [(80.0, 10.0, 10.0), (70.0, 30.0), (80.0, 10.0), (33.3, 33.3, 33.4), (1.0, 99.0)])
@pytest.mark.parametrize("seed", range(6))
def test_every_class_is_right_to_within_one_image(shares: tuple[float, ...], seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(30), generator.integers(2, 60, 30)).astype(np.int64)
    generator.shuffle(labels)
    drawn = stratified(labels, shares, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(drawn)), np.arange(len(labels)))
    fractions = np.array(shares) / sum(shares)
    counts = np.array([np.bincount(labels[indices], minlength=30) for indices in drawn])
    exact = fractions[:, None] * np.bincount(labels)
    assert np.abs(counts - exact).max() < 1
    if shares != (1.0, 99.0):  # there every class owes its first image to the first share
        assert np.abs(counts.sum(axis=1) - exact.sum(axis=1)).max() <= 1.5
    assert all((np.diff(indices) > 0).all() for indices in drawn)


def test_exact_shares_are_met_exactly() -> None:
    labels = np.repeat(np.arange(7), 30).astype(np.int64)
    assert [len(indices) for indices in stratified(labels, (80, 10, 10), 0)] == [168, 21, 21]


def test_small_classes_fill_every_split_by_turns() -> None:
    labels = np.repeat(np.arange(10), 3).astype(np.int64)
    assert [len(indices) for indices in stratified(labels, (80, 10, 10), 0)] == [24, 3, 3]


def test_single_images_go_to_train() -> None:
    labels = np.arange(30, dtype=np.int64)
    assert [len(indices) for indices in stratified(labels, (10, 90), 0)] == [30, 0]


def test_seeds_differ_and_repeat() -> None:
    labels = np.repeat(np.arange(2), 50).astype(np.int64)
    first, again, other = (stratified(labels, (80, 20), seed)[1] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def table(path: Path, usages: str, count: int = 20) -> Path:
    """A CSV with `count` images of two classes for each letter of `usages`: T, P (public) or S (private, sealed)."""
    words = {"T": "Training", "P": "PublicTest", "S": "PrivateTest"}
    rows = []
    for number, letter in enumerate(letter for letter in usages for _ in range(count)):
        rows.append(f"{'' if letter == 'S' else number % 2},{number},{words[letter]}")
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]))
    return path


@pytest.mark.parametrize(
    ("usages", "split", "sizes", "described"),
    [
        ("TPS", None, [20, 20, 20], "given"),
        ("TP", None, [20, 20], "given"),
        ("TTTTPPS", None, [80, 40, 20], "given"),
        ("TTTTTS", None, [88, 12, 20], "80/10 seed 3"),  # of each class 50 x 10 / 90 = 5.6
        ("TTTTT", None, [80, 10, 10], "80/10/10 seed 3"),
        ("TTTTP", "70/30", [70, 30], "70/30 seed 3"),
        ("TTTTPS", "70/30", [70, 30, 20], "70/30 seed 3"),
        ("TTTTP", "60/20/20", [60, 20, 20], "60/20/20 seed 3"),
        ("TTTTT", " 62.5 / 37.5", [62, 38], "62.5/37.5 seed 3"),
    ],
)
def test_what_becomes_of_the_splits(
    usages: str, split: str | None, sizes: list[int], described: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "a.csv", usages)
    dataset = load(path, ReadOptions(split=split, split_seed=3), cache=None)
    assert [len(part) for part in dataset.splits] == pytest.approx(sizes, abs=1)
    assert dataset.split == described
    assert (dataset.test is not None) == (len(sizes) == 3)
    ids = [sample_id for part in dataset.splits for sample_id in part.sample_ids]
    assert len(set(ids)) == len(usages) * 20
    if "S" in usages:
        assert all(sample_id.startswith("PrivateTest") for sample_id in dataset.test.sample_ids)
    for part in dataset.splits:
        numbers = part.images[:, 0, 0, 0].tolist()
        assert [sample_id.split("-")[1] for sample_id in part.sample_ids] == list(map(str, numbers))
        if part.labels is not None:
            assert part.labels.tolist() == [number % 2 for number in numbers]


def test_three_numbers_are_refused_where_a_test_split_exists(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"split is '80/10/10', but the data has a test split of its own; give two"):
        load(table(tmp_path / "a.csv", "TPS"), ReadOptions(split="80/10/10"), cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("split", ["", "80", "80/20/0", "-20/120", "50/40", "a/b", "nan/100", "inf/1", "25/25/25/25"])
def test_bad_splits_are_refused(split: str) -> None:
    with pytest.raises(UserError, match=f"split is '{split}'"):
        ReadOptions(split=split)
