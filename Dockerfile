# SPDX-License-Identifier: Apache-2.0
# Prebuilt for one kernel: no compiler in the image, a start takes the time of a warm cache. On another kernel the agent
# says so and names the other image, Dockerfile.compat.
#
#   BASE               the distribution, with apt-get or dnf
#   KERNEL_RELEASE     `uname -r` of the nodes; empty: the kernel that this build runs on
#   KERNEL_PACKAGES    packages with the header tree of that kernel; empty: without kmesh.ko
#   KERNEL_HEADERS     the tree, where it is not in one of the usual places
ARG BASE=openeuler/openeuler:24.03-lts

FROM ${BASE} AS build
WORKDIR /src
COPY packaging packaging
RUN packaging/install.sh npm bpf module
RUN cd packaging/node && npm ci --ignore-scripts --no-audit --no-fund
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN packaging/assemble.sh /out
ARG KERNEL_PACKAGES=
RUN set -- ; for name in ${KERNEL_PACKAGES}; do set -- "$@" "=$name"; done; [ $# = 0 ] || packaging/install.sh "$@"
ARG KERNEL_RELEASE=
ARG KERNEL_HEADERS=
RUN /out/usr/local/bin/node /out/kmesh/agent.js bundle --state-dir=/tmp/state --output=/out/kmesh/bundles/kmesh.tar \
    ${KERNEL_RELEASE:+--kernel-release=${KERNEL_RELEASE}} ${KERNEL_HEADERS:+--kernel-headers=${KERNEL_HEADERS}} ${KERNEL_PACKAGES:+--require=l7}

FROM ${BASE}
COPY packaging/install.sh /tmp/install.sh
RUN /tmp/install.sh runtime && mkdir /kmesh && /tmp/install.sh --list > /kmesh/packages.txt && rm /tmp/install.sh
# `command: ["/bin/sh", "-c"]`: bash runs the one command in its own place; dash would stay PID 1 and swallow SIGTERM.
RUN ln -sf bash /bin/sh
COPY --from=build /out/ /
WORKDIR /kmesh
ARG KERNEL_RELEASE=
ARG VERSION=
LABEL org.opencontainers.image.title="kmesh" \
      org.opencontainers.image.description="Kmesh node agent, prebuilt for one kernel" \
      org.opencontainers.image.licenses="Apache-2.0 AND GPL-2.0-only" \
      org.opencontainers.image.version="${VERSION}" \
      io.kmesh.kernel-release="${KERNEL_RELEASE}"
ENTRYPOINT ["/usr/local/bin/node", "/kmesh/agent.js"]
CMD ["--mode=ads"]
