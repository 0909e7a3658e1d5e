# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The Rust toolchain with core's sources, and bindgen. The tools that are used
# stand in <cache>/tools/bin, whatever else is on PATH: a rustup toolchain, which
# often comes first there, usually lacks rust-src.

NEEDED_RUSTC=1.85
NEEDED_BINDGEN=0.71
BINDGEN_TO_BUILD=0.72.1

RUST_PROGRAMS=(rustc rustdoc rustfmt cargo cargo-fmt cargo-clippy clippy-driver)

rust_packages() {
	# Debian 12's own rustc is too old; it has newer ones under other names.
	case $DEBIAN in
	12) printf '%s\n' rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web ;;
	*) printf '%s\n' rustc cargo rust-src rust-clippy rustfmt ;;
	esac
}

# Is DIRECTORY's toolchain complete and new enough? Sets RUSTC_VERSION; says why not in RUST_PROBLEM.
rust_usable() {
	local dir=$1 program sysroot
	for program in "${RUST_PROGRAMS[@]}"; do
		if [[ ! -x $dir/$program ]]; then
			RUST_PROBLEM="$dir/$program is missing"
			return 1
		fi
	done
	RUSTC_VERSION=$("$dir/rustc" --version | version_in)
	if ! version_at_least "$RUSTC_VERSION" "$NEEDED_RUSTC"; then
		RUST_PROBLEM="needs rustc $NEEDED_RUSTC or newer, found $RUSTC_VERSION ($dir/rustc)"
		return 1
	fi
	sysroot=$("$dir/rustc" --print sysroot)
	if [[ ! -e $sysroot/lib/rustlib/src/rust/library/core/src/lib.rs ]]; then
		RUST_PROBLEM="$dir/rustc has no sources of core (rust-src)"
		return 1
	fi
}

