#!/usr/bin/env bash
# Tests every module below the root one. Takes the test timeout.
set -euo pipefail

# What tests run with node. Tests skip what could not be installed.
find . -name node_modules -prune -o -name package-lock.json -print | while IFS= read -r lock; do
	dir=$(dirname "$lock")
	if [ "$dir/node_modules/.package-lock.json" -nt "$lock" ]; then
		continue
	fi
	if ! command -v npm >/dev/null 2>&1 || ! (cd "$dir" && npm ci --silent </dev/null); then
		echo "nested: cannot install the packages of $dir; some tests skip" >&2
	fi
done

# A test would read the list of modules if it were left its standard input. Tests play
# in real time: one package after another, so that a compiler does not make them late.
for dir in $(scripts/modules.sh); do
	echo "$dir"
	(
		cd "$dir"
		CGO_ENABLED=1 go test -race -shuffle=on -p 1 -parallel 6 -timeout "$1" ./... </dev/null
		# Tests that a dependency's own races would fail are built without the detector.
		plain=$(grep -rlx --include='*_test.go' '//go:build !race' . | sed 's|/[^/]*$||' | sort -u) || true
		for package in $plain; do
			CGO_ENABLED=0 go test -shuffle=on -parallel 6 -timeout "$1" "$package" </dev/null
		done
	)
done
