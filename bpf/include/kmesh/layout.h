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

#include <linux/bpf.h>
#include <linux/types.h>

#include "kmesh/request.h"

/*
 * Raised whenever a struct below changes in size or meaning. Those of km_sock,
 * of km_pod, of the counters, of km_failures, km_traffic, km_outcome and of
 * km_name never do: the maps of all layouts share them.
 */
#define KM_LAYOUT_VERSION 5

#define KM_NAME_LEN 256

/* .rodata: set by the daemon before it loads the programs, constant from then on. */
struct km_settings {
	__u32 own_gid;  /* real group id of the agent and the daemon; 0: none */
	__u32 requests; /* 1: the kernel lets programs read requests; 0: no code for it is loaded */
	__u32 vendor;   /* 1: the helpers of Kmesh's own kernel patches are called, where the build knows them */
	__u32 manage;   /* enum km_manage */
};

/* Whose connections are looked at. */
enum km_manage {
	KM_MANAGE_ALL = 0,    /* of every process of the cgroup */
	KM_MANAGE_LISTED = 1, /* of the network namespaces in km_pod */
	KM_MANAGE_NONE = 2,   /* those were to be, and the kernel does not tell namespaces apart */
};

/*
 * A hash map frees the old element when a key gets a new value, and from 6.1 on
 * that memory may be another key's a moment later, under the eyes of a program
 * that still reads it. So the records of hash maps end in a lock: user space
 * writes them in place with BPF_F_LOCK, programs copy them under the lock, and
 * nobody sees half a record or somebody else's. (LPM tries cannot hold a lock
 * and need none: they free their nodes after an RCU grace period.)
 */

/*
 * What became of a connection, and why. Numbers are never reused: operators
 * keep dashboards on them. The tens tell the outcome, see bpf/lib/reason.h;
 * the table of outcomes is in docs/outcomes.md.
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
	KM_REASON_NOT_MANAGED = 15,
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
	KM_REASON_ERR_ROUTE = 44,
	/* not decided yet: kmesh.ko holds the connection back until its request is there */
	KM_REASON_DEFERRED = 50,
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

/*
 * Value of km_prefix. The target is the default decision of the address: what
 * connections get whose request is not read or not routed.
 */
struct km_listener {
	__u32 listener_id; /* key of km_listener_state */
	__u32 target;
	__u32 n;
	__u32 routes; /* key of km_routes; 0: requests are not read */
	__u8 kind;   /* enum km_target_kind */
	__u8 reason; /* enum km_reason, for PASS and REFUSE */
	__u16 pad;
};

/* Value of km_listener. */
struct km_listener_entry {
	struct km_listener listener;
	struct bpf_spin_lock lock;
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
	struct bpf_spin_lock lock;
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
	KM_LB_SOURCE_HASH = 4, /* the slots are a table over hashes: each has one endpoint */
};

/* km_cluster, by cluster id. */
struct km_cluster {
	__u32 slots[2]; /* by KM_FAMILY_*: entries in km_slot */
	__u32 max_connections; /* KM_NO_LIMIT: any number */
	__u8 kind;   /* enum km_cluster_kind */
	__u8 lb;     /* enum km_lb_policy */
	__u8 reason; /* PASS, REFUSE, or why there is no slot at all */
	__u8 panic;  /* 1: unhealthy endpoints are in the slots on purpose */
	struct bpf_spin_lock lock;
};

#define KM_NO_LIMIT 0xffffffff

/* km_slot: the alias table of one cluster and one family; with KM_LB_SOURCE_HASH its Maglev table. */
#define KM_SLOT_FAMILY_SHIFT 31

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
	struct bpf_spin_lock lock;
};

/*
 * km_routes, by the id of a route table. Its virtual hosts are found by the
 * request's host, as Envoy finds them: km_domain, then the longest suffix and
 * the longest prefix of km_wild, then any.
 */
struct km_routes {
	__u32 any; /* virtual host of the domain "*"; 0: there is none */
	__u32 ignore_port; /* 1: hosts are compared without their port */
	struct bpf_spin_lock lock;
};

/* km_domain: whole host names. */
struct km_domain_key {
	__u32 routes;
	char name[KM_HOST_MAX]; /* lower case, zeros behind */
};

struct km_domain {
	__u32 vhost; /* key of km_vhost */
	struct bpf_spin_lock lock;
};

