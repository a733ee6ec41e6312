"""Names as users give them: apart by commas, or as a sequence of such texts."""

from collections.abc import Iterable


def names_in(given: str | Iterable[str]) -> list[str]:
    """The names in `a,b, c`, or in all of several such texts (`a, b` of a shell is two), in their order.

    A comma at an end says nothing; between two commas there is an empty name, which whoever looks it up refuses.
    """
    texts = (text.strip(" ,") for text in ([given] if isinstance(given, str) else given))
    return [name.strip() for text in texts if text for name in text.split(",")]
