"""First filters from the images: what they are, how strongly they respond, and which weights stay."""

import numpy as np
import pytest

from benchmark.training.first_filters import whiten
from zoo.errors import UserError


def images(channels: int = 1) -> np.ndarray:
    """Smooth images, whose neighbouring pixels are alike."""
    noise = np.random.default_rng(0).normal(size=(50, 30, 30, channels))
    smooth = sum(np.roll(noise, (down, right), axis=(1, 2)) for down in range(4) for right in range(4))
    return np.clip(128 + 12 * smooth, 0, 255).astype(np.uint8)


def network(filters: int, size: int = 3, channels: int = 1) -> "object":
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((30, 30, channels))
    x = keras.layers.Conv2D(filters, size, use_bias=False)(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Conv2D(4, 3)(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def responses(kernel: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Of each filter at every place, shape (places, filters)."""
    size = kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(shown / 255, (size, size), axis=(1, 2))
    return np.einsum("nyxchw,hwcf->nyxf", windows, kernel).reshape(-1, kernel.shape[-1])


@pytest.mark.parametrize(("filters", "size", "channels"), [(8, 3, 1), (10, 5, 1), (12, 3, 3)])
def test_filters_respond_independently_and_equally_strongly(filters: int, size: int, channels: int) -> None:
    model, shown = network(filters, size, channels), images(channels)
    kernels = [np.array(layer.kernel.numpy()) for layer in model.layers if hasattr(layer, "kernel")]
    whiten(model, shown)
    first, second = (np.array(layer.kernel.numpy()) for layer in model.layers if hasattr(layer, "kernel"))
    half = filters // 2
    np.testing.assert_allclose(first[..., half:], -first[..., :half], rtol=1e-6)
    np.testing.assert_array_equal(second, kernels[1])
    assert first.std() == pytest.approx(kernels[0].std(), rel=1e-5)
    covariance = np.cov(responses(first[..., :half], shown), rowvar=False)
    scale = np.diag(covariance).mean()
    np.testing.assert_allclose(covariance / scale, np.eye(half), atol=0.25)
    before = np.cov(responses(kernels[0], shown), rowvar=False)
    assert np.diag(before).max() > 4 * np.diag(before).min(), "as they were they did not"


def test_more_filters_than_components_keep_their_weights() -> None:
    model = network(25)
    kernel = np.array(model.layers[2].kernel.numpy())
    whiten(model, images())
    found = np.array(model.layers[2].kernel.numpy())
    np.testing.assert_array_equal(found[..., 18:], kernel[..., 18:])
    assert np.abs(found[..., :18] - kernel[..., :18]).min(axis=(0, 1, 2)).max() > 0


def test_images_of_one_grey_leave_finite_weights() -> None:
    model = network(8)
    whiten(model, np.full((5, 30, 30, 1), 90, np.uint8))
    assert np.isfinite(np.array(model.layers[2].kernel.numpy())).all()


def test_a_convolution_of_other_channels_is_refused() -> None:
    with pytest.raises(UserError, match="a convolution that sees images of 3 channels"):
        whiten(network(8), images(3))
