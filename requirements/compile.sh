#!/usr/bin/env bash
# Resolve again and write the locks, without the address of any index. Needs uv: `.venv/bin/pip install uv`.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
[ -x "$uv" ] || .venv/bin/python -m pip install --quiet uv
compile() {
  "$uv" pip compile "$@" --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-emit-find-links --no-header
}
compile pyproject.toml --extra cpu --extra zk -c requirements/constraints.in -o requirements/cpu.txt
compile pyproject.toml --extra gpu --extra cuda --extra zk -c requirements/constraints.in -c requirements/cpu.txt -o requirements/gpu.txt
compile requirements/build.in -c requirements/cpu.txt -o requirements/build.txt
compile requirements/dev.in -c requirements/cpu.txt -c requirements/build.txt -o requirements/dev.txt
compile pyproject.toml --extra ray -c requirements/cpu.txt -c requirements/build.txt -c requirements/dev.txt -o requirements/ray.txt
