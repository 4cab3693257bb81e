#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What both Dockerfiles do with the packages.
#
# image.sh package FOLDER [OPTION...]    makes the packages of the format that this distribution installs; OPTION: as for package.mjs
# image.sh install FOLDER                installs them into an image, with the names that its users know
set -eu
here=$(cd "$(dirname "$0")" && pwd)
word=$1
folder=$2
shift 2

case $word in
  package)
    if command -v apt-get >/dev/null; then format=deb; else format=rpm; fi
    # An empty value is no date.
    [ -n "${SOURCE_DATE_EPOCH-}" ] || unset SOURCE_DATE_EPOCH
    node "$here/package.mjs" --format=$format --no-docs --output="$folder" "$@"
    (cd "$folder" && sha256sum kmesh* > SHA256SUMS)
    ;;
  install)
    (cd "$folder" && sha256sum --check "$here/SHA256SUMS")
    "$here/install.sh" "$folder"/kmesh*
    "$here/install.sh" --list > /usr/lib/kmesh/packages.txt
    # Where the first images had it: users map config/linux-bpf.h there, and run node in a container.
    ln -s usr/lib/kmesh /kmesh
    ln -s /usr/lib/kmesh-node/node /usr/local/bin/node
    # `command: ["/bin/sh", "-c"]`: bash runs the one command in its own place; dash would stay PID 1 and swallow SIGTERM.
    ln -sf bash /bin/sh
    rm -r "$here"
    ;;
  *) echo "image.sh: unknown word $word" >&2; exit 2 ;;
esac
