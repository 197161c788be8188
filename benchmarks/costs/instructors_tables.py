"""Make the tables of the instructor's guide from the speaker's notes and the lessons' costs.

    python -m benchmarks.costs.instructors_tables

writes what stands between the marks of lessons/INSTRUCTORS.md. Minutes are those of lessons/notes,
seconds and memory those of the record lesson_costs. To be run again when one of them has
changed; a test says so.
"""

import re
from dataclasses import dataclass
from typing import Any

from authoring import notebooks
from authoring.notebooks import Lesson
from course_utils import experiments
from course_utils.environment import PROJECT

GUIDE = PROJECT / "lessons" / "INSTRUCTORS.md"
NOTES = PROJECT / "lessons" / "notes"
RECORD = "lesson_costs"


@dataclass(frozen=True)
class Part:
    """What is taught in one go.

    Parameters
    ----------
    lesson : str
        Number of the lesson; empty for a break.
    only : tuple of str
        Beginnings of the headings that are taught; empty for all.
    without : tuple of str
        Headings that are left out.
    minutes : int
        Length of a break.
    """

    lesson: str = ""
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    minutes: int = 0


# Exercises at home, or in another hour.
HOME = ("Exercises",)
PLANS: dict[str, list[tuple[str, list[Part]]]] = {
    "half-day": [
        (
            "Half a day",
            [
                Part("00"),
                Part("04", only=("4 ", "4.1", "4.2", "4.3", "4.4", "What you saw")),
                Part(minutes=15),
                Part("05", only=("5.2", "5.4", "5.7", "What you saw")),
                Part("09", only=("9 ", "9.1", "9.2", "9.3", "9.5", "9.7")),
            ],
        )
    ],
    "two-days": [
        (
            "First day",
            [
                Part("00"),
                Part(minutes=15),
                Part("01", only=("1 ", "1.1", "1.2", "1.7", "1.9", "What you saw")),
                Part(minutes=60),
                Part("03"),
                Part(minutes=15),
                Part("04"),
            ],
        ),
        (
            "Second day",
            [
                Part("05"),
                Part(minutes=15),
                Part("07", without=HOME),
                Part(minutes=60),
                Part("09"),
                Part(minutes=15),
                Part("11", without=(*HOME, "11.4", "11.6")),
            ],
        ),
    ],
    "six-weeks": [
        ("First week", [Part("00"), Part(minutes=10), Part("01", without=HOME)]),
        ("Second week", [Part("03", without=HOME), Part(minutes=10), Part("04", without=HOME)]),
        ("Third week", [Part("02", without=HOME), Part(minutes=10), Part("05", without=HOME)]),
        ("Fourth week", [Part("06", without=HOME), Part(minutes=10), Part("07", without=HOME)]),
        ("Fifth week", [Part("08", without=HOME), Part(minutes=10), Part("10", without=HOME)]),
        ("Sixth week", [Part("09"), Part(minutes=10), Part("11", without=HOME)]),
    ],
}


def minutes_by_heading(lesson: str) -> dict[str, int]:
    """Read the speaker's notes of a lesson: heading -> minutes.

    Raises ValueError if a heading has no minutes.
    """
    text = (NOTES / f"{lesson}.md").read_text(encoding="utf-8")
    found = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, rest = part.partition("\n")
        if not (said := re.match(r"\s*\*(\d+) min\.\*", rest)):
            raise ValueError(f"lessons/notes/{lesson}.md: no minutes for {heading!r}")
        found[heading.strip()] = int(said[1])
    return found


def minutes(part: Part) -> int:
    """How long a part takes in class.

    Raises ValueError if it names a heading that the lesson has not.
    """
    if not part.lesson:
        return part.minutes
    known = minutes_by_heading(part.lesson)
    for wanted in (*part.only, *part.without):
        if not any(heading.startswith(wanted) for heading in known):
            raise ValueError(f"lesson {part.lesson} has no part {wanted!r}")
    chosen = {h: m for h, m in known.items() if not part.only or h.startswith(part.only)}
    return sum(m for h, m in chosen.items() if not (part.without and h.startswith(part.without)))


def said(part: Part, lesson: Lesson | None) -> str:
    """A part in words, with a link to its lesson."""
    if lesson is None:
        return "break"
    text = f"[{lesson.name[:2]} · {title(lesson)}]({lesson.notebook.name})"
    headings = list(minutes_by_heading(part.lesson))
    if part.only:
        numbers = [word for word in part.only if re.fullmatch(r"\d+\.\d+", word)]
        text += ": " + ", ".join(numbers)
    if part.without:
        left = [h for h in headings if h.startswith(part.without)]
        text += " without " + ", ".join(re.sub(r"^(\d+\.\d+) .*", r"\1", h).lower() for h in left)
    return text


def title(lesson: Lesson) -> str:
    """The lesson's title without its number."""
    first = notebooks.read_source(lesson.source).cells[0].source.splitlines()[0]
    return re.sub(r"^# \d+ · ", "", first)


def clock(minute: int) -> str:
    """75 -> "1:15"."""
    return f"{minute // 60}:{minute % 60:02}"


def plan_table(days: list[tuple[str, list[Part]]], lessons: dict[str, Lesson]) -> str:
    """Every day of a plan as a table, with its length."""
    tables = []
    for name, parts in days:
        now, rows = 0, []
        for part in parts:
            takes = minutes(part)
            rows.append(f"| {clock(now)} | {takes} | {said(part, lessons.get(part.lesson))} |")
            now += takes
        head = f"**{name}: {clock(now)} hours, breaks included.**\n\n| from | minutes | what |"
        tables.append("\n".join([head, "| --- | --- | --- |", *rows]))
    return "\n\n".join(tables)


def costs_table(lessons: dict[str, Lesson], record: dict[str, Any]) -> str:
    """One row a lesson: minutes in class, computing and memory on two cores, and on a GPU."""
    measured = {row["lesson"]: row for row in record["medians"]}
    rows = [
        "| lesson | in class, min | of these exercises | computing, s | memory, MB | on a GPU |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for number, lesson in lessons.items():
        parts = minutes_by_heading(number)
        exercises = sum(m for heading, m in parts.items() if heading.startswith("Exercises"))
        cost = measured.get(lesson.name)
        used = f"{cost['seconds']:.0f} | {cost['peak_mb']:.0f}" if cost else "no record | no record"
        rows.append(
            f"| [{number} · {title(lesson)}]({lesson.notebook.name}) | {sum(parts.values())} | "
            f"{exercises or 'in between'} | {used} | no record |"
        )
    return "\n".join(
        [*rows, "", f"*Computing and memory: {record['command']} ({record['hardware']}, "
         f"{record['data']}), {record['date']}.*"]
    )  # fmt: skip


def filled(text: str) -> str:
    """Return the guide with every table made anew.

    Raises ValueError if a mark is missing.
    """
    lessons = {lesson.name[:2]: lesson for lesson in notebooks.lessons()}
    made = {name: plan_table(days, lessons) for name, days in PLANS.items()}
    made["costs"] = costs_table(lessons, experiments.read_record(RECORD))
    for name, table in made.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the guide needs the marks {begin} and {end} once")
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{table}\n\n{end}{rest.partition(end)[2]}"
    return text


def main() -> None:
    """Write the guide."""
    text = GUIDE.read_text(encoding="utf-8")
    notebooks.write_whole(filled(text), GUIDE)
    print(f"wrote {GUIDE.relative_to(PROJECT)}")


if __name__ == "__main__":
    main()
