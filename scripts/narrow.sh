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
GOARCH=386 CGO_ENABLED=0 go test -vet=off -timeout "$1" ./instances ./jsonparams ./media \
	./internal/peer ./internal/playlist ./internal/proc ./internal/serial
