#!/usr/bin/env bash
# Pillow 13.0.0: a grey TIFF in which 0 is white (PhotometricInterpretation 0, as scanners and microscopes write) is
# turned into Pillow's order, where 0 is black, if it has 8 bits. One of 16 bits is not, so it comes out as its negative.
#
# Expected: the same picture in 8 and in 16 bits has the same grey values, but for rounding.
# Seen: a light grey of 8 bits reads as light, that of 16 bits as dark; no error and no warning.
# For whom it matters: a folder with TIFFs of both depths trains on pictures and on negatives.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import sys

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 4, 6
BLACK_IS_ZERO, WHITE_IS_ZERO = 1, 0


def grey(bits, photometric, share):
    """The grey (0-1, black to white) that Pillow reads from a TIFF that is `share` of its largest value throughout."""
    largest = (1 << bits) - 1
    data = np.full((HEIGHT, WIDTH), round(share * largest), f"<u{bits // 8}").tobytes()
    short, long = 3, 4
    tags = [
        (256, long, WIDTH), (257, long, HEIGHT), (258, short, bits), (259, short, 1), (262, short, photometric),
        (273, long, 0), (277, short, 1), (278, long, HEIGHT), (279, long, len(data)),
    ]
    start = 8 + 2 + 12 * len(tags) + 4
    tags = [(tag, kind, start if tag == 273 else value) for tag, kind, value in tags]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    file = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + data
    with Image.open(io.BytesIO(file)) as image:
        return int(np.asarray(image)[0, 0]) / largest


found = {bits: [grey(bits, kind, 0.25) for kind in (BLACK_IS_ZERO, WHITE_IS_ZERO)] for bits in (8, 16)}
for bits, (black, white) in found.items():
    print(f"{bits} bits, stored as a quarter of the largest value: {black:.2f} if 0 is black, {white:.2f} if 0 is white")
(_, of_8), (_, of_16) = found[8], found[16]
sys.exit(not (abs(of_8 - 0.75) < 0.01 and abs(of_16 - 0.25) < 0.01))
PYTHON
