# make lab | test | notebooks | data | bench | experiments | clean      (Windows: see README.md for the plain commands)
PYTHON ?= python3
BIN := .venv/bin
START := notebooks/$(if $(filter en,$(COURSE_LANG)),en/,)00_start_here.ipynb

.PHONY: lab test notebooks data bench experiments clean

lab: .venv/.installed  ## open the course; ARGS="--no-browser --port 8890" passes options on
	-@test -n "$(COURSE_DATA_DIR)" || $(BIN)/python -m course_utils.download --deadline 45
	$(BIN)/jupyter lab $(START) --ServerApp.root_dir="$(CURDIR)" $(ARGS)

test: .venv/.installed-dev  ## everything CI runs
	$(BIN)/python tools/run_tests.py $(ARGS)

notebooks: .venv/.installed-dev  ## build and execute; LESSON=06 for one, MINUTES=1 to record how long
	$(BIN)/python tools/build.py $(LESSON) $(if $(MINUTES),--minutes)

data: .venv/.installed  ## download MNIST, verified
	$(BIN)/python -m course_utils.download

bench: .venv/.installed-dev  ## the speeds the course promises, as ratios from one run
	$(BIN)/python tools/bench.py

experiments: .venv/.installed-dev  ## the long comparison of lesson 15, 20 to 25 minutes on two cores
	$(BIN)/python tools/experiments.py $(ARGS)

clean:  ## remove what can be made again (the environment too, never data/)
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

.venv/.installed: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt --editable .
	touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	touch $@
