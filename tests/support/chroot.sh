# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian chroots for tests/matrix and tests/clean-chroot. Sourced after env.sh, as root.
#
# A chroot shares nothing with this machine but the network: /dev is its own (debootstrap makes it with mknod), /proc and
# /dev/shm are mounted in a mount and pid namespace that ends with the command, so nothing is left to unmount. Packages
# come from where this machine's apt gets its own; DEBIAN_MIRROR names another place.

need_root() {
    [ "$(id -u)" = 0 ] || die "makes chroots, so it must run as root (sudo $0)"
}

# The archive that this machine's apt configuration names, security updates aside.
debian_mirror() {
    if [ -n "$DEBIAN_MIRROR" ]; then
        printf '%s\n' "$DEBIAN_MIRROR"
    else
        # shellcheck disable=SC2016
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2> /dev/null |
            awk '$1 ~ /^https?:/ && $2 !~ /security/ && $3 == "main" { print $1; exit }' | grep .
    fi
}

# make_chroot SUITE DIR: a minimal Debian with this machine's way to its packages. Fails if that cannot be had.
make_chroot() {
    local suite=$1 dir=$2 mirror
    mirror=$(debian_mirror) || {
        say "no http(s) archive of Debian in this machine's apt configuration; DEBIAN_MIRROR=... can name one"
        return 1
    }
    mkdir -p "$dir" && chmod 755 "$dir" && touch "$dir.made-by-tests" || return 1
    (
        eval "$(apt-config shell proxy Acquire::http::Proxy secure Acquire::https::Proxy)"
        [ -z "$proxy" ] || [ "$proxy" = DIRECT ] || export http_proxy="$proxy"
        [ -z "$secure" ] || [ "$secure" = DIRECT ] || export https_proxy="$secure"
        timeout --foreground --signal=KILL 600 unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
            debootstrap --variant=minbase "$suite" "$dir" "$mirror"
    ) || return 1
    printf 'deb %s %s main\n' "$mirror" "$suite" > "$dir/etc/apt/sources.list"
    apt-config dump | grep -E '^Acquire::(http|https|Check-|Retries|ForceIPv)' > "$dir/etc/apt/apt.conf.d/99host"
    if [ -d /usr/local/share/ca-certificates ]; then
        mkdir -p "$dir/usr/local/share"
        cp -r /usr/local/share/ca-certificates "$dir/usr/local/share/"
    fi
    if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
        mkdir -p "$dir/etc/ssl/certs"
        cp /etc/ssl/certs/ca-certificates.crt "$dir/etc/ssl/certs/"
    fi
}

# in_chroot DIR COMMAND...: runs it as root of the chroot, for 25 minutes at most, or $chroot_seconds; 125 if the namespaces
# cannot be had.
in_chroot() {
    # shellcheck disable=SC2016
    timeout --foreground --signal=KILL "${chroot_seconds:-1500}" unshare --mount --pid --fork --kill-child \
        --propagation private bash -c '
        dir=$1
        shift
        mount -t proc proc "$dir/proc" && mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm" || exit 125
        exec chroot "$dir" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            LC_ALL=C.UTF-8 ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
    ' - "$@" < /dev/null
}

# Removes a chroot that make_chroot began, and nothing else: never across a mount.
remove_chroot() {
    local dir=$1
    [ -n "$dir" ] && [ -e "$dir.made-by-tests" ] || return 0
    if grep -qF " $(realpath -- "$dir")/" /proc/self/mountinfo; then
        say "LEFT IN PLACE, because something is mounted in it: $dir"
        return 1
    fi
    rm -rf --one-file-system -- "$dir" && rm -f -- "$dir.made-by-tests" "$dir.ready"
}

# copy_source DIR: the files of this clone that git tracks or would add, as they are now. Without git, all but build/.
copy_source() {
    mkdir -p "$1" || return 1
    if git -c safe.directory="$PWD" rev-parse --is-inside-work-tree > /dev/null 2>&1; then
        git -c safe.directory="$PWD" ls-files -z --cached --others --exclude-standard
    else
        find . -path ./build -prune -o -type f -print0
    fi | tar --create --null --no-recursion --files-from - --ignore-failed-read 2> /dev/null | tar --extract --no-same-owner -C "$1"
}
