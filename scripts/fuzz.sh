#!/usr/bin/env bash
# Runs every fuzz target of the root module for a while. Takes how long.
set -euo pipefail

go list -f '{{.Dir}}' ./... | while IFS= read -r dir; do
	find "$dir" -maxdepth 1 -name '*_test.go' -exec \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' {} + | while IFS= read -r target; do
		echo "=== $target in $dir"
		# The loop's input is the list of targets: not for the test to read.
		(cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" . </dev/null)
	done
done
