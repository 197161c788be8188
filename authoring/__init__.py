"""The workshop: what makes, stores and publishes the lessons.

Neither a lesson nor `course_utils` imports anything from here.
"""
