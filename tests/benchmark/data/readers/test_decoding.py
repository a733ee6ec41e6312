"""Pictures as pixels: upright, and a note where their sizes, colours or depths are mixed or odd."""

import struct
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from PIL import Image, ImageOps

from benchmark.data import ReadOptions, load
from benchmark.data.loading import Loaded, load_with_layout
from benchmark.data.readers.decoding import check, decoded_to
from benchmark.data.readers.images import target_shape

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6), dtype=np.uint8)
# What a camera stores so that the orientation turns it to PIXELS, by EXIF 2.32, 4.6.4: where row 0 and column 0 are.
STORED = {
    1: PIXELS,
    2: PIXELS[:, ::-1],
    3: PIXELS[::-1, ::-1],
    4: PIXELS[::-1],
    5: PIXELS.T,
    6: np.rot90(PIXELS, 1),
    7: np.rot90(PIXELS.T, 2),
    8: np.rot90(PIXELS, -1),
}


def oriented(path: Path, pixels: np.ndarray, orientation: int) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"lossless": True} if path.suffix == ".webp" else {}
    image = Image.fromarray(np.ascontiguousarray(pixels))
    image.save(path, exif=exif, **({"quality": 100} if path.suffix == ".jpg" else options))
    return path


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("orientation", STORED)
def test_pictures_are_turned_as_their_exif_data_says(orientation: int, suffix: str, tmp_path: Path) -> None:
    path = oriented(tmp_path / f"a{suffix}", STORED[orientation], orientation)
    (header,) = check(tmp_path, [path.name])
    assert header.size == (4, 6)
    image = decoded_to(tmp_path, [path.name], (4, 6, 1))[0][0, ..., 0]
    with path.open("rb") as file, Image.open(file) as opened:
        np.testing.assert_array_equal(image, np.asarray(ImageOps.exif_transpose(opened).convert("L")))
    np.testing.assert_allclose(image.astype(int), PIXELS, atol={".jpg": 20, ".webp": 2}.get(suffix, 0))


