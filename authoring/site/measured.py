"""The page "What was measured": the main records as figures, and a list of all."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils import experiments, plots
from course_utils.lesson02 import figures as figures_02
from course_utils.lesson07 import figures as figures_07
from course_utils.lesson11 import figures as figures_11
from course_utils.lesson11 import report

import pandas as pd
from matplotlib.figure import Figure

Record = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """One record on the page.

    Parameters
    ----------
    title, text : str
        What was asked, and how to read the figure; no result in words.
    record : str
        Its name in data/records.
    lesson : str
        The lesson that explains it.
    alt : str
        What the figure shows, for those who do not see it.
    draw : callable
        Makes the figure from the record.
    """

    title: str
    record: str
    lesson: str
    text: str
    alt: str
    draw: Callable[[Record], Figure]


def rows(record: Record) -> pd.DataFrame:
    """Return a record's figures as a table."""
    return pd.DataFrame(record["rows"])


def two_starts(record: Record) -> Figure:
    """Draw test accuracy by epoch, each start at its own best rate."""
    table = rows(record)
    own = table["start"].map(record["best_rates"])
    shown = table[(table["epochs"] == table["epochs"].min()) & (table["rate"] == own)]
    return plots.lines(
        shown.assign(run=shown["start"] + " start"),
        "epoch",
        "test_accuracy",
        "run",
        xlabel="epoch",
        ylabel="test accuracy (%)",
        chance=0.1,
    )


def residual(record: Record) -> Figure:
    """Draw how well twins of several depths fit their training images, plain and residual."""
    table = rows(record)
    names = {True: "with batch norm", False: "without batch norm"}
    last = table[table["epoch"] == table["epoch"].max()]
    return figures_02.panels(
        last.assign(norm=last["batch_norm"].map(names)),
        "depth",
        "train_accuracy",
        "kind",
        "norm",
        percent=True,
        chance=0.1,
        xlabel="layers",
        ylabel="accuracy on training images (%)",
    )


def prefix(record: Record) -> Figure:
    """Draw seconds an epoch by the number of frozen blocks."""
    return plots.lines(
        rows(record),
        "frozen_blocks",
        "seconds",
        "method",
        xlabel="blocks frozen, counted from the input",
        ylabel="seconds an epoch",
        percent=False,
    )


def rates(record: Record) -> Figure:
    """Draw accuracy after fine-tuning by the learning rate."""
    table = rows(record)
    figure = plots.lines(
        table.assign(run="all blocks"),
        "rate",
        "accuracy",
        "run",
        xlabel="learning rate of all blocks (logarithmic)",
        ylabel="accuracy on held-out images (%)",
        chance=0.1,
    )
    (ax,) = figure.axes
    ax.set_xscale("log")
    head = 100 * table["head_only"].mean()
    ax.axhline(head, color="black", linestyle="--", linewidth=1)
    ax.annotate("head only", (table["rate"].min(), head), va="bottom", fontsize=9)
    return figure


def probes(record: Record) -> Figure:
    """Draw what a linear probe reads off each block, for four tasks."""
    table = rows(record)
    plain = table[(table["network"] == "pretrained") & (table["pooling"] == "mean")]
    return figures_07.accuracy_by_block(plain.assign(block=plain["depth"] - 1), "task")


def thirty(record: Record) -> Figure:
    """Draw four strategies on thirty images of the near task."""
    table = rows(record)
    return plots.dots(
        table[table["task"] == "near"],
        "accuracy",
        "strategy",
        xlabel="near task, test accuracy (%)",
    )


