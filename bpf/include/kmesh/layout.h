/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Layout of map keys and values: the contract between the eBPF programs and
 * kmesh-daemon. The C side owns it; daemon/maps/layout.ts repeats it and a test
 * compares the two through the BTF of the compiled objects.
 *
 * Addresses are 16 bytes in network order; IPv4 is written as its v4-mapped
 * form ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). Ports are in host order.
 */
#ifndef KMESH_LAYOUT_H
#define KMESH_LAYOUT_H

#include <linux/types.h>

/* Raised whenever a struct below changes in size or meaning. */
#define KM_LAYOUT_VERSION 1

#define KM_NAME_LEN 256

/*
 * What became of a connection, and why. Numbers are never reused: operators
 * keep dashboards on them. Outcomes are the table in docs/outcomes.md.
 */
enum km_reason {
	KM_REASON_UNSPEC = 0,
	/* steered to an endpoint */
	KM_REASON_STEERED = 1,
	KM_REASON_STEERED_PANIC = 2,
	/* goes on to the address the client asked for */
	KM_REASON_NO_LISTENER = 10,
	KM_REASON_ORIGINAL_DST = 11,
	KM_REASON_PASSTHROUGH = 12,
	KM_REASON_OWN_CONNECTION = 13,
	KM_REASON_NOT_TCP = 14,
	/* refused: ECONNREFUSED, or EPERM before bpf_set_retval (5.18) */
	KM_REASON_NO_ENDPOINTS = 20,
	KM_REASON_ALL_UNHEALTHY = 21,
	KM_REASON_CLUSTER_UNKNOWN = 22,
	KM_REASON_WEIGHTS_ZERO = 23,
	KM_REASON_BLACKHOLE = 24,
	KM_REASON_MAX_CONNECTIONS = 25,
	KM_REASON_FAMILY_MISMATCH = 26,
	/* an error of our own: fails open, goes on to the original address */
	KM_REASON_ERR_SPLIT = 40,
	KM_REASON_ERR_SLOT = 41,
	KM_REASON_ERR_TARGET = 42,
	KM_REASON_ERR_STORAGE = 43,
	KM_REASON_MAX = 64,
};

/* km_listener: exact address and port. */
struct km_listener_key {
	__u8 addr[16];
	__u16 port;
	__u16 pad;
};

/*
 * km_prefix: longest prefix match. prefixlen counts from the first bit of
 * port: 32 bits of port and family, then the address. 0.0.0.0/0 is the family
 * KM_FAMILY_V4 with 32 + 96 bits, ::/0 is KM_FAMILY_V6 with 32 bits.
 */
#define KM_FAMILY_V4 0
#define KM_FAMILY_V6 1

struct km_prefix_key {
	__u32 prefixlen;
	__be16 port; /* network order: the trie compares bytes */
	__u16 family;
	__u8 addr[16];
};

enum km_target_kind {
	KM_TARGET_CLUSTER = 1, /* target is a cluster id */
	KM_TARGET_SPLIT = 2,   /* target is a split id with n slots */
	KM_TARGET_PASS = 3,    /* to the original address, counted as reason */
	KM_TARGET_REFUSE = 4,  /* refused, counted as reason */
};

/* Value of km_listener and of km_prefix. */
struct km_listener {
	__u32 listener_id; /* key of km_listener_state */
	__u32 target;
	__u32 n;
	__u8 kind;   /* enum km_target_kind */
	__u8 reason; /* enum km_reason, for PASS and REFUSE */
	__u16 pad;
};

/*
 * km_split: an alias table (Walker, Vose) over weighted clusters: slot i is
 * drawn uniformly, then the primary if the coin is below the threshold.
 * A threshold of 0xffffffff always takes the primary.
 */
struct km_split_key {
	__u32 split_id;
	__u32 index;
};

struct km_split {
	__u32 cluster_id; /* KM_CLUSTER_UNKNOWN when CDS does not hold it */
	__u32 alias_cluster_id;
	__u32 threshold;
};

#define KM_CLUSTER_UNKNOWN 0

enum km_cluster_kind {
	KM_CLUSTER_ENDPOINTS = 1,
	KM_CLUSTER_PASS = 2,
	KM_CLUSTER_REFUSE = 3,
};

enum km_lb_policy {
	KM_LB_ROUND_ROBIN = 1,
	KM_LB_RANDOM = 2,
	KM_LB_LEAST_REQUEST = 3,
};

/* km_cluster, by cluster id. */
struct km_cluster {
	__u32 slots[2]; /* by KM_FAMILY_*: entries in km_slot */
	__u32 max_connections; /* 0xffffffff: no limit */
	__u8 kind;   /* enum km_cluster_kind */
	__u8 lb;     /* enum km_lb_policy */
	__u8 reason; /* PASS, REFUSE, or why there is no slot at all */
	__u8 panic;  /* 1: unhealthy endpoints are in the slots on purpose */
};

/* km_slot: the alias table of one cluster and one family. */
struct km_slot_key {
	__u32 cluster_id;
	__u32 index; /* bit 31: family */
};

struct km_endpoint {
	__u8 addr[16];
	__u16 port;
	__u16 pad;
	__u32 endpoint_id; /* key of km_endpoint_state */
};

struct km_slot {
	struct km_endpoint primary;
	struct km_endpoint alias;
	__u32 threshold;
};

/*
 * Counters. Written by the programs with atomic adds; user space creates and
 * deletes the entries and reads them. Ids are never reused, so that a socket
 * which outlives its endpoint finds no entry rather than another endpoint's.
 */
struct km_listener_state {
	__u64 steered;
	__u64 passed;
	__u64 refused;
};

struct km_cluster_state {
	__u64 cursor; /* round robin position */
	__u64 active; /* sockets between connect() and close */
	__u64 steered;
	__u64 refused;
};

struct km_endpoint_state {
	__u64 active;
	__u64 steered;
	__u64 failed; /* closed without having been established */
};

/* km_name: names of ids, so that a restarted daemon knows what it adopts. */
enum km_name_kind {
	KM_NAME_LISTENER = 1,
	KM_NAME_CLUSTER = 2,
};

struct km_name_key {
	__u32 kind;
	__u32 id;
};

struct km_name {
	char text[KM_NAME_LEN];
};

/* km_sock: socket storage of a steered connection. */
struct km_sock {
	__u8 orig_addr[16];
	__u16 orig_port;
	__u8 counted; /* 1: in the active counts */
	__u8 established;
	__u32 cluster_id;
	__u32 endpoint_id;
};

#endif /* KMESH_LAYOUT_H */
