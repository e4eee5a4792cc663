# Everything happens in .venv, which `make install` fills from constraints.txt: no sudo, nothing global.
SHELL := /bin/bash
VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin
# The first interpreter of a supported version; set PYTHON to choose another.
PYTHON ?= $(firstword $(foreach python,python3 python3.12 python3.11 python3.10,$(shell \
	$(python) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' \
	2>/dev/null && echo $(python))))

# A sourced ROS or another environment must not leak into this one, nor a packet out of the machine.
unexport AMENT_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH
unexport FASTDDS_DEFAULT_PROFILES_FILE FASTRTPS_DEFAULT_PROFILES_FILE
unexport PYTHONHOME PYTHONPATH RMW_IMPLEMENTATION _ROS_WHEELS_BOOTSTRAP_COMPLETE
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
export ROS_DOMAIN_ID := $(shell shuf -i 1-100 -n 1)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: install demo test lint clean

install: $(STAMP)

$(STAMP): setup.py setup.cfg constraints.txt
	@test -n "$(PYTHON)" || { echo 'error: no Python 3.10, 3.11 or 3.12 was found;' \
		'install one or give it: make install PYTHON=/path/to/python' >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || { echo 'error: $(PYTHON)' \
		'cannot make a virtual environment; install python3-venv' >&2; exit 1; }
	$(BIN)/pip install --quiet --constraint constraints.txt pip setuptools wheel
	$(BIN)/pip install --quiet --constraint constraints.txt --no-build-isolation \
		--editable '.[ros,sim,train,realsense,dev]'
	@touch $@

demo: install
	$(BIN)/lps demo

test: install
	$(BIN)/python -m pytest -m 'not timing'
	$(BIN)/python -m pytest -m timing --numprocesses 0

lint: install
	$(BIN)/ruff check .

clean:
	rm -rf $(VENV) build install log *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