PARTS = (
    Part(
        "Pretrained against random weights",
        "two_starts",
        "01_pretrained_weights",
        "The same network on the same images, once from random and once from pretrained weights. "
        "Each start has the learning rate that was best for it on validation images.",
        "Two lines with bands: test accuracy by epoch from a random and from a pretrained start, "
        "and the level of guessing.",
        two_starts,
    ),
    Part(
        "Plain and residual networks by depth",
        "residual_twins",
        "02_residual_connections",
        "Twins with the same number of parameters, with and without shortcuts, after the same "
        "short training. The band goes from the lowest to the highest run.",
        "Accuracy on training images against the number of layers, plain and residual. Left with "
        "batch norm, right without.",
        residual,
    ),
    Part(
        "What freezing saves",
        "prefix_by_depth",
        "04_freezing",
        "Seconds for an epoch. The naive loop runs through the whole network; the cached one "
        "computes the outputs of the frozen blocks once and keeps them.",
        "Two lines: seconds an epoch against the number of frozen blocks, through the whole "
        "network and with the frozen blocks cached.",
        prefix,
    ),
    Part(
        "How large a learning rate",
        "fine_tuning_rates",
        "05_fine_tuning",
        "All blocks are fine-tuned after the head has been trained. The dashed line is the head "
        "alone: where the curve lies below it, fine-tuning did harm.",
        "Accuracy on held-out images against the learning rate on a logarithmic axis, a dashed "
        "line for the head alone and a dotted one for guessing.",
        rates,
    ),
    Part(
        "Which block to read",
        "probes_by_depth",
        "07_how_far_features_travel",
        "A linear probe is put on the output of each block of the pretrained network. How well it "
        "does says what that block's numbers tell about a task.",
        "Test accuracy of linear probes against the block, one line for each of four tasks.",
        probes,
    ),
    Part(
        "Thirty images",
        "thirty_images",
        "07_how_far_features_travel",
        "Three classes with ten images each. One dot is one draw of the thirty images, the bar is "
        "the mean.",
        "Four rows of dots, one a strategy: scratch with the same network, scratch with a small "
        "network, head only, everything.",
        thirty,
    ),
)

HEAD = """\
# What was measured

A lesson computes its figures while you read it. What takes too long for a lesson was measured once
by a script, and is kept as a record. This page draws the main records with the course's own figures,
made anew from the records whenever the site is built. No figure stands for more than its setting:
the line under it says what the data, the weights and the machine were.

## Twenty claims and their verdicts

Each row is a claim of textbooks and tutorials, and each mark a setting in which it was tested: full
where the setting speaks for the claim, open where it does not. Circles are drawn shapes, squares
photographs, diamonds things that are counted. [Lesson 11](lessons/11_what_we_measured.ipynb) says how
a verdict is reached, and what the measurements cannot tell.

![A row for each of the twenty claims: a mark for every setting, full where it speaks for the claim and open where it does not, and the verdict in words at the right.](measured/claims.png)

"""  # noqa: E501  an image is one line of Markdown


def write(to: Path) -> list[Path]:
    """Write the page and its figures below ``to``; return their paths."""
    folder = to / "measured"
    folder.mkdir(parents=True, exist_ok=True)
    pairs = report.findings()
    pictures = {"claims": plots.as_png(figures_11.overview(pairs))}
    text = HEAD + moved(report.links(pairs)) + "\n\n"
    for part in PARTS:
        record = experiments.read_record(part.record)
        pictures[part.record] = plots.as_png(part.draw(record))
        text += section(part, record)
    text += "## All records\n\n" + list_of_records()
    written = [to / "measured.md"]
    written[0].write_text(text, encoding="utf-8")
    for name, png in pictures.items():
        written.append(folder / f"{name}.png")
        written[-1].write_bytes(png)
    return written


def moved(links: str) -> str:
    """Return the claims' links, written for a page in lessons/, for one above it."""
    return links.replace("](", "](lessons/")


def section(part: Part, record: Record) -> str:
    """Return one record as Markdown: title, text, figure, source."""
    return (
        f"## {part.title}\n\n{part.text}\n\n![{part.alt}](measured/{part.record}.png)\n\n"
        f"*{record['data']}; {record['weights']}; {len(record['seeds'])} seeds; "
        f"{record['hardware']}.*\nMade by `{record['command']}`, explained in "
        f"[lesson {part.lesson[:2]}](lessons/{part.lesson}.ipynb).\n\n"
    )


def list_of_records() -> str:
    """Return a Markdown list of all records: the name, what it holds, the command that made it."""
    lines = []
    for path in sorted(experiments.RECORDS.rglob("*.json")):
        record = experiments.read_record(path.stem)
        lines.append(f"- **{path.stem}**: {record.get('what', '')}; `{record['command']}`")
    return "\n".join(lines) + "\n"
