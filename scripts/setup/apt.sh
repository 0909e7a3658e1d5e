# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# apt without side effects: nothing is removed, and packages that a person's
# sources do not offer come by way of a private list of sources in the cache.

APT_INSTALL=(-y --no-remove --no-install-recommends)

# How long another apt, such as the daily one, may keep its locks, in seconds.
APT_PATIENCE=900

# Filled by use_backports: options that make apt see backports too.
APT_BACKPORTS=()

# Nobody would see a question that sudo asks within a step, so there it may ask none.
as_root() {
	if ((EUID == 0)); then
		"$@"
	else
		sudo -n -- "$@"
	fi
}

# Asks for the password here, in the foreground, if one is needed: `sudo -v` wants it even
# from those who may do everything without.
require_root() {
	((EUID == 0)) && return
	if ! command -v sudo >/dev/null || { ! sudo -n true 2>/dev/null && ! sudo -v; }; then
		die "not root and no sudo; have somebody do this, then run it again: $*"
	fi
	root_by_sudo=yes
}

# apt-get as root, again until no other has one of its locks: DPkg::Lock::Timeout is for
# dpkg's alone, not for those of package lists and of downloads. What the person has to know of
# that goes to fd 3.
patient_apt() {
	local log=$LOGS/apt.log until=$((SECONDS + APT_PATIENCE)) told=no status
	while :; do
		status=0
		# No pipe: a daemon that a package starts would keep it open.
		as_root env LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
			APT_LISTCHANGES_FRONTEND=none APT_LISTBUGS_FRONTEND=none \
			apt-get -q -o "DPkg::Lock::Timeout=$APT_PATIENCE" "$@" >"$log" 2>&1 3>&- || status=$?
		cat "$log"
		if ((status == 0 || SECONDS >= until)) || ! grep -Eq '^E(rror)?: Could not get lock' "$log"; then
			return "$status"
		fi
		if [[ $told == no ]]; then
			aside "waiting for another apt to let go of its lock"
			told=yes
		fi
		sleep 2
	done
}

apt_update() {
	[[ -z ${apt_updated:-} ]] || return 0
	require_root "apt-get update"
	# One broken third-party source must not matter: apt_install sees what is missing.
	step -q "reading apt's package lists" patient_apt update 3>&2 ||
		say "going on with the package lists that apt has"
	apt_updated=yes
}

# Would apt install these without removing or breaking anything?
apt_can_install() {
	apt-get -s "${APT_BACKPORTS[@]}" "${APT_INSTALL[@]}" install "$@" >"$LOGS/apt-simulation.log" 2>&1
}

apt_install() {
	# sudo may have forgotten the password that it was given before the last step.
	require_root "apt-get install $*"
	# Whose configuration files differ from a package's keeps them, unasked.
	step "installing $*" patient_apt "${APT_BACKPORTS[@]}" "${APT_INSTALL[@]}" \
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "$@" 3>&2 ||
		die "apt could not install $*: is there a network, are apt's sources right?"
}

# debian_mirror SUITE: the mirror that the person's own sources take that of Debian's suites
# from, or nothing. Sources may say "stable", and mirrors may be called anything or change
# what Release says; so who says to be Debian comes first, then whose name says it.
debian_mirror() {
	# shellcheck disable=SC2016 # $(...) is apt's own notation
	apt-get indextargets --format '$(RELEASE)|$(CODENAME)|$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' \
		'Created-By: Packages' |
		awk -F '|' -v suite="$1" '
			$5 != "main" || $4 == "Debian-Security" || ($1 != suite && $2 != suite) { next }
			$3 ~ /^Debian( Backports)?$/ { if (!sure) sure = $6; next }
			$6 ~ /debian\/?$/ && !likely { likely = $6 }
			END { print sure ? sure : likely }'
}

# Makes APT_BACKPORTS name backports: of the person's sources, if these have them. (Naming them
# twice is an error for apt, if the keys are not in the same file.) Else by a private list of
# sources: the person's and backports.
use_backports() {
	local dir=$CACHE/apt mirror
	((${#APT_BACKPORTS[@]} == 0)) || return 0
	if [[ -n $(debian_mirror "$CODENAME-backports") ]]; then
		APT_BACKPORTS=(-t "$CODENAME-backports")
		return 0
	fi
	mirror=$(debian_mirror "$CODENAME")
	[[ -n $mirror ]] || die "apt's sources name no mirror of Debian $CODENAME, so its backports cannot be found"
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	{
		[[ ! -r /etc/apt/sources.list ]] || cat /etc/apt/sources.list
		printf '\ndeb [signed-by=%s] %s %s main\n' \
			/usr/share/keyrings/debian-archive-keyring.gpg "$mirror" "$CODENAME-backports"
	} >"$dir/sources.list"
	APT_BACKPORTS=(
		-o "Dir::Etc::sourcelist=$dir/sources.list"
		-o "Dir::State::lists=$dir/lists"
		-o "Dir::Cache=$dir/cache"
		-t "$CODENAME-backports"
	)
	# One broken third-party source must not matter: who needs a package looks whether it is there.
	step -q "reading the package lists of $CODENAME-backports" \
		apt-get -q "${APT_BACKPORTS[@]}" update || true
}

# The version that apt would take, or nothing.
apt_candidate() {
	LC_ALL=C apt-cache "${APT_BACKPORTS[@]}" policy "$1" |
		awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'
}

# apt_download DIRECTORY PACKAGE...: the .deb files, signatures checked as usual.
# Needs no root.
apt_download() {
	local dir=$1
	shift
	mkdir -p "$dir"
	(cd "$dir" && apt-get -q "${APT_BACKPORTS[@]}" download "$@")
}
