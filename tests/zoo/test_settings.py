"""Training settings: read, checked, compared with their defaults."""

import numpy as np
import pytest

from zoo import TrainingSettings, UserError


def test_text_is_read_as_each_settings_own_type() -> None:
    changed = TrainingSettings().with_changes({"epochs": "8", "learning_rate": "0.01", "optimizer": "sgd"})
    assert (changed.epochs, changed.learning_rate, changed.optimizer) == (8, 0.01, "sgd")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epoch": "8"}, "unknown training setting 'epoch': did you mean epochs"),
        ({"optimizer": "adm"}, "unknown optimizer 'adm': did you mean adam"),
        ({"epochs": "eight"}, "epochs must be a whole number, got 'eight'"),
        ({"epochs": "1.5"}, "epochs must be a whole number"),
        ({"epochs": "0"}, "epochs must be between 1 and 100000, got 0"),
        ({"learning_rate": "-1"}, "learning_rate must be between"),
        ({"learning_rate": "nan"}, "learning_rate must be a number, got 'nan'"),
        ({"learning_rate": "inf"}, "learning_rate must be between"),
        ({"ema": "1"}, "ema must be between 0 and 0.99999, got 1"),
        ({"clip_norm": "-1"}, "clip_norm must be between"),
        ({"mixup": "-0.1"}, "mixup must be between"),
        ({"generalized_q": "0"}, "generalized_q must be between 0.01 and 1"),
        ({"warmup": "1.5"}, "warmup must be a whole number"),
        ({"loss": "symetric"}, "unknown loss 'symetric': did you mean symmetric"),
        ({"duplicates": "dropp"}, "unknown duplicates 'dropp': did you mean drop"),
        ({"batch_size": True}, "batch_size must be a whole number, got True"),
    ],
)
def test_what_will_not_do_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TrainingSettings().with_changes(changes)


def test_non_default_lists_differences_only() -> None:
    assert TrainingSettings().non_default() == {}
    assert TrainingSettings(epochs=3).non_default() == {"epochs": 3}


def test_numpy_numbers_do_for_pythons() -> None:
    assert TrainingSettings(learning_rate=np.float64(0.01), epochs=np.int64(3)) == TrainingSettings(
        learning_rate=0.01, epochs=3
    )


def test_settings_that_change_nothing_are_known() -> None:
    assert TrainingSettings().without_effect() == {}
    noisy = TrainingSettings(loss="generalized", symmetric_beta=0.5, generalized_q=0.5)
    assert noisy.without_effect() == {"symmetric_beta": "loss=symmetric"}
    vain = TrainingSettings(momentum=0.5, label_smoothing=0.2, schedule_factor=0.1)
    assert vain.without_effect() == {
        "momentum": "optimizer=sgd or muon",
        "label_smoothing": "loss=label_smoothing",
        "schedule_factor": "schedule=plateau or exponential or step",
    }
    assert TrainingSettings(optimizer="sgd", momentum=0.5, loss="focal", focal_gamma=1.0).without_effect() == {}


def test_a_whole_number_does_for_a_number() -> None:
    assert TrainingSettings(learning_rate=1) == TrainingSettings(learning_rate=1.0)


def test_defaults_are_pinned() -> None:
    """A changed default would give two different trainings the same configuration hash: never change one."""
    assert TrainingSettings().__dict__ == {
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "momentum": 0.9,
        "schedule": "none",
        "schedule_factor": 0.5,
        "schedule_patience": 3,
        "warmup": 0,
        "clip_norm": 0.0,
        "ema": 0.0,
        "batch_norm": "running",
        "loss": "cross_entropy",
        "label_smoothing": 0.1,
        "focal_gamma": 2.0,
        "symmetric_alpha": 0.1,
        "symmetric_beta": 1.0,
        "generalized_q": 0.7,
        "distillation": 0.5,
        "distillation_temperature": 2.0,
        "distillation_images": "augmented",
        "balance": "none",
        "augmentation": "none",
        "mixup": 0.0,
        "cutmix": 0.0,
        "duplicates": "keep",
        "copies": 0,
        "images": 0,
        "progressive_size": 0,
        "views": 0,
        "fine_tune_blocks": 0,
        "fine_tune_epochs": 10,
        "fine_tune_factor": 0.1,
        "patience": 10,
        "stop_on": "validation_loss",
        "epochs": 50,
        "batch_size": 64,
    }