/*
 * km_wild: longest prefix match over beginnings of host names, and over
 * beginnings of reversed host names, which are ends. prefixlen counts from the
 * first bit of routes. The key has the 256 bytes that an LPM trie takes at most.
 */
enum km_wild_kind {
	KM_WILD_SUFFIX = 1, /* text is reversed */
	KM_WILD_PREFIX = 2,
};

struct km_wild_key {
	__u32 prefixlen;
	__u32 routes;
	__u32 kind; /* enum km_wild_kind */
	char text[KM_HOST_MAX]; /* lower case, zeros behind */
};

struct km_wild {
	__u32 vhost;
};

/* km_vhost: a virtual host is the program that chooses its route. */
struct km_vhost {
	__u32 program; /* steps 0 to n - 1 of km_step */
	__u32 n;
	struct bpf_spin_lock lock;
};

/*
 * km_step: never written twice. A virtual host that changes gets a new program,
 * and the old one is removed when nobody can walk it any more.
 */
struct km_step_key {
	__u32 program;
	__u32 index;
};

/* What a step does with the current text, which is empty at the beginning. */
enum km_step_op {
	KM_STEP_FIELD = 1,    /* makes a part of the request the text: value is enum km_field */
	KM_STEP_HEADER = 2,   /* the same for the header that hash and data name */
	KM_STEP_PARAM = 3,    /* the same for a query parameter */
	KM_STEP_EMPTY = 4,    /* makes the text empty */
	KM_STEP_COMPARE = 5,  /* data stands in the text at offset value, from the end with KM_STEP_FROM_END */
	KM_STEP_LENGTH = 6,   /* the text has value bytes, or at least so many with KM_STEP_AT_LEAST */
	KM_STEP_CONTAINS = 7, /* data stands in the text */
	KM_STEP_RANGE = 8,    /* the text is a decimal integer from start to before end */
	KM_STEP_TARGET = 9,   /* ends: a route applies, and leads to target */
	KM_STEP_DEFAULT = 10, /* ends: the default decision applies, counted as value (enum km_l7_event) */
	KM_STEP_AUTOMATON = 11, /* the automaton with the key value takes the whole text */
};

#define KM_STEP_IGNORE_CASE 1 /* of COMPARE and CONTAINS: data is in lower case, the text is taken as if it were */
#define KM_STEP_FROM_END 2
#define KM_STEP_AT_LEAST 4

#define KM_STEP_DATA 48

struct km_step {
	__u8 op;     /* enum km_step_op */
	__u8 flags;  /* KM_STEP_* */
	__u8 kind;   /* of TARGET: as in struct km_listener, like target, n and reason */
	__u8 reason;
	__u32 target;
	__u32 n;
	__u32 then;      /* the next step, always a later one */
	__u32 otherwise; /* the next step when the request has no such part or the text is another */
	__u32 value;
	__u32 len;  /* bytes in data */
	__u32 pad;
	__u64 hash; /* of the name in data, see struct km_pair */
	__s64 start;
	__s64 end;
	__u8 data[KM_STEP_DATA]; /* zeros behind */
};

/* Limits of an automaton: a state is a byte, and with its element's head the record stays below 8 KB, which is what memory it takes. */
#define KM_AUTOMATON_STATES 256
#define KM_AUTOMATON_CELLS 7680

/*
 * km_automaton: a regular expression as a deterministic automaton over bytes.
 * Never written twice, like a step. Out of state 0 no text leads to a match, so
 * that a text need not be looked at further.
 */
struct km_automaton {
	__u32 states;
	__u32 start;
	__u32 accepting; /* from this state on they are; states when none is */
	__u32 width;     /* number of classes */
	__u8 classes[256]; /* of each byte */
	__u8 next[KM_AUTOMATON_CELLS]; /* states x classes: where a byte leads; zeros behind */
};

/* km_l7: what became of the requests, counted per CPU. Numbers are never reused. */
enum km_l7_event {
	KM_L7_ROUTED = 0,          /* a route's target was taken; all others: the default decision */
	KM_L7_NOT_COMPLETE = 1,    /* no whole HTTP/1 head: the module's counters tell more */
	KM_L7_NO_HOST = 2,         /* without a host, or with one longer than KM_HOST_MAX */
	KM_L7_NO_VIRTUAL_HOST = 3,
	KM_L7_NO_ROUTE = 4,
	KM_L7_UNDECIDABLE = 5,     /* a match that this node cannot decide */
	KM_L7_BUDGET = 6,          /* more steps than one connect() may take */
	KM_L7_NOT_PUBLISHED = 7,   /* no room in km_request, or a record that cannot be read */
	KM_L7_MAX = 16,
};

