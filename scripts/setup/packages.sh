# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# Everything that comes as a Debian package and is not Rust.

LLVM_SUFFIX=-19
LLVM_BIN=/usr/lib/llvm-19/bin
NEEDED_QEMU=7.0
NEEDED_CLANG=19.0

# A command or file and the package that brings it. Looking for what is used, not for
# packages, lets a person have it from elsewhere, and takes no time.
NEEDS='
	make                                    make
	gcc                                     gcc
	/usr/lib/x86_64-linux-gnu/libc.a        libc6-dev
	flex                                    flex
	bison                                   bison
	bc                                      bc
	/usr/include/gelf.h                     libelf-dev
	/usr/include/openssl/ssl.h              libssl-dev
	/usr/lib/x86_64-linux-gnu/libacl.a      libacl1-dev
	patch                                   patch
	perl                                    perl
	python3                                 python3
	cpio                                    cpio
	kmod                                    kmod
	rsync                                   rsync
	xz                                      xz-utils
	clang-19                                clang-19
	ld.lld-19                               lld-19
	llvm-nm-19                              llvm-19
	/usr/lib/llvm-19/lib/libclang-19.so.19 libclang1-19
	mkfs.ext4                               e2fsprogs
	debugfs                                 e2fsprogs
	mkfs.btrfs                              btrfs-progs
	mkfs.f2fs                               f2fs-tools
	mkfs.xfs                                xfsprogs
	mkfs.gfs2                               gfs2-utils
	mkfs.erofs                              erofs-utils
	stress-ng                               stress-ng
	fio                                     fio
	dbench                                  dbench
	busybox                                 busybox-static
	/etc/ssl/certs/ca-certificates.crt      ca-certificates
'

missing_packages() {
	local what package
	while read -r what package; do
		case $what in
		'') ;;
		/*) [[ -e $what ]] || printf '%s\n' "$package" ;;
		*) command -v "$what" >/dev/null || printf '%s\n' "$package" ;;
		esac
	done <<<"$NEEDS" | sort -u
}

# QEMU from the same release as the QEMU packages that are there already: the
# plain one refuses to stand beside a qemu-utils from backports.
install_qemu() {
	if apt_can_install qemu-system-x86; then
		apt_install qemu-system-x86
		return
	fi
	use_backports
	apt_can_install qemu-system-x86 ||
		die "apt cannot install qemu-system-x86 without removing something; see $LOGS/apt-simulation.log"
	apt_install qemu-system-x86
	APT_BACKPORTS=()
}

ensure_packages() {
	local missing qemu=()
	mapfile -t missing < <(missing_packages)
	command -v qemu-system-x86_64 >/dev/null || qemu=("qemu-system-x86")
	if ((${#missing[@]} + ${#qemu[@]})); then
		require_debian "${missing[@]}" "${qemu[@]}"
		require_root "apt-get install ${missing[*]} ${qemu[*]}"
		apt_update
		((${#missing[@]} == 0)) || apt_install "${missing[@]}"
		((${#qemu[@]} == 0)) || install_qemu
	fi
	check_versions
}

check_versions() {
	QEMU_VERSION=$(qemu-system-x86_64 --version | version_in)
	version_at_least "$QEMU_VERSION" "$NEEDED_QEMU" ||
		die "needs QEMU $NEEDED_QEMU or newer, found $QEMU_VERSION ($(command -v qemu-system-x86_64))"
	CLANG_VERSION=$("clang$LLVM_SUFFIX" --version | version_in)
	version_at_least "$CLANG_VERSION" "$NEEDED_CLANG" ||
		die "needs clang $NEEDED_CLANG or newer, found $CLANG_VERSION ($(command -v "clang$LLVM_SUFFIX"))"
}
