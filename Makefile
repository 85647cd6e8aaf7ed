# Two commands matter: `make demo` and `make test`. Each makes its own environment first.
PYTHON ?= python3
BIN := .venv/bin
DEVICE := .venv-device/bin
export TF_CPP_MIN_LOG_LEVEL := 3

RECIPES := $(foreach one,seeds short full,docs/bench/more/recipes-$(one).json)

.PHONY: demo test lint test-device test-long test-boot contract figures dist clean

.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[host,dev]'
	touch $@

demo: .venv/installed
	$(BIN)/thinsmear demo

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy

# worksteal: neighbours stay together in one process, with what they share; three, as many tests wait for a clock or a browser
test: lint
	$(BIN)/python -m pytest -n 3 --dist worksteal -q

.venv-device/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv-device
	$(DEVICE)/pip install --quiet --upgrade pip
	$(DEVICE)/pip install --quiet --editable '.[field,serve,test]'
	touch $@

# the device's tests where nothing of the host is installed
test-device: .venv-device/installed
	@$(DEVICE)/python -c "import sys; from importlib.util import find_spec; \
	there = [name for name in ('tensorflow', 'keras', 'matplotlib', 'sklearn') if find_spec(name)]; \
	sys.exit(f'.venv-device holds packages of the host: {there}; delete it' if there else 0)"
	$(DEVICE)/python -m pytest -n 2 --dist worksteal -q -rs tests/assets tests/edge_runtime

test-long: .venv/installed
	$(BIN)/python -m pytest -q -m long -o timeout=3600

# records what others script against anew, where it is meant to have grown; says what differs
contract: .venv/installed
	$(BIN)/python -m tests.contract.record

# boots a card in an emulator: root, half an hour; docs/boot-test.md
test-boot: .venv/installed
	$(BIN)/python -m pytest -q -m boot tests/boot

# what a release consists of: built twice, compared, checked, installed; CONTRIBUTING.md
dist: .venv/installed
	$(BIN)/pip install --quiet --editable '.[release]'
	$(BIN)/python .ci/dist.py

# tables and plots of the documents, from what benchmarks saved
figures: .venv/installed
	$(BIN)/thinsmear bench report docs/bench/models.json --readme README.md
	$(BIN)/thinsmear bench report $(addprefix docs/bench/,models.json peers.json more/peers-fast.json) --readme docs/models.md
	$(BIN)/thinsmear bench report docs/bench/more/fields.json --readme docs/fields.md
	$(BIN)/thinsmear bench report docs/bench/training.json --readme docs/training.md
	$(BIN)/thinsmear bench report $(RECIPES) --readme docs/training-tried.md

clean:
	rm -rf .venv .venv-device build dist *.egg-info
