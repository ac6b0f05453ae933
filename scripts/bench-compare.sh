#!/usr/bin/env bash
# Compares what calls cost at two commits, BASE and HEAD of the working tree, in turns, as
# the machine is never the same twice. Takes BASE, the number of turns and flags of
# internal/bench; both commits have that. benchstat prints the verdict.
set -euo pipefail

base=$1 turns=$2
shift 2
benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

out=$(mktemp -d)
trap 'git worktree remove --force "$out/tree" 2>/dev/null || true; rm -rf "$out"' EXIT
git worktree add --quiet --detach "$out/tree" "$base"
(cd "$out/tree" && go build -o "$out/bench-base" ./internal/bench)
go build -o "$out/bench-head" ./internal/bench

for ((turn = 1; turn <= turns; turn++)); do
	for side in base head; do
		echo "turn $turn of $turns: $side"
		"$out/bench-$side" "$@" -benchfmt "$out/$side"
	done
done
go run "$benchstat" "$out/base" "$out/head"
