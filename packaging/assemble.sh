#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# assemble.sh FOLDER    builds agent.js and daemon.js in this source tree and lays out FOLDER as the root of an image:
# kmesh/ (the install folder) and usr/local/bin/node.
#
# The sources of the eBPF programs and of kmesh.ko are part of it: the compat image compiles them, the prebuilt one is
# told by their digests whether its bundle is theirs, and their licence asks for them beside what was made from them.
set -eu
out=$1/kmesh
cd "$(dirname "$0")/.."
node scripts/generate-protos.mjs
node scripts/build.mjs
mkdir -p "$out/node_modules/@koromix" "$1/usr/local/bin"
cp -R agent.js daemon.js package.json start_kmesh.sh bpf kernel LICENSE LICENSES NOTICE "$out"
mkdir "$out/node_modules/koffi"
(cd node_modules/koffi && cp -R index.js index.cjs indirect.js indirect.cjs package.json LICENSE.txt lib src "$out/node_modules/koffi")
cp -R node_modules/@koromix/koffi-linux-* "$out/node_modules/@koromix"
cp packaging/node/node_modules/node-linux-*/bin/node "$1/usr/local/bin/node"
cp packaging/node/node_modules/node-linux-*/LICENSE "$out/LICENSES/Node.txt"
