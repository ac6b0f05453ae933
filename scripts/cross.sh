#!/usr/bin/env bash
# Builds every package for every supported platform, without cgo.
set -euo pipefail

export CGO_ENABLED=0
for platform in \
	linux/amd64 linux/arm64 linux/arm linux/386 \
	windows/amd64 windows/arm64 \
	darwin/amd64 darwin/arm64 \
	freebsd/amd64; do
	echo "$platform"
	GOOS=${platform%/*} GOARCH=${platform#*/} go build -o /dev/null ./...
done
