# make run    code the example letters and show the result
# make test   run the tests
# Both make what they need first: the environment, the installation and the index.

VENV    ?= .venv
PYTHON  ?= $(firstword $(foreach p,python3.12 python3.11 python3 python,$(shell $(p) -c 'import sys; (3, 11) <= sys.version_info < (3, 13) and print("$(p)")' 2>/dev/null)))
BIN     := $(VENV)/bin
READY   := $(VENV)/.installed
INSTALL := $(BIN)/python -m pip install --quiet --require-hashes --requirement
INDEX   := phenoextract/_artefacts/current
MINUTES ?= 30
LETTERS  = $(wildcard examples/letters/*.txt examples/letters/*.docx)

.PHONY: run test check format index safety-case bench bench-spark bench-service soak lock fuzz audit sbom clean

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

# with the results of tests, where some ran with --junitxml=out/junit-....xml
safety-case: $(READY)
	@mkdir -p out
	@$(BIN)/python -m tests.safety.safety_case $(wildcard out/junit-*.xml) >out/safety_case.md
	@echo "The clinical safety case report: out/safety_case.md"

bench: $(INDEX)
	$(INSTALL) requirements/all.txt
	set -e; for script in $(filter-out benchmarks/spark_bench.py benchmarks/load.py,$(wildcard benchmarks/*.py)); do $(BIN)/python "$$script"; done

bench-service: $(INDEX)
	$(BIN)/python benchmarks/load.py

# clerks at work for so many MINUTES while one fault after another is injected
soak: $(INDEX)
	$(BIN)/python -m pytest tests/api/test_soak.py -s --soak-minutes $(MINUTES)

bench-spark: $(INDEX)
	$(INSTALL) requirements/all.txt
	$(BIN)/python benchmarks/spark_bench.py

# MINUTES for each of the four targets; faults and counts go to out/fuzz
MINUTES ?= 15
fuzz: $(INDEX)
	$(BIN)/pip install --quiet --editable '.[fuzz]'
	@faulty=0; for target in files letters messages tables; do \
		$(BIN)/python -m tests.fuzz.run $$target --minutes $(MINUTES) || faulty=1; done; exit $$faulty

$(READY): pyproject.toml requirements/dev.txt hatch_build.py package-lock.json
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# the versions and digests of everything that is installed, from what pyproject.toml allows
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command 'make lock' pyproject.toml --group build $(UPGRADE)
lock: $(READY)
	$(BIN)/python -m pip install --quiet uv
	$(LOCK) --all-extras --output-file requirements/all.txt
	$(LOCK) --extra dev --constraint requirements/all.txt --output-file requirements/dev.txt
	$(LOCK) --extra api --extra postgres --constraint requirements/all.txt --output-file requirements/service.txt

# known vulnerabilities of what the service installs; needs a network, and says so where there is none
audit: $(READY)
	@.ci/audit

# what the service installs, as CycloneDX; offline
sbom: $(READY)
	@mkdir -p out
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements requirements/service.txt --pyproject pyproject.toml --output-reproducible \
		--output-file out/sbom.cdx.json
	@echo "The software bill of materials: out/sbom.cdx.json"

# build-index compares digests itself and is quick when nothing changed
$(INDEX): $(READY) $(wildcard ontologies/*.tsv phenoextract/rules/*.toml phenoextract/build.py phenoextract/index.py)
	$(BIN)/phenoextract build-index

clean:
	rm -rf $(VENV) out node_modules api/phenoextract_api/static/nhsuk phenoextract/_artefacts .pytest_cache .mypy_cache .ruff_cache .hypothesis