# The toolchain's packages with all that they depend on and this machine lacks.
rust_closure() {
	local found closure=()
	mapfile -t found < <(rust_packages)
	while ((${#found[@]})); do
		closure+=("${found[@]}")
		mapfile -t found < <(
			missing_dependencies "${found[@]}" |
				{ grep -Fvx -f <(printf '%s\n' "${closure[@]}") || true; }
		)
	done
	printf '%s\n' "${closure[@]}"
}

# Of alternatives, the first counts. Where two names are printed in brackets, a
# package is virtual.
missing_dependencies() {
	local name
	LC_ALL=C apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks \
		--no-replaces --no-enhances "$@" |
		awk '/^ [ |]*(Pre)?Depends: / { if (!alternative) print $NF; alternative = /\|/ }' |
		{ grep -v '^<' || true; } | sort -u |
		while read -r name; do
			[[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] ||
				printf '%s\n' "$name"
		done
}

unpack_packages() {
	local package
	for package in "$1"/packages/*.deb; do
		dpkg -x "$package" "$1" || return 1
	done
	rm -rf "$1/packages"
}

# For a person who must not lose a package: the toolchain of Debian, unpacked, not installed.
unpack_rust() {
	local root=$TOOLS/rust wanted program
	mapfile -t wanted < <(rust_closure)
	rm -rf "$root"
	mkdir -p "$root/bin"
	step -q "fetching a Rust toolchain into the cache" apt_download "$root/packages" "${wanted[@]}" ||
		die "cannot download ${wanted[*]}: is there a network?"
	step "unpacking it" unpack_packages "$root" ||
		die "cannot unpack the Rust toolchain in $root: is the disk full?"
	for program in "${RUST_PROGRAMS[@]}"; do
		cat >"$root/bin/$program" <<-END
			#!/bin/sh
			LD_LIBRARY_PATH=$root/usr/lib/x86_64-linux-gnu:$root/usr/lib:$root/lib/x86_64-linux-gnu\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
			export LD_LIBRARY_PATH
			exec $root/usr/bin/$program "\$@"
		END
		chmod +x "$root/bin/$program"
	done
}

install_rust() {
	local packages
	require_debian "rustc $NEEDED_RUSTC or newer with its rust-src, cargo, clippy, rustfmt"
	mapfile -t packages < <(rust_packages)
	if apt_can_install "${packages[@]}"; then
		require_root "apt-get install ${packages[*]}"
		apt_update
		apt_install "${packages[@]}"
		RUST_BIN=/usr/bin
		return
	fi
	# No candidate at all may only mean that apt's lists are old or empty.
	if [[ -z $(apt_candidate "${packages[0]}") ]]; then
		require_root "apt-get install ${packages[*]}"
		apt_update
		if apt_can_install "${packages[@]}"; then
			apt_install "${packages[@]}"
			RUST_BIN=/usr/bin
			return
		fi
	fi
	unpack_rust
	RUST_BIN=$TOOLS/rust/bin
}

ensure_rust() {
	local program
	if rust_usable /usr/bin; then
		RUST_BIN=/usr/bin
	elif rust_usable "$TOOLS/rust/bin"; then
		RUST_BIN=$TOOLS/rust/bin
	else
		install_rust
		rust_usable "$RUST_BIN" || die "$RUST_PROBLEM"
	fi
	for program in "${RUST_PROGRAMS[@]}"; do
		write_wrapper "$program" "$RUST_BIN/$program"
	done
}

# write_wrapper NAME PROGRAM [ASSIGNMENT]: <cache>/tools/bin/NAME runs PROGRAM. No
# symbolic link: rustc would look for its libraries beside that.
write_wrapper() {
	local wrapper=$TOOLS/bin/$1 text
	printf -v text '#!/bin/sh\n%sexec %s "$@"' "${3:+$3 }" "$2"
	if [[ -L $wrapper || ! -x $wrapper || $(<"$wrapper") != "$text" ]]; then
		rm -f "$wrapper"
		printf '%s\n' "$text" >"$wrapper"
		chmod +x "$wrapper"
	fi
}

bindgen_usable() {
	[[ -x $1 ]] || return 1
	BINDGEN_VERSION=$("$1" --version | version_in)
	version_at_least "$BINDGEN_VERSION" "$NEEDED_BINDGEN"
}

# cargo needs a place for what it downloads. Where the home directory is none, it is in the
# cache, and toolchain.env says so.
choose_cargo_home() {
	local home=${CARGO_HOME:-${HOME:-/dev/null}/.cargo}
	if ! mkdir -p "$home" 2>/dev/null || [[ ! -w $home ]]; then
		OWN_CARGO_HOME=$CACHE/cargo
		export CARGO_HOME=$OWN_CARGO_HOME
	fi
}

# cargo_install ROOT NAME VERSION [OPTION...]: for this machine, whatever target a person's
# configuration names. Not built in /tmp, which is small or without programs (noexec) at times.
cargo_install() {
	local root=$1 name=$2 version=$3 status=0
	shift 3
	PATH=$TOOLS/bin:$PATH cargo install "$name" --version "$version" --locked "$@" \
		--target x86_64-unknown-linux-gnu --target-dir "$TOOLS/build" --root "$root" || status=$?
	rm -rf "$TOOLS/build"
	return "$status"
}

install_bindgen() {
	require_debian "bindgen $NEEDED_BINDGEN or newer"
	if ((DEBIAN >= 13)); then
		require_root "apt-get install bindgen"
		apt_update
		apt_install bindgen
		BINDGEN_BIN=/usr/bin/bindgen
	else
		step "building bindgen $BINDGEN_TO_BUILD" \
			cargo_install "$TOOLS/cargo" bindgen-cli "$BINDGEN_TO_BUILD" ||
			die "cannot build bindgen from crates.io: is there a network?"
		BINDGEN_BIN=$TOOLS/cargo/bin/bindgen
	fi
}

ensure_bindgen() {
	if bindgen_usable /usr/bin/bindgen; then
		BINDGEN_BIN=/usr/bin/bindgen
	elif bindgen_usable "$TOOLS/cargo/bin/bindgen"; then
		BINDGEN_BIN=$TOOLS/cargo/bin/bindgen
	else
		install_bindgen
		bindgen_usable "$BINDGEN_BIN" ||
			die "needs bindgen $NEEDED_BINDGEN or newer, found $BINDGEN_VERSION ($BINDGEN_BIN)"
	fi
	# bindgen loads any libclang it finds; it must be that of the clang in use.
	write_wrapper bindgen "$BINDGEN_BIN" "LIBCLANG_PATH=${LLVM_BIN%/bin}/lib"
}
