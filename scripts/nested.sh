#!/usr/bin/env bash
# Vets and tests every module below the root one. Takes the test timeout.
set -euo pipefail

# A test would read the list of modules if it were left its standard input.
find . -name .git -prune -o -name testdata -prune -o -name node_modules -prune -o \
	-name go.mod ! -path ./go.mod -print | sort | while IFS= read -r file; do
	dir=$(dirname "$file")
	echo "$dir"
	(
		cd "$dir"
		CGO_ENABLED=0 go vet ./...
		CGO_ENABLED=1 go test -race -shuffle=on -timeout "$1" ./... </dev/null
	)
done
