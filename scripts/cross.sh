#!/usr/bin/env bash
# Builds every package for every supported platform, without cgo. The modules below the
# root one are built for one platform of each kind: Windows, Unix, 32 bits.
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

for platform in linux/arm windows/amd64 darwin/arm64; do
	for dir in $(scripts/modules.sh); do
		echo "$platform $dir"
		(cd "$dir" && GOOS=${platform%/*} GOARCH=${platform#*/} go build -o /dev/null ./...)
	done
done
