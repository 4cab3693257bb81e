# SPDX-License-Identifier: Apache-2.0
# Prebuilt for one kernel: no compiler in the image, a start takes the time of a warm cache. On another kernel the agent
# says so and names the other image, Dockerfile.compat.
#
#   BASE                the distribution, with apt-get or dnf
#   KERNEL_RELEASE      `uname -r` of the nodes; empty: the kernel that this build runs on
#   KERNEL_PACKAGES     packages with the header tree of that kernel; empty: without kmesh.ko
#   KERNEL_HEADERS      the tree, where it is not in one of the usual places
#   SOURCE_DATE_EPOCH   seconds that the files of the packages are dated with
ARG BASE=openeuler/openeuler:24.03-lts

# The steps of Dockerfile.compat: on one base they are run once for both.
FROM ${BASE} AS build
WORKDIR /src
COPY packaging/install.sh packaging/
RUN packaging/install.sh npm package plugin
COPY packaging/node packaging/node
RUN cd packaging/node && npm ci --ignore-scripts --no-audit --no-fund
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node scripts/generate-protos.mjs && node scripts/build.mjs && make -C cni

FROM ${BASE} AS bundle
WORKDIR /src
COPY packaging/install.sh packaging/
RUN packaging/install.sh bpf module
ARG KERNEL_PACKAGES=
RUN set -- ; for name in ${KERNEL_PACKAGES}; do set -- "$@" "=$name"; done; [ $# = 0 ] || packaging/install.sh "$@"
COPY --from=build /src /src
ARG KERNEL_RELEASE=
ARG KERNEL_HEADERS=
RUN packaging/node/node_modules/node-linux-*/bin/node agent.js bundle --state-dir=/tmp/state --output=/tmp/kmesh.tar \
    ${KERNEL_RELEASE:+--kernel-release=${KERNEL_RELEASE}} ${KERNEL_HEADERS:+--kernel-headers=${KERNEL_HEADERS}} ${KERNEL_PACKAGES:+--require=l7}

FROM build AS package
COPY --from=bundle /tmp/kmesh.tar /tmp/
ARG SOURCE_DATE_EPOCH=
RUN packaging/image.sh package /packages --bundle=/tmp/kmesh.tar

FROM ${BASE}
COPY packaging/install.sh packaging/image.sh /tmp/kmesh/
# A layer is made anew when files change that are copied, not those that are mounted.
COPY --from=package /packages/SHA256SUMS /tmp/kmesh/
RUN --mount=type=bind,from=package,source=/packages,target=/mnt /tmp/kmesh/image.sh install /mnt
WORKDIR /usr/lib/kmesh
ARG KERNEL_RELEASE=
ARG VERSION=
LABEL org.opencontainers.image.title="kmesh" \
      org.opencontainers.image.description="Kmesh node agent, prebuilt for one kernel" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-2.0-only" \
      org.opencontainers.image.version="${VERSION}" \
      io.kmesh.kernel-release="${KERNEL_RELEASE}"
ENTRYPOINT ["/usr/lib/kmesh-node/node", "/usr/lib/kmesh/agent.js"]
CMD ["--mode=ads"]
