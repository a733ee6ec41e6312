"""Six classes of three sources, from the command to the leaderboard and the submission."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import benchmark
import reports
from benchmark import ReadOptions, RunOptions, cli
from benchmark.data import load, source_of_sample
from benchmark.matching.class_names import FER_CLASSES
from benchmark.store.run_store import RunStore

pytestmark = pytest.mark.usefixtures("warm_once")

EDGE = 6
SIX = ("angry", "fear", "happy", "sad", "surprise", "neutral")
NAMES = ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprised", "Neutral")


def face(label: int, number: int) -> np.ndarray:
    """An image whose brightness tells its class."""
    noise = np.random.default_rng([label, number]).integers(0, 20, (EDGE, EDGE))
    return (30 * label + noise).astype(np.uint8)


@pytest.fixture
def sources(in_empty_directory: Path) -> list[str]:
    """A CSV with splits of its own and ids, and two folders of classes without, one of them with contempt."""
    rows = ["id,emotion,pixels,Usage"]
    for usage, each in (("Training", 12), ("PublicTest", 4), ("PrivateTest", 4)):
        for number in range(each):
            rows += [
                f"{usage[:2]}{label}{number},{label},{' '.join(map(str, face(label, number).ravel()))},{usage}"
                for label in range(7)
            ]
    Path("fer2013.csv").write_text("\n".join(rows))
    for root, first, each in (("ckplus", 100, 10), ("jaffe", 200, 4)):
        for label, name in enumerate([*NAMES, *(["contempt"] if root == "ckplus" else [])]):
            (Path(root) / name).mkdir(parents=True)
            for number in range(first, first + each):
                Image.fromarray(face(label, number)).save(Path(root) / name / f"S{label}_{number}.png")
    return ["fer2013.csv", "ckplus/", "jaffe"]


def test_from_the_command_to_the_submission(sources: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["run", "mlp", *(part for source in sources for part in ("--data", source))]
    argv += ["--classes", "angry,fearful,HAPPY,sad,surprise,neutral", "--split", "70/30", "--epochs", "3"]
    argv += ["--set", "balance=copies", "--set", "augmentation=flip"]
    assert cli.main(argv) == 0
    shown = capsys.readouterr().out
    assert "split fer2013 given, ckplus 70/30 seed 0, jaffe 70/30 seed 0" in shown
    assert "note: ckplus says Anger for angry, " in shown
    assert "note: test has images of fer2013 only" in shown
    store = RunStore(Path("runs"))
    (run,) = store.runs(store.find_dataset("fer2013+ckplus+jaffe"))
    assert run.config.training.balance == "copies"
    validation, test = run.predictions("validation"), run.predictions("test")
    assert validation.class_names == SIX
    owners = Counter(source_of_sample(run.config.dataset, name) for name in validation.sample_ids.tolist())
    assert owners == {"fer2013": 24, "ckplus": 18, "jaffe": 7}  # 30 % of 24 is 7.2
    frame = reports.leaderboard("runs", data="fer2013+ckplus+jaffe")
    assert frame["model"].tolist() == ["mlp"]
    reports.submission("mlp", data="fer2013+ckplus+jaffe", format="id-emotion", output="s.csv")
    with Path("s.csv").open(newline="") as file:
        submitted = [(row["id"], int(row["emotion"])) for row in csv.DictReader(file)]
    expected = [f"Pr{label}{number}" for number in range(4) for label in range(7) if label != 1]
    assert [name for name, _ in submitted] == expected, "ids and order are those of the user's own file"
    likeliest = [FER_CLASSES.index(SIX[position]) for position in test.probabilities.argmax(axis=1)]
    assert [label for _, label in submitted] == likeliest
    assert cli.main(argv) == 0
    assert "stored already in" in capsys.readouterr().out


def test_a_search_on_several_sources(sources: list[str]) -> None:
    options = benchmark.TuneOptions("random", 1, RunOptions(progress=False, reading=ReadOptions(split="60/20/20")))
    tuned = benchmark.tune("mlp", [Path(sources[0]), *sources[1:]], settings={"epochs": 2}, options=options)
    assert [trial.status for trial in tuned.trials] == ["ok"]
    assert tuned.runs[0].config.dataset == "fer2013+ckplus+jaffe"
    assert "contempt" in tuned.runs[0].predictions("test").class_names


def test_one_source_in_a_list_is_that_source(sources: list[str]) -> None:
    options = RunOptions(progress=False)
    (listed,) = benchmark.run("mlp", sources[:1], settings={"epochs": 1}, options=options)
    (alone,) = benchmark.run("mlp", sources[0], settings={"epochs": 1}, options=options)
    assert alone.path == listed.path
    assert listed.config.dataset == "fer2013"
    assert json.loads((listed.path.parent / "config.json").read_text())["split"] == "given"
    assert listed.predictions("test").sample_ids[0] == "Pr00"


def test_six_classes_and_a_70_30_split_of_one_source(sources: list[str]) -> None:
    reading = ReadOptions(classes=SIX, split="70/30")
    options = RunOptions(progress=False, reading=reading)
    (run,) = benchmark.run("mlp", "ckplus", settings={"epochs": 1}, options=options)
    assert run.record.status == "ok", run.record.error
    assert run.predictions("test") is None
    assert np.bincount(run.predictions("validation").labels).tolist() == [3] * 6
    assert len(load("ckplus", reading, cache=None).train) == 42
