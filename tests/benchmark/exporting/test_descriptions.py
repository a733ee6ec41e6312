"""What exported files say of themselves, and predictions with nothing but such a file."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stored_runs import CLASS_NAMES
from trained_models import store_trained, tiny

import benchmark
from benchmark import cli
from benchmark.exporting import model_export, picture_predictions
from benchmark.exporting.descriptions import read_description
from benchmark.exporting.export_worker import converted
from benchmark.exporting.formats import FORMATS
from benchmark.exporting.predict_worker import predict_exported
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo import UserError

# Libraries deprecate this and that of their own while they convert.
pytestmark = pytest.mark.filterwarnings("ignore")

FILES = ("keras", "litert", "onnx")
SHAPE = (12, 10, 1)


def exporter(module: str, question: dict[str, Any]) -> dict[str, Any]:
    return converted(json.loads(json.dumps(question)))


def predictor(module: str, question: dict[str, Any]) -> dict[str, Any]:
    asked = json.loads(json.dumps(question))
    return predict_exported(Path(asked["exported"]), asked["pictures"], asked["sources"])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a store of one model, and two pictures."""
    path = tmp_path_factory.mktemp("exported")
    generator = np.random.default_rng(0)
    (path / "pictures").mkdir()
    for name in ("1.png", "2.png"):
        Image.fromarray(generator.integers(0, 256, (12, 10), dtype=np.uint8)).save(path / "pictures" / name)
    return path


@pytest.fixture(scope="module")
def run(place: Path) -> StoredRun:
    return store_trained(RunStore(place / "runs"), "small", tiny(shape=SHAPE))


@pytest.fixture(scope="module")
def files(place: Path, run: StoredRun) -> dict[str, Path]:
    """The model in each format that predicts again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_export, "ask", exporter)
        return {
            format: benchmark.export("small", format, place / f"m{FORMATS[format].ending}", runs=place / "runs").path
            for format in (*FILES, "json+h5")
        }


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions in this process: starting a backend takes seconds."""
    monkeypatch.setattr(picture_predictions, "ask", predictor)


@pytest.mark.parametrize("format", FILES)
def test_a_file_says_what_it_is(format: str, files: dict[str, Path], run: StoredRun) -> None:
    said = read_description(files[format])
    assert said["classes"] == list(CLASS_NAMES)
    assert said["input"] == {
        "height": 12, "width": 10, "channels": 1, "dtype": "float32", "range": [0, 255], "colours": "grey"
    }  # fmt: skip
    assert (said["model"], said["run"], said["output"]) == ("small", run.name, "probabilities")
    assert said["dataset"] == f"{run.config.dataset}-{run.config.fingerprint}"
    assert said["version"]
    assert str(Path.home()) not in json.dumps(said)


def test_onnx_has_a_named_batch_and_its_classes(files: dict[str, Path]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(files["onnx"]), providers=["CPUExecutionProvider"])
    assert [one.shape[0] for one in (*session.get_inputs(), *session.get_outputs())] == ["batch", "batch"]
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == list(CLASS_NAMES)


def test_litert_has_a_list_of_labels(files: dict[str, Path]) -> None:
    with zipfile.ZipFile(files["litert"]) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(CLASS_NAMES)


def test_a_folder_has_a_file(files: dict[str, Path]) -> None:
    said = json.loads((files["json+h5"] / "ensemble_benchmark.json").read_text())
    assert said["classes"] == list(CLASS_NAMES)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("format", FILES)
def test_a_file_predicts_as_the_model(format: str, files: dict[str, Path], place: Path) -> None:
    names = ("1.png", "2.png")
    images = np.stack([np.asarray(Image.open(place / "pictures" / name)) for name in names])[..., None]
    expected = tiny(shape=SHAPE).predict(images.astype(np.float32), verbose=0)
    found = benchmark.predict_file(files[format], place / "pictures")
    assert [Path(one["picture"]).name for one in found] == list(names)
    assert [list(one["probabilities"]) for one in found] == [list(CLASS_NAMES)] * 2
    np.testing.assert_allclose([list(one["probabilities"].values()) for one in found], expected, atol=1e-5)
    assert [one["class"] for one in found] == [CLASS_NAMES[column] for column in expected.argmax(axis=1)]


@pytest.mark.usefixtures("here")
def test_the_command(files: dict[str, Path], place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = [str(place / "pictures" / name) for name in ("1.png", "2.png")]
    assert cli.main(["predict", "--model", str(files["keras"]), *pictures, "--format", "csv"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "picture,class,apple,banana,cherry"
    assert [row.split(",")[0] for row in rows] == pictures
    assert cli.main(["predict", "--model", str(files["onnx"]), pictures[0], "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1
    assert cli.main(["predict", pictures[0]]) == 2
    assert "name a stored run and then pictures, or an exported file" in capsys.readouterr().err


def foreign(directory: Path, name: str, files: dict[str, Path]) -> Path:
    """A file that is none of ours."""
    path = directory / name
    if name == "theirs.onnx":
        import onnx

        model = onnx.load(files["onnx"])
        del model.metadata_props[:]
        onnx.save(model, path)
    elif name in ("theirs.keras", "deep.keras", "lists.keras", "twice.keras"):
        text = {
            "theirs.keras": None,
            "deep.keras": "[" * 100_000,
            "lists.keras": '{"classes": [1, 2], "input": {"height": 1, "width": 1, "channels": 1}}',
            "twice.keras": '{"classes": ["a", "a"], "input": {"height": 1, "width": 1, "channels": 1}}',
        }[name]
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
            if text is not None:
                archive.writestr("ensemble_benchmark.json", text)
    elif name.startswith("torn"):
        whole = files[{".keras": "keras", ".tflite": "litert", ".onnx": "onnx"}[path.suffix]].read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    else:
        path.write_bytes(b"no model")
    return path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "name",
    [
        "theirs.onnx", "theirs.keras", "deep.keras", "lists.keras", "twice.keras", "torn.keras", "torn.tflite",
        "torn.onnx", "rubbish.onnx", "rubbish.tflite", "model.h5",
    ],
)  # fmt: skip
def test_files_of_others_are_one_line(name: str, files: dict[str, Path], place: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not say its classes: only files that `export`") as caught:
        benchmark.predict_file(foreign(tmp_path, name, files), place / "pictures")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("here")
def test_a_file_that_cannot_be_run_is_one_line(files: dict[str, Path], place: Path, tmp_path: Path) -> None:
    said = read_description(files["keras"])
    with zipfile.ZipFile(tmp_path / "empty.keras", "w") as archive:
        archive.writestr("ensemble_benchmark.json", json.dumps(said))
    with pytest.raises(UserError, match="cannot be run"):
        benchmark.predict_file(tmp_path / "empty.keras", place / "pictures")


def test_no_such_file(place: Path) -> None:
    with pytest.raises(UserError, match="is a folder: --model takes an exported"):
        benchmark.predict_file(place, place / "pictures")
    with pytest.raises(UserError, match="there is no file"):
        benchmark.predict_file(place / "nowhere.onnx", place / "pictures")


def test_a_huge_description_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ensemble_benchmark.json", " " * 2**24)
    with pytest.raises(UserError, match="does not say its classes"):
        read_description(tmp_path / "bomb.keras")
