# `make demo` and `make test` do everything on a machine that has Python 3.11 or newer, make and nothing else:
# scripts/install.py says what is installed and where. The rest of the targets are for developers.
PYTHON ?= python3

.PHONY: help demo test test-long install lint types docs clean

help:
	@echo "make demo       install, run the main job on a computed heart, leave results in demo-output/"
	@echo "make test       install, then every check (under 15 minutes on two cores)"
	@echo "make test-long  install, then the soak, fuzz and simulation suites in full"
	@echo "make install    only the .venv with everything a developer needs"
	@echo "make lint | types | docs   one check each"
	@echo "make clean      remove what the other targets made"

demo:
	@$(PYTHON) scripts/demo.py

test:
	@$(PYTHON) scripts/check.py

test-long:
	@$(PYTHON) scripts/check.py long

install:
	@$(PYTHON) scripts/install.py

lint types docs:
	@$(PYTHON) scripts/check.py $@

clean:
	rm -rf .venv .tox build dist site demo-output .mypy_cache .ruff_cache .import_linter_cache .pytest_cache
