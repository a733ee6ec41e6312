"""Ensembles as one network: it says what is stored, by every method; and what cannot become one."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, DATASET, config, ids, predictions, store_model, store_run, true_labels
from trained_models import as_if_trained

import ensembles
from benchmark import cli as benchmark_cli
from benchmark.exporting import model_export as conversion
from benchmark.exporting.export_worker import answer, joined
from benchmark.files.run_layout import MODEL
from benchmark.records import Predictions, RunRecord
from benchmark.store.run_store import RunStore
from benchmark.store.stored_models import load_model
from benchmark.store.stored_predictions import write_predictions
from benchmark.store.stored_run import StoredRun
from ensembles import Options, cli
from ensembles.methods.methods import restored
from ensembles.methods.options import METHODS
from ensembles.networks import ensemble_exports, network_tree
from zoo import UserError

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries deprecate this and that of their own while they convert

SHAPE = (12, 10, 1)
IMAGES = {
    split: np.random.default_rng(len(split)).integers(0, 256, (40, *SHAPE), dtype=np.uint8)
    for split in ("validation", "test")
}


def network(seed: int) -> Any:
    """A network that resizes, which misleads Keras about the mode of the batch normalisation behind."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    inputs = keras.Input(SHAPE, name="pixels")
    x = layers.Resizing(16, 16)(layers.Rescaling(1 / 255)(inputs))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, activation="relu")(x))
    x = layers.Dense(len(CLASS_NAMES), activation="softmax", name="probabilities")(layers.Flatten()(x))
    return as_if_trained(keras.Model(inputs, x, name="the_same_name"), seed)


