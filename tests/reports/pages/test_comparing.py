"""Two models: the tests and intervals are those of an independent library; other images are refused."""

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, permutation_test, ttest_rel
from stored_runs import CLASS_NAMES, DATASET, config, ids, predictions, store_model, store_run

import ensembles
import reports
from benchmark.metrics import sample_log_losses
from benchmark.recipe_statistics import recipe_difference
from benchmark.records import Predictions
from benchmark.statistics import holm, smallest_share_difference
from benchmark.store.run_store import RunStore
from reports.cli import main
from reports.pages.differences import ECE_NOTE
from reports.text.columns import number, rounded
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


def test_cycles_of_one_training_share_it(store: RunStore) -> None:
    for seed in range(3):
        store_run(store, config("cnn4", cycle=2), [predictions("test", 30 - seed)], seed=seed)
    found = reports.compare("cnn4:cycle-2", "cnn4", runs=store.root)
    later, first = right(store, "cnn4:cycle-2"), right(store, "cnn4")
    assert found.recipes == recipe_difference(later, first, same_trainings=True)


def test_views_are_paired_by_the_networks_that_both_have(store: RunStore) -> None:
    for seed in range(1, 3):
        store_run(store, config("cnn4", tta="flip"), [predictions("test", 30 - seed)], seed=seed)
    found = reports.compare("cnn4:flip", "cnn4", runs=store.root)
    assert found.seeds == (2, 3)
    assert found.recipes == recipe_difference(right(store, "cnn4:flip"), right(store, "cnn4")[1:], same_trainings=True)
    assert found.recipe_sentence.startswith("Over other trainings too (by the 2 that both have): ")


def test_one_network_in_common_is_too_few_to_pair(store: RunStore) -> None:
    for seed in range(2, 5):
        store_run(store, config("cnn4", tta="flip"), [predictions("test", 30 - seed)], seed=seed)
    found = reports.compare("cnn4:flip", "cnn4", runs=store.root)
    assert (found.seeds, found.recipes) == ((3, 3), None)
    assert found.recipe_sentence == (
        "The interval is over images. The two have one training in common, and only several would tell what others may "
        "differ by"
    )


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
        "cnn7": "cnn7 is named twice",
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


def test_other_scores_have_tests_of_their_own(store: RunStore) -> None:
    found = [run.predictions("test") for name in ("cnn7", "mlp") for run in store.resolve(DATASET, name)]
    losses = [sample_log_losses(one.probabilities, one.labels) for one in found if one is not None]
    compared = reports.compare("cnn7", "mlp", runs=store.root, metric="log-loss")
    assert compared.metric == "log_loss"
    assert compared.scores == pytest.approx(tuple(loss.mean() for loss in losses))
    assert compared.p_value == pytest.approx(ttest_rel(*losses).pvalue)
    assert compared.test == "paired t"
    less = compared.scores[1] - compared.scores[0]
    assert compared.sentence.startswith(
        f"cnn7 has {less:.4f} less log loss than mlp (95 % interval {-compared.high:.4f}"
    )
    assert f"Log loss: cnn7 {compared.scores[0]:.4f}, mlp {compared.scores[1]:.4f}." in compared.text
    assert "--metric log_loss" in compared.text
    board = reports.leaderboard(store.root).set_index("model")
    for metric in ("macro_f1", "mse", "ece", "f1"):
        one = reports.compare("mlp", "cnn7", runs=store.root, metric=metric)
        assert one.scores == pytest.approx(tuple(board.loc[["mlp", "cnn7"], one.metric]))
        assert one.low <= one.difference <= one.high or metric == "ece"
        assert (ECE_NOTE in one.notes) == (metric == "ece")
    assert one.sentence.startswith("cnn7 has ")
    for metric in ("accuracy", "test", "test_accuracy", None):
        assert reports.compare("cnn7", "mlp", runs=store.root, metric=metric).metric == "accuracy"
    with pytest.raises(UserError, match="unknown metric 'log_los': did you mean log_loss"):
        reports.compare("cnn7", "mlp", runs=store.root, metric="log_los")


