"""`kaggle:OWNER/NAME` with a kagglehub that is none: what is asked of it, and what a refusal looks like."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmark import cli
from benchmark.data import load
from benchmark.running import runner
from zoo.errors import UserError


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A module that keeps the dataset where the real one does; grows by each handle that it is asked for."""
    home = tmp_path / "datasets" / "somebody" / "fer2013" / "versions" / "3"
    home.mkdir(parents=True)
    rows = ["emotion,pixels", *[f"{n % 3},{n} 1 2 3" for n in range(60)]]
    (home / "fer2013.csv").write_text("\n".join(rows))
    asked: list[str] = []

    def dataset_download(handle: str) -> str:
        asked.append(handle)
        sys.stdout.write("Downloading from the internet ...")
        return str(home)

    module = ModuleType("kagglehub")
    module.dataset_download = dataset_download
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    return asked


def refuse(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def dataset_download(handle: str) -> str:
        raise error

    monkeypatch.setattr(sys.modules["kagglehub"], "dataset_download", dataset_download)


def test_a_download_is_read_like_any_path_and_named_after_its_dataset(
    hub: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = load("kaggle:somebody/fer2013", cache=None)
    assert (dataset.name, len(dataset.train)) == ("fer2013", 48)
    assert hub == ["somebody/fer2013"]
    assert capsys.readouterr().out == "", "standard output is for the answer"


def test_the_workers_get_the_folder_and_download_nothing(
    hub: list[str], tmp_path: Path, in_empty_directory: Path
) -> None:
    """A worker has no such module: had it to download, the run would fail."""
    argv = ["run", "mlp", "--data", "kaggle:somebody/fer2013", "--epochs", "1"]
    assert cli.main(argv) == 0
    assert hub == ["somebody/fer2013"]
    assert next(path.name for path in in_empty_directory.glob("runs/*")).startswith("fer2013-")
    located = runner.source_of(["kaggle:somebody/fer2013", "faces"])
    assert located == (str(tmp_path / "datasets/somebody/fer2013/versions/3"), "faces")


@pytest.mark.parametrize("name", ["fer2013", "a/b/c", "../x/y", "a b/c", "", "/a", "a/"])
def test_a_name_that_is_none(name: str, hub: list[str]) -> None:
    with pytest.raises(UserError, match="expected kaggle:OWNER/NAME"):
        load(f"kaggle:{name}", cache=None)
    assert not hub


def test_without_kagglehub_one_line_says_what_to_do(
    in_empty_directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    for argv in (
        ["data", "kaggle:a/b"],
        ["run", "mlp", "--data", "kaggle:a/b"],
        ["tune", "mlp", "--data", "kaggle:a/b"],
    ):
        assert cli.main(argv) == 2
        shown = capsys.readouterr().err
        assert shown.count("\n") == 1
        assert (
            "kaggle:a/b needs kagglehub: pip install kagglehub, or download https://www.kaggle.com/datasets/a/b"
            in shown
        )
    assert not list(in_empty_directory.iterdir())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionError("no route\nto host " + "x" * 500), "(ConnectionError: no route to host xxx"),
        (PermissionError("403 Client Error"), "(PermissionError: 403 Client Error)"),
    ],
)
def test_a_download_that_fails_is_one_line(
    error: Exception, words: str, hub: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, error)
    with pytest.raises(UserError) as caught:
        load("kaggle:a/b/versions/2", cache=None)
    line = str(caught.value)
    assert words in line
    assert line.endswith("or download https://www.kaggle.com/datasets/a/b/versions/2 by hand and give its path")
    assert "\n" not in line
    assert len(line) < 400
