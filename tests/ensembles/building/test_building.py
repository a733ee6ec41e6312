"""An ensemble is stored as a run."""

import importlib
import pkgutil
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, DATASET, IMAGES, config, predictions, store_model, store_run, true_labels

import ensembles
from benchmark.cli import parser
from benchmark.files.checksums import DamagedError
from benchmark.files.run_layout import ENSEMBLE
from benchmark.metrics import log_loss
from benchmark.records import Predictions
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles import Options
from ensembles.building.building import stored_combination
from ensembles.building.ensemble_request import request
from ensembles.cli import main
from ensembles.methods.options import FITTED, METHODS, PLAIN
from zoo import get_model
from zoo.errors import UserError


def build(
    store: RunStore, members: str | list[str], name: str | None = None, method: str = "average", **options: Any
) -> StoredRun:
    return ensembles.build(members, runs=store.root, name=name, method=method, options=Options(**options))


def test_all_methods_leave_stacking_out_where_it_would_take_hours(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ensembles.methods.stacking.MOST_WORK", 10)
    with pytest.raises(UserError, match="stacking 2 members x 3 classes"):
        build(store, "mlp,cnn7", method="stacking")
    main(["build", "mlp,cnn7", "--method", "all", "--runs", str(store.root)])
    said = " ".join(capsys.readouterr().out.split())
    assert "without stacking: stacking 2 members x 3 classes fits 18 coefficients on 40 samples" in said
    names = {run.config.model for run in store.runs(DATASET)}
    assert "mlp+cnn7:greedy" in names
    assert "mlp+cnn7:stacking" not in names


def test_the_records_of_the_store_are_read_once(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    reads, read = [], RunStore.snapshot
    monkeypatch.setattr(RunStore, "snapshot", lambda self, dataset: reads.append(dataset) or read(self, dataset))
    build(store, "all")
    assert reads == [DATASET]


def test_the_mean_of_the_members_is_stored(store: RunStore) -> None:
    run = build(store, "mlp,cnn7")
    assert run.path.is_dir()
    for split in ("validation", "test"):
        members = [store.resolve(DATASET, name)[0].predictions(split) for name in ("mlp", "cnn7")]
        mean = np.mean([member.probabilities.astype(np.float64) for member in members if member], axis=0)
        found = run.predictions(split)
        assert found is not None
        np.testing.assert_allclose(found.probabilities, mean, atol=1e-7)
        assert found.probabilities.dtype == np.float32
        np.testing.assert_array_equal(found.labels, true_labels(split))


def test_seeds_first_then_models_equally(store: RunStore) -> None:
    found = build(store, "mlp,cnn4").predictions("validation")
    seeds = [run.predictions("validation") for run in store.resolve(DATASET, "cnn4")]
    cnn4 = np.mean([seed.probabilities.astype(np.float64) for seed in seeds if seed], axis=0)
    mlp = store.resolve(DATASET, "mlp")[0].predictions("validation")
    assert found is not None
    assert mlp is not None
    np.testing.assert_allclose(found.probabilities, (mlp.probabilities + cnn4) / 2, atol=1e-7)


def test_what_the_run_says_about_itself(store: RunStore) -> None:
    run = build(store, "mlp,cnn4")
    names = [found.name for model in ("mlp", "cnn4") for found in store.resolve(DATASET, model)]
    assert run.config.kind == "ensemble"
    assert run.config.model == "mlp+cnn4"
    assert run.config.members == tuple(names)
    assert run.config.training is None
    assert run.config.hyperparameters == {"method": "average", "runs_per_member": [1, 3]}
    assert run.record.seed == 0
    assert run.record.parameters == 4000
    assert run.record.milliseconds_per_image == pytest.approx(1.0)
    assert run.record.durations["train"] == pytest.approx(50)
    assert 0 < run.record.durations["total"] < 10
    assert "numpy" in run.record.provenance["packages"]


def test_single_runs_need_no_sizes(store: RunStore) -> None:
    run = build(store, ["mlp", "cnn7"])
    assert run.config.hyperparameters == {"method": "average"}
    assert run.config.hash == build(store, "mlp, cnn7").config.hash


def test_two_seeds_are_not_one_model(store: RunStore) -> None:
    digest = config("cnn4").hash
    seeds = ",".join(f"cnn4-{digest}/seed-{seed}" for seed in range(3))
    apart, together = build(store, f"mlp,{seeds}", "x"), build(store, "mlp,cnn4", "x")
    assert apart.config.members == together.config.members
    assert apart.config.hash != together.config.hash


def test_one_unknown_cost_makes_the_sum_unknown(store: RunStore) -> None:
    store_run(
        store,
        config("external"),
        [predictions("validation", 30)],
        parameters=None,
        milliseconds_per_image=None,
        durations={},
    )
    record = build(store, "mlp,external").record
    assert (record.parameters, record.milliseconds_per_image) == (None, None)
    assert set(record.durations) == {"total"}


def test_operations_and_sizes_are_summed(store: RunStore) -> None:
    for name in ("a", "b"):
        store_run(store, config(name), [predictions("validation", 30)], flops=500, model_bytes=4000)
    record = build(store, "a,b").record
    assert (record.flops, record.model_bytes) == (1000, 8000)
    assert build(store, "a,mlp").record.flops is None


def test_views_and_folds_are_offered_by_their_titles(store: RunStore) -> None:
    store_run(store, config("mlp", tta="flip"), [predictions("validation", 22)])
    store_run(store, config("mlp", folds=5), [predictions("validation", 22)])
    names = {member.name for member in request("all", runs=store.root).members}
    assert names == {"blind", "cnn4", "cnn7", "mlp", "mlp:flip", "mlp:5-folds"}
    assert build(store, "mlp:flip,cnn7").config.model == "mlp:flip+cnn7"


def test_test_is_combined_only_where_all_have_it(store: RunStore) -> None:
    run = build(store, "mlp,blind")
    assert run.predictions("validation") is not None
    assert run.predictions("test") is None


def test_an_ensemble_that_is_stored_is_returned(store: RunStore) -> None:
    assert request("mlp,cnn7", runs=store.root).find("average") is None
    first = build(store, "mlp,cnn7")
    before = (first.path / "record.json").stat().st_mtime_ns
    assert build(store, "mlp,cnn7").path == first.path
    assert (first.path / "record.json").stat().st_mtime_ns == before
    known = request("mlp,cnn7", runs=store.root).find("average")
    assert known is not None
    assert known.path == first.path


def test_an_ensemble_can_be_a_member(store: RunStore) -> None:
    build(store, "mlp,cnn7", "pair")
    run = build(store, "pair,cnn4")
    assert run.config.model == "pair+cnn4"
    assert run.record.parameters == 5000
    assert store.resolve(DATASET, "pair+cnn4")[0].path == run.path


def test_names_of_runs_become_a_name_of_a_directory(store: RunStore) -> None:
    digest = config("cnn4").hash
    assert build(store, f"mlp,cnn4@{digest}").config.model == f"mlp+cnn4-{digest}"
    assert build(store, f"mlp,cnn4-{digest}/seed-1").config.model == f"mlp+cnn4-{digest}.seed-1"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cnn7", "cnn7 is the name of a model"),
        ("x" * 101, "101 letters, at most 100 fit: use --name"),
        ("../out", "cannot name a run"),
        ("a|b", "cannot name a run"),
        ("a\nb", "cannot name a run"),
        ("x,y", "cannot name a run"),
    ],
)
def test_names_that_are_refused(store: RunStore, name: str, message: str) -> None:
    before = sorted(store.root.rglob("*"))
    with pytest.raises(UserError, match=message):
        build(store, "mlp,cnn4", name)
    assert sorted(store.root.rglob("*")) == before


