"""What explain says, against numbers worked by hand and brute force over the stored predictions."""

import json
import shutil
from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, DATASET, config, ids, predictions, store_run, true_labels

import ensembles
import reports
from benchmark.files.run_layout import ENSEMBLE
from benchmark.metrics import accuracy, expected_calibration_error, log_loss
from benchmark.publishing.publishing import publish
from benchmark.records import Predictions
from benchmark.statistics import precise_p_value_text
from benchmark.store.run_store import RunStore
from ensembles import members
from ensembles.cli import main
from ensembles.explaining.explanation_text import explanation_text
from ensembles.explaining.paragraphs import short, told_apart
from ensembles.methods.calibration import cross_scaled
from ensembles.methods.options import Options
from ensembles.networks.distilling import teacher_tree
from reports.leaderboards.remarks import remark_of
from zoo.errors import UserError

COUNT = 400
SKILL = {"mlp": 0.6, "cnn4": 1.2, "cnn7": 1.6}


def _predicted(model: str, split: str, seed: int, sealed: bool = False) -> Predictions:
    labels = true_labels(split, COUNT, len(CLASS_NAMES))
    generator = np.random.default_rng([len(model), ord(model[-1]), seed, len(split)])
    scores = np.exp(2 * (SKILL.get(model, 1) * np.eye(3)[labels] + generator.normal(size=(COUNT, 3))))
    probabilities = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    return Predictions(split, ids(split, COUNT), CLASS_NAMES, probabilities, None if sealed else labels)


@pytest.fixture
def noisy(tmp_path: Path) -> RunStore:
    """`mlp`, `cnn4` (two seeds) and `cnn7` of rising skill, and `sealed`, whose test labels are not there."""
    store = RunStore(tmp_path / "runs")
    for model, seeds in (("mlp", 1), ("cnn4", 2), ("cnn7", 1)):
        for seed in range(seeds):
            found = [_predicted(model, split, seed) for split in ("validation", "test")]
            store_run(store, config(model), found, seed=seed)
    store_run(store, config("blind"), [_predicted("blind", "validation", 0)])
    return store


@pytest.fixture
def mean() -> Any:
    """Mean probabilities of some models, each the mean of its seeds."""

    def average(models: Any, split: str = "validation") -> Any:
        seeds = {"cnn4": 2}
        each = [
            np.mean([_predicted(m, split, s).probabilities.astype(float) for s in range(seeds.get(m, 1))], axis=0)
            for m in models
        ]
        return np.mean(each, axis=0)

    return average


@pytest.fixture
def found(noisy: RunStore) -> Any:
    """The explanation of the average of all three."""
    ensembles.build("mlp,cnn4,cnn7", runs=noisy.root)
    return ensembles.explain("mlp+cnn4+cnn7", runs=noisy.root)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_gains_are_what_is_lost_without_a_member(found: Any, mean: Any, split: str) -> None:
    labels, truth = true_labels(split, COUNT), getattr(found, split)
    whole = mean(SKILL, split)
    assert (truth.accuracy, truth.log_loss) == pytest.approx((accuracy(whole, labels), log_loss(whole, labels)))
    for model, member in zip(SKILL, truth.members, strict=True):
        rest = mean([other for other in SKILL if other != model], split)
        assert member.accuracy == accuracy(mean([model], split), labels)
        assert member.gain_accuracy.value == pytest.approx(accuracy(whole, labels) - accuracy(rest, labels))
        assert member.gain_log_loss.value == pytest.approx(log_loss(rest, labels) - log_loss(whole, labels))
        for gain in (member.gain_accuracy, member.gain_log_loss):
            assert gain.low < gain.value < gain.high


def test_intervals_of_gains_are_paired(found: Any, mean: Any) -> None:
    """Against scipy's paired t interval, which for log loss is the very same."""
    stats = pytest.importorskip("scipy.stats")
    labels = true_labels("validation", COUNT)
    rows = np.arange(COUNT)
    whole, rest = mean(SKILL)[rows, labels], mean(["cnn4", "cnn7"])[rows, labels]
    expected = stats.ttest_rel(-np.log(rest), -np.log(whole)).confidence_interval()
    gain = found.validation.members[0].gain_log_loss
    assert (gain.low, gain.high) == pytest.approx((expected.low, expected.high), rel=1e-6)


