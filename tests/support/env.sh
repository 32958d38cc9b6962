# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What plugin/annotate and the test commands share: say what happens, install what is lacking, build, and run tshark
# as an unprivileged user. Sourced, never run. Messages go to standard error; standard output is for results.

say() { printf '== %s\n' "$*" >&2; }
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Files of this run, readable for the unprivileged user, removed at the end.
make_scratch() {
    local place
    for place in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
        scratch=$(mktemp -d "$place/tcpstate.XXXXXX") || continue
        chmod 755 "$scratch"
        [ -z "${unprivileged[*]}" ] || "${unprivileged[@]}" test -x "$scratch" && break
        rmdir "$scratch"
        scratch=
    done
    [ -n "$scratch" ] || die "no folder for temporary files that user 65534 can read: tried ${TMPDIR:-/tmp} /tmp /var/tmp"
    trap 'rm -rf --one-file-system "$scratch"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# Packages, and how to see that each is there. A program built from source is as good as a package.
lacking() {
    local package
    for package; do
        case $package in
        tshark) command -v tshark ;;
        wireshark-dev) find_wireshark_config ;;
        libglib2.0-dev) pkg-config --exists glib-2.0 ;;
        cmake) command -v cmake ;;
        ninja-build) command -v ninja ;;
        gcc) command -v cc ;;
        libc6-dev) echo '#include <stdio.h>' | cc -E - ;;
        pkg-config) command -v pkg-config ;;
        python3-pytest) find_python ;;
        python3-pytest-xdist) find_python ;;
        wireshark) command -v wireshark ;;
        xvfb) command -v Xvfb ;;
        imagemagick) command -v import ;;
        xdotool) command -v xdotool ;;
        openbox) command -v openbox ;;
        debootstrap) command -v debootstrap ;;
        *) dpkg-query -W -f '${db:Status-Abbrev}' "$package" | grep -q '^ii' ;;
        esac > /dev/null 2>&1 || echo "$package"
    done
}

# What CMake needs to find; a Wireshark elsewhere is named in the environment, as for CMake itself.
find_wireshark_config() {
    local file
    for file in /usr{,/local}/lib*/{,*/}{wireshark/cmake,cmake/wireshark}/WiresharkConfig.cmake; do
        [ ! -e "$file" ] || return 0
    done
    [ -n "$Wireshark_DIR$Wireshark_ROOT$CMAKE_PREFIX_PATH" ]
}

# A Python that has pytest and pytest-xdist: the first on the path, else Debian's own.
find_python() {
    local candidate
    for candidate in python3 /usr/bin/python3; do
        if "$candidate" -c 'import pytest, xdist' 2> /dev/null; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

install_lacking() {
    local packages become=() log
    mapfile -t packages < <(lacking "$@")
    [ ${#packages[@]} -gt 0 ] || return 0
    command -v apt-get > /dev/null ||
        die "this machine lacks ${packages[*]} (Debian's names), and only Debian's apt-get is known here: please install them"
    if [ "$(id -u)" != 0 ]; then
        command -v sudo > /dev/null || die "please run as root: apt-get install ${packages[*]}"
        become=(sudo)
    fi
    say "Installing with apt-get (once; a minute or two): ${packages[*]}"
    log=$(mktemp)
    apt_get() {
        "${become[@]}" env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a apt-get -qy \
            -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600 "$@" < /dev/null >> "$log" 2>&1
    }
    if ! { apt_get update && apt_get install --no-install-recommends "${packages[@]}"; }; then
        cat "$log" >&2
        rm -f "$log"
        die "apt-get could not install what is lacking: ${packages[*]}"
    fi
    rm -f "$log"
    hash -r
    mapfile -t packages < <(lacking "$@")
    [ ${#packages[@]} -eq 0 ] || die "apt-get ended well, and yet this is lacking: ${packages[*]}"
}

# shellcheck disable=SC2034
build_packages=(cmake ninja-build gcc libc6-dev pkg-config)
# shellcheck disable=SC2034
wireshark_packages=(tshark wireshark-dev libglib2.0-dev)

# build_preset PRESET DIR [CMAKE-ARGUMENT...]: configures and builds, and is quiet unless it fails.
build_preset() {
    local preset=$1 dir=$2 log fresh=()
    shift 2
    # a build tree that was made elsewhere (the clone was moved or copied) starts afresh
    if [ -f "$dir/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$dir/CMakeCache.txt"; then
        fresh=(--fresh)
    fi
    log=$(mktemp)
    if ! { cmake "${fresh[@]}" --preset "$preset" "$@" && cmake --build "$dir"; } > "$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    grep -A3 'warning:\|CMake Warning' "$log" >&2
    rm -f "$log"
}

# Wireshark ignores plugin folders, silently, when uid or gid is 0.
unprivileged=()
if [ "$(id -u)" = 0 ]; then
    unprivileged=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all)
fi

# readable_by_wireshark FILE: prints FILE itself, or a copy of the same name that the unprivileged user can read.
readable_by_wireshark() {
    local copy
    if [ -z "${unprivileged[*]}" ] || "${unprivileged[@]}" test -r "$1"; then
        printf '%s\n' "$1"
    else
        copy=$(mktemp -d "$scratch/copy.XXXXXX")
        cp -- "$1" "$copy/" || return 1
        chmod -R a+rX "$copy"
        printf '%s\n' "$copy/${1##*/}"
    fi
}

# prepare_wireshark BUILD: HOME and plugin folder for run_tshark; ends if tshark does not load the plugin from BUILD.
prepare_wireshark() {
    local built
    built=$(find "$1/plugins" -name tcpstate.so 2> /dev/null | head -n 1)
    [ -n "$built" ] || die "the build made no plugin: there is no $1/plugins/*/epan/tcpstate.so"
    plugins=$1/plugins
    if [ "$(readable_by_wireshark "$built")" != "$built" ]; then
        cp -r "$1/plugins" "$scratch/plugins"
        chmod -R a+rX "$scratch/plugins"
        plugins=$scratch/plugins
    fi
    mkdir -p "$scratch/home"
    [ -z "${unprivileged[*]}" ] || chown 65534:65534 "$scratch/home"
    run_tshark -G plugins 2> "$scratch/errors" | grep -q '^tcpstate\.so' || {
        cat "$scratch/errors" >&2
        die "tshark does not load the plugin $built (tshark -G plugins does not list it)"
    }
}

run_tshark() {
    env -u WIRESHARK_CONFIG_DIR -u WIRESHARK_DATA_DIR -u WIRESHARK_RUN_FROM_BUILD_DIRECTORY \
        HOME="$scratch/home" XDG_CONFIG_HOME="$scratch/home/.config" XDG_DATA_HOME="$scratch/home/.local/share" \
        XDG_CACHE_HOME="$scratch/home/.cache" LC_ALL=C.UTF-8 WIRESHARK_PLUGIN_DIR="$plugins" \
        "${unprivileged[@]}" tshark "$@"
}
