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

# For a job, which has no stderr but its log: by fd 3, past the line of progress.
aside() {
	[[ ! -t 3 ]] || printf '\r\033[K' >&3
	printf '%s\n' "$*" >&3
}

# signal_job SIGNAL PID: to the job's whole process group. What runs in there by sudo
# belongs to root, whom nobody else can send one.
signal_job() {
	kill -s "$1" -- "-$2" 2>/dev/null || true
	[[ -z ${root_by_sudo:-} ]] ||
		sudo -n -- sh -c "kill -s $1 -- -$2" </dev/null >/dev/null 2>&1 || true
}

# step [-q] WHAT COMMAND...: runs the command with its output in a log file, shows
# what runs and for how long, and on failure the end of the log (not with -q) and
# where it is. The command is a background process group of its own: Ctrl-C ends it
# with all that it started, and nothing in it can ask for input.
step() {
	local quiet=no what log start=$SECONDS next=15 pid status=0 elapsed signal='' signals=0 passed=0
	if [[ $1 == -q ]]; then
		quiet=yes
		shift
	fi
	what=$1
	shift
	log=${what//[^a-zA-Z0-9]/-}
	log=$LOGS/${log:0:60}.log
	for signal in INT TERM HUP QUIT; do
		# shellcheck disable=SC2064 # the signal of now
		trap "signal=$signal; ((++signals))" "$signal"
	done
	# For fd 9 see setup.sh: what outlives this must not keep the lock.
	set -m
	"$@" >"$log" 2>&1 </dev/null 9>&- &
	pid=$!
	set +m
	[[ -t 2 ]] || say "$what ..."
	while kill -0 "$pid" 2>/dev/null; do
		if ((signals > passed)); then
			# On SIGINT apt completes what dpkg is at. Who insists does not wait.
			((++passed == 1)) || break
			signal_job "$signal" "$pid"
		fi
		elapsed=$((SECONDS - start))
		if [[ -t 2 ]]; then
			printf '\r\033[K%s ... %d s' "$what" "$elapsed" >&2
		elif ((elapsed >= next)); then
			say "$what ... $elapsed s"
			next=$((next + 15))
		fi
		# The terminal's Ctrl-C ends this one, too.
		sleep 0.1 || true
	done
	((passed > 1)) || wait "$pid" || status=$?
	# What a shell starts in the background does not heed SIGINT.
	((signals == 0)) || signal_job TERM "$pid"
	trap - INT TERM HUP QUIT
	elapsed=$((SECONDS - start))
	[[ ! -t 2 ]] || printf '\r\033[K' >&2
	if ((signals)); then
		say "$what: interrupted after $elapsed s"
		exit 130
	fi
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