def test_it_is_said_what_these_images_could_show(store: RunStore) -> None:
    found = reports.compare("cnn7", "mlp", runs=store.root)
    smallest = smallest_share_difference(40, 12 / 40)
    assert found.smallest == smallest
    assert f"is {100 * (smallest or 0):.1f} points" in found.power_sentence
    assert json.loads(found.json)["smallest"] == smallest
    found = replace(found, difference=(smallest or 0) - 1e-5, p_value=0.2)
    assert "The difference found" not in found.power_sentence, "both are written as the same number"
    assert "is smaller" in replace(found, difference=0.01).power_sentence
    assert "is smaller" not in replace(found, difference=0.01, p_value=0.01).power_sentence
    near = reports.compare("cnn7", "vgg", runs=store.root)
    assert near.smallest is None
    assert near.power_sentence == (
        "The two differ on too few images for any difference to be found in four of five cases (power 80 %, level 5 %)"
    )


def test_a_difference_below_a_hundredth_of_a_point_is_not_shown_as_none(tmp_path: Path) -> None:
    store, count = RunStore(tmp_path), 60_000
    for name, hits in {"a": 30_001, "b": 30_000}.items():
        store_run(store, config(name), [predictions("test", hits, count=count)])
    found = reports.compare("a", "b", runs=tmp_path)
    assert found.sentence.startswith("a is 0.002 points better than b, which may be chance (95 % interval -0.0")
    assert " 0.000 " not in found.sentence


