#!/usr/bin/env bash
# Installs the named programs that are missing: ffmpeg, cc (a C compiler), make,
# node, npm, chromium, yt-dlp, opusenc, mkvmerge, nginx-rtmp (nginx with its RTMP module,
# where apt-get is).
# Debian, Ubuntu and macOS; elsewhere it says what to install.
# What ends in ? is wished for: apt-get may bring it, and what lacks it skips.
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

installed() {
	has "$1" || case "$1" in
	cc) has gcc || has clang ;;
	chromium) has chromium-browser || has google-chrome ;;
	nginx-rtmp) [ -e /usr/lib/nginx/modules/ngx_rtmp_module.so ] ;;
	*) false ;;
	esac
}

# Missing packages are collected, so that they are installed at once.
packages=()
wishes=()
for program in "$@"; do
	if installed "${program%'?'}"; then
		continue
	fi
	case "$manager:$program" in
	apt-get:cc) packages+=(gcc libc6-dev) ;;
	apt-get:nginx-rtmp) packages+=(nginx libnginx-mod-rtmp) ;;
	*:nginx-rtmp) echo "setup: without $program some tests skip" >&2 ;;
	apt-get:node'?') wishes+=(nodejs) ;;
	*:opusenc'?') wishes+=(opus-tools) ;;
	*:mkvmerge'?') wishes+=(mkvtoolnix) ;;
	*'?') wishes+=("${program%'?'}") ;;
	brew:cc | brew:make) fail "$program is missing; run: xcode-select --install" ;;
	*) packages+=("$program") ;;
	esac
done

if [ "${#wishes[@]}" -gt 0 ]; then
	if [ "$manager" != apt-get ] || ! (apt_install "${wishes[@]}"); then
		echo "setup: without ${wishes[*]} some tests skip" >&2
	fi
fi
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
