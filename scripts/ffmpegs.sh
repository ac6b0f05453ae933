#!/usr/bin/env bash
# Brings the ffmpeg of other suites of Debian, such as trixie or sid, for tests on
# more versions than the system's. Each is unpacked into bin/ffmpeg-VERSION, from
# which it runs as it is: PATH=$PWD/bin/ffmpeg-7.1:$PATH go test ./internal/source. Nothing
# of the system is touched, and what was brought stays until its folder is removed.
#
# It prints the folders. A suite that cannot be had is skipped, or an error where
# FFMPEGS_REQUIRED is set.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "ffmpegs: $*" >&2; }

skip() {
	say "$*"
	if [ -n "${FFMPEGS_REQUIRED:-}" ]; then
		exit 1
	fi
	say "tests on other versions of ffmpeg skip"
	exit 0
}

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for program in apt-get dpkg-deb; do
	command -v "$program" >/dev/null || skip "$program is missing"
done
[ -e "$keyring" ] || skip "this is not Debian: $keyring is missing"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# mirrors lists where the system's own packages come from. Its package lists need
# not have been fetched.
mirrors() {
	local release
	# shellcheck disable=SC1091 # it is the system's
	release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	apt-get indextargets --no-release-info --format '$(RELEASE) $(REPO_URI)' |
		awk -v r="$release" '$1 == r { print $2 }' | sort -u
}

# download brings the packages of a suite's ffmpeg from a mirror, with lists, archives
# and a state of apt's in a folder.
download() {
	local root=$1 suite=$2 mirror=$3
	rm -rf "$root"
	mkdir -p "$root/none" "$root/state/lists/partial" "$root/cache/archives/partial"
	: >"$root/status"
	echo "deb [signed-by=$keyring] $mirror $suite main" >"$root/sources"
	cat >"$root/apt.conf" <<-END
		Dir::Etc::sourcelist "$root/sources";
		Dir::Etc::sourceparts "$root/none";
		Dir::Etc::preferences "$root/none";
		Dir::Etc::preferencesparts "$root/none";
		Dir::State "$root/state";
		Dir::State::status "$root/status";
		Dir::Cache "$root/cache";
		APT::Sandbox::User "root";
		APT::Install-Recommends "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
		pkgCacheGen::Essential "none";
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Post-Invoke;
	END
	apt-get -c "$root/apt.conf" -qq update >&2 &&
		apt-get -c "$root/apt.conf" -qq install --download-only --yes ffmpeg >&2
}

# unpack makes a program of the packages, which brings its loader and libraries.
unpack() {
	local root=$1 to=$2 deb folders
	mkdir -p "$to/root"
	for deb in "$root"/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$to/root"
	done
	rm -rf "$to/root/usr/share" "$to/root/etc" "$to/root/var"
	# Some libraries have folders of their own.
	folders=$(cd "$to" && find root -name 'lib*.so*' -printf '%h\n' | sort -u | sed 's|^|$here/|' | paste -sd:)
	cat >"$to/ffmpeg" <<-END
		#!/bin/sh
		here=\${0%/*}
		exec "\$here/$(cd "$to" && find root -name 'ld-linux*.so.*' | sort | head -n 1)" --argv0 ffmpeg \\
			--library-path "$folders" "\$here/root/usr/bin/ffmpeg" "\$@"
	END
	chmod +x "$to/ffmpeg"
}

# bring makes the folder of a suite's ffmpeg and prints it.
bring() {
	local suite=$1 mirror version found=
	for mirror in $(mirrors); do
		if download "$work/$suite" "$suite" "$mirror"; then
			found=$mirror
			break
		fi
	done
	[ -n "$found" ] || return 1
	unpack "$work/$suite" "$work/$suite/unpacked"
	version=$("$work/$suite/unpacked/ffmpeg" -version | sed -n '1s/^ffmpeg version \([0-9]*\.[0-9]*\).*/\1/p')
	[ -n "$version" ] || return 1
	echo "$suite" >"$work/$suite/unpacked/suite"
	mkdir -p bin
	rm -rf "bin/ffmpeg-$version"
	mv "$work/$suite/unpacked" "bin/ffmpeg-$version"
	say "$suite has $version"
	echo "bin/ffmpeg-$version"
}

for suite in "$@"; do
	if have=$(grep -lx "$suite" bin/ffmpeg-*/suite 2>/dev/null); then
		dirname "$have"
		continue
	fi
	bring "$suite" || skip "cannot bring the ffmpeg of $suite"
done