def keep(store: RunStore, name: str, model: Any, *, seed: int = 0) -> StoredRun:
    claim = store.claim(config(name), seed)
    assert claim is not None
    with claim:
        for split, images in IMAGES.items():
            probabilities = model.predict(images, verbose=0)
            found = Predictions(split, ids(split), CLASS_NAMES, probabilities, true_labels(split))
            write_predictions(claim.path / f"{split}.npz", found)
        model.save(claim.path / MODEL)
        return store.commit(claim, RunRecord(config=config(name), seed=seed))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three models with their networks, one of two seeds."""
    store = RunStore(tmp_path_factory.mktemp("trained") / "runs")
    for number, (name, seed) in enumerate([("a", 0), ("b", 0), ("b", 1), ("c", 0)]):
        keep(store, name, network(number), seed=seed)
    return store.root


@pytest.fixture(autouse=True)
def here(in_empty_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def in_this_process(module: str, question: dict[str, Any]) -> dict[str, Any]:
        """Stands in for `ask`; starting TensorFlow takes seconds."""
        assert module == conversion.WORKER
        return json.loads(json.dumps(answer(json.loads(json.dumps(question)))))

    for module in (ensemble_exports, conversion):
        monkeypatch.setattr(module, "ask", in_this_process)
    return in_empty_directory


def assert_says_what_is_stored(path: Path, run: StoredRun) -> None:
    expected = run.predictions("test")
    assert expected is not None
    # Called as a program would that says nothing of the mode.
    np.testing.assert_allclose(load_model(path)(IMAGES["test"]), expected.probabilities, atol=1e-4)


def copied(_: str, question: dict[str, Any]) -> dict[str, Any]:
    """Stands in for the conversion to keras, which tests of its own look at."""
    shutil.copy(question["model"], question["output"])
    return {"difference": 0.0, "images": 100}


@pytest.mark.parametrize("method", METHODS)
def test_the_network_says_what_is_stored(method: str, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "ask", copied)
    run = ensembles.build("a,b,c", runs=trained, method=method, options=Options(rounds=5))
    done = ensembles.export(run.config.model, "keras", runs=trained)
    assert done.exported.path == Path(f"{run.config.model.replace(':', '.')}-{run.config.hash}.keras")
    assert done.exported.difference < 1e-4
    assert done.exported.class_names == CLASS_NAMES
    assert_says_what_is_stored(done.exported.path, run)


def test_a_temperature_is_applied(trained: Path) -> None:
    """Trained networks know nothing of the labels here, so that scaling must help."""
    hot = ensembles.build("a,c", runs=trained, name="hot", options=Options(calibrate=True))
    plain = ensembles.build("a,c", runs=trained, name="plain")
    said = [run.predictions("test").probabilities for run in (hot, plain)]  # type: ignore[union-attr]
    assert np.abs(said[0] - said[1]).max() > 0.1
    done = ensembles.export("hot", "keras", runs=trained)
    assert_says_what_is_stored(done.exported.path, hot)


def test_seeds_are_averaged_before_members(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "ask", copied)
    run = ensembles.build("a,b", runs=trained, name="pair")
    done = ensembles.export("pair", "keras", "pair.keras", runs=trained)
    assert len(done.networks) == 3
    weights = {"a": 0.5, "b": 0.25}
    stored = {one.name: one for one in RunStore(trained).runs(DATASET)}
    by_hand = sum(
        weights[stored[name].config.model] * stored[name].predictions("test").probabilities  # type: ignore[union-attr]
        for name in done.networks
    )
    np.testing.assert_allclose(load_model(Path("pair.keras"))(IMAGES["test"]), by_hand, atol=1e-5)
    assert_says_what_is_stored(Path("pair.keras"), run)
    assert done.parameters == load_model(Path("pair.keras")).count_params()


def test_a_network_in_two_members_is_there_once(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "ask", copied)
    ensembles.build("a,b", runs=trained, name="inner")
    ensembles.build("a,c", runs=trained, name="other", method="geometric")
    run = ensembles.build("inner,other", runs=trained, name="outer")
    done = ensembles.export("outer", "keras", runs=trained)
    assert len(done.networks) == 4
    assert done.parameters == 4 * network(0).count_params()
    assert_says_what_is_stored(done.exported.path, run)


def test_members_that_weigh_nothing_are_left_out(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "ask", copied)
    picked = ensembles.build("a,b,c", runs=trained, name="picked", method="greedy", options=Options(rounds=1))
    done = ensembles.export("picked", "keras", runs=trained)
    assert len(done.unused) == 2
    assert len(done.networks) == (2 if "b" not in done.unused else 1)
    assert f"left out because their weight is 0: {', '.join(done.unused)}" in ensemble_exports.export_text(
        "picked", done
    )
    assert_says_what_is_stored(done.exported.path, picked)


def test_formats_of_phones_have_the_operations(trained: Path) -> None:
    ensembles.build("a,c", runs=trained, name="votes", method="vote", options=Options(calibrate=True))
    assert ensembles.export("votes", "litert", runs=trained).exported.difference < 1e-4


def test_an_export_that_predicts_otherwise_is_not_written(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensembles.build("a,c", runs=trained, name="two")

    def wrong(module: str, question: dict[str, Any]) -> dict[str, Any]:
        assert module == conversion.WORKER
        joint = joined(question)
        return {**joint, "probabilities": joint["networks"][0]}

    monkeypatch.setattr(ensemble_exports, "ask", wrong)
    with pytest.raises(UserError, match=r"does not predict what the ensemble predicts: .* expected 0\.0001 at most"):
        ensembles.export("two", "keras", runs=trained)
    assert not list(Path().iterdir())


def test_what_has_no_network_is_named(here: Path) -> None:
    store = RunStore(here / "runs")
    for name in ("a", "b"):
        store_model(store, name, 30, 30)
    found = [predictions("validation", 20), predictions("test", 20)]
    store_run(store, config("theirs", kind="external"), found)
    store_run(store, config("a", folds=5), found)
    for members, message in (
        ("a,b", r"a-\w+/seed-0 has no model file"),
        ("theirs,b", "member theirs was imported and has no network"),
        ("a:5-folds,b", "member a:5-folds is not a single network: build the ensemble of a in its place"),
    ):
        name = f"x{members[0]}{len(members)}"
        ensembles.build(members, runs=store.root, name=name)
        with pytest.raises(UserError, match=message):
            ensembles.export(name, "keras", runs=store.root)


def test_stacking_without_samples_of_a_class(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensembles.build("a,c", runs=trained, name="stacked", method="stacking")
    narrow = {"coefficients": [[0.0] * 6] * 2, "intercepts": [0, 0], "present": [0, 2]}
    monkeypatch.setattr(network_tree, "stored_combination", lambda _: restored("stacking", narrow))
    with pytest.raises(UserError, match="fitted on 2 of 3 classes"):
        ensembles.export("stacked", "keras", runs=trained)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["pear", "--format", "keras"], "did you mean pair"),
        (["pairs", "--format", "kears"], "unknown export format 'kears': did you mean keras?"),
        (
            ["a", "--format", "keras"],
            "a is not an ensemble: "
            "export a single model with `python -m benchmark export a --format keras --runs RUNS`",
        ),
        (["pairs", "--format", "keras", "-o", "x.bin"], "cannot write x.bin: keras files end in .keras"),
        (["pairs", "--format", "keras", "-o", "no/x.keras"], "cannot write no/x.keras: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(
    argv: list[str], message: str, trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(ensemble_exports, "ask")  # nothing is started
    ensembles.build("a,c", runs=trained, name="pairs")
    assert cli.main(["export", *argv, "--runs", str(trained)]) == 2
    shown = capsys.readouterr()
    assert message.replace("RUNS", str(trained)) in shown.err
    assert shown.err.count("\n") == 1
    assert not list(Path().iterdir())


def test_the_command_says_what_it_wrote(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ensembles.build("a,c", runs=trained, name="said")
    assert cli.main(["export", "said", "--format", "keras", "-o", "said.keras", "--runs", str(trained)]) == 0
    shown = capsys.readouterr().out
    assert f"{2 * network(0).count_params():,} parameters, 2 networks" in shown
    assert "checked on 100 pictures, largest difference" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert benchmark_cli.main(["export", "said", "--format", "keras", "--runs", str(trained)]) == 2
    assert (
        f"said is an ensemble: `python -m ensembles export said --format keras --runs {trained}` writes it"
        in capsys.readouterr().err
    )
