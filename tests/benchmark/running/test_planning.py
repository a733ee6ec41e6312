"""From a request to configurations."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.dataset import Dataset, Split
from benchmark.running.planning import chosen_models, chosen_seeds, plan
from zoo import UserError, all_models, get_model


def dataset() -> Dataset:
    def split(name: str) -> Split:
        ids = np.array([f"{name}-{k}" for k in range(2)])
        return Split(name, np.zeros((2, 4, 4, 1), np.uint8), np.array([0, 1]), ids)

    return Dataset("tiny", ("a", "b"), split("train"), split("validation"))


def configs(names: str, preset: str = "paper", **changes: Any) -> list[Any]:
    return list(plan(chosen_models(names), dataset(), preset, (0,), changes).configs)


def test_models_are_chosen_by_name() -> None:
    every = [spec.name for spec in chosen_models("all")]
    assert sorted(every) == sorted(all_models())
    assert every[:2] == ["mlp", "dinh"], "the quickest come first"
    assert [spec.name for spec in chosen_models("cnn7,mlp,cnn7")] == ["cnn7", "mlp"]
    assert [spec.name for spec in chosen_models(["cnn4"])] == ["cnn4"]
    assert [spec.name for spec in chosen_models(["cnn4, jan", "mlp,"])] == ["cnn4", "jan", "mlp"]
    with pytest.raises(UserError, match="did you mean"):
        chosen_models(["cnn"])
    with pytest.raises(UserError, match="no model is named"):
        chosen_models([])


def test_seeds_are_a_count_or_a_list() -> None:
    assert chosen_seeds(3) == (0, 1, 2)
    assert chosen_seeds([7]) == (7,)
    assert [type(seed) for seed in chosen_seeds(np.arange(2))] == [int, int]
    for wrong in (0, [], [-1], [1, 1], [2**32], [0.5]):
        with pytest.raises(UserError, match="seeds must be"):
            chosen_seeds(wrong)


def test_paper_is_the_models_own_recipe_and_quick_is_short() -> None:
    spec = get_model("cnn4")
    assert configs("cnn4")[0].training == spec.training
    quick = configs("cnn4", "quick")[0].training
    assert quick.epochs < 20 < spec.training.epochs
    with pytest.raises(UserError, match="did you mean quick"):
        configs("cnn4", "quik")


def test_changes_go_where_they_belong() -> None:
    config = configs("cnn4", dropout="0.4", epochs="3")[0]
    assert config.hyperparameters == {"dropout": 0.4}
    assert config.training.epochs == 3


def test_a_change_that_fits_some_models_only_is_noted() -> None:
    planned = plan(chosen_models("mlp,cnn4"), dataset(), "paper", (0,), {"dropout": "0.4", "optimizer": "sgd"})
    assert [config.hyperparameters for config in planned.configs] == [{"alpha": 1e-4}, {"dropout": 0.4}]
    assert [config.training.optimizer for config in planned.configs] == ["adam", "sgd"]
    assert planned.notes == (
        "mlp: the model has no hyperparameter dropout; it runs without this setting",
        "mlp: a scikit-learn model has no optimizer; it runs without this setting",
    )


@pytest.mark.parametrize(
    ("names", "changes", "message"),
    [
        ("mlp", {"dropout": "0.4"}, "unknown setting 'dropout'"),
        ("mlp", {"optimizer": "sgd"}, "a scikit-learn model has no optimizer"),
        ("mlp", {"augmentation": "flip"}, "augmented by offline copies only"),
        ("cnn4", {"droput": "0.4"}, "unknown setting 'droput': did you mean dropout"),
        ("cnn4", {"dropout": "2"}, "dropout must be a number from 0 to 0.9"),
        ("mlp,cnn4", {"epochs": "0"}, "epochs must be between"),
        ("mlp", {"optimizer": "sdg"}, "unknown optimizer 'sdg': did you mean sgd"),
        ("mlp,cnn4", {"optimizer": "sdg"}, "unknown optimizer 'sdg': did you mean sgd"),
    ],
)
def test_what_fits_no_model_is_refused(names: str, changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        configs(names, **changes)


@pytest.mark.parametrize("beforehand", [{"copies": "2"}, {"balance": "copies"}], ids=str)
def test_augmentation_with_copies_does_for_mlp(beforehand: dict[str, str]) -> None:
    training = configs("mlp", augmentation="flip", **beforehand)[0].training
    assert (training.augmentation, training.augmented_beforehand) == ("flip", True)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"stop_on": "training_loss", "patience": "0"}, "stop_on changes nothing with patience=0"),
        ({"warmup": "9", "epochs": "8"}, "warmup takes all epochs: the learning rate is never reached"),
        ({"epochs": "1"}, "warmup takes all epochs: the learning rate is never reached"),
        ({"warmup": "8", "epochs": "8"}, "warmup takes all epochs: the learning rate is never reached"),
        ({"progressive_size": "64"}, "progressive_size=64 is not below the images' 4: they do not grow"),
        (
            {"copies": "1", "augmentation": "flip", "batch_norm": "augmented"},
            "all images are augmented before the training: batch_norm=augmented is the same as plain",
        ),
    ],
    ids=str,
)
def test_what_one_setting_makes_of_another_is_noted(changes: dict[str, str], note: str) -> None:
    assert plan(chosen_models("fast"), dataset(), "paper", (0,), changes).notes == (f"fast: {note}",)


def test_what_is_asked_in_vain_is_noted() -> None:
    planned = plan(chosen_models("cnn4"), dataset(), "quick", (0,), {"schedule_factor": "0.1", "momentum": "0.5"})
    assert planned.notes == (
        "cnn4: momentum changes nothing without optimizer=sgd or muon",
        "cnn4: schedule_factor changes nothing without schedule=plateau or exponential or step",
    )


@pytest.mark.parametrize("beforehand", [{"copies": "2"}, {"balance": "copies"}], ids=str)
@pytest.mark.parametrize("name", ["mlp", "cnn4"])
def test_copies_without_augmentation_are_refused(name: str, beforehand: dict[str, str]) -> None:
    with pytest.raises(UserError, match=f"{name}: copies need an augmentation"):
        configs(name, augmentation="none", **beforehand)


@pytest.mark.parametrize("beforehand", [{"copies": "2"}, {"balance": "copies"}], ids=str)
def test_copies_and_views_are_refused(beforehand: dict[str, str]) -> None:
    with pytest.raises(UserError, match="copies and views cannot be used together"):
        configs("mobilenet025", augmentation="flip", views="1", **beforehand)


def test_cue_vgg_beta_brings_classes_to_one_size_as_its_source_did() -> None:
    training = configs("cue_vgg_beta")[0].training
    assert (training.balance, training.copies, training.augmentation) == ("copies", 0, "affine")


def test_a_first_look_mixes_no_images() -> None:
    assert configs("resnet18")[0].training.mixup == 1.0
    assert not configs("resnet18", preset="quick")[0].training.mixes


def test_the_hash_tells_settings_apart_and_not_seeds() -> None:
    hashes = {
        configs("cnn4", **changes)[0].hash
        for changes in ({}, {"dropout": "0.4"}, {"epochs": "3"}, {"learning_rate": "0.01"})
    }
    assert len(hashes) == 4
    assert configs("cnn4", dropout="0.25")[0].hash == configs("cnn4")[0].hash


def test_a_first_look_without_weights_trains_what_would_be_of_no_use_frozen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (without,) = configs("mobilenet025", "quick")
    assert (without.weights, without.hyperparameters["train_base"]) == ("random", True)
    assert configs("mobilenet025", "quick", epochs=2, input_size=32)[0].training.epochs == 2, "what is asked for counts"
    file = get_model("mobilenet025").backbone.url.rpartition("/")[2]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / file).write_bytes(b"weights")
    (with_file,) = configs("mobilenet025", "quick")
    assert (with_file.weights, with_file.hyperparameters["train_base"]) == ("imagenet", False)
    assert with_file.training.epochs > without.training.epochs


@pytest.mark.parametrize("asked", [{"views": 1, "augmentation": "flip"}, {"fine_tune_blocks": 2}])
def test_what_needs_a_frozen_base_says_how_to_get_one_for_a_first_look(
    asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match="add --set weights=imagenet, or --set train_base=false"):
        configs("mobilenet025", "quick", **asked)
    assert configs("mobilenet025", "quick", train_base=False, **asked)[0].weights == "random"
    assert configs("vgg", "quick", **asked)[0].weights == "random", "its base is frozen anyway"


def test_views_and_fine_tuning_are_about_frozen_backbones() -> None:
    asked = {"views": 2, "fine_tune_blocks": 3, "fine_tune_factor": 0.5, "augmentation": "flip"}
    training = configs("vgg", **asked)[0].training
    assert (training.views, training.fine_tune_blocks, training.fine_tune_factor) == (2, 3, 0.5)
    # Asked of several models, those without a backbone go without.
    mixed = plan(chosen_models("vgg,cnn4"), dataset(), "paper", (0,), {"views": 2, "augmentation": "flip"})
    assert [config.training.views for config in mixed.configs] == [2, 0]
    assert (
        "cnn4: views is a setting of transfer models, which have a backbone; it runs without this setting"
        in mixed.notes
    )


def test_what_a_recipe_says_goes_where_the_user_asks_for_what_excludes_it() -> None:
    assert configs("cnn4")[0].training.copies > 0
    assert configs("cnn4", augmentation="none")[0].training.copies == 0
    training = configs("vgg", copies="2", augmentation="flip")[0].training
    assert (training.copies, training.views) == (2, 0)


def test_what_a_recipe_says_of_a_frozen_base_goes_with_it() -> None:
    assert configs("vgg")[0].training.views > 0
    for changes in ({"train_base": True}, {"augmentation": "none"}, {"mixup": "0.2"}):
        assert configs("vgg", **changes)[0].training.views == 0
    assert configs("vgg", mixup="0")[0].training.views > 0
    spec = get_model("mobilenet025")
    growing = replace(spec, training=spec.training.with_changes({"progressive_size": 64, "views": 0}))
    for trained in (True, False):
        planned = plan([growing], dataset(), "paper", (0,), {"train_base": trained})
        assert planned.configs[0].training.progressive_size == (64 if trained else 0)


@pytest.mark.parametrize(
    ("model", "changes", "message"),
    [
        ("cnn4", {"views": 1}, "cnn4: views is a setting of transfer models"),
        ("cnn4", {"copies": 1, "augmentation": "none"}, "copies need an augmentation"),
        ("resnet18", {"input_size": 96, "progressive_size": 64}, "progressive_size cannot be used with its input_size"),
        ("vgg", {"views": 1, "augmentation": "none"}, "views need an augmentation"),
        ("vgg", {"views": 1, "copies": 1, "augmentation": "flip"}, "leave one of them out"),
        ("vgg", {"views": 1, "cutmix": 1, "augmentation": "flip"}, "views cannot be used with mixup or cutmix"),
        ("vgg", {"views": 1, "augmentation": "flip", "train_base": True}, "need a frozen base"),
        ("vgg", {"progressive_size": 64, "train_base": False}, "progressive_size needs a trained base"),
        ("cue_vgg", {"fine_tune_blocks": 1}, "add --set train_base=false"),
        ("vgg", {"fine_tune_blocks": 6}, "fine_tune_blocks is 6, VGG16 has 5 blocks"),
    ],
)
def test_contradictions_are_one_line(model: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        configs(model, **changes)
