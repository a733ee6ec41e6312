"""What `--set weights=...` means, from the request to the worker."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from jobs import changed, job_of

from benchmark.dataset import Dataset, Split
from benchmark.running.job import Job
from benchmark.running.planning import Plan, chosen_models, plan
from benchmark.training.initial_weights import read_weights, starting_weights
from zoo import UserError, all_models, get_model
from zoo.backbones import MOBILENET_QUARTER


def weights_file(path: Path, count: int = MOBILENET_QUARTER.parameters) -> Path:
    """An HDF5 file of so many numbers."""
    with h5py.File(path, "w") as file:
        file["layer/kernel"] = np.zeros(count - 1, np.float32)
        file["layer/bias"] = np.zeros(1, np.float32)
    return path


def dataset() -> Dataset:
    def split(name: str) -> Split:
        ids = np.array([f"{name}-{k}" for k in range(2)])
        return Split(name, np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1]), ids)

    return Dataset("tiny", ("a", "b"), split("train"), split("validation"))


def planned(names: str, preset: str = "paper", **changes: Any) -> Plan:
    return plan(chosen_models(names), dataset(), preset, (0,), changes)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Keras keeps its files: empty."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "models").mkdir(parents=True)
    return tmp_path / "home" / "models"


def test_a_file_is_named_by_its_content(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "mine.weights.h5")
    read = read_weights(str(path))
    assert read.label == f"mine-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"
    assert (read.file, read.count) == (path, MOBILENET_QUARTER.parameters)
    before = planned("mobilenet025", weights=str(path)).configs[0]
    with h5py.File(path, "a") as file:
        file["layer/bias"][0] = 1
    after = planned("mobilenet025", weights=path).configs[0]
    assert before.hash != after.hash
    assert str(tmp_path) not in str(after.to_json())


def test_words_are_no_files_and_paths_are(in_empty_directory: Path) -> None:
    weights_file(in_empty_directory / "random.h5").rename("random")
    assert read_weights("random").file is None
    assert read_weights("imagenet").label == "imagenet"
    with pytest.raises(UserError, match=r"must be an HDF5 file"):
        read_weights(Path("random"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("imagnet", "there is no file imagnet; did you mean imagenet"),
        ("nowhere/some.h5", "there is no file nowhere/some.h5"),
        (".", "there is no file"),
        (3, "must be imagenet, random or the path of a file, got 3"),
        ("rubbish.h5", "cannot be read as an HDF5 file"),
        ("model.keras", r"must be an HDF5 file \(\.h5 or \.hdf5\) or arrays \(\.npz\)"),
    ],
)
def test_what_is_no_file_of_weights_is_one_line(asked: Any, message: str, in_empty_directory: Path) -> None:
    for name in ("rubbish.h5", "model.keras"):
        (in_empty_directory / name).write_text("rubbish")
    with pytest.raises(UserError, match=message) as caught:
        planned("mobilenet025", weights=asked)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture_are_refused_before_anything_runs(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "other.h5", 1000)
    with pytest.raises(UserError, match=r"mobilenet025: .*other\.h5 has 1,000 weights, MobileNet without its head 218"):
        planned("mobilenet025", weights=str(path))


def test_a_file_goes_to_the_models_that_it_fits(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "mine.h5")
    made = planned("cnn4,vgg,mobilenet025", weights=str(path))
    assert [config.weights for config in made.configs] == [None, "imagenet", read_weights(path).label]
    assert made.weights_file == path
    assert made.notes[0] == "cnn4: the model has no pretrained weights; it runs without this setting"
    assert made.notes[1].startswith("vgg: ")
    assert made.notes[1].endswith("VGG16 without its head 14,714,688; it runs without this setting")


def test_models_without_weights_refuse_them() -> None:
    with pytest.raises(UserError, match="the model has no pretrained weights"):
        planned("cnn4,mlp", weights="random")
    with pytest.raises(UserError, match=r"unknown setting 'weight'.*weights"):
        planned("mobilenet025", weight="random")


def test_paper_means_imagenet_at_hand_or_not(models: Path) -> None:
    made = planned("mobilenet025,cnn4")
    assert [config.weights for config in made.configs] == ["imagenet", None]
    assert made.notes == ()
    assert planned("mobilenet025", weights="random").configs[0].weights == "random"


def test_quick_takes_what_is_at_hand(models: Path) -> None:
    made = planned("mobilenet025,cnn4,vgg", "quick")
    assert [config.weights for config in made.configs] == ["random", None, "random"]
    assert made.notes == (f"mobilenet025, vgg: random weights at the start, because ImageNet's are not in {models}",)
    (models / MOBILENET_QUARTER.file).touch()
    made = planned("mobilenet025", "quick")
    assert (made.configs[0].weights, made.notes) == ("imagenet", ())
    assert planned("vgg", "quick", weights="imagenet").configs[0].weights == "imagenet", "what is asked for is done"


def test_quick_looks_at_small_pictures(models: Path) -> None:
    assert planned("resnet", "quick").configs[0].hyperparameters["input_size"] < 100
    assert planned("resnet").configs[0].hyperparameters["input_size"] == 224
    assert planned("resnet", "quick", input_size="40").configs[0].hyperparameters["input_size"] == 40


@pytest.mark.parametrize("name", [spec.name for spec in all_models().values() if spec.backbone])
def test_quick_looks_through_a_frozen_base_where_it_has_weights(name: str, models: Path) -> None:
    assert planned(name, "quick", weights="imagenet").configs[0].hyperparameters["train_base"] is False


def test_quick_hyperparameters_are_known_ones() -> None:
    with pytest.raises(ValueError, match="quick_hyperparameters has unknown names"):
        replace(get_model("cnn4"), quick_hyperparameters={"droput": 0.1})


def test_the_worker_gets_the_file_and_checks_it(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "mine.h5")
    spec = get_model("mobilenet025")

    def given(name: str, file: Path | None, **changes: Any) -> dict[str, Any]:
        (config,) = planned(name, **changes).configs
        job = changed(job_of(config, tmp_path), weights_file=file)
        assert Job.from_json(job.to_json()) == job
        return starting_weights(get_model(name), config.weights, job.variant.weights_file)

    assert given("cnn4", path) == {}
    assert given("mobilenet025", path) == {"weights": "imagenet"}
    assert given("mobilenet025", None, weights="random") == {"weights": "random"}
    assert given("mobilenet025", path, weights=path) == {"weights": path}
    (config,) = planned("mobilenet025", weights=path).configs
    job = changed(job_of(config, tmp_path), weights_file=path)
    weights_file(path, 5)
    with pytest.raises(UserError, match="is gone or has changed"):
        starting_weights(spec, config.weights, job.variant.weights_file)
