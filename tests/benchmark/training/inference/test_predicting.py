"""Splits are predicted, but for what is known, and the first that is predicted is timed."""

from typing import Any

import numpy as np
import pytest

from benchmark.dataset import Split
from benchmark.training.inference import predicting
from benchmark.training.inference.predicting import predict
from benchmark.training.trainer import Pass


class Fake:
    """Takes a second an image, and 100 to compile for a number of images that it has not seen."""

    def __init__(self) -> None:
        self.now, self.compile_seconds, self.seen = 0.0, 0.0, set()

    def predict(self, images: np.ndarray) -> np.ndarray:
        if len(images) not in self.seen:
            self.seen.add(len(images))
            self.now += 100
            self.compile_seconds += 100
        self.now += len(images)
        return np.full((len(images), 2), 0.5, np.float32)


@pytest.mark.parametrize(("kind", "views"), [("none", 1), ("flip", 2)])
def test_the_timed_pass_is_without_compilation(monkeypatch: pytest.MonkeyPatch, kind: str, views: int) -> None:
    fake: Any = Fake()
    monkeypatch.setattr(predicting.time, "perf_counter", lambda: fake.now)
    images, ids = np.zeros((4, 2, 2, 1), np.uint8), np.array(["a", "b", "c", "d"])
    splits = [Split("validation", images, np.array([0, 1, 0, 1]), ids), Split("test", images[:2], None, ids[:2])]
    predicted = predict(fake, splits, ("no", "yes"), kind)
    assert predicted.one_pass == Pass(4 * views, 4 * views)
    assert [len(one.sample_ids) for one in predicted.predictions] == [4, 2]


def test_what_is_known_is_not_predicted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fake: Any = Fake()
    monkeypatch.setattr(predicting.time, "perf_counter", lambda: fake.now)
    images, ids = np.zeros((4, 2, 2, 1), np.uint8), np.array(["a", "b", "c", "d"])
    splits = [Split("validation", images, np.array([0, 1, 0, 1]), ids), Split("test", images[:2], None, ids[:2])]
    known = np.tile(np.array([0.25, 0.75], np.float32), (4, 1))
    predicted = predict(fake, splits, ("no", "yes"), "none", known)
    assert predicted.one_pass == Pass(2, 2)
    assert fake.seen == {2}
    validation, test = predicted.predictions
    np.testing.assert_array_equal(validation.probabilities, known)
    assert (test.probabilities == 0.5).all()
