"""The same run over seeds and settings, as a tidy table; and records of runs that took long."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from course_utils import environment

import pandas as pd

RECORDS = environment.PROJECT / "data" / "records"
Row = Mapping[str, Any]


def repeat(
    run: Callable[..., Row | Iterable[Row]],
    *,
    seeds: Sequence[int],
    progress: bool = False,
    **settings: Sequence[Any],
) -> pd.DataFrame:
    """Call `run` for every seed and every combination of settings, and gather its rows.

    Parameters
    ----------
    run : callable
        Called as `run(seed=..., **setting)`; returns one row (a mapping) or many.
    seeds : sequence of int
        They differ in everything random: at least 3 for a claim about learning.
    progress : bool
        Show a bar with the run at hand; it can be interrupted.
    **settings : sequence
        For each keyword the values to try.

    Returns
    -------
    pd.DataFrame
        One row a measurement, with the columns `seed`, the settings, and what `run` gave.

    Raises
    ------
    ValueError
        If no seed is given or a seed is given twice.

    >>> repeat(lambda seed, rate: {"score": seed * rate}, seeds=[1, 2], rate=[10])["score"].tolist()
    [10, 20]
    """
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds must be different from each other and at least one, not {seeds!r}")
    runs = [
        dict(zip(("seed", *settings), values, strict=True))
        for values in itertools.product(seeds, *settings.values())
    ]
    if progress:
        from tqdm.auto import tqdm

        runs = tqdm(runs, desc="runs", leave=False)
    rows = []
    for setting in runs:
        result = run(**setting)
        for row in [result] if isinstance(result, Mapping) else result:
            rows.append({**setting, **row})
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame, by: str | list[str], value: str) -> pd.DataFrame:
    """Mean, standard deviation (over seeds, n - 1) and number of runs for each group."""
    grouped = table.groupby(by, sort=False)[value]
    return grouped.agg(mean="mean", sd="std", runs="count").reset_index()


def mean_and_std(values: Sequence[float], percent: bool = True) -> str:
    """Mean and spread as a reader meets them: "71.3 ± 2.0 % (3 runs)".

    Raises ValueError for an empty sequence.
    """
    column = pd.Series(list(values), dtype=float)
    if column.empty:
        raise ValueError("no values: nothing was measured")
    scale, unit = (100, " %") if percent else (1, "")
    spread = f" ± {column.std() * scale:.1f}" if len(column) > 1 else ""
    noun = "run" if len(column) == 1 else "runs"
    return f"{column.mean() * scale:.1f}{spread}{unit} ({len(column)} {noun})"


def write_record(
    name: str,
    *,
    what: str,
    command: str,
    data: str,
    weights: str,
    seeds: Sequence[int],
    rows: Sequence[Row] | pd.DataFrame,
    folder: Path = RECORDS,
    **details: Any,
) -> Path:
    """Keep a measurement: the figures together with all that is needed to make them again.

    Commit, versions, hardware and date are added.  The file appears whole or not at all.
    Raises ValueError if there is no row.
    """
    table = rows.to_dict("records") if isinstance(rows, pd.DataFrame) else [dict(r) for r in rows]
    if not table:
        raise ValueError(f"record {name!r} has no rows: nothing was measured")
    record = {
        "what": what,
        "command": command,
        "data": data,
        "weights": weights,
        "seeds": list(seeds),
        **details,
        "date": date.today().isoformat(),
        "commit": environment.commit(),
        "versions": environment.versions(),
        "hardware": environment.hardware(),
        "rows": table,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    draft = path.with_suffix(".part")
    try:
        draft.write_text(json.dumps(record, indent=1, default=float) + "\n", encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)  # still there only if something went wrong
    return path


def read_record(name: str, folder: Path = RECORDS) -> dict[str, Any]:
    """A record as it was written, from `folder` or any folder in it.

    `record["rows"]` is ready for `pandas.DataFrame`.

    Raises FileNotFoundError if there is none of that name; the message lists those there are.
    """
    found = {path.stem: path for path in folder.rglob("*.json")}  # a name occurs once
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise FileNotFoundError(f"there is no record {name!r} in {folder}; there are: {known}")
    record: dict[str, Any] = json.loads(found[name].read_text(encoding="utf-8"))
    return record


def cite(record: Mapping[str, Any]) -> str:
    """Where a record's figures come from, in a sentence to put under a figure."""
    seeds = len(record["seeds"])
    return (
        f"Record, not this run: {record['data']}; {record['weights']}; "
        f"{record['hardware']}; torch {record['versions']['torch']}; "
        f"{seeds} {'seed' if seeds == 1 else 'seeds'}; {record['command']}"
    )
