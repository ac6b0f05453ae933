#!/usr/bin/env bash
# Runs the tests whose arithmetic depends on the size of an int, as a 32-bit program.
# Takes the test timeout.
set -euo pipefail

case "$(uname -s) $(go env GOHOSTARCH)" in
"Linux amd64" | "Linux 386") ;;
*)
	echo "narrow: this machine runs no linux/386 programs; skipped"
	exit 0
	;;
esac
export GOARCH=386 CGO_ENABLED=0
go vet ./...
go test -vet=off -timeout "$1" ./instances ./jsonparams ./internal/peer ./internal/play ./internal/playlist ./internal/proc ./internal/serial ./internal/wire
# Of sources, what reads bytes and command lines; the rest is ffmpeg's arithmetic.
go test -vet=off -timeout "$1" -run 'Demux|Fuzz|Opus|Matroska|Times|Argument|Command|Split|Booleans|HundredHours' ./internal/container ./internal/ffmpeg ./internal/merge ./internal/source
