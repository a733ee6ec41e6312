"""Augmentation changes training images, and nothing else."""

import numpy as np
import pytest

from benchmark.training.images.augmentation import copies, layers_of
from zoo import UserError
from zoo.settings import CHOICES

POLICIES = [name for name in CHOICES["augmentation"] if name != "none"]
# A ramp to the right and down: every flip, shift and turn shows.
RAMP = (np.arange(48)[None, :, None] * 3 + np.arange(48)[:, None, None]).astype(np.uint8)
IMAGES = np.repeat(RAMP[None], 16, axis=0)


def augmented(policy: str, training: bool = True, seed: int = 0) -> np.ndarray:
    import keras

    model = keras.Sequential([keras.Input((48, 48, 1)), *layers_of(policy, seed)])
    return keras.ops.convert_to_numpy(model(IMAGES.astype(np.float32), training=training))


@pytest.mark.parametrize("policy", POLICIES)
def test_each_policy_changes_images_in_training_only(policy: str) -> None:
    changed = augmented(policy)
    assert changed.shape == IMAGES.shape
    assert (changed >= 0).all()
    assert (changed <= 255).all()
    assert len(np.unique(changed, axis=0)) > 1, "images of one batch are augmented alike"
    np.testing.assert_array_equal(augmented(policy, training=False), IMAGES)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_seed_decides(policy: str) -> None:
    np.testing.assert_array_equal(augmented(policy), augmented(policy))
    assert (augmented(policy) != augmented(policy, seed=100)).any()


def test_the_largest_seed_is_one() -> None:
    assert augmented("light", seed=2**32 - 1).shape == IMAGES.shape


def test_flip_only_mirrors() -> None:
    kinds = {bytes(image.astype(np.uint8)) for image in augmented("flip")}
    assert kinds == {RAMP.tobytes(), RAMP[:, ::-1].tobytes()}


def test_coursework_also_turns_upside_down() -> None:
    def falls(images: np.ndarray) -> np.ndarray:
        return images[:, :16].mean(axis=(1, 2, 3)) > images[:, 32:].mean(axis=(1, 2, 3))

    # The ramp's rows are dark on top; the strongest rotation does not turn that around, a vertical flip does.
    vertical = np.repeat(np.arange(0, 240, 5, dtype=np.float32)[:, None, None], 48, axis=1)
    import keras

    batch = np.repeat(vertical[None], 32, axis=0)
    for policy, expected in (("coursework", True), ("affine", False)):
        model = keras.Sequential([keras.Input((48, 48, 1)), *layers_of(policy, 0)])
        assert falls(keras.ops.convert_to_numpy(model(batch, training=True))).any() == expected


def test_crop_shifts_by_whole_pixels() -> None:
    for image in augmented("crop")[..., 0]:
        middle = image[8:40, 8:40]
        assert (np.abs(np.diff(middle, axis=1)) == 3).all()
        assert (np.diff(middle, axis=0) == 1).all()


def test_a_resized_crop_shows_half_to_all_of_the_padded_image() -> None:
    """On a ramp the shades at opposite edges tell how much of the image lies between them, and where."""
    across = np.repeat((np.arange(48, dtype=np.float32) + 12)[None, :, None].repeat(48, 0)[None], 400, axis=0)
    import keras

    layer = layers_of("resized_crop", 5)[1]
    made = keras.ops.convert_to_numpy(layer(across, training=True))
    middle = made[:, 24, :, 0]
    # Away from the padding, which mirrors the ramp, a pixel is the scale further than the one before.
    steps = np.diff(middle[:, 20:29], axis=1)
    np.testing.assert_allclose(steps, steps[:, :1].repeat(8, 1), atol=1e-3)
    scales = steps[:, 0]
    assert 0.71 * 56 * (3 / 4) ** 0.5 / 48 - 1e-3 < scales.min() < 0.78
    assert 1.12 < scales.max() < 56 / 48 + 1e-3
    centres = middle[:, 23:25].mean(axis=1) - 12 - 23.5
    assert (np.abs(centres) <= (56 - scales * 48) / 2 + 1e-3).all()
    assert np.abs(centres).max() > 5
    assert abs(centres.mean()) < 0.5
    np.testing.assert_array_equal(layer(across, training=False), across)


