#!/usr/bin/env bash
# Runs every fuzz target of every module for a while, two at a time. Takes how
# long. What is found goes to testdata/fuzz beside the target, to be committed.
set -euo pipefail

# targets prints a folder and a target for each.
targets() {
	for module in . $(scripts/modules.sh); do
		(cd "$module" && go list -f '{{.Dir}}' ./...)
	done | while IFS= read -r dir; do
		find "$dir" -maxdepth 1 -name '*_test.go' -exec \
			sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' {} + | while IFS= read -r target; do
			printf '%s\n%s\n' "$dir" "$target"
		done
	done
}

# fuzz shows what a run said at its end, whole when it failed. By default each input
# that reaches something new is made smaller for up to a minute, in which nothing else
# is tried.
fuzz() {
	local dir=$1 target=$2 said
	if said=$(cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" \
		-fuzzminimizetime 10x -parallel 1 . </dev/null 2>&1); then
		echo "$target: $(grep '^fuzz:' <<<"$said" | tail -n 1)"
	else
		echo "$target in $dir:"
		echo "$said"
		return 1
	fi
}

export -f fuzz
export FUZZTIME=$1
targets | xargs -n 2 -P 2 bash -c 'fuzz "$@"' fuzz
