"""Answers written from the prompts alone, by authors who had not seen the checks."""
