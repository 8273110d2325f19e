#!/usr/bin/env bash
# Everything a fresh Debian or Ubuntu machine needs, in .venv and by apt. Safe to repeat: what is there is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=.venv/.recto-setup
state=$(cat requirements.lock pyproject.toml infra/setup.sh | sha256sum | cut -d' ' -f1)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ] && exit 0

packages=(libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig fonts-dejavu-core fonts-dejavu-extra
  fonts-noto-cjk fonts-crosextra-caladea fonts-symbola)

if command -v apt-get >/dev/null; then
  sudo=""
  [ "$(id -u)" = 0 ] || sudo="sudo"
  python=""
  for candidate in python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
      python=$candidate
      break
    fi
  done
  [ -n "$python" ] || packages+=(python3 python3-venv)
  missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  if ! dpkg-query -W fonts-liberation2 >/dev/null 2>&1 && ! fc-list 2>/dev/null | grep -q LiberationSerif; then
    liberation=1
  fi
  if [ ${#missing[@]} -gt 0 ] || [ -n "${liberation:-}" ]; then
    echo "setup: installing by apt: ${missing[*]} ${liberation:+fonts-liberation}"
    $sudo apt-get update -qq
    if [ -n "${liberation:-}" ]; then # renamed between releases
      apt-cache show fonts-liberation2 >/dev/null 2>&1 && missing+=(fonts-liberation2) || missing+=(fonts-liberation)
    fi
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
elif ! command -v fc-list >/dev/null || ! ldconfig -p 2>/dev/null | grep -q libpangoft2; then
  echo "setup: no apt here; install Pango, HarfBuzz, fontconfig and the fonts DejaVu, Liberation, Noto CJK, Caladea, Symbola" >&2
  exit 1
fi

if [ -z "${python:-}" ]; then
  for candidate in python3.12 python3.11 python3; do
    if "$candidate" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
      python=$candidate
      break
    fi
  done
fi
[ -n "${python:-}" ] || { echo "setup: Python 3.11 or 3.12 with venv is needed; install one and run again" >&2; exit 1; }

[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "setup: installing the locked dependencies into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
# torch first and by pip alone: which build it is depends on the machine, so the lock leaves it out
.venv/bin/python -c 'import torch, sys; sys.exit(not torch.__version__.startswith("2.13.0"))' 2>/dev/null ||
  .venv/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes -r requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
echo "$state" >"$stamp"
