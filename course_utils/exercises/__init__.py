"""Exercises that look at the reader's live objects and say what is wrong with them.

A lesson writes `from course_utils.lesson04 import check` and then
`check.first_ten(my_network)`, `check.first_ten.hint()`, `check.first_ten.solution()`.

exercise.py holds the core, recognise.py what an answer can be taken for, verdict.py what is said,
safety.py keeps the reader's work as it was, paired_comparison.py judges by records, progress.py
remembers what is solved, solutions.py fills the answers in. Each lesson's checks lie in its own
room: `course_utils/lesson04/check.py`.
"""
