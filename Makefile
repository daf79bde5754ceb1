# Two commands: `make demo` shows what ecograph does, `make test` checks it. Both set up first (scripts/setup.sh).
SHELL := /bin/bash
BIN := .venv/bin
OUT ?= out
# CUDA kernels are tested from the source tree, by a Python that needs NumPy, Numba, CuPy and pytest alone.
GPU_PYTHON ?= .venv-gpu/bin/python
GPU_TESTS := -c tests/gpu/pytest.ini tests/gpu
GPU_COMPILERS := tests/gpu/test_nvrtc.py tests/gpu/test_sanitizers.py
# Under CI tests are derandomised, so that the same commit gives the same verdict.
export HYPOTHESIS_PROFILE ?= $(if $(CI),ci,dev)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint unit unit-gpu unit-gpu-shim unit-gpu-compilers test-gpu test-mutants bench-gpu test-nojit notebooks lab pins coverage bench bench-quick clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup:  ## set up the environment in .venv (nothing happens when that is done)
	@scripts/setup.sh

demo: setup  ## the main job on a small made-up Gojek: events in, ranked external resources out
	$(BIN)/ecograph generate gojek -o $(OUT)/gojek --overwrite --seed 1
	$(BIN)/ecograph rank $(OUT)/gojek/events.parquet --mapping $(OUT)/gojek/mapping.toml --conductor gojek --top 15 --network -o $(OUT)/demo --overwrite

test: lint unit unit-gpu  ## everything that must hold before a commit: lint, types, tests, doctests, CUDA kernels

lint: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: setup  ## pytest; more options with PYTEST='-k ledger'
	$(BIN)/pytest $(PYTEST)

unit-gpu:  ## CUDA kernels without a GPU: compiled by NVRTC, run by the host-shim, in .venv-gpu, which has little else
	@scripts/setup.sh gpu
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target unit-gpu-shim unit-gpu-compilers

unit-gpu-shim:
	$(GPU_PYTHON) -m pytest $(GPU_TESTS) $(GPU_COMPILERS:%=--ignore=%)

unit-gpu-compilers:
	$(GPU_PYTHON) -m pytest -c tests/gpu/pytest.ini $(GPU_COMPILERS)

test-mutants:  ## plant faults in CUDA kernels and see which tests notice (long)
	@scripts/setup.sh gpu
	$(GPU_PYTHON) -m tests.gpu.mutants

test-gpu: GPU_PYTHON = python3
test-gpu:  ## the twins on the GPU of this machine, by a python3 that has NumPy, Numba, CuPy and pytest; no test is skipped
	ECOGRAPH_REQUIRE_GPU=1 $(GPU_PYTHON) -m pytest $(GPU_TESTS)

bench-gpu: GPU_PYTHON = python3
bench-gpu:  ## the twins against the CPU on this machine's GPU, then their speed; a smaller one with BENCH=--small
	$(GPU_PYTHON) -m tests.gpu.bench $(BENCH)

test-nojit: setup  ## the tests with Numba switched off: kernels run as plain Python, so coverage sees into them
	NUMBA_DISABLE_JIT=1 HYPOTHESIS_PROFILE=nojit $(BIN)/pytest $(PYTEST)

notebooks: setup  ## run every notebook from top to bottom; look at them in out/notebooks
	$(BIN)/python scripts/run_notebooks.py --keep $(OUT)/notebooks

lab: setup  ## JupyterLab in this environment
	$(BIN)/jupyter lab

pins:  ## write constraints/debianNN.txt anew with today's newest releases, for the Debian this runs on
	@scripts/setup.sh pins

coverage: setup  ## measure how often intervals contain the truth; writes docs/coverage.md (some 10 minutes)
	NUMBA_NUM_THREADS=1 $(BIN)/python -m benchmarks.coverage

bench: setup  ## measure speed and memory side by side with the peers; writes docs/performance.md (hours, 10 GB in out/bench)
	@scripts/setup.sh bench
	$(BIN)/python -m benchmarks --plan full $(BENCH)

bench-quick: setup  ## the same on small sizes, under 3 minutes
	@scripts/setup.sh bench
	$(BIN)/python -m benchmarks --plan quick $(BENCH)

clean:  ## remove what was made, except .venv
	rm -rf $(OUT) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +
