# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# The kernel's source: Debian's package linux-source-6.12, kept in the cache
# and never installed.

SOURCE_PACKAGE=linux-source-6.12

newest_source() {
	find "$CACHE/packages" -name "${SOURCE_PACKAGE}_*_all.deb" 2>/dev/null | sort -V | tail -n 1
}

# Downloads what apt would take, unless it is there. Under packages/ is only what is complete:
# apt-get download gives its name to a file at the first byte. It does not resume one.
download_source() {
	local version file
	version=$(apt_candidate "$SOURCE_PACKAGE")
	# That is how apt writes the colon of an epoch.
	file=${SOURCE_PACKAGE}_${version//:/%3a}_all.deb
	[[ ! -e $CACHE/packages/$file ]] || return 0
	step -q "downloading $SOURCE_PACKAGE" apt_download "$CACHE/download" "$SOURCE_PACKAGE=$version" &&
		mv "$CACHE/download/$file" "$CACHE/packages/" &&
		rm -rf "$CACHE/download"
}

# Does apt have it to offer, by the person's sources or with backports?
find_source() {
	APT_BACKPORTS=()
	[[ -z $(apt_candidate "$SOURCE_PACKAGE") ]] || return 0
	# Without lists there is no mirror to take backports from.
	[[ -n $(debian_mirror "$CODENAME") ]] || return 1
	use_backports
	[[ -n $(apt_candidate "$SOURCE_PACKAGE") ]]
}

fetch_source() {
	require_debian "$SOURCE_PACKAGE"
	# Lists that are missing or name what the mirror has no more have to be read afresh.
	# That takes root, which the rest does not.
	if ! find_source || ! download_source; then
		apt_update
		find_source ||
			die "neither apt's sources nor $CODENAME-backports offer $SOURCE_PACKAGE: is there a network?"
		download_source || die "cannot download $SOURCE_PACKAGE: is there a network?"
	fi
	APT_BACKPORTS=()
}

ensure_source() {
	local update=$1
	LINUX_SOURCE=$(newest_source)
	if [[ -z $LINUX_SOURCE || $update == yes ]]; then
		fetch_source
		LINUX_SOURCE=$(newest_source)
	fi
	[[ -n $LINUX_SOURCE ]] || die "$SOURCE_PACKAGE did not arrive in $CACHE/packages"
	LINUX_SOURCE_VERSION=${LINUX_SOURCE##*/"${SOURCE_PACKAGE}"_}
	LINUX_SOURCE_VERSION=${LINUX_SOURCE_VERSION%_all.deb}
}
