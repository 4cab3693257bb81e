#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
exec node "$(dirname "$0")/agent.js" "$@"
