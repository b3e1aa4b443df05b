# Two commands matter: `make demo` and `make test`. Both set everything up first; both may be run again and again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
IMAGE ?= serinus:0.1.0
IMAGE_FLAGS ?=
OLDER ?=
BUILDER ?= $(firstword $(foreach each,buildah podman docker,$(shell command -v $(each))))

.DEFAULT_GOAL := help
.PHONY: help demo test chaos bench lint format lock audit crds deploy image docs site clean

help: ## Show these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): constraints.txt pyproject.toml
	@echo "serinus: installing the locked Python packages into $(VENV) (about a minute the first time)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Serinus needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## Start a whole small world on this machine and tell a canary's story in it
	@$(BIN)/serinus demo

test: $(STAMP) ## Run every test, the fast ones first
	@$(BIN)/serinus playground build --for-tests
	@$(BIN)/python -m pytest -m "not integration" --numprocesses auto --dist loadfile
	@$(BIN)/python -m pytest -m integration --numprocesses 2 --dist loadfile --no-loadscope-reorder

chaos: $(STAMP) ## Try every fault, and many more orders of events (an hour or more); OLDER=REVISION adds upgrades
	@$(BIN)/serinus playground build
	@$(BIN)/python -m pytest --thorough tests/workflows/test_model.py tests/workflows/test_properties.py \
		tests/workflows/test_history_budget.py tests/activities/test_strangers.py tests/activities/test_any_spec.py \
		tests/integration/test_crash.py tests/chaos $(if $(OLDER),--older $(OLDER))

bench: $(STAMP) ## Print what 10 and 100 rollouts at once, and 100 idle canaries, cost on this machine
	@$(BIN)/python -m tests.scale rollouts --count 10 --count 100
	@$(BIN)/python -m tests.scale idle --count 100

lint: $(STAMP) ## Check format, style, types and import directions, and the locked packages for known vulnerabilities
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory audit

format: $(STAMP) ## Rewrite the code in the one format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(STAMP) ## Resolve the direct dependencies anew into constraints.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		--extra dev --output-file constraints.txt pyproject.toml

site: $(STAMP) ## Build the documentation as a site into build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

audit: $(STAMP) ## Ask PyPI for known vulnerabilities of the locked packages
	@$(BIN)/pip-audit --disable-pip --require-hashes --progress-spinner off --requirement constraints.txt

crds: $(STAMP) ## Generate deploy/crds from the models, and deploy/kustomize with them
	@$(BIN)/python -m k8s.crd deploy/crds
	@$(MAKE) --no-print-directory deploy

deploy: $(STAMP) ## Generate deploy/kustomize from the charts
	@$(BIN)/python -m playground.charts deploy/kustomize

image: ## Build the image of the worker and the load tester, as IMAGE, with buildah, podman or docker
	@test -n "$(BUILDER)" || { echo "serinus: no buildah, podman or docker on PATH; set BUILDER"; exit 1; }
	@$(BUILDER) build --file deploy/image/Containerfile --tag $(IMAGE) $(IMAGE_FLAGS) .

docs: $(STAMP) ## Generate the reference in docs/cli.md from the commands' help
	@$(BIN)/python -m worker.reference docs/cli.md

clean: ## Remove the virtual environment (the build cache stays)
	@rm -rf $(VENV) build dist
