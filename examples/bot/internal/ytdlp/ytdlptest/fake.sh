#!/bin/sh
# A stand-in for yt-dlp. What it does is written in the file "behaviour" beside the name
# that it is called by, in terms of $mode, $target (what comes after --) and $paths. It
# notes its arguments, one a line, and its environment there, too.
here=$(dirname "$0")
mode=download target= paths= before=
for arg; do
	case "$arg" in
	--version) mode=version ;;
	-J) mode=lookup ;;
	esac
	if [ "$before" = --paths ]; then paths=$arg; fi
	before=$arg
	target=$arg
done
{
	echo "== $mode"
	for arg; do printf '%s\n' "$arg"; done
} >>"$here/argv"
env >"$here/env.$mode"
if [ "$mode" = version ]; then version=2026.07.04; fi
. "$here/behaviour"
if [ "$mode" = version ]; then echo "$version"; fi
