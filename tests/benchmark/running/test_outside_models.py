"""Models of a user's file or call, from the request to predictions, through real worker processes."""

import json
from pathlib import Path
from typing import Any

import keras
import pytest
from bright_images import write_bright
from PIL import Image

import benchmark
from benchmark import ReadOptions, cli
from benchmark.data import load
from benchmark.files.checksums import checksum
from benchmark.records import RunConfig
from benchmark.running.outside_networks import check_network
from benchmark.running.planning import chosen_models, plan
from benchmark.store.run_store import RunStore
from benchmark.store.stored_run import StoredRun
from zoo import UserError
from zoo.model_files import classes_in, digest_of

pytestmark = pytest.mark.usefixtures("warm_once")

SOURCE = """\
from keras import Input, Model, layers


class Half(layers.Layer):
    def call(self, pixels):
        return pixels / 255


def mine(input_shape, classes, units=4):
    inputs = Input(input_shape)
    x = layers.Dense(units, activation="relu")(layers.Flatten()(Half()(inputs)))
    return Model(inputs, layers.Dense(classes, activation="softmax")(x))
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With data, a file of a model, and a picture."""
    path = tmp_path_factory.mktemp("outside")
    write_bright(path, "tiny", edge=8)
    (path / "mine.py").write_text(SOURCE)
    Image.new("L", (9, 9), 120).save(path / "grey.png")
    return path


def command(place: Path, *words: str) -> list[str]:
    where = ["--data", str(place / "tiny.npz"), "--runs", str(place / "runs"), "--epochs", "1", "--batch-size", "8"]
    return [*words, *where]


def stored(place: Path) -> list[StoredRun]:
    store = RunStore(place / "runs")
    return store.runs(store.find_dataset())


@pytest.fixture(scope="module")
def run(place: Path) -> StoredRun:
    """Of the file's model, with no name given."""
    assert cli.main(command(place, "run", "--models", str(place / "mine.py"), "--set", "units=3", "--tta", "flip")) == 0
    return next(run for run in stored(place) if run.config.tta == "none")


def test_a_run_has_the_text_of_its_model(run: StoredRun, place: Path) -> None:
    assert run.config.model == "mine"
    assert run.config.hyperparameters == {"units": 3}
    assert run.config.model_source == digest_of(SOURCE)
    for one in stored(place):
        assert (one.path / "model_source.py").read_text() == SOURCE
        assert one.record.files["model_source.py"] == checksum(one.path / "model_source.py")
        assert one.check_files() == []
    assert RunConfig.from_json(json.loads((run.path.parent / "config.json").read_text())) == run.config


def test_another_text_is_another_configuration(run: StoredRun) -> None:
    values = {**run.config.to_json(), "model_source": "00000000"}
    assert RunConfig.from_json(values).hash != run.config.hash
    del values["model_source"]
    assert "model_source" not in RunConfig.from_json(values).to_json()


def test_the_stored_text_stands_for_the_file(run: StoredRun, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = run.path / "model_source.py"
    assert cli.main(command(place, "run", "mine", "--models", str(kept), "--set", "units=3")) == 0
    assert "stored already" in capsys.readouterr().out


def test_predictions_of_a_stored_model_with_layers_of_ones_own(
    run: StoredRun, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", run.name, str(place / "grey.png"), "--runs", str(place / "runs"), "--format", "json"]
    assert cli.main(words) == 2, "code of another's store is not run unasked"
    assert "has layers of a model of one's own" in capsys.readouterr().err
    assert cli.main([*words, "--models", str(place / "mine.py")]) == 0
    (prediction,) = json.loads(capsys.readouterr().out)
    assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_export_with_layers_of_ones_own(run: StoredRun, place: Path) -> None:
    output = place / "mine.keras"
    options = {"runs": place / "runs", "model_files": [place / "mine.py"]}
    exported = benchmark.export(run.name, "keras", output, **options)
    assert exported.difference < 1e-5


def test_publishing_takes_the_text_unless_it_names_a_machine(run: StoredRun, place: Path, tmp_path: Path) -> None:
    benchmark.publish(tmp_path / "published", run.name, runs=place / "runs")
    target = RunStore(tmp_path / "published")
    (published,) = target.runs(target.find_dataset())
    assert published.text("model_source.py") == SOURCE
    assert published.config == run.config
    from benchmark.publishing import published

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "without_traces", lambda value: "..." if value == SOURCE else value)
        assert "model_source.py" not in published.published_run(run).texts


# Of a notebook, as it were.
def given(input_shape: tuple[int, int, int], classes: int) -> Any:
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, keras.layers.Dense(classes, activation="softmax")(x))


def logits(input_shape: tuple[int, int, int], classes: int) -> Any:
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(classes)(keras.layers.Flatten()(inputs)))


def with_layer(layer: Any) -> Any:
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(layer(inputs))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))


def halved(x: Any) -> Any:
    return x / 2


class Scaled(keras.layers.Layer):
    def __init__(self, by: float, **given: Any) -> None:
        super().__init__(**given)
        self.by = by

    def call(self, x: Any) -> Any:
        return x * self.by