def test_the_contest_is_with_the_member_that_is_best_on_validation(found: Any, mean: Any) -> None:
    stats = pytest.importorskip("scipy.stats")
    for split in ("validation", "test"):
        contest, labels = getattr(found, split).contest, true_labels(split, COUNT)
        ours = mean(SKILL, split).argmax(axis=1) == labels
        theirs = mean(["cnn7"], split).argmax(axis=1) == labels
        assert contest.member == "cnn7"
        assert contest.only_ensemble == (ours & ~theirs).sum()
        assert contest.only_member == (theirs & ~ours).sum()
        pair = contest.only_ensemble, contest.only_member
        assert contest.p_value == pytest.approx(stats.binomtest(pair[0], sum(pair)).pvalue)
        assert f"On 400 {split} images mlp+cnn4+cnn7 is right for {ours.mean():.2%}" in contest.sentence
        assert contest.sentence.endswith(f"(exact McNemar test, {precise_p_value_text(contest.p_value)}).")
        assert ("the ensemble is better (exact" in contest.sentence) == (contest.p_value < 0.05)
        assert ("The difference is not significant (exact" in contest.sentence) == (contest.p_value >= 0.05)


def test_a_best_member_of_several_seeds_is_said_to_be_their_mean(noisy: RunStore) -> None:
    ensembles.build("mlp,cnn4", runs=noisy.root, name="pair")
    explained = ensembles.explain("pair", runs=noisy.root)
    assert "its best member cnn4 (its 2 seeds averaged) for " in explained.validation.contest.sentence
    text = " ".join(explanation_text(explained).split())
    assert "Seeds are averaged before a member is scored: cnn4 (2 seeds)." in text


def test_methods_stand_beside_the_best_member_with_their_drop(found: Any) -> None:
    this, member = found.methods
    assert (this.name, this.kind, member.name, member.kind) == ("average", "this", "cnn7", "member")
    assert this.validation.accuracy == found.validation.accuracy
    assert this.drop == found.validation.accuracy - found.test.accuracy


def test_calibration_is_cross_fitted_on_validation_and_reported_on_test(found: Any, mean: Any) -> None:
    labels = true_labels("validation", COUNT)
    calibration = found.calibration
    assert not calibration.stored
    assert calibration.validation.log_loss_before == pytest.approx(log_loss(mean(SKILL), labels))
    on_test, truth = mean(SKILL, "test"), true_labels("test", COUNT)
    assert calibration.test_before.calibration_error == pytest.approx(expected_calibration_error(on_test, truth))
    applied = calibration.validation.temperature if calibration.validation.kept else 1
    warm = on_test ** (1 / applied)
    assert calibration.test_after.log_loss == pytest.approx(log_loss(warm / warm.sum(axis=1, keepdims=True), truth))
    assert calibration.test_after.accuracy == calibration.test_before.accuracy


@pytest.mark.parametrize("seed", [0, 3])
def test_calibration_is_judged_in_the_folds_that_it_was_fitted_in(noisy: RunStore, seed: int) -> None:
    options = ensembles.Options(calibrate=True, seed=seed)
    ensembles.build("mlp,cnn7", name="warm", runs=noisy.root, options=options)
    found = ensembles.explain("warm", runs=noisy.root).calibration
    members = [_predicted(model, "validation", 0).probabilities.astype(float) for model in ("mlp", "cnn7")]
    pooled = np.mean(members, axis=0)
    labels = true_labels("validation", COUNT)
    assert found.validation.log_loss_after == pytest.approx(log_loss(cross_scaled(pooled, labels, seed), labels))
    assert log_loss(cross_scaled(pooled, labels, 0), labels) != log_loss(cross_scaled(pooled, labels, 3), labels)


