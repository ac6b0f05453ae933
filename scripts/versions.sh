#!/usr/bin/env bash
# Runs what depends on ffmpeg with other versions than the system's. Takes the test
# timeout. What only makes media for the tests, and judges it, is tried by them.
set -euo pipefail

folders=$(scripts/ffmpegs.sh trixie sid)
for folder in $folders; do
	echo "${folder#bin/}"
	export PATH="$PWD/$folder:$PATH"
	go test -p 1 -parallel 6 -timeout "$1" ./internal/container ./internal/source ./internal/ffmpeg ./internal/rtmp
	go test -parallel 6 -timeout "$1" -run RTMP ./internal/e2e
done