OWN_LAYERS = """
import keras

def halved(x):
    return x / 2

class Doubled(keras.layers.Layer):
    def call(self, x):
        return x * 2

class Forgetful(keras.layers.Layer):
    def __init__(self, by=1.0, **given):
        super().__init__(**given)
        self.by = by

    def call(self, x):
        return x * self.by / 255

    def get_config(self):
        return {"name": self.name}

def mine(input_shape, classes):
    return None
"""


def test_functions_of_a_call_in_folds(place: Path) -> None:
    options = benchmark.RunOptions(progress=False, cache=None, folds=2)
    settings = {"epochs": 1, "batch_size": 8}
    good, bad = benchmark.run([given, logits], place / "tiny.npz", settings=settings, runs=place / "k", options=options)
    assert good.record.status == "ok"
    assert good.text("model_source.py") is not None
    assert good.config.title == "given:2-folds"
    assert bad.record.failure == "refused"
    assert "end its network with a softmax" in (bad.record.error or "")


def test_names_of_calls_and_files(place: Path) -> None:
    assert [spec.name for spec in chosen_models([given, "cnn4,mlp", given])] == ["given", "cnn4", "mlp"]
    assert [spec.name for spec in chosen_models(given)] == ["given"]
    assert [spec.name for spec in chosen_models("all", [place / "mine.py"])][-1] == "mine"
    with pytest.raises(UserError, match="unknown model 'mine'"):
        chosen_models("mine")
    with pytest.raises(UserError, match="unknown model 'mien': did you mean mine"):
        chosen_models("mien", [place / "mine.py"])

    def cnn4(input_shape: tuple[int, int, int], classes: int) -> None:
        return None

    with pytest.raises(UserError, match="cnn4 is the name of another model"):
        chosen_models(cnn4)


def test_list_has_them(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["list", "--models", str(place / "mine.py")]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("mine ")]
    assert line.split() == ["mine", "-", "-", "of", "your", "own"]


@pytest.mark.parametrize("words", [["run"], ["run", "mlp"], ["tune", "mlp"], ["list"]])
def test_a_file_that_fails_is_one_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    assert cli.main([*words, "--models", "broken.py"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: broken.py cannot be used as a file of models: ModuleNotFoundError")
    assert shown.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["broken.py"]


def test_a_search_needs_a_space(place: Path) -> None:
    options = benchmark.TuneOptions(run=benchmark.RunOptions(model_files=(place / "mine.py",)))
    says = (
        "mine has no search space, these models have one: .*bayes.* and keras:NAME .* your own has one where its file"
    )
    with pytest.raises(UserError, match=says):
        benchmark.tune("mine", place / "tiny.npz", runs=place / "none", options=options)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "must return a keras.Model .* got NoneType"),
        (keras.Sequential([keras.layers.Flatten()]), "must return a keras.Model .* got Sequential"),
        (given((9, 8, 1), 3), "must take one input, images of 8 x 8 x 1"),
        (given((8, 8, 1), 4), "must give 3 probabilities an image"),
        (logits((8, 8, 1), 3), "end its network with a softmax"),
        (with_layer(keras.layers.Lambda(lambda x: x / 2)), "has a Lambda layer of a function without a name"),
        (with_layer(keras.layers.Lambda(abs)), "could not be loaded once it is stored"),
        (with_layer(Scaled(0.5)), "could not be loaded once it is stored: .* all their arguments"),
    ],
)
def test_networks_that_are_none(model: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        check_network("mine", model, (8, 8, 1), 3, OWN_LAYERS)
    assert "\n" not in str(error.value)


def test_a_layer_that_forgets_its_arguments_is_refused() -> None:
    """Loaded it would have their defaults, and predict something else than the run did."""
    forgetful = classes_in(OWN_LAYERS)["Forgetful"]
    check_network("mine", with_layer(forgetful()), (8, 8, 1), 3, OWN_LAYERS)
    with pytest.raises(UserError, match=r"another network once it is stored .* must have all arguments"):
        check_network("mine", with_layer(forgetful(3.0)), (8, 8, 1), 3, OWN_LAYERS)


def test_a_network_that_draws_when_it_predicts_is_not_taken_for_another() -> None:
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Dropout(0.5)(x, training=True)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    check_network("mine", model, (8, 8, 1), 3)


@pytest.mark.parametrize("argument", ["epochs", "learning_rate", "weights"])
def test_an_argument_called_like_a_setting_is_refused(argument: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"def mine(input_shape, classes, {argument}=1):\n    return None\n")
    specs = chosen_models("mine", [tmp_path / "mine.py"])
    with pytest.raises(UserError, match=f"mine: its argument {argument} has the name of a training setting"):
        plan(specs, load("faces", ReadOptions(), None), "quick", (0,), {})


def test_layers_that_the_file_defines_can_be_loaded() -> None:
    doubled = classes_in(OWN_LAYERS)["Doubled"]
    for layer in (doubled(), keras.layers.Lambda(halved)):
        check_network("mine", with_layer(layer), (8, 8, 1), 3, OWN_LAYERS)
    with pytest.raises(UserError, match="could not be loaded once it is stored"):
        check_network("mine", with_layer(doubled()), (8, 8, 1), 3)
