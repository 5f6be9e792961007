"""Shared code of the course: import the module you need, e.g. ``from course_utils.data import load_mnist``."""