def test_the_leaderboard_is_not_contradicted_in_silence(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    # 7 images against 0: p = 0.016 alone, and chance among the ten pairs.
    for name, hits in {"a": 30, "b": 23, "c": 27, "d": 28, "e": 29}.items():
        store_run(store, config(name), [predictions("test", hits, seed=hits)])
    found = reports.compare("a", "b", runs=tmp_path)
    board = reports.leaderboard(tmp_path).set_index("model")
    assert found.p_value < 0.05
    assert board.loc["a", "rank"] == board.loc["b", "rank"] == 1
    assert found.ranks is not None
    assert (found.ranks.ranks, found.ranks.pairs) == ((1, 1), 10)
    assert found.ranks.p_value == pytest.approx(board.loc["b", "p_value"])
    assert (
        "after Holm's correction this one has p = 0.156, and both have rank 1. The test above is of this pair alone"
        in (" ".join(found.text.split()))
    )
    assert reports.compare("a", "b", runs=tmp_path, metric="mse").ranks is None
    assert " On the leaderboard by test accuracy 10 pairs are tested: " in " ".join(found.text.split())


def test_on_validation_the_ranks_are_those_by_validation(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for name, hits in {"a": 40, "b": 20}.items():
        store_run(store, config(name), [predictions("test", 30), predictions("validation", hits)])
    store_run(store, config("c"), [predictions("validation", 30)])
    found = reports.compare("a", "c", runs=tmp_path)
    assert found.ranks is not None
    assert (found.split, found.ranks.split) == ("validation", "validation")
    assert "On the leaderboard by validation accuracy 3 pairs are tested" in " ".join(found.text.split())


def test_a_row_and_its_copy_are_no_pair(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_run(store, config("a"), [predictions("test", 30)])
    store_run(store, config("b", kind="external"), [predictions("test", 30)])
    store_run(store, config("c"), [predictions("test", 25)])
    copy, pair = (reports.compare("a", other, runs=tmp_path) for other in "bc")
    assert copy.ranks is not None
    assert copy.ranks.repeated
    assert "they are tested as one row, since one repeats the other: both have rank 1" in copy.ranks.sentence(1.0)
    assert pair.ranks is not None
    assert not pair.ranks.repeated
    assert "this is the only pair" in pair.ranks.sentence(pair.p_value)


def test_other_ranks_of_two_that_are_not_separated(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for name, hits in {"a": 40, "b": 30, "c": 25}.items():
        store_run(store, config(name), [predictions("test", hits, seed=hits)])
    store_run(store, config("d"), [predictions("test", 32, seed=1)])
    pairs = [reports.compare(a, b, runs=tmp_path) for a, b in combinations("adbc", 2)]
    assert any(pair.ranks and "A rank begins with" in pair.ranks.sentence(pair.p_value) for pair in pairs)
    for pair in pairs:
        assert pair.ranks is not None
        said = pair.ranks.sentence(pair.p_value)
        separated = pair.ranks.p_value < 0.05
        same = pair.ranks.ranks[0] == pair.ranks.ranks[1]
        assert ("A rank begins with" in said) == (not same and not separated)
        assert ("They share it" in said) == (same and separated)
        assert ("of this pair alone" in said) == (pair.p_value < 0.05 <= pair.ranks.p_value)


@pytest.mark.parametrize(
    ("more", "others", "said"),
    [
        (13, 0, "here and on the leaderboard, but of one rank"),
        (7, 2, "which corrects for 10 pairs in place of 3: x and y"),
    ],
)
def test_why_two_of_several_share_a_rank(more: int, others: int, said: str, tmp_path: Path) -> None:
    """r is the first; x has all that y has right and so many more; neither is separated from r, which has others."""
    right = {"r": set(range(120)), "y": set(range(60, 165)), "x": {*range(60, 165), *range(more)}}
    right |= {f"other{k}": set(range(k + 1, 120)) for k in range(others)}
    store, labels = RunStore(tmp_path), np.arange(200) % 3
    for name, hits in right.items():
        chosen = np.where([row in hits for row in range(200)], labels, (labels + 1) % 3)
        found = Predictions(
            "test", ids("test", 200), CLASS_NAMES, 0.1 + 0.7 * np.eye(3, dtype=np.float32)[chosen], labels
        )
        store_run(store, config(name), [found])
    compared = reports.compare("r", "x", "y", runs=tmp_path)
    assert [value < 0.05 for value in compared.p_values] == [False, False, True]
    assert {rank for pair in compared.pairs if pair.ranks for rank in pair.ranks.ranks} == {1}
    assert said in " ".join(compared.text.split())


def test_hard_labels_have_no_probabilities_to_compare(store: RunStore) -> None:
    whole = predictions("test", 30)
    hard = replace(whole, probabilities=np.eye(3, dtype=np.float32)[whole.probabilities.argmax(axis=1)])
    store_run(store, config("votes", kind="external"), [hard])
    for metric in ("log_loss", "mse", "ece"):
        with pytest.raises(UserError, match="votes has labels and no probabilities"):
            reports.compare("cnn7", "votes", metric=metric, runs=store.root)
    assert reports.compare("cnn7", "votes", runs=store.root).metric == "accuracy"


def test_small_scores_keep_two_digits() -> None:
    assert [number(value) for value in (0.1234567, -0.00123, 0.000123, -2.5e-5, 0.0, -0.0)] == [
        "0.1235",
        "-0.0012",
        "0.00012",
        "-2.5e-05",
        "0.0000",
        "0.0000",
    ]
    assert [rounded(2)(value) for value in (-0.001, 12.345)] == ["0.00", "12.35"]


def test_what_was_chosen_or_fitted_on_the_images_is_said(store: RunStore) -> None:
    found = reports.compare("vgg", "mlp", runs=store.root).caveats
    assert found[0].startswith("vgg is the first of 4 rows by accuracy on these images: if it was chosen because")
    for hits in (28, 27):
        asked = config("jan", hyperparameters={"width": hits})
        store_run(store, asked, [predictions("validation", 20, seed=hits), predictions("test", hits, seed=hits)])
    chosen = store.snapshot(DATASET)
    best = next(name for name, runs in chosen.rows.items() if runs[0].config.hyperparameters.get("width") == 28)
    assert any(
        note.startswith(f"{best} is the best of 2 rows of jan on these images")
        for note in reports.compare(best, "mlp", runs=store.root).caveats
    )


def test_what_saw_validation_is_said_of_validation(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for name, hits in {"a": 20, "b": 25, "c": 15}.items():
        store_run(store, config(name), [predictions("validation", hits, seed=hits)], best_epoch=3, epochs=5)
    store_run(store, config("theirs", kind="external"), [predictions("validation", 22, seed=3)])
    ensembles.build("a,b", runs=tmp_path, name="fitted", method="greedy")
    ensembles.build("fitted,c", runs=tmp_path, name="outer")
    notes = reports.compare("fitted", "theirs", runs=tmp_path).caveats
    assert (
        "fitted was fitted on these images: each fifth of them is predicted by what was fitted on the other four"
        in notes
    )
    assert "fitted: the epoch of each network was chosen on these images" in notes
    assert "theirs: made elsewhere, so it is not known what was chosen on these images" in notes
    outer = reports.compare("outer", "c", runs=tmp_path).caveats
    assert "outer has members that were fitted on these images" in outer
    assert "outer, c: the epoch of each network was chosen on these images" in outer
    assert [note for note in reports.compare("a", "c", runs=tmp_path).caveats if "fitted" in note] == []


def test_every_two_of_several(store: RunStore) -> None:
    found = reports.compare("cnn7", "mlp", "cnn4", runs=store.root)
    assert [(pair.a, pair.b) for pair in found.pairs] == [("cnn7", "mlp"), ("cnn7", "cnn4"), ("mlp", "cnn4")]
    assert found.pairs[0].p_value == reports.compare("cnn7", "mlp", runs=store.root).p_value
    assert found.p_values == tuple(holm([pair.p_value for pair in found.pairs]))
    assert found.sentence == (
        "2 of 3 pairs differ significantly in accuracy on 40 test images, Holm-corrected for these pairs"
    )
    assert max(len(line.replace(str(store.root), "runs")) for line in found.text.splitlines()) <= 80
    data = json.loads(found.json)
    assert list(data["scores"]) == ["cnn7", "mlp", "cnn4"]
    assert [pair["corrected_p_value"] for pair in data["pairs"]] == list(found.p_values)
    assert main(["compare", "cnn7", "mlp", "cnn4", "--metric", "mse", "--runs", str(store.root)]) == 0
    assert repr(found) == found.text


def predicted(store: RunStore, name: str, path: Path, *, labels: bool = False) -> str:
    """The test predictions of a run as a file, in another order."""
    (found,) = [run.predictions("test") for run in store.resolve(DATASET, name)]
    assert found is not None
    frame = pd.DataFrame(found.probabilities, columns=list(found.class_names))
    if labels:
        frame = pd.DataFrame({"label": np.array(found.class_names)[found.probabilities.argmax(axis=1)]})
    frame.insert(0, "id", found.sample_ids)
    frame.iloc[::-1].to_csv(path, index=False)
    return str(path)


def test_files_are_compared_like_runs(store: RunStore, tmp_path: Path) -> None:
    expected = reports.compare("cnn7", "mlp", runs=store.root)
    for labels in (False, True):
        file = predicted(store, "mlp", tmp_path / "mlp.csv", labels=labels)
        found = reports.compare("cnn7", file, runs=store.root)
        assert (found.p_value, found.difference, found.only_a) == (
            expected.p_value,
            expected.difference,
            expected.only_a,
        )
        assert f"{file}: made elsewhere, so it is not known what was chosen on these images" in found.caveats
        assert found.ranks is None
    with pytest.raises(UserError, match="has labels and no probabilities, which log loss needs"):
        reports.compare("cnn7", file, runs=store.root, metric="log_loss")


def test_files_alone(store: RunStore, tmp_path: Path) -> None:
    files = [predicted(store, name, tmp_path / f"{name}.csv") for name in ("cnn7", "mlp")]
    expected = reports.compare("cnn7", "mlp", runs=store.root)
    assert reports.compare(*files, runs=store.root).p_value == expected.p_value
    nowhere = tmp_path / "nowhere"
    with pytest.raises(UserError, match="predictions have no labels: give --labels FILE"):
        reports.compare(*files, runs=nowhere)
    found = store.resolve(DATASET, "mlp")[0].predictions("test")
    assert found is not None
    assert found.labels is not None
    truth = tmp_path / "truth.csv"
    pd.DataFrame({"id": found.sample_ids, "label": np.array(CLASS_NAMES)[found.labels]}).to_csv(truth, index=False)
    alone = reports.compare(*files, runs=nowhere, labels=truth)
    assert (alone.p_value, alone.difference) == (expected.p_value, expected.difference)
    assert "on truth.csv" in alone.text
    assert "--runs" not in alone.text
    # Without ids, by the order of the rows.
    for file in (*files, truth):
        pd.read_csv(file).sort_values("id").drop(columns="id").to_csv(file, index=False)
    by_order = reports.compare(truth, files[1], runs=nowhere, labels=truth)
    assert by_order.accuracies == (1, alone.accuracies[1])


def test_predictions_in_memory_are_compared_like_runs(store: RunStore) -> None:
    expected = reports.compare("cnn7", "mlp", runs=store.root)
    stored = [store.resolve(DATASET, name)[0].predictions("test") for name in ("cnn7", "mlp")]
    arrays = [one.probabilities for one in stored if one is not None]
    found = reports.compare("cnn7", arrays[1], runs=store.root)
    assert (found.b, found.p_value, found.only_a) == ("model 2", expected.p_value, expected.only_a)
    assert "To see these numbers again" not in found.text
    assert "repeatable" not in json.loads(found.json)
    labels = next(one.labels for one in stored if one is not None)
    alone = reports.compare(*arrays, pd.DataFrame(arrays[0]), runs="nowhere", labels=labels)
    assert alone.names == ["model 1", "model 2", "model 3"]
    assert alone.pairs[0].p_value == expected.p_value
    assert "3 compared on given labels" in alone.text
    assert "To see these numbers again" not in alone.text
    # Of runs with labels that are in no file there is no command either.
    attached = reports.compare("cnn7", "mlp", runs=store.root, labels=labels)
    assert (attached.p_value, attached.labels) == (expected.p_value, "the labels")
    assert "To see these numbers again" not in attached.text
    with pytest.raises(UserError, match="predictions have no labels: give"):
        reports.compare(*arrays, runs="nowhere")


def test_a_file_in_the_order_of_labels_of_both_splits(store: RunStore, tmp_path: Path) -> None:
    """As the import takes an array that has the rows of all labels."""
    parts = [predictions(split, 25) for split in ("validation", "test")]
    truth, array = tmp_path / "labels.csv", tmp_path / "mine.npy"
    rows = [
        {"id": name, "label": CLASS_NAMES[label], "split": part.split}
        for part in parts
        for name, label in zip(part.sample_ids.tolist(), part.labels.tolist(), strict=True)  # type: ignore[union-attr]
    ]
    pd.DataFrame(rows).to_csv(truth, index=False)
    np.save(array, np.concatenate([part.probabilities for part in parts]))
    found = reports.compare(str(array), predicted(store, "cnn7", tmp_path / "cnn7.csv"), runs=tmp_path, labels=truth)
    assert found.accuracies[0] == 25 / 40
    assert f"{array}: as many rows as the labels have: the 40 rows of test taken" in found.caveats


@pytest.mark.parametrize("name", ["x.csv.gz", "x.npy", "x.npz", "long.csv", "x.parquet"])
def test_files_of_every_format(store: RunStore, tmp_path: Path, name: str) -> None:
    found = store.resolve(DATASET, "mlp")[0].predictions("test")
    assert found is not None
    path, values = tmp_path / name, found.probabilities
    frame = pd.DataFrame(values, columns=list(CLASS_NAMES)).assign(id=found.sample_ids)
    if name == "x.npy":
        np.save(path, values)
    elif name == "x.npz":
        np.savez(path, test=values, validation=values[:3])
    elif name == "x.parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    else:
        (frame.melt("id", var_name="class", value_name="p") if name == "long.csv" else frame).to_csv(path, index=False)
    compared = reports.compare("mlp", str(path), runs=store.root, metric="log_loss")
    assert (compared.split, compared.difference) == ("test", pytest.approx(0, abs=1e-6))
    by_row = [note for note in compared.caveats if "rows are taken in the order of the images" in note]
    assert len(by_row) == (name in ("x.npy", "x.npz"))


def test_a_file_of_the_other_split(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store_model(store, "a", 20, 30)
    found = store.resolve(DATASET, "a")[0].predictions("validation")
    assert found is not None
    path = tmp_path / "mine.csv"
    pd.DataFrame(found.probabilities, index=found.sample_ids, columns=list(CLASS_NAMES)).to_csv(path, index_label="id")
    compared = reports.compare(path.as_posix(), "a", runs=store.root)
    assert (compared.split, compared.difference) == ("validation", 0)


def test_a_file_of_both_splits(tmp_path: Path) -> None:
    """Rows of the dataset's other split are left out; ids that are no sample's are refused as ever."""
    store = RunStore(tmp_path / "runs")
    store_model(store, "a", 20, 30)
    frames = []
    for split in ("validation", "test"):
        found = store.resolve(DATASET, "a")[0].predictions(split)
        assert found is not None
        frames.append(pd.DataFrame(found.probabilities, index=found.sample_ids, columns=list(CLASS_NAMES)))
    both, path = pd.concat(frames), tmp_path / "mine.csv"
    both.sample(frac=1, random_state=0).to_csv(path, index_label="id")
    compared = reports.compare("a", path.as_posix(), runs=store.root)
    assert (compared.split, compared.difference, compared.images) == ("test", 0, len(frames[1]))
    left = f"the {len(frames[1])} rows of test taken, {len(frames[0])} of other splits left out"
    assert any(left in note for note in compared.caveats)
    both.rename(index={frames[0].index[3]: "stranger"}).to_csv(path, index_label="id")
    with pytest.raises(UserError, match="no id of the test images is 'stranger'"):
        reports.compare("a", path.as_posix(), runs=store.root)
    both.drop(index=frames[1].index[3]).to_csv(path, index_label="id")
    assert reports.compare("a", path.as_posix(), runs=store.root).split == "validation"
    both.drop(index=[frame.index[3] for frame in frames]).to_csv(path, index_label="id")
    with pytest.raises(UserError, match="is missing"):
        reports.compare("a", path.as_posix(), runs=store.root)


def test_a_file_of_other_images_or_classes(store: RunStore, tmp_path: Path) -> None:
    file = Path(predicted(store, "mlp", tmp_path / "mlp.csv"))
    frame = pd.read_csv(file)
    for change, message in (
        (frame.iloc[1:], "39 ids, expected 40"),
        (
            frame.rename(columns={"apple": "pear"}),
            "no column for the class apple: .*; it has pear, which is not a class",
        ),
    ):
        change.to_csv(file, index=False)
        with pytest.raises(UserError, match=message):
            reports.compare("cnn7", str(file), runs=store.root)
    with pytest.raises(UserError, match="cannot read"):
        reports.compare("cnn7", "nowhere.csv", runs=store.root)
    (tmp_path / "mine.npz").write_bytes(b"")
    with pytest.raises(UserError, match=r"mine.npz cannot be read as .npz"):
        reports.compare("cnn7", str(tmp_path / "mine.npz"), runs=store.root)