/*
 * km_request: the requests of the sockets that kmesh.ko connects at this
 * moment, by socket cookie, each with room for the program that routes it. The
 * room is here because a program can be preempted by another connect() on its
 * CPU since 5.11, and because all of it would not fit a stack of 512 bytes.
 */
/*
 * Most rounds of one walk. A step is one round; CONTAINS takes one for each 80
 * bytes of text and one for each place where the first byte of data stands,
 * AUTOMATON one for each KM_WALK_BYTES.
 */
#define KM_WALK_ROUNDS 4096

#define KM_WALK_BYTES 128

struct km_walk {
	__u32 program;
	__u32 index;  /* of the next step */
	__u32 cursor; /* CONTAINS, AUTOMATON: where the next window of the text begins */
	__u32 place;  /* CONTAINS: where in this one the first byte of data stands; AUTOMATON: the state there */
	__u32 target; /* these four: where the route leads, as in struct km_listener */
	__u32 target_n;
	__u8 target_kind;
	__u8 target_reason;
	__u16 pad[3];
	struct km_text text; /* the current text */
	union {
		struct km_domain_key domain;
		struct km_wild_key wild;
		__u64 words[KM_WALK_BYTES / 8]; /* what was read of the text */
	};
};

struct km_published {
	struct km_request request;
	struct km_walk walk;
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
	__s64 active; /* sockets between connect() and close */
	__u64 steered;
	__u64 refused;
};

struct km_endpoint_state {
	__s64 active;
	__u64 steered;
	__u64 failed; /* closed without having been established */
};

/*
 * km_failures: by endpoint id, the connects that ended without a connection: the
 * endpoint, or the network, said no, or did not answer. Programs make entries, so
 * that the map holds the endpoints in trouble alone; user space takes them out.
 */
struct km_failures {
	__u32 in_row; /* up to now: 0 when the last connect went well */
	__u32 most;   /* most in a row since the entry was made */
};

/*
 * km_traffic: by cluster id, the bytes of connections that have ended, as TCP counts
 * them (a SYN and a FIN are a byte each). Programs make entries; user space takes
 * out those of clusters that are gone.
 */
struct km_traffic {
	__u64 sent; /* and acknowledged */
	__u64 received;
};

/*
 * km_outcome: connections by listener and reason, as a number of 64 bits, but for
 * KM_REASON_STEERED, which struct km_listener_state counts. Entries come and go as
 * in km_traffic.
 */
struct km_outcome_key {
	__u32 listener_id;
	__u32 reason; /* enum km_reason */
};

/*
 * km_pod: the managed network namespaces, by cookie, and what became of the
 * connections of their sockets. User space makes and removes entries.
 */
struct km_pod {
	__u64 steered;
	__u64 passed;
	__u64 refused;
};

/* km_name: names of ids, so that a restarted daemon knows what it adopts. */
enum km_name_kind {
	KM_NAME_LISTENER = 1,
	KM_NAME_CLUSTER = 2,
	KM_NAME_ROUTES = 3,
	KM_NAME_VHOST = 4,
};

struct km_name_key {
	__u32 kind;
	__u32 id;
};

struct km_name {
	char text[KM_NAME_LEN];
};

/*
 * Whether a socket is in the active counts, and who takes it out. The connect
 * hook counts it, so that max_connections holds; from the first SYN on sockops
 * sees every end of the connection, and before that only the socket's release.
 */
enum km_sock_count {
	KM_SOCK_NOT_COUNTED = 0,
	KM_SOCK_RESERVED = 1, /* connect() has not sent a SYN yet */
	KM_SOCK_COUNTED = 2,  /* sockops follows its state */
};

/* km_sock: socket storage of a steered connection. */
struct km_sock {
	__u8 orig_addr[16];
	__u16 orig_port;
	__u8 count; /* enum km_sock_count */
	__u8 established;
	__u32 cluster_id;
	__u32 endpoint_id;
};

#endif /* KMESH_LAYOUT_H */