def test_a_mismatch_stores_nothing(store: RunStore) -> None:
    odd = predictions("validation", 25)
    store_run(store, config("odd"), [replace(odd, sample_ids=np.char.replace(odd.sample_ids, "-0000", "-1000"))])
    before = sorted(store.root.rglob("*"))
    for method in METHODS:
        with pytest.raises(UserError, match="lacks 10 validation samples"):
            build(store, "mlp,odd", method=method)
    assert sorted(store.root.rglob("*")) == before


def test_unknown_method(store: RunStore) -> None:
    with pytest.raises(UserError, match="unknown ensemble method 'mean'"):
        ensembles.build("mlp,cnn4", runs=store.root, method="mean")


def test_data_chooses_the_dataset(store: RunStore) -> None:
    store_run(store, config("mlp", dataset="fer"), [predictions("validation", 5)])
    with pytest.raises(UserError, match="several datasets"):
        build(store, "mlp,cnn4")
    run = ensembles.build("mlp,cnn4", runs=store.root, data="faces")
    assert run.config.dataset == "faces"


def test_the_hash_of_an_average_stays_what_it_was(store: RunStore) -> None:
    # Stored ensembles must be found again by every later version.
    assert build(store, "mlp,cnn7").config.hash == "b91963b6"
    assert build(store, "mlp,cnn4", "x").config.hash == "326ef96a"


