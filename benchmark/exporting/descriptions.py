"""The description inside an exported file, a JSON object: classes in their order, input, model, version.

An ONNX file has it in its metadata under `KEY`, a folder in a file. A `.keras` file is a zip archive and has it as an
entry; a `.tflite` file has it in a zip archive behind its content, as LiteRT's own metadata.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from zoo.errors import UserError

KEY: Final = "ensemble_benchmark"
FILE: Final = f"{KEY}.json"
LABELS: Final = "labels.txt"
"""The names of the classes, one a line, where programs for LiteRT look for them."""

LARGEST: Final = 2**20
BATCH_DIMENSION: Final = "batch"
"""The name of the first dimension of an ONNX model's input and output."""


def write_description(path: Path, format: str, description: Mapping[str, Any]) -> None:
    """Put a description into an exported file or folder; an ONNX model's batch dimension gets its name.

    The format is a name in `benchmark.exporting.formats.FORMATS`; an empty description is not written.
    """
    text = json.dumps(description, indent=2, ensure_ascii=False)
    if format == "onnx":
        _into_onnx(path, description, text)
    elif description and path.is_dir():
        (path / FILE).write_text(f"{text}\n", encoding="utf-8")
    elif description:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(FILE, text)
            if format == "litert":
                archive.writestr(LABELS, "\n".join(description["classes"]))


def _into_onnx(path: Path, description: Mapping[str, Any], text: str) -> None:
    import onnx

    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH_DIMENSION
    if description:
        onnx.helper.set_model_props(model, {KEY: text, "classes": json.dumps(description["classes"])})
    onnx.save(model, path)


def read_description(path: Path) -> dict[str, Any]:
    """The description in an exported `.keras`, `.tflite` or `.onnx` file, with at least `classes` and `input`.

    Raises:
        UserError: it is none of these files, or has no such description.
    """
    foreign = UserError(
        f"{path} does not say its classes: only files that `export` of this toolkit wrote are read (.onnx, .tflite or "
        ".keras), so export the model again"
    )
    try:
        about = json.loads(_text_in(path))
        classes, edges = about["classes"], [about["input"][name] for name in ("height", "width", "channels")]
        named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
        if not named or len(set(classes)) < max(2, len(classes)):
            raise ValueError("no names of classes")
        if not all(type(edge) is int and edge > 0 for edge in edges):
            raise ValueError("no size of images")
    except (OSError, ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile, NotImplementedError) as error:
        raise foreign from error
    return dict(about)


def _text_in(path: Path) -> str:
    if path.suffix == ".onnx":
        try:
            import onnxruntime
        except ImportError as error:
            raise UserError(f"{path} is read by onnxruntime: install it with pip install onnxruntime") from error
        try:
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        except Exception as error:  # its own kinds, which it does not export
            raise ValueError(str(error)) from error
        return str(session.get_modelmeta().custom_metadata_map[KEY])
    if path.suffix not in (".keras", ".tflite"):
        raise ValueError("another kind of file")
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(FILE).file_size > LARGEST:
            raise ValueError("larger than any description")
        return archive.read(FILE).decode()