@pytest.mark.parametrize(("policy", "place", "share"), [("affine", 3, 0.15), ("coursework", 3, 0.2)])
@pytest.mark.parametrize(("height", "width"), [(48, 48), (32, 48)])
def test_a_shear_is_that_of_keras_about_the_centre(
    policy: str, place: int, share: float, height: int, width: int
) -> None:
    """Ramps to the right and down, a channel each, tell where a pixel came from."""
    import keras

    across, down = np.meshgrid(np.arange(width), np.arange(height))
    images = np.repeat(np.stack([across, down], axis=-1)[None], 200, axis=0).astype(np.float32)
    layer = layers_of(policy, 7)[place]
    keras_own = keras.layers.RandomShear(share, share, fill_mode="nearest", seed=7 + 3)

    def middle(sheared: object) -> np.ndarray:
        made = keras.ops.convert_to_numpy(sheared)
        return made[:, height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 1]

    ours, theirs = middle(layer(images, training=True)), middle(keras_own(images, training=True))
    for axis in (1, 2):
        np.testing.assert_allclose(np.diff(ours, axis=axis), np.diff(theirs, axis=axis), atol=1e-4)
    shares = np.abs(ours[:, 1, 0, 0] - ours[:, 0, 0, 0])
    assert 0.95 * share < shares.max() <= share + 1e-4
    centre = [(width - 1) / 2, (height - 1) / 2]
    np.testing.assert_allclose(ours.mean(axis=(1, 2)), np.tile(centre, (200, 1)), atol=1e-3)
    assert np.abs(theirs.mean(axis=(1, 2)) - centre).max() > 2
    np.testing.assert_array_equal(layer(images, training=False), images)


def test_the_field_shifts_turns_and_erases_in_half_of_the_images() -> None:
    import keras

    white = np.full((400, 24, 24, 1), 255, np.float32)
    model = keras.Sequential([keras.Input((24, 24, 1)), *layers_of("field", 0)])
    # The zoom before them interpolates, which on JAX leaves rounding errors in every image.
    untouched = (np.abs(keras.ops.convert_to_numpy(model(white, training=True)) - 255) < 0.01).all(axis=(1, 2, 3))
    # An eighth of 400 escape all three; a standard deviation is 6.6.
    assert 30 <= untouched.sum() <= 70


def test_a_change_in_half_of_the_images_is_drawn_for_each() -> None:
    import keras

    from benchmark.training.images.augmentation_layers import InHalf

    def turned(seed: int) -> np.ndarray:
        layer = InHalf([keras.layers.Rescaling(0.5), keras.layers.Rescaling(0.5)], seed, "float32")
        return keras.ops.convert_to_numpy(layer(np.full((400, 2, 2, 1), 4, np.float32), training=True))

    values = turned(0)
    assert set(values.ravel().tolist()) == {1.0, 4.0}
    changed = (values == 1).all(axis=(1, 2, 3))
    assert ((values == 4).all(axis=(1, 2, 3)) | changed).all(), "an image is changed as a whole"
    assert 160 <= changed.sum() <= 240
    assert (turned(1) != values).any()


def test_offline_copies() -> None:
    positions = np.array([2, 0, 1] * 4)
    made = copies(IMAGES[:3], positions, "light", seed=0)
    assert made.shape == (12, 48, 48, 1)
    assert made.dtype == np.uint8
    assert (made != IMAGES[positions]).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(made, copies(IMAGES[:3], positions, "light", seed=0))


@pytest.mark.parametrize("policy", ["affine", "coursework"])
def test_copies_are_the_images_of_training_in_whole_shades(policy: str) -> None:
    np.testing.assert_array_equal(copies(IMAGES, np.arange(16), policy, seed=0), np.rint(augmented(policy)))


def test_a_copy_is_one_of_its_own_image() -> None:
    images = np.stack([np.full((8, 8, 1), shade, np.uint8) for shade in (10, 90, 170)])
    made = copies(images, np.array([1, 1, 2, 0]), "affine", seed=3)
    assert made[:, 4, 4, 0].tolist() == [90, 90, 170, 10]
    assert copies(images, np.empty(0, np.int64), "affine", seed=3).shape == (0, 8, 8, 1)


def test_unknown_policy() -> None:
    with pytest.raises(UserError, match="did you mean affine"):
        layers_of("afine", 0)
