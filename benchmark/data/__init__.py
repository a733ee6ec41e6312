"""Labelled images from any of the usual layouts, as a `Dataset`; importing this package imports no NumPy.

load(source, options, cache)      -> benchmark.dataset.Dataset
inspect(source, options, cache)   -> Report, facts and problems of the data
report_text(report)               -> the report as text, 80 columns
sample_sheet(dataset, path)       -> a PNG with some images of each class
source_of_sample(dataset, id)     -> which of several merged sources a sample is from
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from benchmark.data.options import Located, ReadOptions, Source, Sources, default_cache, source_text

if TYPE_CHECKING:
    from benchmark.data.doctor import Report, inspect
    from benchmark.data.doctor_text import report_text
    from benchmark.data.loading import load
    from benchmark.data.merging import source_of_sample
    from benchmark.data.sheet import sample_sheet

__all__ = [
    "Located",
    "ReadOptions",
    "Report",
    "Source",
    "Sources",
    "default_cache",
    "inspect",
    "load",
    "report_text",
    "sample_sheet",
    "source_of_sample",
    "source_text",
]

_HOMES: Final = {
    "Report": "doctor",
    "inspect": "doctor",
    "report_text": "doctor_text",
    "load": "loading",
    "sample_sheet": "sheet",
    "source_of_sample": "merging",
}


def __getattr__(name: str) -> Any:
    """The public call `name`, from the module that defines it, imported when first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
