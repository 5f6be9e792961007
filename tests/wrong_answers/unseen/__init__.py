"""Answers by people who had read the prompts only, none of the checks."""
