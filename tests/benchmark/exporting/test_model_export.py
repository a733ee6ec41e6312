"""Export: every family in every format, checked; and what can go wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stored_runs import CLASS_NAMES, config, predictions, store_model, store_run
from trained_models import as_if_trained, small_hyperparameters, store_trained, tiny, trained_perceptron

import benchmark
from benchmark import cli
from benchmark.exporting import export_worker, model_export
from benchmark.exporting.export_worker import check_images, converted, write_and_compare
from benchmark.exporting.formats import FORMATS
from benchmark.files.run_layout import ESTIMATOR
from benchmark.records import RunRecord
from benchmark.store.run_store import RunStore
from benchmark.store.stored_models import load_model, predict
from benchmark.store.stored_predictions import write_predictions
from zoo import UserError, all_models, get_model
from zoo.backbones import VGG16
from zoo.layers import softmax
from zoo.transfer import features

# Libraries deprecate this and that of their own while they convert; a user's process keeps it in its log.
pytestmark = pytest.mark.filterwarnings("ignore")

KERAS_MODELS = [name for name, spec in all_models().items() if spec.build]


def built(name: str) -> Any:
    spec = get_model(name)
    assert spec.build is not None
    weights = {"weights": "random"} if spec.backbone else {}
    return spec.build((48, 48, 1), 7, **small_hyperparameters(name), **weights)


def transfer(pixels: str, train_base: bool) -> Any:
    """A transfer model on a backbone that takes no time to convert, with batch normalisation in it and behind it."""
    import keras
    from keras import layers

    def backbone(include_top: bool, weights: None, input_shape: tuple[int, int, int]) -> Any:
        inputs = keras.Input(input_shape)
        x = layers.BatchNormalization()(layers.Conv2D(4, 3, strides=3)(inputs))
        return keras.Model(inputs, layers.MaxPooling2D(4)(layers.Activation("relu")(x)))

    known = replace(VGG16, application="Tiny", pixels=pixels)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "Tiny", backbone, raising=False)
        inputs, x = features((48, 48, 1), known, weights="random", input_size=40, train_base=train_base)
    x = layers.BatchNormalization()(layers.Dense(16, activation="relu")(layers.Flatten()(x)))
    return keras.Model(inputs, softmax(x, 7))


MADE_HERE = {"caffe": ("caffe", True), "signed": ("signed", False)}


Known = tuple[Any, tuple[Any, Any]]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Known]:
    """A model by its name, stored and loaded, with pictures and what it says of them; made once."""
    made: dict[str, Known] = {}

    def made_once(name: str) -> Known:
        if name not in made:
            made[name] = _known(name, tmp_path_factory.mktemp("model"))
        return made[name]

    return made_once


def _known(name: str, directory: Path) -> Known:
    import keras

    if name == "mlp":
        _, path = trained_perceptron(directory, 7, (48, 48, 1))
    else:
        keras.utils.set_random_seed(0)
        path = directory / "model.keras"
        as_if_trained(transfer(*MADE_HERE[name]) if name in MADE_HERE else built(name)).save(path)
    model, images = load_model(path), check_images((48, 48, 1))
    probabilities = predict(model, images)
    assert np.ptp(probabilities, axis=0).max() > 0.1  # else any model would do
    return model, (images, probabilities)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", ["cue_cnn", "sepres", "caffe", "signed", "mlp"])
def test_kinds_of_models_in_every_format(name: str, format: str, known: Callable[[str], Known], tmp_path: Path) -> None:
    model, expected = known(name)
    output = tmp_path / f"model{FORMATS[format].ending}"
    assert write_and_compare(model, format, output, expected) < 1e-3
    assert output.exists()


def test_a_format_that_lacks_an_operation_is_one_line(
    known: Callable[[str], Known], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def write(model: Any, output: Path) -> None:
        raise RuntimeError("ConverterError:\n 'tf.Erfinv' op is neither a custom op nor a flex op")

    monkeypatch.setitem(FORMATS, "litert", replace(FORMATS["litert"], write=write))
    with pytest.raises(UserError, match=r"cannot be written as litert: .*ConverterError: 'tf.Erfinv' op is .*; try"):
        write_and_compare(known("mlp")[0], "litert", tmp_path / "model.tflite", known("mlp")[1])


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", KERAS_MODELS)
def test_every_model_in_every_format(name: str, format: str, known: Callable[[str], Known], tmp_path: Path) -> None:
    model, expected = known(name)
    output = tmp_path / f"model{FORMATS[format].ending}"
    assert write_and_compare(model, format, output, expected) < 1e-3
    assert output.exists()


def in_this_process(module: str, question: dict[str, Any]) -> dict[str, Any]:
    """Stands in for `ask`; starting TensorFlow takes seconds."""
    assert module == "benchmark.exporting.export_worker"
    return converted(json.loads(json.dumps(question)))


@pytest.fixture
def store(in_empty_directory: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setattr(model_export, "ask", in_this_process)
    return RunStore(in_empty_directory / "runs")


@pytest.mark.parametrize("format", ["keras", "tf_saved_model"])
def test_what_predicts_otherwise_is_not_written(format: str, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store_trained(store, "small", tiny())
    right = FORMATS[format]
    wrong = replace(right, write=lambda _, output: right.write(tiny(seed=1), output))
    monkeypatch.setattr(export_worker, "FORMATS", {format: wrong})
    with pytest.raises(UserError, match=r"does not predict what the stored one does: .* expected 0\.001 at most"):
        benchmark.export("small", format)
    assert [path.name for path in Path().iterdir()] == ["runs"]


def test_a_prediction_that_is_no_number_fails(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store_trained(store, "small", tiny())
    silent = replace(FORMATS["keras"], read=lambda _: lambda images: np.full((len(images), 3), np.nan, np.float32))
    monkeypatch.setattr(export_worker, "FORMATS", {"keras": silent})
    with pytest.raises(UserError, match="differ by up to nan"):
        benchmark.export("small", "keras")


def test_the_call_names_and_describes_what_it_writes(store: RunStore) -> None:
    run = store_trained(store, "small", tiny())
    exported = benchmark.export("small", "json+h5")
    assert exported.path == Path(f"small-{run.config.hash}-seed-0-json-h5")
    assert sorted(path.name for path in exported.path.iterdir()) == [
        "ensemble_benchmark.json", "model.json", "model.weights.h5"
    ]  # fmt: skip
    assert exported.size == sum(path.stat().st_size for path in exported.path.iterdir())
    assert exported.class_names == CLASS_NAMES
    assert json.loads((exported.path / "model.json").read_text())["class_name"] == "Functional"
    text = model_export.exported_text("small", exported)
    assert max(map(len, text.splitlines())) <= 80
    assert "apple, banana, cherry" in text
    assert exported.images == 100
    assert exported.difference < 1e-6


def test_a_file_is_replaced_and_a_folder_is_not(store: RunStore) -> None:
    store_trained(store, "small", tiny())
    Path("small.keras").write_text("the one before")
    assert benchmark.export("small", "keras", "small.keras").path.stat().st_size > 1000
    Path("photos").mkdir()
    with pytest.raises(UserError, match="photos is there already: remove it"):
        benchmark.export("small", "tf_saved_model", "photos")


def test_a_run_without_its_model(store: RunStore) -> None:
    store_model(store, "forgetful", 5, 5)
    with pytest.raises(
        UserError, match=r"forgetful-\w+/seed-0 has no model file: choose a run that kept its own, or remove"
    ):
        benchmark.export("forgetful", "keras")


def test_a_model_that_was_changed(store: RunStore) -> None:
    run = store_trained(store, "small", tiny())
    with (run.path / "model.keras").open("ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match=r"model\.keras is damaged"):
        benchmark.export("small", "keras")


def test_several_seeds_are_listed(store: RunStore) -> None:
    hashed = store_trained(store, "small", tiny()).config.hash
    store_trained(store, "small", tiny(), seed=1)
    with pytest.raises(
        UserError, match=f"small has 2 seeds, choose one: small-{hashed}/seed-0, small-{hashed}/seed-1$"
    ):
        benchmark.export("small", "keras")
    assert benchmark.export(f"small-{hashed}/seed-1", "keras").path.name == f"small-{hashed}-seed-1.keras"


def test_an_ensemble_has_an_export_of_its_own(store: RunStore) -> None:
    asked = config("pair", kind="ensemble", hyperparameters={"method": "average"}, members=("a-1/seed-0", "b-2/seed-0"))
    store_run(store, asked, [predictions("validation", 5)])
    with pytest.raises(
        UserError, match="pair is an ensemble: `python -m ensembles export pair --format keras` writes it"
    ):
        benchmark.export("pair", "keras")


def test_a_missing_package_is_one_line(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_export, "find_spec", lambda name: None if "onnx" in name else object())
    with pytest.raises(UserError) as caught:
        benchmark.export("small", "onnx")
    assert str(caught.value) == (
        "exporting to onnx needs onnx, tf2onnx, onnxruntime: install with pip install '.[train,export]'"
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["small", "--format", "onyx"], "unknown export format 'onyx': did you mean onnx?"),
        (["smal", "--format", "onnx"], "did you mean small?"),
        (["small", "--format", "litert", "-o", "model.bin"], "cannot write model.bin: litert files end in .tflite"),
        (["small", "--format", "keras", "-o", "no/m.keras"], "cannot write no/m.keras: No such file or directory"),
        (["small", "--format", "keras", "-o", "runs.keras"], "cannot write runs.keras: it is not a file"),
        (["small", "--format", "keras", "--runs", "elsewhere"], "no runs in elsewhere"),
        (["small", "--format", "keras", "--data", "face"], "unknown dataset 'face': did you mean faces?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_one_line(
    argv: list[str], message: str, store: RunStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(model_export, "ask")  # nothing is started
    store_trained(store, "small", tiny())
    Path("runs.keras").mkdir()
    assert cli.main(["export", *argv]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["runs", "runs.keras"]


def test_in_a_process_of_its_own_whatever_the_backend(
    in_empty_directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole way: a perceptron that scikit-learn trained is run by ONNX's runtime."""
    import onnxruntime

    monkeypatch.setenv("KERAS_BACKEND", "jax")
    store = RunStore(Path("runs"))
    claim = store.claim(config("mlp"), 0)
    assert claim is not None
    with claim:
        trainer, written = trained_perceptron(claim.path, len(CLASS_NAMES))
        assert written.name == ESTIMATOR
        write_predictions(claim.path / "test.npz", predictions("test", 5))
        store.commit(claim, RunRecord(config=config("mlp"), seed=0))
    assert cli.main(["export", "mlp", "--format", "onnx", "-o", "mlp.onnx"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert max(map(len, shown.out.splitlines())) <= 80
    assert shown.out.startswith(f"mlp as onnx, {Path('mlp.onnx').stat().st_size / 1e6:.2f} MB:\n  mlp.onnx\n")
    images = np.random.default_rng(2).integers(0, 256, (30, 12, 12, 1), dtype=np.uint8)
    session = onnxruntime.InferenceSession("mlp.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: images.astype(np.float32)})
    np.testing.assert_allclose(found, trainer.predict(images), atol=1e-5)
    assert sorted(path.name for path in Path().iterdir()) == ["mlp.onnx", "runs"]
