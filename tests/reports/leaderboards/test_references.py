"""Published figures are those of their sources, and compared with ours by the formula that is stated."""

import math
from pathlib import Path

import numpy as np
import pytest
from stored_runs import FINGERPRINT, config, predictions, store_run

import reports
from benchmark.matching.class_names import FER_CLASSES
from benchmark.store.run_store import RunStore
from reports.leaderboards.references import (
    PRIVATE_TEST,
    Ours,
    is_fer2013,
    p_value,
    published_systems,
    reference_rows,
)
from zoo import all_models

PUBLISHED = published_systems()
IMAGES = {"validation": PRIVATE_TEST, "test": PRIVATE_TEST}


def test_figures_agree_with_the_zoo() -> None:
    specs = all_models()
    for published in PUBLISHED:
        spec = specs.get(published.model)
        # An ensemble is in no spec.
        if spec is None:
            continue
        if spec.published_accuracy is not None:
            assert spec.published_accuracy in (published.test, published.validation), published.name
        if published.parameters is not None:
            assert spec.published_parameters == published.parameters, published.name


def test_every_published_model_of_the_zoo_is_there() -> None:
    named = {published.model for published in PUBLISHED}
    assert {name for name, spec in all_models().items() if spec.published_accuracy is not None} <= named
    assert {"mlp", "jan", "cnn7x10", "resnet+bayes+vgg"} <= named


def test_every_figure_says_what_it_was_chosen_on() -> None:
    known_images = [published.images for published in PUBLISHED]
    assert (known_images.count(None), known_images.count(PRIVATE_TEST), len(PUBLISHED)) == (17, 12, 29)
    for published in PUBLISHED:
        assert published.selected_on
        figures = [value for value in (published.test, published.validation) if value is not None]
        assert all(0 < value < 1 for value in figures)
        assert figures or published.not_comparable
    assert [published.name for published in PUBLISHED if published.mse is not None] == ["mlp"]


def test_p_value_agrees_with_an_independent_library() -> None:
    stats = pytest.importorskip("scipy.stats")
    table = np.array([[2600, 989], [2500, 1089]])
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert p_value(2600 / 3589, 2500 / 3589, 3589, 3589) == pytest.approx(expected, rel=1e-9)


def test_without_their_count_it_is_taken_to_be_ours() -> None:
    """A figure taken as exact would differ from an equally good network's in one case of six, not of twenty."""
    assert p_value(0.615, 0.5985, 3589, None) == p_value(0.615, 0.5985, 3589, 3589)
    generator = np.random.default_rng(0)
    pairs = generator.binomial(3589, 0.6, (4000, 2)) / 3589
    separated = np.mean([p_value(ours, theirs, 3589, None) < 0.05 for ours, theirs in pairs.tolist()])
    assert 0.04 < separated < 0.06


def test_p_value_at_the_ends() -> None:
    assert p_value(1, 1, 10, 10) == 1
    assert p_value(0.0, 0.0, 10, None) == 1


def verdict_of(rows: list[dict[str, object]], name: str) -> str:
    (found,) = [row["verdict"] for row in rows if row["model"] == name]
    return str(found)


def test_verdicts() -> None:
    ours = [
        Ours("cnn4", "cnn4", {"validation": 0.60, "test": 0.60}),
        Ours("vgg@1", "vgg", {"validation": 0.60, "test": 0.529}),
        Ours("vgg@2", "vgg", {"validation": 0.61, "test": 0.40}),
        Ours("best", "best", {"validation": 0.75, "test": 0.74}),
        Ours("bayes", "bayes", {"validation": 0.5}),
    ]
    rows = reference_rows(ours, IMAGES, comparable=True)
    assert len(rows) == len(PUBLISHED)
    assert verdict_of(rows, "cnn4 (CS985 coursework)") == "cnn4, 60.00 % test: no significant difference, p = 1"
    # The configuration that is better on validation, although the other is closer on test.
    assert verdict_of(rows, "vgg (CS985 coursework)") == "vgg@2, 40.00 % test: below, p < 0.0001"
    assert verdict_of(rows, "mini_XCEPTION (oarriaga)") == "best, 74.00 % test: above, p < 0.0001"
    assert (
        verdict_of(rows, "LHC-Net (from an ImageNet ResNet34)")
        == "best, 74.00 % test: no significant difference, p = 1"
    )
    assert verdict_of(rows, "bayes (CS985 coursework)") == "bayes has no test score"
    assert verdict_of(rows, "dinh (Dinh and Gray)") == "dinh has not been run"
    assert verdict_of(rows, "mlp (CS985 coursework)").startswith("not comparable: an MSE")
    assert verdict_of(rows, "cue_vgg (Cue-Cetera release candidate)").startswith("not comparable: 6 classes")


