"""The public names of a package, each imported when it is first asked for: `--help` answers without NumPy and Keras."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any


def on_demand(
    package: str, homes: Mapping[str, str], imported: Iterable[str] = ()
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """The `__all__`, `__getattr__` and `__dir__` of a package.

    Args:
        package: its name.
        homes: the names, separated by spaces, that each of its modules defines.
        imported: public names that the package has already.
    """
    modules = {name: f"{package}.{home}" for home, names in homes.items() for name in names.split()}
    public = sorted([*modules, *imported])

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return public, find, lambda: public
