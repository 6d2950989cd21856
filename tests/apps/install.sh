#!/usr/bin/env bash
# `cmake --install` gives a program that runs from its prefix, without the build folder.
# Usage: install.sh BUILD_FOLDER VERSION
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$1" --prefix "$work/usr" --component program >"$work/log"
said=$(env -u LD_LIBRARY_PATH "$work/usr/bin/concertina" --version)
[ "$said" = "concertina $2" ] || { echo "install: it says '$said'"; exit 1; }
missing=$(ldd "$work/usr/bin/concertina" | grep "not found" || true)
[ -z "$missing" ] || { echo "install: $missing"; exit 1; }
echo "install: passed"
