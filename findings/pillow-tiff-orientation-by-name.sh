#!/usr/bin/env bash
# Pillow 13.0.0: an uncompressed TIFF with an EXIF orientation of 5 to 8 (a picture taken on its side) is decoded wrongly
# when it is opened by its file name: Image.open gives the upright size, and load maps the stored rows with that size.
# The same file opened as a file object, or stored with LZW, is decoded and turned rightly.
#
# Expected: the pixels of a file do not depend on whether Image.open is given its name or the open file.
# Seen: by name, pixels in another order; no error and no warning.
# For whom it matters: a folder of scanned or camera TIFFs that is read by name trains on scrambled pictures.
#
# Exits with 0 while this is so, and with 1 once the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
from PIL import Image

folder, upright = Path(sys.argv[1]), np.arange(24, dtype=np.uint8).reshape(4, 6)
exif = Image.Exif()
exif[0x0112] = 6  # stored on its left side, to be turned clockwise
stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright)))
found = {}
for compression in ("raw", "tiff_lzw"):
    path = folder / f"{compression}.tif"
    stored.save(path, exif=exif, compression=compression)
    with Image.open(path) as picture:
        by_name = np.asarray(picture.convert("L"))
    with path.open("rb") as file, Image.open(file) as picture:
        by_file = np.asarray(picture.convert("L"))
    found[compression, "name"] = by_name.shape == upright.shape and bool((by_name == upright).all())
    found[compression, "file"] = by_file.shape == upright.shape and bool((by_file == upright).all())
    print(compression, "by name", by_name.shape, by_name[0].tolist(), "by file", by_file.shape, by_file[0].tolist())
expected = {("raw", "name"): False, ("raw", "file"): True, ("tiff_lzw", "name"): True, ("tiff_lzw", "file"): True}
print("pixels as they were written:", found)
sys.exit(found != expected)
PYTHON
