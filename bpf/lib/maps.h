/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The maps. kmesh-daemon sets max_entries before it loads the object; the
 * numbers here serve whoever loads it with another tool.
 *
 * Without preallocation a map costs what is in it, not what could be.
 */
#ifndef KMESH_LIB_MAPS_H
#define KMESH_LIB_MAPS_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>

#include "kmesh/layout.h"

#ifndef KM_MAX_LISTENERS
#define KM_MAX_LISTENERS 65536
#endif
#ifndef KM_MAX_CLUSTERS
#define KM_MAX_CLUSTERS 65536
#endif
#ifndef KM_MAX_ENDPOINTS
#define KM_MAX_ENDPOINTS 1048576
#endif
/* Endpoints in trouble at one moment; beyond, nobody counts in which they are. */
#ifndef KM_MAX_FAILURES
#define KM_MAX_FAILURES 16384
#endif
#ifndef KM_MAX_PODS
#define KM_MAX_PODS 4096
#endif
/* User space takes each answer out again before it asks for the next. */
#ifndef KM_MAX_LEARNED
#define KM_MAX_LEARNED 64
#endif
#ifndef KM_MAX_ROUTES
#define KM_MAX_ROUTES 4096
#endif
#ifndef KM_MAX_VHOSTS
#define KM_MAX_VHOSTS 65536
#endif
#ifndef KM_MAX_DOMAINS
#define KM_MAX_DOMAINS 262144
#endif
#ifndef KM_MAX_STEPS
#define KM_MAX_STEPS 1048576
#endif
#ifndef KM_MAX_AUTOMATA
#define KM_MAX_AUTOMATA 4096
#endif
/* Connects of held back sockets at one moment; each lasts about as long as a connect() that does not wait. */
#ifndef KM_MAX_REQUESTS
#define KM_MAX_REQUESTS 1024
#endif

#define KM_HASH(name, key_type, value_type, entries)	\
	struct {					\
		__uint(type, BPF_MAP_TYPE_HASH);	\
		__uint(map_flags, BPF_F_NO_PREALLOC);	\
		__uint(max_entries, entries);		\
		__type(key, key_type);			\
		__type(value, value_type);		\
	} name SEC(".maps")

KM_HASH(km_listener, struct km_listener_key, struct km_listener_entry, KM_MAX_LISTENERS);
KM_HASH(km_split, struct km_split_key, struct km_split, KM_MAX_LISTENERS);
KM_HASH(km_cluster, __u32, struct km_cluster, KM_MAX_CLUSTERS);
KM_HASH(km_slot, struct km_slot_key, struct km_slot, KM_MAX_ENDPOINTS);

KM_HASH(km_routes, __u32, struct km_routes, KM_MAX_ROUTES);
KM_HASH(km_domain, struct km_domain_key, struct km_domain, KM_MAX_DOMAINS);
KM_HASH(km_vhost, __u32, struct km_vhost, KM_MAX_VHOSTS);
KM_HASH(km_step, struct km_step_key, struct km_step, KM_MAX_STEPS);
KM_HASH(km_automaton, __u32, struct km_automaton, KM_MAX_AUTOMATA);

KM_HASH(km_listener_state, __u32, struct km_listener_state, KM_MAX_LISTENERS);
KM_HASH(km_cluster_state, __u32, struct km_cluster_state, KM_MAX_CLUSTERS);
KM_HASH(km_endpoint_state, __u32, struct km_endpoint_state, KM_MAX_ENDPOINTS);

KM_HASH(km_failures, __u32, struct km_failures, KM_MAX_FAILURES);

KM_HASH(km_traffic, __u32, struct km_traffic, KM_MAX_CLUSTERS);
KM_HASH(km_outcome, struct km_outcome_key, __u64, KM_MAX_LISTENERS);

KM_HASH(km_pod, __u64, struct km_pod, KM_MAX_PODS);

/* By socket cookie the cookie of the socket's network namespace: what km_learn found. */
KM_HASH(km_learned, __u64, __u64, KM_MAX_LEARNED);

/* No program reads it: it is here so that one object defines all pinned maps. */
KM_HASH(km_name, struct km_name_key, struct km_name, KM_MAX_LISTENERS);

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, KM_MAX_LISTENERS);
	__type(key, struct km_prefix_key);
	__type(value, struct km_listener);
} km_prefix SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, KM_MAX_DOMAINS);
	__type(key, struct km_wild_key);
	__type(value, struct km_wild);
} km_wild SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KM_REASON_MAX);
	__type(key, __u32);
	__type(value, __u64);
} km_reason SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, KM_L7_MAX);
	__type(key, __u32);
	__type(value, __u64);
} km_l7 SEC(".maps");

/* Preallocated: it is written where memory cannot be waited for. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KM_MAX_REQUESTS);
	__type(key, __u64);
	__type(value, struct km_published);
} km_request SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct km_sock);
} km_sock SEC(".maps");

/* Where km_request_publish puts a record together. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct km_published);
} km_scratch SEC(".maps");

/*
 * The entry of a key in a map whose entries programs make; a new one is a copy of
 * none. 0 when the map is full: then nobody counts. Another CPU may be first: its
 * entry is the one for both.
 */
static __always_inline void *km_entry_of(void *map, const void *key, const void *none)
{
	void *entry = bpf_map_lookup_elem(map, key);

	if (entry)
		return entry;
	bpf_map_update_elem(map, key, none, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}

/* Copies a record that ends in a lock, without the lock. See layout.h. */
#define km_copy_record(to, record)						\
	do {									\
		bpf_spin_lock(&(record)->lock);					\
		__builtin_memcpy(to, record, offsetof(typeof(*(record)), lock));\
		bpf_spin_unlock(&(record)->lock);				\
	} while (0)

#endif /* KMESH_LIB_MAPS_H */
