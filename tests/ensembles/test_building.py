"""An ensemble is stored as a run."""

import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest
from stored_runs import DATASET, config, predictions, store_run, true_labels

import ensembles
from benchmark.metrics import accuracy
from benchmark.store import RunStore, StoredRun
from ensembles.building import stored, validation_scores
from ensembles.members import find_members
from zoo.errors import UserError


def build(store: RunStore, members: str | list[str], name: str | None = None) -> StoredRun:
    return ensembles.build(members, runs=store.root, name=name)


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


def test_test_is_combined_only_where_all_have_it(store: RunStore) -> None:
    run = build(store, "mlp,blind")
    assert run.predictions("validation") is not None
    assert run.predictions("test") is None


def test_an_ensemble_that_is_stored_is_returned(store: RunStore) -> None:
    assert stored("mlp,cnn7", runs=store.root) is None
    first = build(store, "mlp,cnn7")
    before = (first.path / "record.json").stat().st_mtime_ns
    assert build(store, "mlp,cnn7").path == first.path
    assert (first.path / "record.json").stat().st_mtime_ns == before
    known = stored("mlp,cnn7", runs=store.root)
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
    ],
)
def test_names_that_are_refused(store: RunStore, name: str, message: str) -> None:
    before = sorted(store.root.rglob("*"))
    with pytest.raises(UserError, match=message):
        build(store, "mlp,cnn4", name)
    assert sorted(store.root.rglob("*")) == before


def test_a_mismatch_stores_nothing(store: RunStore) -> None:
    store_run(store, config("odd"), [predictions("validation", 25, count=7)])
    before = sorted(store.root.rglob("*"))
    with pytest.raises(UserError, match="lacks 33 validation samples"):
        build(store, "mlp,odd")
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


def test_validation_scores_are_sorted(store: RunStore) -> None:
    scores = validation_scores(find_members(store, DATASET, "mlp,cnn7"))
    assert [score.name for score in scores] == ["cnn7", "mlp"]
    found = store.resolve(DATASET, "cnn7")[0].predictions("validation")
    assert found is not None
    assert found.labels is not None
    assert scores[0].accuracy == accuracy(found.probabilities, found.labels) == 31 / 40


def test_the_call_survives_the_import_of_every_module(store: RunStore) -> None:
    for module in pkgutil.iter_modules(ensembles.__path__):
        if module.name != "__main__":
            importlib.import_module(f"ensembles.{module.name}")
    for name in ensembles.__all__:
        assert callable(getattr(ensembles, name))
    assert ensembles.build("mlp,cnn7", runs=store.root).path.is_dir()
    with pytest.raises(AttributeError, match="no attribute 'bulid'"):
        _ = ensembles.bulid


def test_strings_do_for_paths(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.root.parent)
    assert ensembles.build("mlp,cnn7").path == Path("runs") / DATASET / ensembles.build("mlp,cnn7", runs="runs").name
