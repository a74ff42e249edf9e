#!/usr/bin/env bash
# `make gpu`: every check and benchmark that needs CUDA. onnxruntime and onnxruntime-gpu exclude each other, so on a machine
# with a GPU they run in an environment of their own, .venv-gpu (about 3 GB: CUDA's libraries come with it). Without a GPU
# they run in .venv and say that they were skipped. GPU_PYTHON names an interpreter that has everything already.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${GPU_PYTHON:-}
if [ -z "$python" ] && nvidia-smi -L 2>/dev/null | grep -q GPU; then
  python=.venv-gpu/bin/python
  stamp=.venv-gpu/.mlm-ready
  if [ ! -f "$stamp" ] || [ requirements/gpu.txt -nt "$stamp" ] || [ requirements/dev.txt -nt "$stamp" ]; then
    [ -x "$python" ] || .venv/bin/python -m venv .venv-gpu
    "$python" -m pip install --quiet --require-hashes --no-compile -r requirements/gpu.txt -r requirements/build.txt -r requirements/dev.txt
    "$python" -m pip install --quiet --no-deps --no-build-isolation --no-index -e .
    touch "$stamp"
  fi
fi
python=${python:-.venv/bin/python}
status=0
"$python" -m pytest -m gpu -rs || status=$?
"$python" -m bench.throughput --seconds 1
exit "$status"
