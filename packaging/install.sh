#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh WORD...    installs what the words stand for in this distribution (apt-get or dnf), and with it nothing optional
# install.sh --list     prints the installed packages with their versions
# install.sh --names FAMILY WORD...    prints what the words stand for where there is apt or dnf, without installing it
#
# Words: npm (builds the agent), package (builds the packages), plugin (builds kmesh-cni), bpf (eBPF programs), module (kmesh.ko), compilers (every gcc
# and clang that the distribution has, for modules of any kernel), runtime (what agent and daemon call), node (what the Node of
# kmesh-node links to), =NAME (a package by its own name), /FILE (a package, with what it needs).
set -eu

names_apt() {
  case $1 in
    npm) echo nodejs npm ca-certificates ;;
    package) echo dpkg ;;
    plugin) echo gcc make libc6-dev ;;
    bpf) echo clang make libbpf-dev linux-libc-dev ;;
    # Programs of header trees need libelf (objtool), libcrypto (sign-file) and libdw (gendwarfksyms).
    module) echo gcc make kmod libc6-dev libelf1 libdw1 openssl ;;
    compilers) apt-cache search --names-only '^(gcc|clang|lld|llvm)-[0-9]+$' | sort | while read -r name rest; do echo "$name"; done ;;
    # util-linux is there always (Essential), and Debian's policy forbids to name it.
    runtime) echo libc6 libbpf1 libstdc++6 kmod mount ;;
    node) echo libc6 libstdc++6 ;;
    =*) echo "${1#=}" ;;
    /*) echo "$1" ;;
    *) echo "install.sh: unknown word $1" >&2; exit 2 ;;
  esac
}

names_dnf() {
  case $1 in
    npm) echo nodejs npm ca-certificates ;;
    package) echo rpm-build ;;
    plugin) echo gcc make glibc-devel glibc-static ;;
    bpf) echo clang make libbpf-devel kernel-headers ;;
    module) echo gcc make kmod glibc-devel elfutils-libelf elfutils-libs openssl ;;
    compilers) echo gcc clang lld llvm ;;
    runtime) echo glibc libbpf libstdc++ kmod util-linux ;;
    node) echo glibc libstdc++ ;;
    =*) echo "${1#=}" ;;
    /*) echo "$1" ;;
    *) echo "install.sh: unknown word $1" >&2; exit 2 ;;
  esac
}

if [ "${1-}" = --names ]; then
  family=$2
  shift 2
  for word in "$@"; do names_"$family" "$word"; done
  exit
fi

if command -v apt-get >/dev/null; then family=apt
elif command -v dnf >/dev/null; then family=dnf
else echo 'install.sh: neither apt-get nor dnf is here' >&2; exit 1
fi

if [ "${1-}" = --list ]; then
  case $family in
    apt) exec dpkg-query -W -f '${Package} ${Version}\n' ;;
    dnf) exec rpm -qa --qf '%{NAME} %{VERSION}-%{RELEASE}\n' ;;
  esac
fi

[ $family = dnf ] || apt-get update -q
names=
for word in "$@"; do
  more=$(names_$family "$word")
  names="$names $more"
done
# Names are words without blanks or patterns.
# shellcheck disable=SC2086
case $family in
  apt)
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $names
    apt-get clean
    rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache
    ;;
  dnf)
    dnf install -y --setopt=install_weak_deps=False $names
    dnf clean all
    ;;
esac