@pytest.mark.parametrize("method", METHODS)
def test_each_method_is_stored_with_what_it_fitted(store: RunStore, method: str) -> None:
    run = build(store, "mlp,cnn4,cnn7", method=method)
    assert run.config.model == ("mlp+cnn4+cnn7" if method == "average" else f"mlp+cnn4+cnn7:{method}")
    assert run.config.hyperparameters["method"] == method
    assert ENSEMBLE in run.record.files
    document = run.document(ENSEMBLE)
    assert document is not None
    assert [member["name"] for member in document["members"]] == ["mlp", "cnn4", "cnn7"]
    assert [len(member["runs"]) for member in document["members"]] == [1, 3, 1]
    assert document["validation_samples"] == IMAGES
    combination = stored_combination(run)
    loaded = request("mlp,cnn4,cnn7", runs=store.root).loaded
    for split in ("validation", "test"):
        found = run.predictions(split)
        assert found is not None
        again = combination(loaded[split].probabilities)
        if method in FITTED and split == "validation":
            # Cross-fitted: no better than the fit says of itself.
            assert not np.allclose(found.probabilities, again, atol=1e-4)
            assert log_loss(found.probabilities, true_labels(split)) > log_loss(again, true_labels(split)) - 1e-3
        else:
            np.testing.assert_allclose(found.probabilities, again, atol=1e-7)


def test_only_members_that_weigh_cost(store: RunStore) -> None:
    # All of cnn7's errors are mlp's too, so that the weights choose few; sums are over those.
    run = build(store, "mlp,cnn4,cnn7", method="greedy")
    weights = stored_combination(run).weights
    assert weights is not None
    sizes = np.array([1, 3, 1])
    assert run.record.parameters == 1000 * sizes[weights > 0].sum()
    assert run.record.parameters < 5000


def unrecorded(run: StoredRun) -> StoredRun:
    """The ensemble under a record that does not name its weights."""
    files = {name: checksum for name, checksum in run.record.files.items() if name != ENSEMBLE}
    return replace(run, record=replace(run.record, files=files))


def test_averages_from_before_weights_were_stored(store: RunStore) -> None:
    run = build(store, "mlp,cnn4")
    (run.path / ENSEMBLE).unlink()
    with pytest.raises(DamagedError, match=r"ensemble.json is damaged: No such file"):
        stored_combination(run)
    weights = stored_combination(unrecorded(run)).weights
    np.testing.assert_array_equal(weights, [0.5, 0.5])
    with pytest.raises(UserError, match="is not an ensemble"):
        stored_combination(store.resolve(DATASET, "mlp")[0])


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"combination": {"kind": "linear", "weights": [2]}}'])
def test_damaged_weights(store: RunStore, text: str) -> None:
    run = build(store, "mlp,cnn4")
    (run.path / ENSEMBLE).write_text(text)
    with pytest.raises(DamagedError, match=r"ensemble.json is damaged"):
        stored_combination(unrecorded(run))


@pytest.mark.parametrize("method", ["greedy", "stacking"])
def test_other_weights_than_were_stored(store: RunStore, method: str) -> None:
    run = build(store, "mlp,cnn4", method=method)
    path = run.path / ENSEMBLE
    path.write_text(path.read_text() + " ")
    with pytest.raises(DamagedError, match=r"ensemble.json is damaged: its checksum is not that"):
        stored_combination(run)
    path.unlink()
    with pytest.raises(DamagedError, match=r"ensemble.json is damaged: No such file"):
        stored_combination(run)


def test_options_make_another_run(store: RunStore) -> None:
    first = build(store, "mlp,cnn7", method="greedy")
    common = {"method": "greedy", "seed": 0, "folds": 5}
    assert first.config.hyperparameters == {**common, "metric": "log_loss", "rounds": 100}
    other = build(store, "mlp,cnn7", method="greedy", metric="accuracy", rounds=5)
    assert other.config.hyperparameters == {**common, "metric": "accuracy", "rounds": 5}
    assert other.config.model == first.config.model
    assert build(store, "mlp,cnn7", method="average", rounds=5).config.hash == build(store, "mlp,cnn7").config.hash


