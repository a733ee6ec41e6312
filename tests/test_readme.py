"""What the documentation says is true: commands are understood, files and modules exist, pages are short."""

import ast
import inspect
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import benchmark
import ensembles
import reports
from zoo import ModelSpec, all_models
from zoo.settings import CHOICES, setting_names

ROOT = Path(__file__).parent.parent
PACKAGES = ("benchmark", "ensembles", "reports", "zoo")
# The changelog is about the past and may name what is gone.
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [
        *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "results").rglob("*.md")),
    ]
}
README = PAGES["README.md"]
ALL = "\n".join(PAGES.values())
COMMANDS = sorted(set(re.findall(r"^ {4}(python -m (?:benchmark|ensembles|reports) [^#\n]*)", ALL, re.MULTILINE)))
BLOCKS = re.findall(r"```python\n(.*?)```", ALL, re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str) -> None:
    _, _, package, *arguments = shlex.split(command)
    assert callable(import_module(f"{package}.cli").parser().parse_args(arguments).command)


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 25


def test_every_command_is_in_the_readme() -> None:
    for package in ("benchmark", "ensembles", "reports"):
        listing = import_module(f"{package}.cli").parser().format_help()
        names = re.findall(r"^ {4}([a-z]+)\b", listing.partition("COMMAND\n")[2], re.MULTILINE)
        assert len(names) >= 6
        assert [name for name in names if f"| `python -m {package} {name}" not in README] == []


def test_calls_exist_and_take_these_arguments() -> None:
    calls = []

    class Recorded:
        def __getattr__(self, name: str) -> object:
            return lambda *arguments, **options: calls.append((name, arguments, options))

    code = next(block for block in BLOCKS if block.startswith("import benchmark"))
    recorded = dict.fromkeys(("benchmark", "ensembles", "reports"), Recorded())
    exec(code.replace("import benchmark, ensembles, reports", ""), recorded)  # noqa: S102 - our own README
    for name, arguments, options in calls:
        home = next(package for package in (benchmark, ensembles, reports) if name in package.__all__)
        inspect.signature(getattr(home, name)).bind(*arguments, **options)
    assert len(calls) == 4


def test_the_new_model_is_as_large_as_it_says() -> None:
    code = next(block for block in BLOCKS if "MODELS" in block)
    scope: dict[str, object] = {}
    exec(code, scope)  # noqa: S102 - our own page
    (spec,) = scope["MODELS"]
    assert isinstance(spec, ModelSpec)
    assert spec.build((48, 48, 1), 7, **spec.with_hyperparameters({})).count_params() == spec.parameters
    assert len(code.splitlines()) < 30


@pytest.mark.parametrize("code", BLOCKS, ids=range(len(BLOCKS)))
def test_python_on_a_page_imports_what_there_is(code: str) -> None:
    tree = ast.parse(code)
    modules: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] in PACKAGES:
            for name in node.names:
                modules[name.name] = named(f"{node.module}.{name.name}")
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and inspect.ismodule(module := modules.get(node.value.id))
        ):
            assert hasattr(module, node.attr), f"{node.value.id}.{node.attr}"


def named(name: str) -> Any:
    """The module, or the attribute of a module or class, that a dotted name names."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            value = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            value = getattr(value, part)
        return value
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("page", PAGES)
def test_dotted_names_exist(page: str) -> None:
    """`benchmark.run`, `zoo.settings.TrainingSettings`; a file such as `benchmark.md` is not one."""
    for name in re.findall(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?:\([^`]*)?`", PAGES[page]):
        named(name)


@pytest.mark.parametrize("page", PAGES)
def test_paths_exist(page: str) -> None:
    """Paths in backquotes that begin with one of our folders, and what links point at."""
    for name in re.findall(r"`((?:benchmark|ensembles|reports|zoo|tests|docs|results)/[\w./-]*)`", PAGES[page]):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"\]\(([^)#:]*)(?:#[\w-]*)?\)", PAGES[page]):
        assert ((ROOT / page).parent / name).exists(), name


def headings(text: str) -> set[str]:
    """What GitHub calls the headings of a page in links."""
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES)
def test_links_to_headings_lead_there(page: str) -> None:
    for name, anchor in re.findall(r"\]\(([^)#:]*)#([\w-]+)\)", PAGES[page]):
        target = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        assert anchor in headings(target.read_text(encoding="utf-8")), f"{name}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_short(page: str) -> None:
    assert PAGES[page].count("\n") <= (150 if page == "ARCHITECTURE.md" else 200)


def test_every_page_is_linked_in_the_readme() -> None:
    assert [page for page in PAGES if page not in README and page != "README.md"] == []


def test_every_room_is_in_the_architecture() -> None:
    rooms = {
        init.parent.relative_to(ROOT).as_posix() for name in PACKAGES for init in (ROOT / name).rglob("__init__.py")
    }
    listed = set(re.findall(r"^\| `([\w/]+)/` \|", PAGES["ARCHITECTURE.md"], re.MULTILINE))
    assert rooms == listed


def test_the_drawing_fits_a_terminal() -> None:
    drawings = re.findall(r"^ {4}.*$", PAGES["ARCHITECTURE.md"], re.MULTILINE)
    assert len(drawings) > 20
    assert max(map(len, drawings)) <= 80


def test_every_model_is_in_its_table() -> None:
    for name, spec in all_models().items():
        assert re.search(rf"^\| `{name}` \| {spec.parameters:,} \|", PAGES["docs/models.md"], re.MULTILINE), name


def test_every_setting_is_in_its_table() -> None:
    text = PAGES["docs/training.md"]
    assert not [name for name in setting_names() if f"`{name}`" not in text]
    assert not [option for options in CHOICES.values() for option in options if option not in text]
