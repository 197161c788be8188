"""The commands of ``python -m course_utils``, one module each, imported only when called."""