def test_the_tradeoff_is_that_of_all_subsets(found: Any, mean: Any) -> None:
    labels = true_labels("validation", COUNT)
    expected = {
        chosen: accuracy(mean(chosen), labels) for size in (1, 2, 3) for chosen in combinations(list(SKILL), size)
    }
    tradeoff = found.tradeoff
    assert (tradeoff.search, tradeoff.tried, tradeoff.method) == ("all subsets", 7, "average")
    assert {point.members: point.accuracy for point in tradeoff.points}.items() <= expected.items()
    assert {len(point.members) for point in tradeoff.points} == {1, 2, 3}
    assert tradeoff.best.accuracy == max(expected.values())
    # Each network has 1,000 parameters; cnn4 is two.
    assert {point.members: point.cost.parameters for point in tradeoff.points}[tuple(SKILL)] == 4000
    for point in tradeoff.points:
        cheaper = [
            a for chosen, a in expected.items() if 1000 * (len(chosen) + ("cnn4" in chosen)) < point.cost.parameters
        ]
        if "parameters" in point.front:
            assert point.accuracy > max(cheaper, default=0)


def test_the_margin_decides_how_small(noisy: RunStore) -> None:
    ensembles.build("mlp,cnn4,cnn7", runs=noisy.root)
    sizes = [
        len(ensembles.explain("mlp+cnn4+cnn7", runs=noisy.root, within=within).tradeoff.smallest.members)
        for within in (0, 3, 100)
    ]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1


def test_it_is_stored_beside_the_ensemble(noisy: RunStore, found: Any) -> None:
    directory = noisy.resolve(DATASET, "mlp+cnn4+cnn7")[0].path.parent
    text = (directory / "explanation.json").read_text(encoding="utf-8")
    assert text.count("\n") == 1  # published stores have little room
    stored = json.loads(text)
    assert stored == json.loads(json.dumps(found.to_json()))
    assert stored["schema_version"] == 1
    assert [member["runs"] for member in stored["members"]][1] == [run.name for run in noisy.resolve(DATASET, "cnn4")]
    assert noisy.snapshot(DATASET).damaged == ()


def test_test_labels_change_nothing_that_is_decided(tmp_path: Path, found: Any) -> None:
    sealed = RunStore(tmp_path / "sealed")
    for model, seeds in (("mlp", 1), ("cnn4", 2), ("cnn7", 1)):
        for seed in range(seeds):
            predicted = [_predicted(model, "validation", seed), _predicted(model, "test", seed, sealed=True)]
            store_run(sealed, config(model), predicted, seed=seed)
    ensembles.build("mlp,cnn4,cnn7", runs=sealed.root)
    other = ensembles.explain("mlp+cnn4+cnn7", runs=sealed.root)
    assert other.test is None
    assert other.methods[0].drop is None
    assert (other.validation, other.tradeoff) == (found.validation, found.tradeoff)
    assert other.calibration.validation == found.calibration.validation
    assert "report only" not in explanation_text(other)


def test_members_without_test_predictions_are_explained_on_validation(noisy: RunStore) -> None:
    ensembles.build("blind,cnn7", runs=noisy.root, name="pair")
    assert ensembles.explain("pair", runs=noisy.root).test is None


def test_a_network_in_two_members_costs_once(noisy: RunStore) -> None:
    ensembles.build("mlp,cnn7", runs=noisy.root, name="inner")
    ensembles.build("inner,cnn4", runs=noisy.root, name="outer")
    found = ensembles.explain("outer", runs=noisy.root)
    assert found.cost.parameters == 4000
    assert [member.name for member in found.members] == ["inner", "cnn4"]


def test_members_have_the_names_that_the_user_gave(noisy: RunStore) -> None:
    first = noisy.resolve(DATASET, "cnn4")[0].name
    ensembles.build(f"{first},mlp", runs=noisy.root, name="pair")
    assert [member.name for member in ensembles.explain("pair", runs=noisy.root).members] == [first, "mlp"]


def test_an_ensemble_stored_without_its_members_names_gets_some(noisy: RunStore) -> None:
    second = store_run(noisy, config("mlp", hyperparameters={"width": 9}), [_predicted("mlp", "validation", 5)])
    runs = [*noisy.resolve(DATASET, "cnn4"), noisy.find(config("mlp"), 0), second]
    asked = config(
        "old",
        kind="ensemble",
        hyperparameters={"method": "average", "runs_per_member": [2, 1, 1]},
        members=tuple(run.name for run in runs if run),
    )
    store_run(noisy, asked, [_predicted("old", "validation", 0)])
    names = [member.name for member in ensembles.explain("old", runs=noisy.root).members]
    assert names == ["cnn4", f"mlp@{config('mlp').hash}", f"mlp@{second.config.hash}"]


