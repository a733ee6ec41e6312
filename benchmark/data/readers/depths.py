"""Pictures of 16 bits a channel: which of them hold fewer bits, and are brought to the full range."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
from PIL import Image

DARK: Final = 1 << 14
"""Below this, a quarter of the range of 16 bits, the largest value leaves all images dark."""

PNG_START: Final = 8
# What may stand before a PNG's sBIT chunk is a few chunks long.
MOST_CHUNKS: Final = 32

PHOTOMETRIC: Final = 262
"""The tag of a TIFF that says what its values mean."""

WHITE_IS_ZERO: Final = 0


@dataclass(frozen=True)
class Depth:
    """Of a picture of 16 bits a channel.

    Attributes:
        brightest: its largest value, 0-65535.
        scaled_from: the bits that its values had before they were brought to 16; None where they were left alone.
    """

    brightest: int
    scaled_from: int | None = None


def full_depth(image: Image.Image) -> tuple[Image.Image, Depth | None]:
    """The picture with values of the full range, and its depth; None for one of 8 bits.

    A PNG says in its sBIT chunk how many bits are significant. By its specification (W3C, Portable Network Graphics,
    "Sample depth scaling") values are scaled to the full range all the same, but some programs do not, and the picture
    comes out nearly black. That is certain where no value needs more than those bits and one has lower bits than
    scaling leaves there: then all values are scaled up.

    Of a TIFF in which 0 is white, Pillow inverts values of 8 bits, and those of 16 not (seen in 13.0).
    """
    # Of 16 bits a colour Pillow gives the upper eight, and only its decoder's mode tells.
    if not (image.mode.startswith("I;16") or any(";16" in str(tile) for tile in getattr(image, "tile", ()))):
        return image, None
    bits = _significant_bits(image)
    values = np.asarray(image)
    brightest = int(values.max())
    if values.itemsize == 1:
        return image, Depth(brightest << 8)
    if image.format == "TIFF" and image.tag_v2.get(PHOTOMETRIC) == WHITE_IS_ZERO:  # type: ignore[attr-defined]
        values = 65535 - values.astype(np.uint16)
        return Image.fromarray(values), Depth(int(values.max()))
    if bits is None or brightest >> bits or not (values & ((1 << 16 - bits) - 1)).any():
        return image, Depth(brightest)
    scaled = np.rint(values * (65535 / ((1 << bits) - 1))).astype(np.uint16)
    return Image.fromarray(scaled), Depth(int(scaled.max()), bits)


def _significant_bits(image: Any) -> int | None:
    """What the sBIT chunk of a grey PNG says, 1 to 15; None where it says nothing."""
    file: IO[bytes] | None = getattr(image, "fp", None)
    if image.format != "PNG" or not image.mode.startswith("I;16") or file is None:
        return None
    place = file.tell()
    try:
        file.seek(PNG_START)
        for _ in range(MOST_CHUNKS):
            start = file.read(8)
            if start[4:] in (b"", b"IDAT"):
                return None
            if start[4:] == b"sBIT":
                bits = int.from_bytes(file.read(1), "big")
                return bits if 0 < bits < 16 else None
            file.seek(int.from_bytes(start[:4], "big") + 4, 1)
        return None
    finally:
        file.seek(place)


def depth_notes(depths: Sequence[Depth]) -> list[str]:
    """Notes on pictures that were scaled up, and on others that use so little of their range that they are dark."""
    scaled = [depth.scaled_from for depth in depths if depth.scaled_from is not None]
    others = [depth.brightest for depth in depths if depth.scaled_from is None]
    notes = []
    if scaled:
        bits = " or ".join(map(str, sorted(set(scaled))))
        notes.append(f"{len(scaled):,} pictures of {bits} bits in 16, as they say, are scaled up to 16")
    if others and max(others) < DARK:
        notes.append(
            f"{len(others):,} images of 16 bits a channel have values up to {max(others):,} of 65,535 only, as from "
            "cameras of 10 or 12 bits, and come out nearly black; scale their values up first"
        )
    return notes
