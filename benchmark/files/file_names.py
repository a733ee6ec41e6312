"""Names of files and folders made from names that anybody may have chosen."""

import hashlib
import re
from typing import Final

LONGEST: Final = 80

_UNSAFE = re.compile(r"[^A-Za-z0-9_.+@-]+")


def file_name(text: str) -> str:
    """A name for a file or folder, safe whatever the text is: 1 to 80 letters, digits and _ . + @ -.

    What is safe already stays as it is. Anything else loses its other characters and its length and gets eight digits
    of its SHA-256 instead, so that two texts never share a name. No name is hidden, empty, or leads out of a folder.
    """
    plain = _UNSAFE.sub("-", text).strip(".-")
    if plain == text and 0 < len(text) <= LONGEST:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    kept = plain[: LONGEST - len(digest) - 1].rstrip(".-")
    return f"{kept}-{digest}" if kept else digest
