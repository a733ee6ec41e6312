"""How long an image takes: medians of repeats in bounded time, on a clock of our own."""

from typing import Any

import numpy as np
import pytest

from benchmark.training.inference import latency
from benchmark.training.inference.latency import Latency, measure
from benchmark.training.trainer import Pass

IMAGES, MANY = (np.zeros((count, 4, 4, 1), np.uint8) for count in (40, 600))


class Fake:
    """Takes so many seconds a call and so many an image; the first call of a size is slower by `compiling`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, call: float, image: float, compiling: float = 0.0) -> None:
        self.now, self.seen = 0.0, []
        self.call, self.image, self.compiling = call, image, compiling
        monkeypatch.setattr(latency.time, "perf_counter", lambda: self.now)

    def predict(self, images: np.ndarray) -> np.ndarray:
        if len(images) not in self.seen:
            self.now += self.compiling
        self.seen.append(len(images))
        self.now += self.call + self.image * len(images)
        return np.zeros((len(images), 3), np.float32)


def test_alone_and_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, call=0.01, image=0.001, compiling=5)
    found = measure(fake, IMAGES, one_pass=Pass(0.04, 40))
    assert found.alone == pytest.approx(0.011)
    assert found.batched == pytest.approx(0.001 + 0.01 / 256)
    assert set(fake.seen) == {1, 256}, "few images are shown again"
    assert fake.now < 2 * 5 + 2, "what compiles aside it takes less than two seconds"


def test_a_slow_network_is_timed_by_the_pass_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, call=0.0, image=2.5)
    assert measure(fake, IMAGES, one_pass=Pass(60, 40)) == Latency(1.5, 2.5)
    assert fake.seen == [1, 1]


def test_a_pass_that_took_as_long_as_repeats_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, call=0.0, image=0.001)
    assert measure(fake, MANY, one_pass=Pass(0.0011 * len(MANY), len(MANY))).batched == pytest.approx(0.0011)
    assert 256 not in fake.seen
    assert measure(fake, IMAGES, one_pass=Pass(0.0011 * len(IMAGES), len(IMAGES))).batched == pytest.approx(0.001)


def test_a_fast_network_is_repeated_often_but_not_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(monkeypatch, call=0.0, image=1e-6)
    measure(fake, IMAGES, one_pass=Pass(4e-5, 40))
    assert (fake.seen.count(1), fake.seen.count(256)) == (latency.MOST + 1, latency.MOST + 1)


def test_the_median_is_not_moved_by_a_hiccup(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, seconds = Fake(monkeypatch, 0.0, 0.0), iter([0.1, 0.1, 0.1, 0.4, 0.1, 0.1])

    def call() -> Any:
        fake.now += next(seconds)

    assert latency._median(call, 0.6) == pytest.approx(0.1)
