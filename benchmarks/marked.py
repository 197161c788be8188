"""A page whose tables are made from records: what stands between two marks is written anew."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown; numbers stand at the right, the first column at the left."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def replaced(page: str, start: str, end: str, block: str) -> str:
    """The page with another block, which brings its marks along.

    Raises ValueError unless each mark stands in the page exactly once.
    """
    if page.count(start) != 1 or page.count(end) != 1:
        raise ValueError(f"the page needs one {start} and one {end}")
    before, rest = page.split(start)
    return before + block + rest.split(end)[1]
