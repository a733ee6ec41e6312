"""Nobody's file executes code: what the packages must never call, looked for in their source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path for package in ("zoo", "benchmark", "ensembles", "reports") for path in (ROOT / package).rglob("*.py")
)
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "joblib",
    "yaml",
    "tarfile",
}
BUILTINS = {"eval", "exec", "compile"}
SHELLS = {"os.system", "os.popen"}
FORBIDDEN_CALLS = {
    "__import__", "read_pickle", "to_pickle", "extractall", "unpack_archive", "enable_unsafe_deserialization",
    "set_safe_mode", "fromfile",
}  # fmt: skip
# By call, the argument that must be there and its value.
REQUIRED = {"load_model": ("safe_mode", True)}
LOADERS = {"load", "read_array"}
# What is left out above: the user names a file of models with --models, to be run; and one place reads tar archives,
# file by file.
ALLOWED = {"zoo/model_files.py": ["exec", "compile"], "benchmark/files/unpacking.py": ["tarfile"]}


def faults(source: str) -> Iterator[str]:
    """What is wrong with a source, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"line {node.lineno}: {name}" for name in names if name.split(".")[0] in FORBIDDEN_MODULES)
        if isinstance(node, ast.Call):
            yield from (f"line {node.lineno}: {fault}" for fault in call_faults(node))


def call_faults(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    owner, _, name = called.rpartition(".")
    keywords = {word.arg: word.value.value for word in node.keywords if isinstance(word.value, ast.Constant)}
    if name in FORBIDDEN_CALLS or called in BUILTINS or called in SHELLS:
        yield called
    if keywords.get("shell") or keywords.get("allow_pickle"):
        yield f"{called} with shell or allow_pickle"
    if owner in ("np", "numpy", "npy_format") and name in LOADERS and keywords.get("allow_pickle") is not False:
        yield f"{called} without allow_pickle=False"
    if owner.startswith("keras") and name in REQUIRED and keywords.get(REQUIRED[name][0]) is not REQUIRED[name][1]:
        yield f"{called} without {REQUIRED[name][0]}={REQUIRED[name][1]}"
    if called == "Image.open" and "formats" not in {word.arg for word in node.keywords}:
        yield f"{called} without formats: Ghostscript would run an EPS file"


def test_there_are_sources() -> None:
    assert len(SOURCES) > 100


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_in_the_packages_runs_what_a_file_says(path: Path) -> None:
    found = [fault.partition(": ")[2] for fault in faults(path.read_text(encoding="utf-8"))]
    assert found == ALLOWED.get(path.relative_to(ROOT).as_posix(), [])


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "eval(text)", "np.load(path)", "np.load(path, allow_pickle=True)",
        "keras.models.load_model(path)", "keras.models.load_model(path, safe_mode=False)", "run('x', shell=True)",
        "Image.open(path)", "pd.read_pickle(path)", "os.system('x')", "keras.config.enable_unsafe_deserialization()",
    ],
)  # fmt: skip
def test_what_is_forbidden_is_found(source: str) -> None:
    assert list(faults(source))
