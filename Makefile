# make run    code the example letters and show the result
# make test   run the tests
# Both make what they need first: the environment, the installation and the index.

VENV   ?= .venv
PYTHON ?= $(firstword $(foreach p,python3.12 python3.11 python3 python,$(shell $(p) -c 'import sys; (3, 11) <= sys.version_info < (3, 13) and print("$(p)")' 2>/dev/null)))
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
INDEX  := phenoextract/_artefacts/current
LETTERS = $(wildcard examples/letters/*.txt examples/letters/*.docx)

.PHONY: run test check format index bench bench-spark bench-service clean

run: $(INDEX)
	@mkdir -p out
	@$(BIN)/phenoextract extract $(LETTERS) --html out/letters.html
	@echo "The same with highlights: out/letters.html"
	@echo "To review a letter in a browser: $(BIN)/phenoextract serve"

test: $(INDEX)
	$(BIN)/python -m pytest

check: $(INDEX)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

index: $(INDEX)

bench: $(INDEX)
	$(BIN)/pip install --quiet --editable '.[dev,peers]'
	set -e; for script in $(filter-out benchmarks/spark_bench.py benchmarks/load.py,$(wildcard benchmarks/*.py)); do $(BIN)/python "$$script"; done

bench-service: $(INDEX)
	$(BIN)/python benchmarks/load.py

bench-spark: $(INDEX)
	$(BIN)/pip install --quiet --editable '.[dev,spark]'
	$(BIN)/python benchmarks/spark_bench.py

$(READY): pyproject.toml hatch_build.py package-lock.json
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

# build-index compares digests itself and is quick when nothing changed
$(INDEX): $(READY) $(wildcard ontologies/*.tsv phenoextract/rules/*.toml phenoextract/build.py phenoextract/index.py)
	$(BIN)/phenoextract build-index

clean:
	rm -rf $(VENV) out node_modules api/phenoextract_api/static/nhsuk phenoextract/_artefacts .pytest_cache .mypy_cache .ruff_cache .hypothesis