@pytest.mark.parametrize("method", ["weighted", "greedy", "stacking", "geometric"])
def test_a_fitted_method_is_fitted_anew_without_each_member(noisy: RunStore, method: str) -> None:
    ensembles.build("mlp,cnn4,cnn7", runs=noisy.root, method=method, name="three")
    ensembles.build("cnn4,cnn7", runs=noisy.root, method=method, name="two")
    found = ensembles.explain("three", runs=noisy.root)
    for split in ("validation", "test"):
        labels = true_labels(split, COUNT)
        three, two = (noisy.resolve(DATASET, name)[0].predictions(split) for name in ("three", "two"))
        assert three is not None
        assert two is not None
        gain = getattr(found, split).members[0]
        expected = log_loss(two.probabilities, labels) - log_loss(three.probabilities, labels)
        assert gain.gain_log_loss.value == pytest.approx(expected, abs=1e-6)
        assert gain.gain_accuracy.value == pytest.approx(
            accuracy(three.probabilities, labels) - accuracy(two.probabilities, labels)
        )
    assert found.fitted == (method != "geometric")


@pytest.mark.parametrize("method", ["weighted", "greedy"])
def test_ensembles_of_before_cross_fitting_say_what_they_were_fitted_on(noisy: RunStore, method: str) -> None:
    now = ensembles.build("mlp,cnn7", runs=noisy.root, method=method, name="now")
    assert "were fitted" not in ensembles.explain("now", runs=noisy.root).validation.contest.sentence
    asked = {key: value for key, value in now.config.hyperparameters.items() if key not in ("folds", "seed")}
    before = replace(now.config, model="before", hyperparameters=asked)
    found = {split: said for split in ("validation", "test") if (said := now.predictions(split)) is not None}
    noisy.put(replace(now.record, config=before, files={}), found, {ENSEMBLE: now.document(ENSEMBLE)})
    told = ensembles.explain("before", runs=noisy.root)
    assert "on which its weights were fitted" in told.validation.contest.sentence
    assert "were fitted" not in told.test.contest.sentence
    assert "build it again" in before.remark
    assert now.config.remark == ""


def test_plain_averaging_and_stored_siblings_stand_beside_what_is_fitted(noisy: RunStore, mean: Any) -> None:
    ensembles.build_all("mlp,cnn4,cnn7", runs=noisy.root)
    ensembles.build("mlp,cnn7", runs=noisy.root, method="greedy")
    found = ensembles.explain("mlp+cnn4+cnn7:weighted", runs=noisy.root)
    names = [(method.name, method.kind) for method in found.methods]
    assert names[:2] == [("weighted", "this"), ("average", "method")]
    assert set(names[2:-1]) == {(name, "method") for name in ("geometric", "greedy", "stacking", "vote")}
    assert names[-1] == ("cnn7", "member")
    assert found.methods[1].validation.accuracy == accuracy(mean(SKILL), true_labels("validation", COUNT))
    assert "average  " in explanation_text(found)


def test_ensembles_by_one_method_are_told_apart_by_their_names(noisy: RunStore) -> None:
    ensembles.build_all("mlp,cnn4,cnn7", runs=noisy.root)
    shared = ensembles.Options(features="shared")
    ensembles.build("mlp,cnn4,cnn7", runs=noisy.root, method="stacking", name="few", options=shared)
    found = ensembles.explain("mlp+cnn4+cnn7:weighted", runs=noisy.root)
    names = [method.name for method in found.methods if method.name.startswith("stacking")]
    assert sorted(names) == ["stacking (few)", "stacking (mlp+cnn4+cnn7:stacking)"]


def test_what_has_no_weight_costs_nothing_and_the_ensemble_is_a_point(noisy: RunStore) -> None:
    ensembles.build("mlp,cnn7", runs=noisy.root, method="greedy", name="one", options=ensembles.Options(rounds=1))
    found = ensembles.explain("one", runs=noisy.root)
    assert [member.weight for member in found.members] == [0, 1]
    assert found.cost.parameters == 1000
    own = [point for point in found.tradeoff.points if point.method == "greedy"]
    assert [(point.members, point.accuracy) for point in own] == [(("cnn7",), found.validation.accuracy)]
    assert "without weights of 0" in explanation_text(found)


