"""Models from files and packages: what is found, with which text, and what is said where that fails."""

from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from zoo import UserError, model_files
from zoo.model_files import classes_in, installed_models, models_in, models_of_file, sources_of
from zoo.registry import get_model, outside_models

FUNCTION = """\
def tiny(input_shape, classes, units=4, dropout=0.5, wide=False, act="relu", start=None):
    from keras import Input, Sequential, layers

    return Sequential([Input(input_shape), layers.Flatten(), layers.Dense(classes, activation="softmax")])


def helper(features, classes):
    return features
"""
DECLARED = """\
from zoo.spec import ModelSpec, Real


def one(input_shape, classes, *, dropout):
    return None


def two(input_shape, classes):
    return None


MODELS = [
    ModelSpec(name="first", build=one, reference="here", parameters=3, hyperparameters={"dropout": Real(0, 0, 1)}),
]
"""


def file(tmp_path: Path, text: str, name: str = "mine.py") -> Path:
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_a_function_is_a_model_and_its_numbers_and_texts_are_hyperparameters(tmp_path: Path) -> None:
    (spec,) = models_of_file(file(tmp_path, FUNCTION)).values()
    assert (spec.name, spec.parameters, spec.source) == ("tiny", 0, FUNCTION)
    expected = {"units": 8, "dropout": 0.5, "wide": True, "act": "tanh"}
    assert spec.with_hyperparameters({"units": "8", "wide": "true", "act": "tanh"}) == expected


def test_what_a_file_declares_is_taken_and_its_functions_are_not(tmp_path: Path) -> None:
    models = models_of_file(file(tmp_path, DECLARED))
    assert list(models) == ["first"]
    assert models["first"].source == DECLARED
    assert get_model("first", DECLARED) is models_in(DECLARED)["first"]


def test_line_ends_change_no_source(tmp_path: Path) -> None:
    path = tmp_path / "windows.py"
    path.write_bytes(FUNCTION.replace("\n", "\r\n").encode())
    assert sources_of([path]) == [FUNCTION]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n\nraise ValueError('no\\nluck')\n", r"mine.py cannot be used .*: ValueError: no luck \(line 3\)"),
        ("import not_there_at_all\n", "No module named 'not_there_at_all'"),
        ("def f(:\n", "SyntaxError"),
        ("import sys; sys.exit('bye')\n", "SystemExit: bye"),
        ("x = 1\n", "mine.py has no model: expected MODELS"),
        ("MODELS = []\n", "mine.py has no model: expected MODELS"),
        ("MODELS = 3\n", "MODELS of .*mine.py must be a list of ModelSpec, got int"),
        ("MODELS = ['cnn4']\n", "must be a list of ModelSpec"),
        (FUNCTION.replace("units=4", "units"), "SyntaxError|must take"),
        (DECLARED.replace("first", "cnn4"), "mine.py has a model called cnn4, which is taken"),
        (DECLARED.replace("first", "all"), "cannot be called 'all'"),
        (DECLARED.replace("first", "first-tuned"), "cannot be called 'first-tuned'"),
        (DECLARED.replace("first", "../up"), "cannot be called '../up'"),
        (DECLARED.replace("MODELS = [", "MODELS = 2 * ["), "are called first: rename one"),
        (DECLARED.replace('parameters=3, ', ""), "TypeError"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message) as caught:
        outside_models([file(tmp_path, text)])
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "folder.py").mkdir()
    for path in (tmp_path / "nowhere.py", tmp_path / "folder.py", file(tmp_path, FUNCTION, "mine.txt")):
        what = f"{path} is none" if path.exists() else f"there is no such file {path}"
        with pytest.raises(UserError, match=f"--models takes a Python file .*; {what}"):
            models_of_file(path)
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read as Python"):
        models_of_file(tmp_path / "binary.py")
    with pytest.raises(UserError, match="larger than a megabyte"):
        models_of_file(file(tmp_path, "#" * (2**20 + 1)))


def test_two_files_with_one_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"b\.py has a model called tiny, which is taken"):
        outside_models([file(tmp_path, FUNCTION, "a.py"), file(tmp_path, f"{FUNCTION}\n# b\n", "b.py")])


def test_classes_of_a_text_are_its_own() -> None:
    text = "from pathlib import Path\n\nclass Mine:\n    pass\n\n" + FUNCTION
    assert list(classes_in(text)) == ["Mine", "tiny", "helper"]


def entry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, what: str) -> None:
    """An installed package `plugin_of_tests` with an entry point."""
    file(tmp_path, text, "plugin_of_tests.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    points = [EntryPoint("mine", f"plugin_of_tests:{what}", model_files.GROUP)]
    monkeypatch.setattr(model_files, "entry_points", lambda group: points if group == model_files.GROUP else [])
    monkeypatch.delitem(__import__("sys").modules, "plugin_of_tests", raising=False)


@pytest.mark.parametrize(("text", "what", "name"), [(DECLARED, "MODELS", "first"), (FUNCTION, "tiny", "tiny")])
def test_models_of_installed_packages(
    text: str, what: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry(monkeypatch, tmp_path, text, what)
    assert installed_models()[name].source == text
    assert list(outside_models()) == [name]
    # The function of the package, and not one of a text that was run.
    assert get_model(name, text).build is getattr(__import__("plugin_of_tests"), "one" if name == "first" else name)


def test_an_installed_package_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry(monkeypatch, tmp_path, "raise ValueError('no luck')\n", "MODELS")
    with pytest.raises(UserError, match=r"plugin_of_tests has models that cannot be loaded.*no luck"):
        installed_models()
    assert get_model("cnn4").name == "cnn4"


def test_no_module_stays_of_a_text_that_fails() -> None:
    import sys

    before = {name for name, module in sys.modules.items() if isinstance(module, ModuleType)}
    with pytest.raises(UserError):
        models_in("raise ValueError\n")
    assert {name for name in sys.modules if name.startswith("model_source")} <= before
