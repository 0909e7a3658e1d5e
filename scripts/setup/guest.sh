# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Programs from crates.io for the guest, static since the guest has no libraries: fsx,
# the exerciser of single files, and pjdfstest, which knows what POSIX says of files.

GUEST_PROGRAMS='
	fsx             0.3.2
	pjdfstest       0.2.2
'

build_guest_program() {
	# As a target is named, the flags do not reach build scripts, which cannot be static.
	# In this variable they come before all others that a person may have set.
	CARGO_ENCODED_RUSTFLAGS='-Ctarget-feature=+crt-static' \
		cargo_install "$TOOLS/guest" "$1" "$2" --force
}

# guest_program_usable PROGRAM "NAME VERSION": a dynamic one has its loader's name near
# its beginning.
guest_program_usable() {
	[[ -x $1 && $("$1" --version) == "$2" ]] && ! head -c 4096 "$1" | grep -aq ld-linux
}

ensure_guest_programs() {
	local name version program
	while read -r name version; do
		[[ $name ]] || continue
		program=$TOOLS/guest/bin/$name
		if ! guest_program_usable "$program" "$name $version"; then
			step "building $name $version" build_guest_program "$name" "$version" ||
				die "cannot build $name from crates.io: is there a network?"
		fi
	done <<<"$GUEST_PROGRAMS"
}
