#!/usr/bin/env bash
# Installs the named programs that are missing: ffmpeg, cc (a C compiler), make.
# Debian, Ubuntu and macOS; elsewhere it says what to install.
set -euo pipefail

has() { command -v "$1" >/dev/null 2>&1; }

fail() {
	echo "setup: $*" >&2
	exit 1
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif has sudo; then
		sudo "$@"
	else
		fail "cannot run '$*': not root, and sudo is missing"
	fi
}

apt_install() {
	echo "setup: apt-get install $*"
	# The package lists of a fresh machine are absent or too old.
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

case "$(uname -s)" in
Linux) manager=apt-get ;;
Darwin) manager=brew ;;
*) manager= ;;
esac

# Missing packages are collected, so that they are installed at once.
packages=()
for program in "$@"; do
	if has "$program" || { [ "$program" = cc ] && { has gcc || has clang; }; }; then
		continue
	fi
	case "$manager:$program" in
	apt-get:cc) packages+=(gcc libc6-dev) ;;
	brew:cc | brew:make) fail "$program is missing; run: xcode-select --install" ;;
	*) packages+=("$program") ;;
	esac
done

if [ "${#packages[@]}" -eq 0 ]; then
	exit 0
fi
if [ -z "$manager" ] || ! has "$manager"; then
	fail "please install: ${packages[*]}"
fi
case "$manager" in
apt-get) apt_install "${packages[@]}" ;;
brew)
	echo "setup: brew install ${packages[*]}"
	brew install "${packages[@]}"
	;;
esac
