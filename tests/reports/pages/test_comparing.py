"""Two models: the tests and intervals are those of an independent library; other images are refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test
from stored_runs import CLASS_NAMES, DATASET, config, ids, predictions, store_model, store_run

import reports
from benchmark.recipe_statistics import recipe_difference
from benchmark.store.run_store import RunStore
from reports.cli import main
from zoo.errors import UserError


def right(store: RunStore, name: str) -> np.ndarray:
    """Whether each seed has each test image right, shape (seeds, n)."""
    found = [run.predictions("test") for run in store.resolve(DATASET, name)]
    return np.array([one.probabilities.argmax(axis=1) == one.labels for one in found if one is not None])


def test_single_seeds_get_mcnemar(store: RunStore) -> None:
    found = reports.compare("cnn7", "mlp", runs=store.root)
    a, b = right(store, "cnn7")[0], right(store, "mlp")[0]
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    assert found.p_value == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
    assert found.test == "exact McNemar"
    assert (found.difference, found.images, found.seeds, found.split) == (12 / 40, 40, (1, 1), "test")
    assert found.low < 12 / 40 < found.high
    assert (len(found.only_a), len(found.only_b)) == (only_a, only_b) == (12, 0)
    assert set(found.only_a) == set(ids("test")[a & ~b].tolist())
    assert found.classes[["both", "only_a", "only_b", "neither"]].sum().tolist() == [18, 12, 0, 10]
    assert found.classes["class"].tolist() == list(CLASS_NAMES)
    assert (found.classes.iloc[:, 2:].sum(axis=1) == found.classes["images"]).all()


def test_the_sentence_can_be_quoted(store: RunStore) -> None:
    found = reports.compare("mlp", "cnn7", runs=store.root)
    low, high = f"{-100 * found.high:.1f}", f"{-100 * found.low:.1f}"
    assert found.sentence == (
        f"cnn7 is 30.0 points better than mlp (95 % interval {low} to {high}, exact McNemar p < 0.001, 40 test images)"
    )
    assert reports.compare("cnn7", "vgg", runs=store.root).sentence.startswith("cnn7 and vgg are right equally often (")
    near = reports.compare("cnn7", "cnn4/seed-0", runs=store.root).sentence
    assert near.startswith("cnn7 is 7.5 points better than cnn4/seed-0, which may be chance (95 % interval ")
    assert "p = 0.250" in near


def test_three_lines_stand_above_the_table(store: RunStore) -> None:
    text = reports.compare("cnn7", "mlp", runs=store.root).text
    title, _, above, *_ = text.split("\n\n")[0].splitlines() + text.split("\n\n")[1:2]
    assert title.startswith("cnn7 against mlp on ")
    assert len(above.splitlines()) == 3
    assert above.endswith("Accuracy: cnn7 75.00 %, mlp 45.00 %.")


def test_several_seeds_get_a_sign_flip_test(store: RunStore) -> None:
    found = reports.compare("cnn4", "mlp", runs=store.root)
    a, b = right(store, "cnn4").mean(axis=0), right(store, "mlp").mean(axis=0)
    independent = permutation_test(
        (a - b,), np.mean, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(0)
    )
    assert found.test == "sign-flip permutation"
    assert found.p_value == pytest.approx(independent.pvalue, abs=0.01)
    assert found.difference == pytest.approx(26 / 40 - 18 / 40)
    assert found.accuracies == pytest.approx((26 / 40, 18 / 40))
    assert "seeds: 3 of cnn4, 1 of mlp" in found.sentence
    # Means over the three pairs of seeds: 18 both, then 9, 8 and 7 that cnn4 alone has right.
    assert found.classes[["both", "only_a", "only_b"]].sum().tolist() == pytest.approx([18, 8, 0])
    assert len(found.only_a) == 7


def test_several_seeds_of_both_say_what_other_trainings_would(store: RunStore) -> None:
    for seed, hits in enumerate((21, 17, 25)):
        store_model(store, "jan", 20, hits, seed=seed)
    found = reports.compare("jan", "cnn4", runs=store.root)
    expected = recipe_difference(right(store, "jan"), right(store, "cnn4"))
    assert found.recipes == expected
    assert found.p_value < 0.05 < expected.p_value
    assert found.sentence.startswith("cnn4 is 12.5 points better than jan (")
    low, high = f"{-100 * expected.high:.1f}", f"{-100 * expected.low:.1f}"
    assert found.recipe_sentence == (
        "Over other trainings too: cnn4 is 12.5 points better than jan, which may be chance (95 % interval "
        f"{low} to {high}, over trainings and images, t with {expected.degrees_of_freedom:.1f} degrees of freedom, "
        f"p = {expected.p_value:.3f})"
    )
    assert "Over other trainings too" in found.text
    assert json.loads(found.json)["recipes"]["p_value"] == expected.p_value
    one = reports.compare("cnn7", "cnn4", runs=store.root)
    assert one.recipes is None
    assert "Another training of either may differ by more" in " ".join(one.text.split())
    assert json.loads(one.json)["recipes"] is None


def test_views_of_one_network_share_its_trainings(store: RunStore) -> None:
    for seed in range(3):
        store_run(store, config("cnn4", tta="flip"), [predictions("test", 30 - seed)], seed=seed)
    found = reports.compare("cnn4:flip", "cnn4", runs=store.root)
    flipped, plain = right(store, "cnn4:flip"), right(store, "cnn4")
    assert found.recipes == recipe_difference(flipped, plain, same_trainings=True)
    assert found.recipes != recipe_difference(flipped, plain)


def test_views_are_paired_by_the_networks_that_both_have(store: RunStore) -> None:
    for seed in range(1, 3):
        store_run(store, config("cnn4", tta="flip"), [predictions("test", 30 - seed)], seed=seed)
    found = reports.compare("cnn4:flip", "cnn4", runs=store.root)
    assert found.seeds == (2, 3)
    assert found.recipes == recipe_difference(right(store, "cnn4:flip"), right(store, "cnn4")[1:], same_trainings=True)


def test_it_is_said_what_other_trainings_would_have_in_common(store: RunStore) -> None:
    for seed in range(2):
        store_run(store, config("jan", teacher="cnn7-12345678/seed-0"), [predictions("test", 20 + seed)], seed=seed)
    found = reports.compare("jan:taught", "cnn4", runs=store.root)
    assert found.recipe_sentence.startswith("Over other trainings too (with the same teachers): cnn4 is ")
    assert json.loads(found.json)["recipe_sentence"] == found.recipe_sentence


def test_other_order_of_the_same_images(store: RunStore) -> None:
    shuffled = predictions("test", 30)
    order = np.random.default_rng(1).permutation(40)
    assert shuffled.labels is not None
    store_run(store, config("mixed"), [replace(
        shuffled, sample_ids=shuffled.sample_ids[order], probabilities=shuffled.probabilities[order],
        labels=shuffled.labels[order],
    )])  # fmt: skip
    found = reports.compare("cnn7", "mixed", runs=store.root)
    assert (found.difference, found.only_a, found.only_b) == (0, (), ())


def test_validation_where_one_lacks_test(store: RunStore) -> None:
    store_model(store, "blind", 25, None)
    found = reports.compare("blind", "cnn7", runs=store.root)
    assert (found.split, found.difference) == ("validation", -4 / 40)
    assert "40 validation images" in found.sentence


def test_what_cannot_be_compared(store: RunStore) -> None:
    store_run(store, config("few"), [predictions("test", 5, count=30)])
    store_run(store, config("other"), [predictions("test", 5, class_names=("a", "b", "c"))])
    relabelled = replace(predictions("test", 5), labels=np.zeros(40, np.int64))
    store_run(store, config("relabelled"), [relabelled])
    for name, message in {
        "few": r"cnn7 and few have different test images \(40 and 30, 30 in common\)",
        "other": "know different classes",
        "relabelled": "have different test labels",
        "cmn4": "did you mean cnn4",
        "resnet": "it failed: MemoryError",
    }.items():
        with pytest.raises(UserError, match=message):
            reports.compare("cnn7", name, runs=store.root)


def test_the_command_prints_what_the_call_returns(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(store.root.parent)  # no line is narrower than a path in it
    store = RunStore(Path(store.root.name))
    found = reports.compare("cnn7", "mlp", runs=store.root)
    written = {"text": found.text, "md": found.markdown, "json": found.json}
    for format, text in written.items():
        assert main(["compare", "cnn7", "mlp", "--runs", str(store.root), "--format", format]) == 0
        assert capsys.readouterr().out == text
    assert max(map(len, found.text.splitlines())) <= 80
    data = json.loads(found.json)
    assert (data["sentence"], data["p_value"], data["only_a"]) == (found.sentence, found.p_value, list(found.only_a))
    path = tmp_path / "c.json"
    assert main(["compare", "cnn7", "mlp", "--runs", str(store.root), "--format", "json", "-o", str(path)]) == 0
    assert path.read_text() == found.json
