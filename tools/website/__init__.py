"""The parts of ``make site``: notebooks to Sphinx's sources, and Sphinx's pages to the website."""