@pytest.mark.parametrize(
    "damage", [b"Exif\0\0damaged", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_damaged_exif_data_is_no_reason_to_refuse_pixels(damage: bytes, tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=damage)
    np.testing.assert_array_equal(decoded_to(tmp_path, ["a.png"], (4, 6, 1))[0][0, ..., 0], PIXELS)
    assert check(tmp_path, ["a.png"])[0].turned is False


def save(path: Path, image: Image.Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def data(root: Path, count: int = 10) -> Path:
    for value, name in enumerate(("cat", "dog")):
        for number in range(count):
            save(root / name / f"{name}{number}.png", Image.fromarray(PIXELS + np.uint8(20 * value + number)))
    return root


def read(root: Path, **options: int) -> Loaded:
    return load_with_layout(root, ReadOptions(**options), cache_directory=None)


def test_a_turned_picture_is_the_same_dataset(tmp_path: Path) -> None:
    root = data(tmp_path)
    whole = read(root)
    assert whole.notes == ()
    oriented(root / "cat" / "cat3.png", np.rot90(PIXELS + np.uint8(3)), 6)
    turned = read(root)
    assert turned.dataset.fingerprint == whole.dataset.fingerprint
    assert turned.notes == ("1 of 20 pictures are turned upright, as their EXIF data says",)


def test_an_older_cache_entry_of_a_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmark.data.readers import folders

    root = data(tmp_path / "data")
    for version in ("folders 1", "folders 2"):
        monkeypatch.setattr(folders, "VERSION", version)
        load(root, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_notes_come_from_the_cache_too(tmp_path: Path) -> None:
    root = data(tmp_path / "data")
    save(root / "cat" / "colour.png", Image.new("RGB", (6, 4), (9, 80, 200)))
    (root / "cat" / "notes.txt").write_text("?")
    first, second = (load_with_layout(root, cache_directory=tmp_path / "cache") for _ in range(2))
    assert first.notes == second.notes
    assert first.notes == (
        "left out, not pictures of a known format: cat/notes.txt",
        "1 of 21 images has colour, so all are RGB; --channels 1 makes all grey",
    )
    assert second.dataset.input_shape == (4, 6, 3)
    assert read(root, channels=1).notes == first.notes[:1]


def test_mixed_sizes_are_said(tmp_path: Path) -> None:
    root = data(tmp_path)
    for number, size in enumerate([(640, 480), (3, 2)]):
        save(root / "cat" / f"other{number}.png", Image.new("L", size))
    loaded = read(root)
    assert loaded.dataset.input_shape == (4, 6, 1)
    assert loaded.notes == (
        "images of 3 sizes, 3x2 to 640x480, are resized to 6x4, which 20 of 22 have; --size sets another",
    )
    assert read(root, size=5).notes == ()


def test_of_equally_common_sizes_the_middle_one_is_taken() -> None:
    sizes = {(10, 10): 2, (400, 400): 2, (30, 20): 2, (5, 5): 1}
    assert target_shape(sizes, True, ReadOptions()) == (30, 20, 1)
    assert target_shape({(10, 10): 2, (20, 20): 2}, True, ReadOptions()) == (20, 20, 1)
    assert target_shape({(10, 10): 3, (20, 20): 2}, True, ReadOptions()) == (10, 10, 1)


def test_arrays_of_several_shapes_are_said(tmp_path: Path) -> None:
    labels = np.tile([0, 1], 5)
    grey, colour = np.zeros((10, 4, 4), np.uint8), np.zeros((10, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "a.npz", x_train=grey, y_train=labels, x_val=grey, y_val=labels, x_test=colour, y_test=labels)
    assert read(tmp_path / "a.npz").notes == (
        "images of 2 sizes, 4x4 to 8x8, are resized to 4x4, which 20 of 30 have; --size sets another",
        "10 of 30 images have colour, so all are RGB; --channels 1 makes all grey",
    )


@pytest.mark.parametrize(("highest", "said"), [(4095, True), (65535, False), (16384, False), (255, True)])
def test_few_of_16_bits_are_said(highest: int, said: bool, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for number in range(10):
            values = np.linspace(0, highest, 24).astype(np.uint16).reshape(4, 6)
            save(tmp_path / name / f"{name}{number}.png", Image.fromarray(values))
    loaded = read(tmp_path)
    assert loaded.dataset.train.images.max() == highest >> 8
    words = (
        f"20 images of 16 bits a channel have values up to {highest:,} of 65,535 only, as from cameras of 10 or 12 bits"
    )
    assert loaded.notes == ((f"{words}, and come out nearly black; scale their values up first",) if said else ())


def test_pgm_of_16_bits_is_read_as_png_of_16_bits(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (20, 4, 6)).astype(np.uint16)
    for number, picture in enumerate(values):
        name = f"{'cat' if number % 2 else 'dog'}/{number}"
        save(tmp_path / "png" / f"{name}.png", Image.fromarray(picture))
        (tmp_path / "pgm" / name).parent.mkdir(parents=True, exist_ok=True)
        content = b"P5 6 4 65535\n" + picture.astype(">u2").tobytes()
        (tmp_path / "pgm" / f"{name}.pgm").write_bytes(content)
    pgm, png = read(tmp_path / "pgm"), read(tmp_path / "png")
    assert pgm.dataset.train.images.shape[-1] == 1
    np.testing.assert_array_equal(pgm.dataset.train.images, png.dataset.train.images)


VALUES = np.random.default_rng(1).integers(0, 4096, (4, 6)).astype(np.uint16)


def said(path: Path, values: np.ndarray, chunk: bytes) -> Path:
    """A PNG with a chunk sBIT behind its header."""
    Image.fromarray(values).save(path)
    content, body = path.read_bytes(), b"sBIT" + chunk
    path.write_bytes(
        content[:33] + struct.pack(">I", len(chunk)) + body + struct.pack(">I", crc32(body)) + content[33:]
    )
    return path


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_values_that_were_not_scaled_up_as_png_asks_are(bits: int, tmp_path: Path) -> None:
    values = VALUES >> 4 if bits == 8 else VALUES >> 2 if bits == 10 else VALUES << (bits - 12)
    said(tmp_path / "a.png", values + (bits == 14), bytes([bits]))
    (image,) = decoded_to(tmp_path, ["a.png"], (4, 6, 1))[0]
    highest = (1 << bits) - 1
    expected = np.rint((values + (bits == 14)) * (65535 / highest)).astype(int) >> 8
    np.testing.assert_array_equal(image[..., 0], expected)
    assert image.max() > 200


@pytest.mark.parametrize(
    ("values", "chunk"),
    [
        (VALUES << 4, b"\x0c"),  # scaled by a shift
        ((VALUES << 4) | (VALUES >> 8), b"\x0c"),  # by repetition
        ((VALUES >> 4) << 4, b"\x0c"),  # dark, and scaled
        (VALUES, b"\x0a"),  # more bits than it says
        (VALUES, b"\x10"),
        (VALUES, b"\x00"),
        (VALUES, b""),
    ],
)
def test_other_values_are_left_alone(values: np.ndarray, chunk: bytes, tmp_path: Path) -> None:
    said(tmp_path / "a.png", values, chunk)
    (image,) = decoded_to(tmp_path, ["a.png"], (4, 6, 1))[0]
    np.testing.assert_array_equal(image[..., 0], values >> 8)


def test_pictures_that_are_scaled_up_are_said(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(10):
            said(tmp_path / name / f"{name}{number}.png", VALUES + np.uint16(number), b"\x0d")
    assert read(tmp_path).notes == ("20 pictures of 13 bits in 16, as they say, are scaled up to 16",)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_white(mode: str, tmp_path: Path) -> None:
    """A black stroke on nothing, as icons and handwriting are stored."""
    strokes = np.zeros((4, 6, 4), np.uint8)
    strokes[1, :, 3] = 255
    image = Image.fromarray(strokes)
    image = image.convert("LA") if mode == "LA" else image.quantize(4) if mode == "P" else image
    image.save(tmp_path / "a.png")
    pixels = decoded_to(tmp_path, ["a.png"], (4, 6, 1))[0][0, ..., 0]
    np.testing.assert_array_equal(pixels, np.where(strokes[..., 3], 0, 255))


def test_opaque_pictures_are_as_they_are(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(decoded_to(tmp_path, ["a.png"], (4, 6, 3))[0][0], pixels[..., :3])


def test_tiffs_in_which_0_is_white_are_read_as_they_look(tmp_path: Path) -> None:
    """Pillow inverts those of 8 bits, when they are read and when they are written, and leaves those of 16 alone."""
    for number in range(20):
        name, picture = f"{'cat' if number % 2 else 'dog'}/{number}.tif", np.roll(PIXELS, number)
        deep = picture.astype(np.uint16) * 257
        save(tmp_path / "black" / name, Image.fromarray(picture))
        for folder, values in {"deep": deep, "white": picture, "deep-white": 65535 - deep}.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            tags = {262: 0} if "white" in folder else {}
            Image.fromarray(values).save(tmp_path / folder / name, tiffinfo=tags)
            with Image.open(tmp_path / folder / name) as image:
                assert image.tag_v2[262] == (0 if tags else 1)
    expected = read(tmp_path / "black").dataset.train.images
    for folder in ("deep", "white", "deep-white"):
        np.testing.assert_array_equal(read(tmp_path / folder).dataset.train.images, expected, folder)
