"""Training settings: read, checked, compared with their defaults."""

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
        ({"batch_size": True}, "batch_size must be a whole number, got True"),
    ],
)
def test_what_will_not_do_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TrainingSettings().with_changes(changes)


def test_non_default_lists_differences_only() -> None:
    assert TrainingSettings().non_default() == {}
    assert TrainingSettings(epochs=3).non_default() == {"epochs": 3}


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
        "loss": "cross_entropy",
        "label_smoothing": 0.1,
        "focal_gamma": 2.0,
        "balance": "none",
        "augmentation": "none",
        "copies": 0,
        "images": 0,
        "patience": 10,
        "epochs": 50,
        "batch_size": 64,
    }
