# unset, or each of the many processes compiles all that it imports
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup tools demo test test-full check format bench counting serve lock

setup:
	@bash infra/setup.sh

tools:
	@bash infra/setup.sh tools

demo: setup
	@.venv/bin/recto demo

test: tools
	@.venv/bin/pytest

test-full: tools
	@.venv/bin/pytest -m "not gpu" --timeout 1800

check: setup
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/pytest -n 0 tests/test_house.py

format: setup
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bench: setup
	@.venv/bin/python -m infra.bench
	@.venv/bin/python -m infra.bench_dataset

counting: setup
	@.venv/bin/recto counting

# GPU=1: also a worker for pool gpu; PORT, REPORTS_PORT: other ports than 4200 and 4201
serve: setup
	@exec .venv/bin/python -m infra.serve $(if $(GPU),--gpu) $(if $(PORT),--port $(PORT)) $(if $(REPORTS_PORT),--reports-port $(REPORTS_PORT))

# requirements-gpu.lock is what the GPU image installs on top: what requirements.lock lacks, or has for some machines only
lock: setup
	@.venv/bin/uv pip compile pyproject.toml --extra dev --extra baselines --extra s3 --extra cluster --extra server \
		--universal --python-version 3.11 --no-annotate --no-header --generate-hashes --no-emit-package torch --no-emit-package triton --quiet \
		-o requirements.lock
	@.venv/bin/uv pip compile pyproject.toml --extra gpu --constraint requirements.lock --python-version 3.12 \
		--python-platform x86_64-manylinux_2_28 --no-annotate --no-header --generate-hashes --no-emit-package torch --no-emit-package triton --quiet \
		$$(sed -n 's/^\([a-z0-9._-]*\)==[^ ]* \\$$/--no-emit-package \1/p' requirements.lock) -o requirements-gpu.lock
