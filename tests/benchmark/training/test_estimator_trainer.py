"""Any scikit-learn classifier: what a name means, how it is trained, and what is not stored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bright_images import write_bright
from jobs import changed, job_of

import benchmark
from benchmark import ReadOptions
from benchmark.data import load
from benchmark.records import RunConfig
from benchmark.running.planning import plan
from benchmark.running.recipes import training_of
from benchmark.running.train_and_predict import train_and_predict
from benchmark.training.estimator_trainer import EstimatorTrainer, is_perceptron
from benchmark.training.sklearn_trainer import refusal
from benchmark.training.trainer import Epoch
from zoo import ModelSpec, TrainingSettings, UserError, get_model

FOREST = "sklearn:sklearn.ensemble.RandomForestClassifier"
BAYES = "sklearn:sklearn.naive_bayes.GaussianNB"


def images(count: int = 30) -> tuple[np.ndarray, np.ndarray]:
    labels = np.arange(count) % 3
    pixels = np.random.default_rng(0).normal(60 + 60 * labels[:, None, None, None], 30, (count, 6, 5, 1))
    return np.clip(pixels, 0, 255).astype(np.uint8), labels


def trainer(name: str, classes: int = 3, **changes: Any) -> EstimatorTrainer:
    spec = get_model(name)
    return EstimatorTrainer(spec.estimator(**spec.with_hyperparameters(changes), seed=0), classes)


def epoch(labels: np.ndarray, pixels: np.ndarray, weights: np.ndarray | None = None) -> Epoch:
    return Epoch(pixels, np.arange(len(labels)), labels, weights, 1e-3)


def test_its_hyperparameters_are_its_plain_arguments() -> None:
    spec = get_model("sklearn:sklearn.ensemble.HistGradientBoostingClassifier")
    values = spec.with_hyperparameters({"max_iter": "50", "max_leaf_nodes": "none", "learning_rate": "0.3"})
    assert (values["max_iter"], values["max_leaf_nodes"], values["learning_rate"]) == (50, None, 0.3)
    assert values["early_stopping"] == "auto"
    assert not {"random_state", "verbose", "warm_start"} & set(values)
    estimator = spec.estimator(**values, batch_size=7, seed=3)
    assert (estimator.max_iter, estimator.learning_rate, estimator.random_state) == (50, 0.3, 3)
    with pytest.raises(UserError, match="did you mean max_iter"):
        spec.with_hyperparameters({"max_ite": "50"})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sklearn:", "names no class"),
        ("sklearn:SVC", "names no class"),
        ("sklearn:sklearn.svm.", "names no class"),
        ("sklearn:../x.y", "names no class"),
        ("sklearn:sklearn.nowhere.SVC", "cannot be imported"),
        ("sklearn:sklearn.ensemble.RandomForestClasifier", "did you mean RandomForestClassifier"),
        ("sklearn:sklearn.ensemble.RandomForestRegressor", "not a scikit-learn classifier with predict_proba"),
        ("sklearn:sklearn.svm.LinearSVC", "not a scikit-learn classifier with predict_proba"),
        ("sklearn:pathlib.Path", "not a scikit-learn classifier with predict_proba"),
    ],
)
def test_names_of_no_classifier_are_one_line(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        get_model(name)
    assert "\n" not in str(caught.value)


def test_a_forest_learns_and_is_kept_in_memory(tmp_path: Path) -> None:
    pixels, labels = images()
    one = trainer(FOREST, n_estimators="5")
    scores = one.train_epoch(epoch(labels, pixels))
    assert scores["accuracy"] > 0.9
    kept, before = one.snapshot(), one.predict(pixels)
    np.testing.assert_allclose(before.sum(axis=1), 1, atol=1e-6)
    one.train_epoch(epoch(labels[::-1], pixels))
    assert not np.array_equal(one.predict(pixels), before)
    one.restore(kept)
    np.testing.assert_array_equal(one.predict(pixels), before)
    with pytest.raises(ValueError, match="in memory only"):
        trainer(FOREST).restore(kept)
    with pytest.raises(ValueError, match="in memory only"):
        trainer(FOREST).restore_state(one.state())
    one.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_no_checkpoint_is_written(tmp_path: Path) -> None:
    """Nothing could go on from it."""
    source = write_bright(tmp_path)
    dataset, spec = load(source, ReadOptions(), None), get_model(BAYES)
    values = spec.with_hyperparameters({})
    config = RunConfig(dataset.name, dataset.fingerprint, BAYES, hyperparameters=values, training=spec.training)
    (tmp_path / "run").mkdir()
    checkpoints = tmp_path / "checkpoints"
    assert train_and_predict(changed(job_of(config, tmp_path / "run", str(source)), checkpoints=checkpoints)).epochs
    assert not checkpoints.exists()


def test_a_class_without_images_has_its_column() -> None:
    pixels, labels = images()
    one = trainer(FOREST, classes=4, n_estimators="2")
    one.train_epoch(epoch(np.where(labels == 1, 3, labels), pixels))
    probabilities = one.predict(pixels)
    assert probabilities.shape == (30, 4)
    assert probabilities[:, 1].max() == 0
    assert probabilities[:, 3].max() > 0


def test_what_has_partial_fit_goes_by_epochs() -> None:
    assert not get_model(BAYES).fitted_once
    assert get_model(BAYES).training.epochs > 1
    one, (pixels, labels) = trainer(BAYES), images()
    for _ in range(2):
        one.train_epoch(epoch(labels, pixels))
    assert one.estimator.class_count_.sum() == 2 * len(labels)


def test_weights_of_samples() -> None:
    pixels, labels = images()
    weights = np.ones(len(labels), np.float32)
    trainer(FOREST, n_estimators="2").train_epoch(epoch(labels, pixels, weights))
    with pytest.raises(UserError, match="KNeighborsClassifier takes no weights of samples"):
        trainer("sklearn:sklearn.neighbors.KNeighborsClassifier").train_epoch(epoch(labels, pixels, weights))


def test_an_illegal_value_is_one_line() -> None:
    pixels, labels = images()
    with pytest.raises(UserError, match="RandomForestClassifier: The 'n_estimators' parameter"):
        trainer(FOREST, n_estimators="-3").train_epoch(epoch(labels, pixels))


def test_what_is_fitted_in_one_call_has_no_epochs(tmp_path: Path) -> None:
    spec = get_model(FOREST)
    assert spec.fitted_once
    assert training_of(spec, "quick").epochs == training_of(spec, "paper").epochs == 1
    assert refusal(TrainingSettings(epochs=3), fitted_once=True) == "it is fitted in one call, and has no epochs"
    assert "has no mixup" in (refusal(TrainingSettings(mixup=0.5), fitted_once=True) or "")
    assert refusal(TrainingSettings(balance="class_weight", images=100), fitted_once=True) is None


def test_only_a_perceptron_as_the_zoos_is_stored() -> None:
    from sklearn.neural_network import MLPClassifier

    assert is_perceptron(MLPClassifier(batch_size=20))
    assert not is_perceptron(MLPClassifier(batch_size=20, activation="tanh"))
    assert not is_perceptron(MLPClassifier())
    assert not is_perceptron(MLPClassifier(batch_size=20, solver="lbfgs")), "which is fitted at once"


def test_from_the_request_to_the_store(tmp_path: Path) -> None:
    made = {}
    for split, count in (("train", 30), ("validation", 12), ("test", 12)):
        pixels, labels = images(count)
        made |= {f"{split}_images": pixels[..., 0], f"{split}_labels": labels}
    np.savez(tmp_path / "data.npz", **made)
    options = benchmark.RunOptions(progress=False, cache=None, tta=("flip",))
    place = {"runs": tmp_path / "runs", "options": options}
    plain, flipped = benchmark.run(FOREST, tmp_path / "data.npz", settings={"n_estimators": 5}, **place)
    assert [run.record.status for run in (plain, flipped)] == ["ok", "ok"]
    assert plain.config.model == FOREST
    assert (plain.record.epochs, plain.record.parameters, plain.model) == (1, None, None)
    assert "pickle" in plain.record.provenance["no_model"]
    with pytest.raises(UserError, match="has no model file: a scikit-learn classifier"):
        plain.model_file()
    with pytest.raises(UserError, match="fitted in one call, and has no epochs"):
        benchmark.run(FOREST, tmp_path / "data.npz", settings={"epochs": 5}, **place)
    with pytest.raises(UserError, match=r"gives no probabilities as it is set.*: add --set probability=true"):
        benchmark.run("sklearn:sklearn.svm.SVC", tmp_path / "data.npz", **place)


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("pipeline.Pipeline", "steps"),
        ("ensemble.VotingClassifier", "estimators"),
        ("multiclass.OneVsRestClassifier", ""),
    ],
)
def test_a_class_that_needs_an_argument_is_refused(name: str, needed: str) -> None:
    with pytest.raises(UserError, match=f"sklearn.{name} needs {needed or 'estimator'}, for which there is no default"):
        get_model(f"sklearn:sklearn.{name}")


@pytest.mark.parametrize("setting", ["learning_rate", "batch_size"])
def test_a_setting_that_the_classifier_does_not_take_is_refused(setting: str) -> None:
    from benchmark.data.faces.generator import generate

    def bayes(*, var_smoothing: float = 1e-9, seed: int = 0) -> Any:
        from sklearn.naive_bayes import GaussianNB

        return GaussianNB(var_smoothing=var_smoothing)

    own = ModelSpec(name="own", estimator=bayes, reference="", parameters=0, hyperparameters={})
    for spec in (own, get_model("sklearn:sklearn.naive_bayes.GaussianNB")):
        with pytest.raises(UserError, match=f"{spec.name}: its classifier takes no {setting}"):
            plan([spec], generate(14, 7, 0), "paper", (0,), {setting: "0.5" if setting == "learning_rate" else "64"})
    assert plan([get_model("mlp")], generate(14, 7, 0), "paper", (0,), {setting: "1"}).configs


def test_a_rate_may_be_its_own() -> None:
    from benchmark.data.faces.generator import generate

    spec = get_model("sklearn:sklearn.linear_model.SGDClassifier")
    changes = {"learning_rate": "constant", "eta0": "0.1", "loss": "log_loss"}
    (config,) = plan([spec], generate(14, 7, 0), "paper", (0,), changes).configs
    assert config.hyperparameters["learning_rate"] == "constant"
