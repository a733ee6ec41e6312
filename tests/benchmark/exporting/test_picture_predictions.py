"""Predictions of pictures that are in no dataset."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stored_runs import CLASS_NAMES, config, predictions, store_model, store_run
from trained_models import store_trained, tiny

import benchmark
from benchmark import cli
from benchmark.data import ReadOptions, default_cache
from benchmark.data.readers.decoding import decoded
from benchmark.exporting import picture_predictions
from benchmark.exporting.predict_worker import weighted_mean
from benchmark.store.run_store import RunStore
from ensembles.methods.options import Options
from zoo import UserError

SHAPE = (12, 12, 1)


def in_this_process(module: str, question: dict[str, Any]) -> dict[str, Any]:
    """Stands in for `ask`; starting a backend takes seconds."""
    assert module == "benchmark.exporting.predict_worker"
    asked = json.loads(json.dumps(question))
    return {"probabilities": weighted_mean(asked["models"], asked["pictures"]).tolist()}


@pytest.fixture
def store(in_empty_directory: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """A store, and pictures of several kinds beside it."""
    monkeypatch.setattr(picture_predictions, "ask", in_this_process)
    generator = np.random.default_rng(0)
    Path("pictures/inside").mkdir(parents=True)
    for name, size, mode in [("10.png", (12, 12), "L"), ("9.png", (70, 31), "RGB"), ("inside/a.JPG", (12, 12), "L")]:
        pixels = generator.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(Path("pictures") / name)
    Path("pictures/notes.txt").write_text("no picture")
    Path("pictures/.hidden.png").write_text("no picture")
    return RunStore(in_empty_directory / "runs")


def said(found: list[dict[str, Any]]) -> np.ndarray:
    return np.array([list(prediction["probabilities"].values()) for prediction in found])


def test_pictures_in_an_archive(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    store_trained(store, "small", tiny(shape=SHAPE))
    archive = shutil.make_archive("sent", "zip", "pictures")
    found, plain = benchmark.predict("small", [archive, "pictures/9.png"]), benchmark.predict("small", "pictures")
    names = [prediction["picture"] for prediction in found]
    assert names == [f"{archive}/9.png", f"{archive}/10.png", f"{archive}/inside/a.JPG", "pictures/9.png"]
    np.testing.assert_allclose(said(found)[:3], said(plain), atol=1e-6)
    assert f"left out, not pictures of a known format: {archive}/notes.txt" in capsys.readouterr().err
    Path("pictures/bad.png").write_bytes(b"?")
    with pytest.raises(UserError, match=r"bad\.zip/bad\.png: not an image"):
        benchmark.predict("small", shutil.make_archive("bad", "zip", "pictures"))
    assert not list(default_cache().glob("unpacked-*"))


def test_pictures_are_read_as_datasets_are(store: RunStore) -> None:
    model = tiny(shape=SHAPE)
    store_trained(store, "small", model)
    found = benchmark.predict("small", "pictures")
    assert [prediction["picture"] for prediction in found] == [
        "pictures/9.png", "pictures/10.png", "pictures/inside/a.JPG"
    ]  # fmt: skip
    images, _ = decoded(Path("pictures"), ["9.png", "10.png", "inside/a.JPG"], ReadOptions(size=12, channels=1))
    expected = model.predict(images, verbose=0)
    np.testing.assert_allclose(said(found), expected, atol=1e-6)
    assert [prediction["class"] for prediction in found] == [CLASS_NAMES[k] for k in expected.argmax(axis=1)]
    assert tuple(found[0]["probabilities"]) == CLASS_NAMES


def test_a_picture_on_its_side_is_predicted_upright(store: RunStore) -> None:
    store_trained(store, "small", tiny(shape=SHAPE))
    upright = Image.open("pictures/10.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save("turned.png", exif=exif)
    upright.transpose(Image.Transpose.ROTATE_90).save("side.png")
    whole, turned, side = said(benchmark.predict("small", ["pictures/10.png", "turned.png", "side.png"]))
    np.testing.assert_array_equal(turned, whole)
    assert np.abs(side - whole).max() > 1e-3


def test_a_model_of_colours_gets_colours(store: RunStore) -> None:
    model = tiny(shape=(9, 11, 3))
    store_trained(store, "colourful", model)
    picture = Image.open("pictures/9.png")
    expected = model.predict(np.asarray(picture.resize((11, 9), Image.Resampling.BILINEAR))[None], verbose=0)
    np.testing.assert_allclose(said(benchmark.predict("colourful", ["pictures/9.png"])), expected, atol=1e-6)


def test_seeds_are_averaged(store: RunStore) -> None:
    models = [tiny(shape=SHAPE, seed=seed) for seed in range(2)]
    for seed, model in enumerate(models):
        run = store_trained(store, "small", model, seed=seed)
    alone = [said(benchmark.predict(f"{run.path.parent.name}/seed-{seed}", "pictures")) for seed in range(2)]
    assert np.abs(alone[0] - alone[1]).max() > 0.1
    np.testing.assert_allclose(said(benchmark.predict("small", "pictures")), np.mean(alone, axis=0), atol=1e-6)


def test_an_ensemble_averages_seeds_first_and_then_members(store: RunStore) -> None:
    first = [store_trained(store, "first", tiny(shape=SHAPE, seed=seed), seed=seed) for seed in range(2)]
    second = store_trained(store, "second", tiny(shape=(9, 9, 3), seed=2))
    asked = {"method": "average", "runs_per_member": [2, 1]}
    names = (first[0].name, first[1].name, second.name)
    pair = store_run(
        store, config("pair", kind="ensemble", hyperparameters=asked, members=names), [predictions("validation", 5)]
    )
    alone = [said(benchmark.predict(name, "pictures")) for name in names]
    expected = ((alone[0] + alone[1]) / 2 + alone[2]) / 2
    np.testing.assert_allclose(said(benchmark.predict("pair", "pictures")), expected, atol=1e-6)
    # An ensemble of an ensemble: the pair is one voice.
    nested = config("nested", kind="ensemble", hyperparameters={"method": "average"}, members=(pair.name, second.name))
    store_run(store, nested, [predictions("validation", 5)])
    expected = (expected + alone[2]) / 2
    np.testing.assert_allclose(said(benchmark.predict("nested", "pictures")), expected, atol=1e-6)


def test_how_members_were_chosen_changes_no_average(store: RunStore) -> None:
    run = store_trained(store, "small", tiny(shape=SHAPE))
    ensemble = config(
        "chosen",
        kind="ensemble",
        hyperparameters={"method": "average", **Options(within=0.5).of("average")},
        members=(run.name,),
    )
    store_run(store, ensemble, [predictions("validation", 5)])
    np.testing.assert_array_equal(
        said(benchmark.predict("chosen", "pictures")), said(benchmark.predict("small", "pictures"))
    )


@pytest.mark.parametrize("asked", [{"method": "stacking"}, {"method": "average", "calibration": "temperature"}])
def test_other_ensembles_are_refused(asked: dict[str, Any], store: RunStore) -> None:
    run = store_trained(store, "small", tiny(shape=SHAPE))
    ensemble = config("stacked", kind="ensemble", hyperparameters=asked, members=(run.name,))
    store_run(store, ensemble, [predictions("validation", 5)])
    with pytest.raises(UserError, match="stacked is not a plain average of its members"):
        benchmark.predict("stacked", "pictures")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["small", "nowhere.png"], "nowhere.png: no such file or directory, expected a picture or a folder"),
        (["small", "pictures", "fake.png"], "fake.png: not an image, expected image files only"),
        (["small", "pictures", "pictures/notes.txt"], "pictures/notes.txt: not an image"),
        (["small", "fakes"], "fakes/no.png: not an image"),
        (["small", "empty"], "empty: no pictures in this folder, expected files such as .jpg"),
        (["smal", "pictures"], "did you mean small?"),
        (["forgetful", "pictures"], "has no model file: choose"),
        (["small", "pictures", "--runs", "elsewhere"], "no runs in elsewhere"),
        (
            ["--model", "a.keras", "pictures", "--runs", "here"],
            "--model FILE needs no store: leave --runs and --data out",
        ),
        (["--model", "a.keras", "pictures", "--data", "faces"], "--model FILE needs no store"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line_before_anything_is_predicted(
    argv: list[str], message: str, store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(picture_predictions, "ask")
    store_trained(store, "small", tiny(shape=SHAPE))
    store_model(store, "forgetful", 5, 5)
    Path("fake.png").write_text("no picture")
    Path("empty").mkdir()
    Path("fakes").mkdir()
    Path("fakes/no.png").write_text("no picture")
    assert cli.main(["predict", *argv]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1


def test_a_damaged_picture_is_named(store: RunStore, capsys: pytest.CaptureFixture[str]) -> None:
    store_trained(store, "small", tiny(shape=SHAPE))
    whole = Path("pictures/9.png").read_bytes()
    Path("pictures/cut.png").write_bytes(whole[: len(whole) // 2])
    assert cli.main(["predict", "small", "pictures"]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: pictures/cut.png: a damaged image")
    assert shown.out == ""


def prediction(picture: str, classes: int) -> dict[str, Any]:
    probabilities = {f"class number {k}": 2.0 ** -(k + 1) for k in range(classes)}
    return {"picture": picture, "class": "class number 0", "probabilities": probabilities}


def test_text_is_80_columns_wide() -> None:
    found = [prediction("a.png", 3), prediction(f"{'folder/' * 20}b.png", 28)]
    lines = picture_predictions.predictions_text(found).splitlines()
    assert lines[:2] == ["a.png: class number 0 50.0%", "    class number 1 25.0%, class number 2 12.5%"]
    assert lines[2].startswith("...")
    assert lines[2].endswith("/b.png: class number 0 50.0%")
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith("class number")]  # no name without its number


def test_csv_and_json_hold_every_probability() -> None:
    found = [prediction("a, b.png", 3), prediction("c.png", 3)]
    rows = list(csv.reader(picture_predictions.predictions_text(found, "csv").splitlines()))
    assert rows[0] == ["picture", "class", "class number 0", "class number 1", "class number 2"]
    assert rows[1] == ["a, b.png", "class number 0", "0.500000", "0.250000", "0.125000"]
    assert json.loads(picture_predictions.predictions_text(found, "json")) == found


def test_in_a_process_of_its_own(
    in_empty_directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny(shape=SHAPE)
    store_trained(RunStore(Path("runs")), "small", model)
    pixels = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    Image.fromarray(pixels[..., 0]).save("picture.png")
    assert cli.main(["predict", "small", "picture.png", "--format", "csv"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    _, row = csv.reader(shown.out.splitlines())
    np.testing.assert_allclose(
        [float(number) for number in row[2:]], model.predict(pixels[None], verbose=0)[0], atol=2e-6
    )


def test_every_picture_of_a_folder_is_predicted_and_the_rest_counted(
    store: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store_trained(store, "small", tiny(shape=SHAPE))
    for name in ("b.jfif", "c.jpe", "d", "e.upload"):
        Image.new("L", (12, 12), 9).save(Path("pictures") / name, "JPEG")
    Path("pictures/@eaDir").mkdir()
    Image.new("L", (12, 12), 9).save("pictures/@eaDir/thumb.jpg")
    assert cli.main(["predict", "small", "pictures", "--format", "csv"]) == 0
    shown = capsys.readouterr()
    pictures = [row["picture"] for row in csv.DictReader(shown.out.splitlines())]
    assert pictures == [
        f"pictures/{n}" for n in ("9.png", "10.png", "b.jfif", "c.jpe", "d", "e.upload", "inside/a.JPG")
    ]
    assert shown.err == "left out, not pictures of a known format: pictures/@eaDir, pictures/notes.txt\n"
