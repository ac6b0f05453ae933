#!/usr/bin/env bash
# Lints, vets and tidies every module, the root one first. Takes the golangci-lint to
# use.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
for dir in . $(scripts/modules.sh); do
	echo "$dir"
	(
		cd "$dir"
		"$root/$1" run --allow-parallel-runners -c "$root/.golangci.yml" ./...
		go vet ./...
		go mod tidy -diff
	)
done
