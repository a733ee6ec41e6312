"""Models of a user's file in joint training and distillation: as new members, and as stored networks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bright_images import in_this_process

import benchmark
import ensembles
from benchmark.files.run_layout import MODEL_SOURCE
from benchmark.running import runner
from benchmark.running.planning import Plan
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from ensembles import cli
from ensembles.networks import planned_training
from zoo import UserError
from zoo.model_files import digest_of

SOURCE = """\
from keras import Input, Model, layers


class Half(layers.Layer):
    def call(self, pixels):
        return pixels / 255


def mine(input_shape, classes):
    inputs = Input(input_shape)
    return Model(inputs, layers.Dense(classes, activation="softmax")(layers.Flatten()(Half()(inputs))))


def other(input_shape, classes, units=4):
    inputs = Input(input_shape)
    x = layers.Dense(units)(layers.Flatten()(Half()(inputs)))
    return Model(inputs, layers.Dense(classes, activation="softmax")(x))
"""


@pytest.fixture(autouse=True, scope="module")
def no_processes() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "work", in_this_process)
        yield


@pytest.fixture(scope="module")
def file(data: Path) -> Path:
    path = data.parent / "mine.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture(scope="module")
def runs(data: Path, file: Path) -> Path:
    """A store with the network of `mine`, whose layer only the file defines."""
    options = benchmark.RunOptions(progress=False, model_files=(file,))
    settings = {"epochs": 1, "batch_size": 16}
    (run,) = benchmark.run("mine", data, settings=settings, runs=data.parent / "runs", options=options)
    assert run.record.status == "ok", run.record.error
    return data.parent / "runs"


def command(*words: str | Path, data: Path, runs: Path) -> list[str]:
    settings = ["--data", data, "--runs", runs, "--epochs", "1", "--batch-size", "16", "--set", "augmentation=none"]
    return [str(word) for word in (*words, *settings)]


def stored(runs: Path, name: str) -> StoredRun:
    store = RunStore(runs)
    (run,) = store.resolve(store.find_dataset(), name)
    return run


def test_joint_training_of_a_stored_and_a_new_one(data: Path, runs: Path, file: Path) -> None:
    words = command("train", "mine,other", "--models", file, "--set", "units=3", data=data, runs=runs)
    assert cli.main(words) == 0
    run = stored(runs, "mine+other:joint")
    assert run.config.members == (stored(runs, "mine").path.parent.name, "other")
    assert run.config.hyperparameters == {"other.units": 3}
    assert run.config.model_source == digest_of(SOURCE)
    assert run.text(MODEL_SOURCE) == SOURCE


def test_a_stored_one_teaches_a_new_one(data: Path, runs: Path, file: Path) -> None:
    words = command("distill", "mine", "other", "--models", file, data=data, runs=runs)
    assert cli.main(words) == 0
    assert stored(runs, "other:taught").record.status == "ok"


def test_without_the_file_no_code_is_run(data: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(command("train", "mine,bayes", data=data, runs=runs)) == 1
    assert "give the file that defines it with --models" in " ".join(capsys.readouterr().out.split())
    assert cli.main(command("train", "mine,other", data=data, runs=runs)) == 2
    assert "unknown model or stored run 'other'" in capsys.readouterr().err
    assert cli.main(command("train", "mine,cn4", data=data, runs=runs)) == 2
    assert "did you mean cnn4" in capsys.readouterr().err


def test_new_ones_of_two_files_are_refused(data: Path, runs: Path, file: Path) -> None:
    third = file.with_name("third.py")
    third.write_text(SOURCE.replace("mine", "third").replace("other", "fourth"))
    options = ensembles.JointOptions(run=benchmark.RunOptions(progress=False, model_files=(file, third)))
    with pytest.raises(UserError, match="new models of one file"):
        ensembles.train("other,third", data, runs=runs, options=options)


def test_a_backbone_by_name_is_a_new_member(
    data: Path, runs: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[Plan] = []
    monkeypatch.setattr(planned_training, "run_planned", lambda store, plan, *_: planned.append(plan) or [])
    options = ensembles.JointOptions(run=benchmark.RunOptions(progress=False, model_files=(file,), preset="quick"))
    ensembles.train("mine,keras:MobileNetV3Small", data, runs=runs, options=options)
    (config,) = planned[0].configs
    assert config.members[1] == "keras:MobileNetV3Small"
    assert config.hyperparameters["keras:MobileNetV3Small.weights"] == "random"
    assert replace(config, model_source="00000000").hash != config.hash
    with pytest.raises(UserError, match=r"sklearn:sklearn\.svm\.SVC is not stored, and only networks"):
        ensembles.train("mine,sklearn:sklearn.svm.SVC", data, runs=runs, options=options)
