"""Classifiers from outside the zoo: fitted once, tried on a few images, and told what their predictions lack."""

from pathlib import Path

import numpy as np
import pytest
from bright_images import in_this_process

import benchmark
from benchmark.running import runner
from benchmark.store.stored_run import StoredRun
from zoo import UserError

SOURCE = """\
import numpy as np

from zoo.spec import ModelSpec


class Nearest:
    '''Of the mean of each class, in the manner of scikit-learn, but without `classes_`.'''

    least = 0

    def __init__(self, **given):
        self.given = given

    def fit(self, pixels, labels):
        if len(pixels) < self.least:
            raise ValueError("too few")
        self.fits = getattr(self, "fits", 0) + 1
        self.means = np.stack([pixels[labels == one].mean(axis=0) for one in range(3)])
        return self

    def distances(self, pixels):
        return ((pixels[:, None] - self.means[None]) ** 2).sum(axis=2)

    def predict_proba(self, pixels):
        shares = np.exp(-self.distances(pixels))
        return shares / shares.sum(axis=1, keepdims=True)


class NeedsMany(Nearest):
    least = 31


class Logits(Nearest):
    def predict_proba(self, pixels):
        return -self.distances(pixels)


class TooFew(Nearest):
    def predict_proba(self, pixels):
        return super().predict_proba(pixels)[:, :2]


class NotFinite(Nearest):
    def predict_proba(self, pixels):
        return super().predict_proba(pixels) * np.nan


class Texts(Nearest):
    classes_ = np.array(["a", "b", "c"])


class Silent:
    def fit(self, pixels, labels):
        return self


class ByEpochs(Nearest):
    def partial_fit(self, pixels, labels, classes):
        return self.fit(pixels, labels)


def bare():
    return Nearest()


def rated(learning_rate, seed):
    return Nearest(learning_rate=learning_rate, seed=seed)


def failing():
    raise RuntimeError("no such library")


MODELS = [
    ModelSpec(name=function.__name__.lower(), reference="", parameters=0, estimator=function)
    for function in (bare, rated, failing, NeedsMany, Logits, TooFew, NotFinite, Texts, Silent, ByEpochs)
]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With data of three classes and a file of classifiers."""
    path, made = tmp_path_factory.mktemp("own"), {}
    for split, count in (("train", 60), ("validation", 12)):
        labels = np.arange(count) % 3
        pixels = np.random.default_rng(count).normal(60 + 60 * labels[:, None, None], 30, (count, 6, 5))
        made |= {f"{split}_images": np.clip(pixels, 0, 255).astype(np.uint8), f"{split}_labels": labels}
    np.savez(path / "data.npz", **made)
    (path / "mine.py").write_text(SOURCE)
    return path


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "work", in_this_process)


def made(name: str, place: Path, runs: Path, **more: object) -> StoredRun:
    files = {"model_files": [place / "mine.py"], "progress": False, "cache": None}
    (run,) = benchmark.run(name, place / "data.npz", runs=runs, **files, **more)
    return run


@pytest.mark.parametrize("name", ["bare", "rated", "needsmany"])
def test_what_has_no_epochs_is_fitted_once(name: str, place: Path, tmp_path: Path) -> None:
    """Refitted in each epoch, the fit that validation likes best would be kept."""
    run = made(name, place, tmp_path)
    assert (run.record.status, run.record.error, run.record.epochs) == ("ok", None, 1)
    assert run.config.training is not None
    assert run.config.training.epochs == 1
    found = run.predictions("validation")
    assert found is not None
    assert (found.probabilities.argmax(axis=1) == found.labels).mean() > 0.8
    with pytest.raises(UserError, match="fitted in one call, and has no epochs"):
        made(name, place, tmp_path, epochs=3)


def test_what_has_partial_fit_goes_by_epochs(place: Path, tmp_path: Path) -> None:
    assert made("byepochs", place, tmp_path, epochs=3, patience=0).record.epochs == 3


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("logits", "Logits: predict_proba must give probabilities, 0-1, that sum to 1 in each row"),
        ("notfinite", "NotFinite: predict_proba must give probabilities"),
        ("texts", "Texts: classes_ must be the classes that it was fitted with, got ['a', 'b', 'c']"),
        ("silent", "silent gives no probabilities as it is set, it has no predict_proba; scikit-learn's Calib"),
        ("toofew", "TooFew: predict_proba gives (30, 2) for 30 images, expected a row for each image with a column"),
    ],
)
def test_what_is_wrong_is_said_before_all_images_are_fitted(
    name: str, problem: str, place: Path, tmp_path: Path
) -> None:
    run = made(name, place, tmp_path)
    assert run.record.status == "failed"
    assert problem in str(run.record.error)


def test_what_cannot_be_made_is_left_to_its_run(place: Path, tmp_path: Path) -> None:
    """A process of its own, which records why."""
    with pytest.raises(RuntimeError, match="no such library"):
        made("failing", place, tmp_path)


def test_a_file_and_a_function_in_one_name(place: Path, tmp_path: Path) -> None:
    file = str(place / "mine.py")
    with pytest.raises(UserError, match=f"for a model of your own, run bare with --models {file}"):
        benchmark.run(f"{file}:bare", place / "data.npz", runs=tmp_path)
