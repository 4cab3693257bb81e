# SPDX-License-Identifier: Apache-2.0
#
# make docker [HUB=kmesh-net] [TARGET=kmesh] [TAG=latest] [BASE=IMAGE] [KERNEL_RELEASE=R KERNEL_PACKAGES="P ..."]
# make docker-compat [HUB=...] [TARGET=kmesh-compat] [TAG=...] [BASE=IMAGE]
#
# Builds $(HUB)/$(TARGET):$(TAG) with docker, podman or buildah, whichever is here.
#
# make package [BUNDLES="FILE ..."] [PACKAGER="NAME <MAIL>"]
#
# Builds the packages kmesh and kmesh-node, as deb and as rpm, in build/packages. BUNDLES: finished builds for known kernels, which the package then holds.

VERSION := $(shell sed -n 's/^  "version": "\(.*\)",$$/\1/p' package.json)
TAG ?= $(VERSION)
ENGINE ?= $(shell for engine in docker podman buildah; do if command -v $$engine >/dev/null && { [ $$engine != docker ] || docker version >/dev/null 2>&1; }; then echo $$engine; break; fi; done)
BUILD_FLAGS ?=

ifneq ($(ENGINE),)
BUILD = $(ENGINE) $(if $(filter %buildah,$(ENGINE)),bud --layers,build) $(BUILD_FLAGS) --build-arg VERSION=$(VERSION) $(if $(BASE),--build-arg BASE=$(BASE))
else
BUILD = @echo 'none of docker (with its daemon running), podman and buildah is here' >&2; exit 1;
endif
IMAGE = $(if $(HUB),$(HUB)/)$(TARGET):$(TAG)

docker: TARGET ?= kmesh
docker:
	$(BUILD) $(foreach name,KERNEL_RELEASE KERNEL_PACKAGES KERNEL_HEADERS,$(if $($(name)),--build-arg '$(name)=$($(name))')) -t $(IMAGE) -f Dockerfile .

docker-compat: TARGET ?= kmesh-compat
docker-compat:
	$(BUILD) -t $(IMAGE) -f Dockerfile.compat .

package:
	node scripts/package.mjs $(foreach file,$(BUNDLES),--bundle '$(file)')

.PHONY: docker docker-compat package
