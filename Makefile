# make lab | test | test-oldest | notebooks | lesson | renumber | replicate | data | bench | experiments | site | assignments | grade | slides | handouts | questions | clean
# (Windows: see README.md)
PYTHON ?= python3
BIN := .venv/bin
START = $(wildcard notebooks/$(if $(filter en,$(COURSE_LANG)),en/)[0-9][0-9]_start_here.ipynb)

.PHONY: lab test test-oldest notebooks lesson renumber replicate data bench experiments site assignments grade slides handouts questions clean python install install-dev

lab: install  ## open the course; ARGS="--no-browser --port 8890" passes options on
	-@test -n "$$COURSE_DATA_DIR" || $(BIN)/python -m course_utils.download --deadline 45
	$(BIN)/python -m jupyterlab $(START) --ServerApp.root_dir=. $(ARGS)

test: install-dev  ## everything CI runs
	$(BIN)/python tools/run_tests.py $(ARGS)

test-oldest: python  ## the same without a browser, on the oldest versions allowed; PYTHON=python3.12
	$(PYTHON) tools/install.py --oldest
	COURSE_DATA=embedded PYTEST_ADDOPTS='-m "not browser"' .venv-oldest/bin/python tools/run_tests.py $(ARGS)

notebooks: install-dev  ## build and execute; LESSON=06 for one, MINUTES=1 to record how long, OVERWRITE=1 for edited ones too
	$(BIN)/python tools/build.py $(LESSON) $(if $(MINUTES),--minutes) $(if $(OVERWRITE),--overwrite)

lesson: install-dev  ## begin one: make lesson NAME="Second moments"
	$(BIN)/python tools/lesson.py new "$(NAME)"

renumber: install-dev  ## number the claims of LESSON in the order in which they stand
	$(BIN)/python tools/lesson.py renumber "$(LESSON)"

replicate: install-dev  ## repeat the lessons with other seeds, ten minutes a block; BLOCKS=10 DATA=full, or embedded; LESSON=06 for one
	$(BIN)/python tools/replicate.py $(LESSON) --blocks $(or $(BLOCKS),10) --data $(or $(DATA),full)

data: install  ## download MNIST, verified
	$(BIN)/python -m course_utils.download

bench: install-dev  ## the speeds the course promises, as ratios from one run
	$(BIN)/python tools/bench.py

experiments: install-dev  ## the long comparison of the Relational RNN, an hour on two quiet cores; goes on where it was ended
	$(BIN)/python tools/experiments.py $(ARGS)

site: install-dev  ## the course as a website, build/site/, from the committed notebooks; needs node and npm
	$(BIN)/python tools/make_site.py $(ARGS)

assignments: install-dev  ## worksheets, code without solutions, and a key: OUT=folder, LESSON=06 for one, COURSE_LANG=en
	$(BIN)/python tools/assignments.py "$(OUT)" $(LESSON)

grade: install-dev  ## marks for handed-in worksheets: KEY=folder SUBMITTED=folder OUT=folder [ROSTER=file.csv]
	$(BIN)/python tools/grade.py "$(KEY)" "$(SUBMITTED)" "$(OUT)" --roster "$(ROSTER)" $(ARGS)

slides: install-dev  ## offline decks in build/slides; LESSON=06 for one, COURSE_LANG=en for one language; needs npm once
	$(BIN)/python tools/slides.py $(LESSON)

handouts: install-dev  ## lessons on paper, in build/handouts; LESSON=06 for one, COURSE_LANG=en; needs Chromium, npm once
	$(BIN)/python tools/handouts.py $(LESSON)

questions: install-dev  ## the question bank, Moodle's GIFT and CSV, in build/questions; LESSON=06 for one, COURSE_LANG=en
	$(BIN)/python tools/questions.py $(LESSON)

clean: python  ## remove what the course made (the environments too, never data/)
	@$(PYTHON) tools/clean.py

install: python  # does nothing if everything is there
	@$(PYTHON) tools/install.py

install-dev: python
	@$(PYTHON) tools/install.py --dev

python:
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON): get Python 3.11 to 3.13 from python.org, or name yours, as in PYTHON=python3.12"; exit 1; }
