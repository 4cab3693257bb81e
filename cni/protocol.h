/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What kmesh-cni and kmesh-daemon say to each other; docs/cni.md shows it with examples.
 *
 * kmesh-cni connects to a stream socket of the node, sends one line of JSON, reads one line of JSON, and closes. The daemon may close
 * as soon as it has answered. A line ends with '\n' and holds no other.
 */
#ifndef KMESH_CNI_PROTOCOL_H
#define KMESH_CNI_PROTOCOL_H

/* Of the host, not of the daemon's container; kmesh.yaml maps the folder. */
#define KM_CNI_SOCKET "/var/run/kmesh/cni.sock"
#define KM_CNI_LOG "/var/run/kmesh/kmesh-cni.log"

/* Member "version" of both lines. A line of another version is not understood, and is as none. */
#define KM_CNI_VERSION 1

/* Longest lines, in bytes, with their '\n'. */
#define KM_CNI_REQUEST_MAX 8192
#define KM_CNI_ANSWER_MAX 4096

/* From the start of the plugin to the answer, for connecting, sending and reading together. */
#define KM_CNI_DEADLINE_MS 1000

#endif
