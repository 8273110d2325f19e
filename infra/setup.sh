#!/usr/bin/env bash
# What recto needs: libraries and fonts by apt, everything else in .venv. Safe to repeat; what is there is left alone.
# With the argument `tools`, also the programs that tests and comparisons call: Tesseract, Chromium and POV-Ray.
set -euo pipefail
cd -P "$(dirname "$0")/.."

stamp=.venv/.recto-setup # what .venv was made from, or 'unfinished'
state=$({ pwd && cat requirements.lock pyproject.toml infra/setup.sh; } | sha256sum | cut -d' ' -f1)
made() { [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$state" ]; }

say() { echo "setup: $*" >&2; }
die() { say "$@" && exit 1; }
find_python() { # the first of a fitting version that can make a virtual environment
  for python in python3 python3.12 python3.11; do
    "$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && return
  done
  return 1
}

if command -v apt-get >/dev/null; then
  packages=(libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fontconfig fonts-dejavu-core fonts-dejavu-extra
    fonts-liberation2 fonts-noto-cjk fonts-crosextra-caladea fonts-crosextra-carlito fonts-symbola fonts-lmodern
    fonts-texgyre fonts-linuxlibertine fonts-lato fonts-open-sans fonts-roboto-unhinted fonts-hack
    fonts-ipaexfont-gothic fonts-ipaexfont-mincho fonts-morisawa-bizud-gothic fonts-morisawa-bizud-mincho)
  if [ "${1:-}" = tools ]; then
    packages+=(tesseract-ocr tesseract-ocr-jpn povray)
    # on Ubuntu the package is a snap, which no container can run; what needs Chromium is skipped there
    grep -qx 'ID=ubuntu' /etc/os-release || packages+=(chromium)
  fi
  made || find_python || packages+=(python3 python3-venv)
  # the third field of the status is the package's state
  mapfile -t missing < <(
    { dpkg-query -W -f='${Package} ${Status}\n' "${packages[@]}" 2>/dev/null || true; } |
      awk '$4 == "installed" { print $1 }' | sort -u | comm -13 - <(printf '%s\n' "${packages[@]}" | sort -u)
  )
  if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    if [ "$(id -u)" != 0 ]; then
      as_root=(sudo)
      sudo true 2>/dev/null || die "sudo does not work here; as root, 'apt-get install ${missing[*]}', then run again"
    fi
    say "installing by apt: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq || say "apt-get update failed; going on with the lists that are there"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=120 "${missing[@]}" >/dev/null
  fi
fi

made && exit 0

find_python || die "Python 3.11 or 3.12 with its venv module is needed; install one (on Debian and Ubuntu also" \
  "python3.11-venv or python3.12-venv) and run again"
if ! command -v fc-list >/dev/null ||
  ! "$python" -c 'import sys, ctypes.util as c; sys.exit(not c.find_library("pangoft2-1.0"))'; then
  die "no apt here; install Pango, HarfBuzz and fontconfig, and the fonts that tasks/render/fonts.py names"
fi

# a .venv that was moved here, or never got its pip, is made anew
.venv/bin/pip --version 2>/dev/null | grep -F " $PWD/.venv/" >/dev/null || "$python" -m venv --clear .venv
reinstall=()
[ "$(cat "$stamp" 2>/dev/null)" != unfinished ] || reinstall=(--reinstall) # a package may be there in part
echo unfinished >"$stamp"

say "installing PyTorch and the locked dependencies into .venv; the first time this takes some minutes"
pip=(.venv/bin/python -m pip install --quiet --disable-pip-version-check)
uv=(.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps)
"${pip[@]}" uv==0.13.9
# torch by pip, before the rest: which build it is depends on the machine, so the lock leaves it out
.venv/bin/python - 2>/dev/null <<'EOF' || "${pip[@]}" torch==2.13.0
import importlib.metadata, sys, torch
sys.exit(not importlib.metadata.version("torch").startswith("2.13.0"))
EOF
"${uv[@]}" "${reinstall[@]}" --require-hashes -r requirements.lock
"${uv[@]}" --no-build-isolation -e .
echo "$state" >"$stamp"
