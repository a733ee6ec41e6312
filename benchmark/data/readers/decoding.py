"""Image files as one array, decoded on several threads; Pillow lets go of the interpreter lock while it decodes."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from benchmark.data.options import ReadOptions
from benchmark.data.readers.images import MAX_PIXELS, as_pixels, target_shape
from benchmark.hardware.resources import available_cores
from zoo.errors import UserError

BATCH: Final = 256
# Those of `names.SUFFIXES`. Pillow knows more, and one of them, EPS, is a program that Ghostscript would run.
FORMATS: Final = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
GREY_MODES: Final = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
COLOUR_MODES: Final = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV")

Result = TypeVar("Result")


def decoded(root: Path, paths: Sequence[str], options: ReadOptions) -> NDArray[np.uint8]:
    """The images at `paths` under `root`, all of one shape: uint8, shape (n, height, width, 1 or 3).

    The shape is what `options` ask for, else the commonest size, and grey where all images are.

    Raises:
        UserError: a file that is no image, or one of more than 50 million pixels or of a kind that has no 8 or 16 bits
            a channel.
    """
    # A first look at the headers alone settles the shape, so that large pictures never pile up in memory.
    measured = check(root, paths)
    shape = target_shape(Counter(size for size, _ in measured), all(grey for _, grey in measured), options)
    return decoded_to(root, paths, shape)


def check(root: Path, paths: Sequence[str]) -> list[tuple[tuple[int, int], bool]]:
    """What the images' headers alone say: height and width, and whether it is grey.

    Raises:
        UserError: as `decoded`, damage behind the header aside.
    """

    def measure(index: int) -> tuple[tuple[int, int], bool]:
        return _opened(root, paths[index], lambda image: ((image.height, image.width), image.mode in GREY_MODES))

    return _each(len(paths), measure)


def decoded_to(root: Path, paths: Sequence[str], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The images at `paths` under `root`, brought to `shape` (height, width, 1 or 3): uint8, shape (n, *shape).

    Raises:
        UserError: as `decoded`.
    """
    _check_memory(root, len(paths), shape)
    images = np.empty((len(paths), *shape), dtype=np.uint8)

    def fill(index: int) -> None:
        images[index] = _opened(root, paths[index], lambda image: as_pixels(image, shape))

    _each(len(paths), fill)
    return images


def _each(count: int, use: Callable[[int], Result]) -> list[Result]:
    """What `use` makes of 0 to count - 1, in this order, on several threads."""

    def some(start: int) -> list[Result]:
        return [use(index) for index in range(start, min(start + BATCH, count))]

    with ThreadPoolExecutor(max_workers=min(16, available_cores())) as pool:
        try:
            return [one for ones in pool.map(some, range(0, count, BATCH)) for one in ones]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def is_image(path: str) -> bool:
    """Whether the file's first bytes are those of an image, whatever its name is."""
    try:
        with Image.open(path, formats=FORMATS):
            return True
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return True
    except OSError as error:
        if isinstance(error, PermissionError):
            raise
        return False
    except Exception:  # As in `_opened`.
        return False


def _opened(root: Path, path: str, use: Callable[[Image.Image], Result]) -> Result:
    """What `use` makes of the image at `path`."""
    try:
        with Image.open(root / path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(root, path, f"{image.width}x{image.height}")
            if image.mode not in GREY_MODES and image.mode not in COLOUR_MODES:
                raise UserError(f"{root / path}: pixels of kind {image.mode}, expected 8 or 16 bits a channel")
            return use(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(root, path, "more than 100 million") from error
    except UnidentifiedImageError as error:
        raise UserError(f"{root / path}: not an image, expected image files only") from error
    except PermissionError as error:
        raise UserError(f"{root / path}: cannot be read: {error.strerror}") from error
    except UserError:
        raise
    except Exception as error:  # Damaged files raise nearly anything in Pillow, by format.
        raise UserError(f"{root / path}: a damaged image ({error}), expected a whole one") from error


def _check_memory(root: Path, count: int, shape: tuple[int, int, int]) -> None:
    needed = count * prod(shape)
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > available:
        raise UserError(
            f"{root}: {count:,} images of {shape[1]}x{shape[0]} pixels take {needed / 1e9:.0f} GB, this machine has "
            f"{available / 1e9:.0f} GB of memory; give a smaller --size"
        )


def _too_large(root: Path, path: str, size: str) -> UserError:
    return UserError(f"{root / path}: {size} pixels, expected at most {MAX_PIXELS:,}")
