"""Image files as one array, decoded on several threads; Pillow lets go of the interpreter lock while it decodes."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from benchmark.data.read_options import ReadOptions
from benchmark.data.readers.depths import Depth, depth_notes, full_depth
from benchmark.data.readers.images import MAX_PIXELS, as_pixels, check_memory, mixture_notes, target_shape
from benchmark.hardware.resources import available_cores
from zoo.errors import UserError

BATCH: Final = 256
# Those of `names.SUFFIXES`. Pillow knows more, and one of them, EPS, is a program that Ghostscript would run.
FORMATS: Final = ("JPEG", "PNG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
GREY_MODES: Final = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
COLOUR_MODES: Final = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV")

EXIF_KEYS: Final = frozenset(("exif", "Raw profile type exif", "XML:com.adobe.xmp", "xmp"))
# By EXIF's orientation, from 1 for upright; see `PIL.ImageOps.exif_transpose`.
TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS: Final = tuple(TURNS[orientation] for orientation in (5, 6, 7, 8))
Result = TypeVar("Result")


@dataclass(frozen=True)
class Header:
    """What an image's header says.

    Attributes:
        size: height and width, upright.
        grey: whether it has no colour channels.
        turned: whether its EXIF data says that it lies on a side, on its head or mirrored.
    """

    size: tuple[int, int]
    grey: bool
    turned: bool


def decoded(root: Path, paths: Sequence[str], options: ReadOptions) -> tuple[NDArray[np.uint8], list[str]]:
    """The images at `paths` under `root`, all of one shape: uint8, shape (n, height, width, 1 or 3); and notes.

    The shape is what `options` ask for, else the commonest size, and grey where all images are.

    Raises:
        UserError: a file that is not an image, or one of more than 50 million pixels or of a kind that has no 8 or 16
            bits a channel.
    """
    # A first look at the headers alone settles the shape, so that large pictures never pile up in memory.
    headers = check(root, paths)
    sizes = Counter(header.size for header in headers)
    in_colour = sum(not header.grey for header in headers)
    shape = target_shape(sizes, not in_colour, options)
    images, depths = decoded_to(root, paths, shape)
    notes = mixture_notes(sizes, in_colour, options)
    if turned := sum(header.turned for header in headers):
        notes.append(f"{turned:,} of {len(paths):,} pictures are turned upright, as their EXIF data says")
    return images, [*notes, *depth_notes(depths)]


def check(root: Path, paths: Sequence[str]) -> list[Header]:
    """What the images' headers alone say.

    Raises:
        UserError: as `decoded`, damage behind the header aside.
    """

    return _each(len(paths), lambda index: _opened(root, paths[index], _header))


def _header(image: Image.Image) -> Header:
    method = _turning(image)
    size = (image.width, image.height) if method in SIDEWAYS else (image.height, image.width)
    return Header(size, image.mode in GREY_MODES or _is_deep_pgm(image), method is not None)


def _is_deep_pgm(image: Image.Image) -> bool:
    """Whether it is a PGM of 16 bits, of which Pillow makes integers of 32 that go up to 65,535."""
    return image.format == "PPM" and image.mode == "I"


def _turning(image: Image.Image) -> Image.Transpose | None:
    """How the image is to be turned to be upright; None for not at all."""
    # Pillow turns TIFFs itself. Of a PNG without EXIF data in front it would decode all pixels to look behind them.
    if image.format == "TIFF" or (image.format == "PNG" and not EXIF_KEYS.intersection(image.info)):
        return None
    try:
        return TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # Damaged EXIF data is no reason to refuse whole pixels.
        return None


def decoded_to(root: Path, paths: Sequence[str], shape: tuple[int, int, int]) -> tuple[NDArray[np.uint8], list[Depth]]:
    """The images at `paths` under `root`, brought to `shape` (height, width, 1 or 3): uint8, shape (n, *shape).

    Returns:
        With them the depth of each one of 16 bits a channel.

    Raises:
        UserError: as `decoded`.
    """
    check_memory(root, len(paths), shape)
    images = np.empty((len(paths), *shape), dtype=np.uint8)

    def use(image: Image.Image) -> tuple[NDArray[np.uint8], Depth | None]:
        method = _turning(image)
        deep, depth = full_depth(Image.fromarray(np.asarray(image, np.uint16)) if _is_deep_pgm(image) else image)
        return as_pixels(deep if method is None else deep.transpose(method), shape), depth

    def fill(index: int) -> Depth | None:
        images[index], depth = _opened(root, paths[index], use)
        return depth

    return images, [depth for depth in _each(len(paths), fill) if depth is not None]


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
        # From an open file: of one that it opens by name, Pillow 13.0 maps an uncompressed TIFF into memory with width
        # and height exchanged where its orientation is on a side, which scrambles the pixels.
        with (root / path).open("rb") as file, Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(root, path, f"{image.width}x{image.height}")
            if image.mode not in (*GREY_MODES, *COLOUR_MODES) and not _is_deep_pgm(image):
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


def _too_large(root: Path, path: str, size: str) -> UserError:
    return UserError(f"{root / path}: {size} pixels, expected at most {MAX_PIXELS:,}")