def test_what_cannot_be_fitted_leaves_nothing_behind(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    said = np.array([[0.5, 0.3, 0.2], [0.6, 0.2, 0.2]], np.float32)
    found = Predictions("validation", np.array(["a", "b"]), CLASS_NAMES, said, np.array([0, 0]))
    for model in ("mlp", "cnn4"):
        store_run(store, config(model), [found])
    for features in ("all", "shared"):
        with pytest.raises(UserError, match="stacking needs validation samples of at least two classes"):
            build(store, "mlp,cnn4", method="stacking", features=features)
    assert {run.config.kind for run in store.runs(DATASET)} == {"model"}
    built = ensembles.build_all("mlp,cnn4", runs=store.root)
    assert tuple(built) == tuple(method for method in METHODS if method != "stacking")


def test_every_method_at_once(store: RunStore) -> None:
    built = ensembles.build_all("mlp,cnn7", runs=store.root)
    assert tuple(built) == METHODS
    assert built["greedy"].path == build(store, "mlp,cnn7", method="greedy").path
    named = ensembles.build_all("mlp,cnn7", runs=store.root, name="pair")
    assert [run.config.model for run in named.values()] == [
        "pair" if method == "average" else f"pair:{method}" for method in METHODS
    ]


def test_all_means_every_model_that_is_not_named(store: RunStore) -> None:
    store_run(store, config("mlp", hyperparameters={"hidden": 5}), [predictions("validation", 21)])
    store_run(store, config("refit"), [predictions("test", 30)])
    store_run(store, config("theirs", kind="external"), [predictions("validation", 26), predictions("test", 22)])
    pair = build(store, "cnn4,cnn7", "pair")
    asked = request("all", runs=store.root)
    names = [member.name for member in asked.members]
    assert len(names) == 6
    assert {"blind", "cnn4", "cnn7", "theirs"} < set(names)
    assert sum(name.startswith("mlp@") for name in names) == 2
    assert [name.partition("-")[0] for name in asked.left_out] == ["refit"]
    assert asked.configuration("greedy").model == "greedy-all"
    assert asked.configuration("average").model == "average-all"
    assert replace(asked, several=True).configuration("greedy").model == "greedy-all"

    both = request("pair,cnn7,all", runs=store.root)
    assert [member.name for member in both.members][:2] == ["pair", "cnn7"]
    assert len(both.members) == 7
    assert both.members[0].runs == (pair,) or both.members[0].runs[0].path == pair.path
    assert both.configuration("weighted").model == "pair+cnn7+all:weighted"


def test_all_of_a_single_model(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    store_model(store, "mlp", 20, 18)
    with pytest.raises(UserError, match="needs at least two members, got mlp"):
        build(store, "all")


def test_seeds_of_one_model(store: RunStore) -> None:
    run = build(store, "cnn4", seeds=3)
    assert run.config.model == "cnn4x3"
    assert run.config.hyperparameters == {"method": "average"}
    seeds = [found.predictions("test") for found in store.resolve(DATASET, "cnn4")]
    mean = np.mean([found.probabilities.astype(np.float64) for found in seeds if found], axis=0)
    found = run.predictions("test")
    assert found is not None
    np.testing.assert_allclose(found.probabilities, mean, atol=1e-7)
    two = build(store, "cnn4", seeds=2)
    assert two.config.model == "cnn4x2"
    assert [name.rpartition("/")[2] for name in two.config.members] == ["seed-0", "seed-1"]
    assert build(store, "cnn4", method="greedy", seeds=3).config.model == "cnn4x3:greedy"
    assert build(store, "cnn4", "ten", seeds=2).config.model == "ten"


@pytest.mark.parametrize(
    ("members", "seeds", "message"),
    [
        ("cnn4", 10, "cnn4 has 3 of 10 seeds .*: make the others, or ask for fewer"),
        ("cnn4,cnn7", 2, "an ensemble of seeds has one model, got cnn4,cnn7"),
        ("all", 2, "an ensemble of seeds has one model, got all"),
        ("cmn4", 2, "did you mean cnn4"),
    ],
)
def test_seeds_that_are_not_there(store: RunStore, members: str, seeds: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(store, members, seeds=seeds)


def test_the_command_that_makes_the_other_seeds_is_for_this_recipe_data_and_store(tmp_path: Path) -> None:
    store, training = RunStore(tmp_path), get_model("dinh").training.with_changes({"epochs": 7})
    store_run(store, config("dinh", training=training, tta="flip"), [predictions("validation", 9)])
    with pytest.raises(UserError) as caught:
        build(store, "dinh:flip", seeds=3)
    (command,) = re.findall("with `python -m benchmark (run dinh .*)`, or ask for fewer", str(caught.value))
    arguments = parser().parse_args(shlex.split(command))
    assert (arguments.seeds, arguments.runs, arguments.data) == (3, tmp_path, ["DATA"])
    assert {"epochs=7"} <= set(arguments.set)
    assert arguments.tta == "flip"


def test_a_refit_can_only_be_where_nothing_is_fitted(store: RunStore) -> None:
    store_run(store, config("refit"), [predictions("test", 30)])
    run = build(store, "mlp,refit")
    assert run.predictions("validation") is None
    assert run.predictions("test") is not None
    document = run.document(ENSEMBLE)
    assert document is not None
    assert document["validation_samples"] == 0
    for method in FITTED:
        with pytest.raises(UserError, match=f"{method} is fitted on validation, which refit-.* has no predictions of"):
            build(store, "mlp,refit", method=method)
    assert tuple(ensembles.build_all("mlp,refit", runs=store.root)) == tuple(PLAIN)
    with pytest.raises(UserError, match=r"nothing to combine: refit-.* has no validation .* blind-.* has no test"):
        build(store, "blind,refit")


def test_out_of_fold_predictions(store: RunStore) -> None:
    def out_of_fold(model: str, seed: int) -> None:
        # Validation's samples and as many of train, in an order of its own.
        found = predictions("validation", 50, seed=seed, count=2 * IMAGES)
        order = np.random.default_rng(seed).permutation(2 * IMAGES)
        assert found.labels is not None
        labels = found.labels.copy()
        labels[:IMAGES] = true_labels("validation")
        store_run(
            store,
            config(model, folds=2),
            [
                replace(
                    found,
                    sample_ids=found.sample_ids[order],
                    probabilities=found.probabilities[order],
                    labels=labels[order],
                ),
                predictions("test", 30, seed=seed),
            ],
        )

    out_of_fold("first", 1)
    out_of_fold("second", 2)
    some = request("first:2-folds,mlp", runs=store.root).loaded["validation"]
    plain = request("mlp,cnn7", runs=store.root).loaded["validation"]
    np.testing.assert_array_equal(some.sample_ids, plain.sample_ids)
    np.testing.assert_array_equal(some.labels, plain.labels)
    np.testing.assert_array_equal(some.probabilities[1], plain.probabilities[0])
    whole = store.resolve(DATASET, "first:2-folds")[0].predictions("validation")
    assert whole is not None
    for row, sample_id in enumerate(some.sample_ids):
        place = int(np.flatnonzero(whole.sample_ids == sample_id)[0])
        np.testing.assert_array_equal(some.probabilities[0, row], whole.probabilities[place])
    both = build(store, "first:2-folds,second:2-folds", method="stacking").predictions("validation")
    assert both is not None
    assert len(both.sample_ids) == 2 * IMAGES


def test_a_network_in_two_members_costs_once(store: RunStore) -> None:
    facts = {"flops": 10, "model_bytes": 4000}
    for name in ("left", "right"):
        store_run(store, config(name), [predictions("validation", 20)], **facts)
    build(store, "left,right")
    record = build(store, "left,left+right").record
    assert (record.parameters, record.flops, record.model_bytes) == (2000, 20, 8000)
    assert record.durations["train"] == 25
    assert build(store, "left,mlp").record.flops is None


def test_the_call_survives_the_import_of_every_module(store: RunStore) -> None:
    for module in pkgutil.iter_modules(ensembles.__path__):
        if module.name != "__main__":
            importlib.import_module(f"ensembles.{module.name}")
    for name in ensembles.__all__:
        assert callable(getattr(ensembles, name))
    assert ensembles.Options is Options
    assert ensembles.build("mlp,cnn7", runs=store.root).path.is_dir()
    with pytest.raises(AttributeError, match="no attribute 'bulid'"):
        _ = ensembles.bulid


def test_strings_do_for_paths(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.root.parent)
    assert ensembles.build("mlp,cnn7").path == Path("runs") / DATASET / ensembles.build("mlp,cnn7", runs="runs").name
