"""Labelled images from any of the usual layouts, as a `Dataset`; importing this package imports no NumPy.

load(source, options, cache)      -> benchmark.dataset.Dataset
inspect(source, options, cache)   -> Report, facts and problems of the data
report_text(report)               -> the report as text, 80 columns
sample_sheet(dataset, path)       -> a PNG with some images of each class
write_labels(dataset, path)       -> a CSV with the id, label and split of each image
source_of_sample(dataset, id)     -> which of several merged sources a sample is from
"""

from typing import TYPE_CHECKING

from benchmark.data.read_options import (
    Located as Located,
    ReadOptions as ReadOptions,
    Source as Source,
    Sources as Sources,
    default_cache as default_cache,
    source_text as source_text,
)
from benchmark.on_demand import on_demand

if TYPE_CHECKING:
    from benchmark.data.doctor import Report as Report, inspect as inspect
    from benchmark.data.doctor_text import report_text as report_text
    from benchmark.data.label_list import write_labels as write_labels
    from benchmark.data.loading import load as load
    from benchmark.data.merging import source_of_sample as source_of_sample
    from benchmark.data.sheet import sample_sheet as sample_sheet

__all__, __getattr__, __dir__ = on_demand(
    __name__,
    {
        "doctor": "Report inspect",
        "doctor_text": "report_text",
        "label_list": "write_labels",
        "loading": "load",
        "sheet": "sample_sheet",
        "merging": "source_of_sample",
    },
    ("Located", "ReadOptions", "Source", "Sources", "default_cache", "source_text"),
)