def test_a_member_that_is_gone_is_named(noisy: RunStore) -> None:
    ensembles.build("mlp,cnn7", runs=noisy.root)
    run = noisy.resolve(DATASET, "mlp")[0]
    run.path.rename(noisy.root / "elsewhere")
    with pytest.raises(UserError, match=f"{run.name}, which is damaged or not stored any more"):
        ensembles.explain("mlp+cnn7", runs=noisy.root)


def test_the_text_fits_80_columns_and_says_it_all(noisy: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    ensembles.build("mlp,cnn4,cnn7", runs=noisy.root, name="a-rather-long-name-" + "x" * 60)
    assert main(["explain", "a-rather-long-name-" + "x" * 60, "--runs", str(noisy.root)]) == 0
    said = capsys.readouterr().out
    # But for the store's path and the option with the name, which cannot be broken.
    assert (
        max(
            len(line.replace(str(noisy.root), "runs").replace("--name a-rather-long-name-", ""))
            for line in said.splitlines()
        )
        <= 80
    )
    for expected in (
        "exact McNemar",
        "Disagreement",
        "Calibration: temperature",
        "Pareto front by parameters",
        "Smallest within 0.3 points",
        "report only",
        "cnn4 (2 seeds)",
        "drop",
    ):
        assert expected in said


def test_json_is_what_is_stored(noisy: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    ensembles.build("mlp,cnn7", runs=noisy.root)
    assert main(["explain", "mlp+cnn7", "--runs", str(noisy.root), "--format", "json"]) == 0
    path = noisy.resolve(DATASET, "mlp+cnn7")[0].path.parent / "explanation.json"
    assert json.loads(capsys.readouterr().out) == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["cnn7"], "cnn7 is not an ensemble"),
        (["cnn9"], "did you mean"),
        (["mlp+cnn7", "--within", "-1"], "0 to 100, got -1"),
        (["mlp+cnn7", "--within", "nan"], "0 to 100, got nan"),
    ],
)
def test_mistakes_are_one_line(
    noisy: RunStore, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    ensembles.build("mlp,cnn7", runs=noisy.root)
    assert main(["explain", *arguments, "--runs", str(noisy.root)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert problem in said.err


def test_a_member_that_is_always_right_is_null_in_json(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    labels = true_labels("validation", COUNT)
    certain = Predictions(
        "validation", ids("validation", COUNT), CLASS_NAMES, np.eye(3, dtype=np.float32)[labels], labels
    )
    store_run(store, config("certain"), [certain])
    store_run(store, config("mlp"), [_predicted("mlp", "validation", 0)])
    ensembles.build("certain,mlp", runs=store.root)
    found = ensembles.explain("certain+mlp", runs=store.root)
    assert found.to_json()["validation"]["error_correlation"][0] == [None, None]
    assert "-" in explanation_text(found)


def test_one_sample_has_no_intervals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = RunStore(tmp_path / "runs")
    for name in ("mlp", "cnn4"):
        store_run(store, config(name), [predictions("validation", 1, count=1)])
    ensembles.build("mlp,cnn4", runs=store.root)
    assert main(["explain", "mlp+cnn4", "--runs", str(store.root)]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert "stored as explanation.json" in said.out
    assert "nan" not in said.out


@pytest.mark.parametrize("method", ["average", "weighted"])
@pytest.mark.parametrize("calibrate", [False, True])
def test_gains_in_blocks_are_those_in_memory(
    noisy: RunStore, method: str, calibrate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a member that weighs nothing, and with a temperature."""
    labels = true_labels("validation", COUNT)
    wrong = np.eye(3, dtype=np.float32)[(labels + 1) % 3] * np.float32(0.97) + np.float32(0.01)
    store_run(noisy, config("wrong"), [Predictions("validation", ids("validation", COUNT), CLASS_NAMES, wrong, labels)])
    asked = "mlp,cnn7,wrong" if method == "weighted" else "mlp,cnn4,cnn7"
    ensembles.build(asked, runs=noisy.root, method=method, name="e", options=Options(calibrate=calibrate))
    whole = ensembles.explain("e", runs=noisy.root)
    monkeypatch.setattr(members, "LOADED_BYTES", 0)
    read = ensembles.explain("e", runs=noisy.root)
    for loaded, blocks in zip(whole.validation.members, read.validation.members, strict=True):
        assert blocks.gain_accuracy.value == pytest.approx(loaded.gain_accuracy.value, abs=0.02)
        assert blocks.gain_log_loss.value == pytest.approx(loaded.gain_log_loss.value, abs=0.02)
    if method == "weighted":
        assert read.validation.members[2].gain_log_loss.value == 0


def test_members_that_were_made_again(noisy: RunStore) -> None:
    """The ensemble of what they said before is not explained by what they say now, and is built anew."""
    first = ensembles.build("mlp,cnn7", runs=noisy.root)
    before = first.predictions("validation")
    ensembles.explain("mlp+cnn7", runs=noisy.root)
    ensembles.build("mlp+cnn7,cnn4", runs=noisy.root, name="outer")
    (run,) = noisy.resolve(DATASET, "mlp")
    shutil.rmtree(run.path)
    store_run(noisy, config("mlp"), [predictions("validation", COUNT, count=COUNT)])
    with pytest.raises(UserError, match=r"mlp-.*/seed-0 was made again after mlp\+cnn7 was built of it: build mlp"):
        ensembles.explain("mlp+cnn7", runs=noisy.root)
    with pytest.raises(UserError, match="was made again after"):
        reports.submission("mlp+cnn7", runs=noisy.root, output=noisy.root / "submission.csv")
    # Nor is an ensemble of it.
    for call in (
        partial(ensembles.explain, "outer", runs=noisy.root),
        partial(reports.submission, "outer", runs=noisy.root, output=noisy.root / "submission.csv"),
        partial(ensembles.build, "mlp+cnn7,cnn4", runs=noisy.root, name="other"),
    ):
        with pytest.raises(UserError, match=r"was made again after mlp\+cnn7 was built of it: build mlp\+cnn7 again"):
            call()
    said = f"outer: {run.name} was made again after mlp+cnn7 was built of it"
    assert said in reports.compare("outer", "cnn4", runs=noisy.root).caveats
    stored = noisy.snapshot(DATASET).by_name
    with pytest.raises(UserError, match="was made again after"):
        teacher_tree(first, stored)
    with pytest.raises(UserError, match="was made again after"):
        ensembles.export("mlp+cnn7", "keras", noisy.root / "both.keras", runs=noisy.root)
    assert remark_of(first, stored) == f"its member {run.name} was made again since it was built"
    published = publish(noisy.root.parent / "published", runs=noisy.root)
    assert [reason.partition(": ")[2] for reason in published.left_out] == [
        f"{run.name} was made again after mlp+cnn7 was built of it: build mlp+cnn7 again, it is replaced"
    ] * 2
    again = ensembles.build("mlp,cnn7", runs=noisy.root)
    assert again.name == first.name
    assert not (again.path.parent / "explanation.json").exists()
    after = again.predictions("validation")
    assert before is not None
    assert after is not None
    labels = true_labels("validation", COUNT)
    assert accuracy(after.probabilities, labels) > accuracy(before.probabilities, labels)
    ensembles.explain("mlp+cnn7", runs=noisy.root)
    # What is as it was is not built again.
    written = (again.path / "record.json").stat().st_mtime_ns
    ensembles.build("mlp,cnn7", runs=noisy.root)
    assert (again.path / "record.json").stat().st_mtime_ns == written


def test_long_names_keep_both_ends() -> None:
    assert short("cnn4") == "cnn4"
    assert short("a-very-long-name-of-a-model@1a2b3c4d") == "a-very-l..1a2b3c4d"
    assert len(short("x" * 300)) == 18
    alike = ["efficientnet_lite0:taught:shifts", "cnn4", "efficientnet_lite0:cycle-2:taught:shifts"]
    assert list(told_apart(alike).values()) == ["effici..shifts (1)", "cnn4", "effici..shifts (3)"]


def test_without_validation_predictions(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    for name in ("a", "b"):
        store_run(store, config(name, kind="external"), [predictions("test", 20)])
    ensembles.build("a,b", runs=tmp_path)
    with pytest.raises(UserError, match=r"a\+b cannot be explained: a-.*/seed-0 has no validation predictions"):
        ensembles.explain("a+b", runs=tmp_path)