def test_p_values_are_corrected_for_their_number() -> None:
    ours = [Ours("best", "best", {"validation": 0.75, "test": 0.74})]
    compared = [row for row in reference_rows(ours, IMAGES, comparable=True) if "best" in str(row["verdict"])]
    raw = [p_value(0.74, float(row["test_accuracy"]), PRIVATE_TEST, PRIVATE_TEST) for row in compared]
    tang = p_value(0.74, 0.712, PRIVATE_TEST, PRIVATE_TEST)
    place = sorted(raw).index(tang)
    assert f"p = {tang * (len(raw) - place):.2g}" in verdict_of(compared, "Tang 2013 (winner of the competition)")


def test_another_dataset_is_not_compared() -> None:
    rows = reference_rows([Ours("cnn4", "cnn4", {"test": 0.6})], {"test": 40}, comparable=False)
    assert verdict_of(rows, "cnn4 (CS985 coursework)") == "not comparable: another dataset"
    assert {str(row["verdict"]).split(":")[0] for row in rows} == {"not comparable"}


def test_what_counts_as_fer2013() -> None:
    assert is_fer2013(FER_CLASSES, IMAGES)
    assert not is_fer2013(FER_CLASSES, {"validation": 700, "test": 700})
    assert not is_fer2013(FER_CLASSES[:6], IMAGES)
    assert not is_fer2013(tuple(sorted(FER_CLASSES)), IMAGES)
    assert not is_fer2013(FER_CLASSES, {"validation": PRIVATE_TEST})


def test_reference_rows_stand_where_their_score_puts_them(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for model, hits in (("cnn4", 2153), ("theirs", 3400)):
        found = [
            predictions(split, hits, count=PRIVATE_TEST, class_names=FER_CLASSES) for split in ("validation", "test")
        ]
        store_run(store, config(model, kind="external" if model == "theirs" else "model"), found)
    board = reports.leaderboard(tmp_path, published=True)
    assert len(board) == 2 + len(PUBLISHED)
    apart = board["status"] == "published apart"
    assert board["test_accuracy"][~apart].dropna().is_monotonic_decreasing
    # What is not of these images, or may be of others, stands behind all rows.
    assert apart.tolist() == sorted(apart.tolist())
    assert set(board["model"][apart]) == {
        f"{published.name} ({published.reference})"
        for published in PUBLISHED
        if published.not_comparable or "which split the score is of is not said" in published.selected_on
    }
    assert board.loc[board["status"].str.startswith("published"), "rank"].isna().all()
    assert board["rank"].dropna().tolist() == [1, 2]
    assert board.loc[board["model"] == "mlp (CS985 coursework)", "mse"].tolist() == [0.14392857]
    verdicts = board.dropna(subset="verdict").set_index("model")["verdict"]
    assert verdicts["cnn4 (CS985 coursework)"].startswith("cnn4, 59.99 % test: no significant difference")
    # What was imported is not ours.
    assert verdicts["LHC-Net (from an ImageNet ResNet34)"].startswith("cnn4, 59.99 % test: below")
    assert not math.isnan(float(board["test_accuracy"][0]))
    assert len(reports.leaderboard(tmp_path, data=f"faces-{FINGERPRINT}")) == 2
