#!/usr/bin/env bash
# Prints the folder of every module below the root one.
set -euo pipefail
cd "$(dirname "$0")/.."

find . -name .git -prune -o -name testdata -prune -o -name node_modules -prune -o \
	-name go.mod ! -path ./go.mod -print | sort | while IFS= read -r file; do
	dirname "$file"
done
