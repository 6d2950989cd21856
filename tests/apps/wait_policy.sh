#!/usr/bin/env bash
# OpenMP's threads do not spin for long, unless the user asks for it. Usage: wait_policy.sh PROGRAM
set -euo pipefail
program=$1
fail() { echo "wait_policy: $*" >&2; exit 1; }
unset OMP_WAIT_POLICY GOMP_SPINCOUNT
spins() {  # spins [NAME=VALUE...]: the last that libgomp says of itself as it is loaded
  env OMP_DISPLAY_ENV=verbose "$@" "$program" --version 2>&1 | sed -n "s/.*GOMP_SPINCOUNT = '\([0-9]*\)'.*/\1/p" | tail -1
}
"$program" --version >/dev/null || fail "$program does not run"
[ -n "$(spins)" ] || { echo "no libgomp here, or it says nothing: $("$program" --version)"; exit 0; }
[ "$(spins)" -le 10000 ] || fail "threads spin $(spins) times"
[ "$(spins GOMP_SPINCOUNT=77)" = 77 ] || fail "the user's GOMP_SPINCOUNT is lost"
[ "$(spins OMP_WAIT_POLICY=active)" -gt 1000000 ] || fail "the user's OMP_WAIT_POLICY is lost"
[ "$("$program" --version | wc -l)" = 1 ] || fail "the program ran twice"
echo "wait policy: passed"
