"""Labelled images from any of the usual layouts, as a `Dataset`; importing this package imports no NumPy.

load(source, options, cache)      -> benchmark.records.Dataset
inspect(source, options, cache)   -> Report, what a look at the data finds
report_text(report)               -> the report as text, 80 columns
sample_sheet(dataset, path)       -> a PNG with some images of each class
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from benchmark.data.options import ReadOptions, default_cache

if TYPE_CHECKING:
    from benchmark.data.doctor import Report, inspect
    from benchmark.data.doctor_text import report_text
    from benchmark.data.loading import load
    from benchmark.data.sheet import sample_sheet

__all__ = ["ReadOptions", "Report", "default_cache", "inspect", "load", "report_text", "sample_sheet"]

_HOMES: Final = {
    "Report": "doctor",
    "inspect": "doctor",
    "report_text": "doctor_text",
    "load": "loading",
    "sample_sheet": "sheet",
}


def __getattr__(name: str) -> Any:
    """The public call `name`, from the module that defines it, imported when first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
