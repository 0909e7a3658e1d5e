# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Messages, and long steps with their progress. Everything goes to stderr.

say() {
	printf '%s\n' "$*" >&2
}

die() {
	printf 'setup: %s\n' "$*" >&2
	exit 1
}

# step [-q] WHAT COMMAND...: runs the command with its output in a log file, shows
# what runs and for how long, and on failure the end of the log (not with -q) and
# where it is.
step() {
	local quiet=no what log start=$SECONDS next=15 pid status=0 elapsed
	if [[ $1 == -q ]]; then
		quiet=yes
		shift
	fi
	what=$1
	shift
	log=${what//[^a-zA-Z0-9]/-}
	log=$LOGS/${log:0:60}.log
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	# A background job of a script does not get the terminal's Ctrl-C.
	trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
	[[ -t 2 ]] || say "$what ..."
	while kill -0 "$pid" 2>/dev/null; do
		elapsed=$((SECONDS - start))
		if [[ -t 2 ]]; then
			printf '\r\033[K%s ... %d s' "$what" "$elapsed" >&2
		elif ((elapsed >= next)); then
			say "$what ... $elapsed s"
			next=$((next + 15))
		fi
		sleep 0.1
	done
	wait "$pid" || status=$?
	trap - INT TERM
	elapsed=$((SECONDS - start))
	[[ ! -t 2 ]] || printf '\r\033[K' >&2
	if ((status != 0)); then
		[[ $quiet == yes ]] || tail -n 15 "$log" >&2
		say "$what: failed after $elapsed s; the whole log: $log"
		return "$status"
	fi
	say "$what: done in $elapsed s"
}

# version_at_least FOUND NEEDED
version_at_least() {
	[[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]
}

# The first thing in a program's output that looks like a version.
version_in() {
	sed -nE 's/^[^0-9]*([0-9]+(\.[0-9]+)+).*/\1/p;T;q'
}
