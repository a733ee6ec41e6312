"""The notebooks of `examples/` run from their first cell to their last, on tiny data, each in one kernel."""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
FER, OUTSIDE, OWN = NOTEBOOKS
LONGEST_CELL = 20  # lines


def cells(notebook: Path, kind: str) -> list[Any]:
    return [cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == kind]


def faces(path: Path) -> None:
    """A `fer2013.csv` of 119 images, whose classes differ in brightness."""
    path.parent.mkdir(parents=True)
    generator, rows = np.random.default_rng(0), []
    for usage, count in (("Training", 77), ("PublicTest", 21), ("PrivateTest", 21)):
        for number in range(count):
            emotion = number % 7
            image = np.clip(generator.normal(30 + 30 * emotion, 20, 48 * 48), 0, 255).astype(int)
            rows.append((emotion, " ".join(map(str, image)), usage))
    pd.DataFrame(rows, columns=["emotion", "pixels", "Usage"]).to_csv(path, index=False)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a kernel works, with Kaggle's input beside it; nothing is written into the user's home."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("EXAMPLES_TINY", "1")
    monkeypatch.setenv("KAGGLE_INPUT", str(tmp_path / "input"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def executed(notebook: Path, place: Path) -> list[str]:
    """What each code cell shows, as text. An error in a cell is raised."""
    read = nbformat.read(notebook, as_version=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client, not of what the cells do
        NotebookClient(read, timeout=240, startup_timeout=240, resources={"metadata": {"path": str(place)}}).execute()
    shown = []
    for cell in (cell for cell in read.cells if cell.cell_type == "code"):
        assert [output.text for output in cell.outputs if output.get("name") == "stderr"] == []
        # A stream comes in as many pieces as it likes.
        pieces = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
        shown.append("".join(pieces))
    return shown


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs_in_short_cells(notebook: Path) -> None:
    code = cells(notebook, "code")
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    assert max(len(cell.source.splitlines()) for cell in code) <= LONGEST_CELL
    assert max(len(line) for cell in cells(notebook, "markdown") for line in cell.source.splitlines()) <= 120
    pages = (page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    assert sum(f"(../examples/{notebook.name})" in page for page in pages) == 1


@pytest.mark.timeout(600)  # it starts processes that import TensorFlow
def test_faces_on_kaggle(place: Path) -> None:
    faces(place.parent / "input" / "fer2013" / "fer2013.csv")
    shown = executed(FER, place)
    assert "fer2013.csv" in shown[1]
    assert "77" in shown[2], "the report on the data"
    assert shown[3].count("ok>") == 4
    assert {"mlp", "dinh", "dinh:flip"} <= set(shown[4].split())
    assert {"mlp", "dinh", "ours", "ours:stacking"} <= set(shown[5].split())
    assert "On the leaderboard" in shown[6]
    assert pd.read_csv(place / "submission.csv").shape == (21, 2)


@pytest.mark.parametrize("layout", ["icml_face_data.csv", "train.csv", "train/happy/1.png"])
def test_the_layouts_that_it_finds(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "input" / "datasets" / "someone" / "fer" / layout
    path.parent.mkdir(parents=True)
    path.write_text("")
    (source,) = [cell.source for cell in cells(FER, "code") if "def find_fer2013" in cell.source]
    scope: dict[str, Any] = {"INPUT": tmp_path / "input"}
    exec(source, scope)  # noqa: S102 - our own notebook
    assert scope["DATA"] == (path if layout == "icml_face_data.csv" else tmp_path / "input/datasets/someone/fer")
    with pytest.raises(FileNotFoundError, match="add it as an input"):
        scope["find_fer2013"](tmp_path / "nothing")


def test_outside_models(place: Path) -> None:
    shown = executed(OUTSIDE, place)
    outside = {"forest", "neighbours", "logistic", "naive", "tree"}
    assert outside <= set(shown[5].split())
    assert outside | {"five", "five:stacking", "five:greedy"} <= set(shown[7].split())
    assert "greedy of 5 members" in shown[8]
    assert pd.read_csv(place / "submission.csv").shape == (747, 11)


@pytest.mark.timeout(600)  # it starts processes that import TensorFlow
def test_an_own_model_on_own_data(place: Path) -> None:
    shown = executed(OWN, place)
    assert {"small_cnn", "sklearn:sklearn.ensemble.RandomForestClassifier"} <= set(shown[4].split())
    assert "'probabilities': {'circle': " in shown[6]
    (kept,) = (place / "own-runs").glob("shapes-*/small_cnn-*/seed-0/model_source.py")
    assert kept.read_text(encoding="utf-8").count("def ") == 1
