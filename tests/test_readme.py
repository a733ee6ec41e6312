"""What the README promises runs as written."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

import benchmark
import ensembles
import reports
from zoo import ModelSpec, all_models

README = (Path(__file__).parent.parent / "README.md").read_text()
COMMANDS = re.findall(r"^ {4}(python -m (?:benchmark|ensembles|reports) [^#\n]*)", README, re.MULTILINE)
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command: str) -> None:
    _, _, package, *arguments = shlex.split(command)
    parsed = import_module(f"{package}.cli").parser().parse_args(arguments)
    assert callable(parsed.command)


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 5


def test_calls_exist_and_take_these_arguments() -> None:
    calls = []

    class Recorded:
        def __getattr__(self, name: str) -> object:
            return lambda *arguments, **options: calls.append((name, arguments, options))

    code = next(block for block in BLOCKS if block.startswith("import benchmark"))
    exec(code.replace("import benchmark, ensembles, reports", ""), dict.fromkeys(  # noqa: S102 - our own README
        ("benchmark", "ensembles", "reports"), Recorded()))  # fmt: skip
    import inspect

    for name, arguments, options in calls:
        home = next(package for package in (benchmark, ensembles, reports) if name in package.__all__)
        inspect.signature(getattr(home, name)).bind(*arguments, **options)
    assert len(calls) == 4


def test_the_new_model_is_as_large_as_it_says() -> None:
    code = next(block for block in BLOCKS if "MODELS" in block)
    scope: dict[str, object] = {}
    exec(code, scope)  # noqa: S102 - our own README
    (spec,) = scope["MODELS"]
    assert isinstance(spec, ModelSpec)
    assert spec.build((48, 48, 1), 7).count_params() == spec.parameters
    assert len(code.splitlines()) < 30


def test_every_model_is_in_the_readme() -> None:
    for name, spec in all_models().items():
        assert re.search(rf"^\| `{name}` \| {spec.parameters:,} \|", README, re.MULTILINE), name


def test_every_setting_is_in_the_architecture() -> None:
    from zoo.settings import CHOICES, setting_names

    text = (Path(__file__).parent.parent / "ARCHITECTURE.md").read_text()
    assert not [name for name in setting_names() if f"`{name}`" not in text]
    assert not [option for options in CHOICES.values() for option in options if option not in text]
