#!/usr/bin/env bash
# Fails when a file is not formatted. Takes the gofumpt to use.
set -euo pipefail

files=$("$1" -l .)
if [ -n "$files" ]; then
	echo "not formatted; run 'make fmt':" >&2
	echo "$files" >&2
	exit 1
fi
