// SPDX-License-Identifier: Apache-2.0
/**
 * bpf/include/kmesh/layout.h for TypeScript: sizes and offsets in bytes, numbers of enums. The C side owns
 * them; test/daemon/maps/layout.test.ts holds both equal through the BTF of the compiled object. Integers are
 * little-endian, as on every architecture that koffi has a build for.
 */

/** KM_LAYOUT_VERSION. */
export const LAYOUT_VERSION = 5;

/** KM_REQUEST_ABI of request.h: what kmesh.ko says in its parameter `abi`. */
export const REQUEST_ABI = 1;

/** KM_NO_LIMIT. */
export const NO_LIMIT = 0xffffffff;

export const STRUCTS = {
  km_settings: { size: 16, fields: { own_gid: 0, requests: 4, vendor: 8, manage: 12 } },
  km_listener_key: { size: 20, fields: { addr: 0, port: 16, pad: 18 } },
  km_prefix_key: { size: 24, fields: { prefixlen: 0, port: 4, family: 6, addr: 8 } },
  km_listener: { size: 20, fields: { listener_id: 0, target: 4, n: 8, routes: 12, kind: 16, reason: 17, pad: 18 } },
  km_listener_entry: { size: 24, fields: { listener: 0, lock: 20 } },
  km_split_key: { size: 8, fields: { split_id: 0, index: 4 } },
  km_split: { size: 16, fields: { cluster_id: 0, alias_cluster_id: 4, threshold: 8, lock: 12 } },
  km_cluster: { size: 20, fields: { slots: 0, max_connections: 8, kind: 12, lb: 13, reason: 14, panic: 15, lock: 16 } },
  km_slot_key: { size: 8, fields: { cluster_id: 0, index: 4 } },
  km_endpoint: { size: 24, fields: { addr: 0, port: 16, pad: 18, endpoint_id: 20 } },
  km_slot: { size: 56, fields: { primary: 0, alias: 24, threshold: 48, lock: 52 } },
  km_routes: { size: 12, fields: { any: 0, ignore_port: 4, lock: 8 } },
  km_domain_key: { size: 252, fields: { routes: 0, name: 4 } },
  km_domain: { size: 8, fields: { vhost: 0, lock: 4 } },
  km_wild_key: { size: 260, fields: { prefixlen: 0, routes: 4, kind: 8, text: 12 } },
  km_wild: { size: 4, fields: { vhost: 0 } },
  km_vhost: { size: 12, fields: { program: 0, n: 4, lock: 8 } },
  km_step_key: { size: 8, fields: { program: 0, index: 4 } },
  km_step: {
    size: 104,
    fields: { op: 0, flags: 1, kind: 2, reason: 3, target: 4, n: 8, then: 12, otherwise: 16, value: 20, len: 24, pad: 28, hash: 32, start: 40, end: 48, data: 56 },
  },
  km_automaton: { size: 7952, fields: { states: 0, start: 4, accepting: 8, width: 12, classes: 16, next: 272 } },
  km_listener_state: { size: 24, fields: { steered: 0, passed: 8, refused: 16 } },
  km_cluster_state: { size: 32, fields: { cursor: 0, active: 8, steered: 16, refused: 24 } },
  km_endpoint_state: { size: 24, fields: { active: 0, steered: 8, failed: 16 } },
  km_traffic: { size: 16, fields: { sent: 0, received: 8 } },
  km_outcome_key: { size: 8, fields: { listener_id: 0, reason: 4 } },
  km_failures: { size: 8, fields: { in_row: 0, most: 4 } },
  km_pod: { size: 24, fields: { steered: 0, passed: 8, refused: 16 } },
  km_name_key: { size: 8, fields: { kind: 0, id: 4 } },
  km_name: { size: 256, fields: { text: 0 } },
  km_sock: { size: 28, fields: { orig_addr: 0, orig_port: 16, count: 18, established: 19, cluster_id: 20, endpoint_id: 24 } },
} as const;

/** Enums by their C name; members in lower case without the prefix that the C side needs. */
export const ENUMS = {
  km_reason: {
    unspec: 0,
    steered: 1,
    steered_panic: 2,
    no_listener: 10,
    original_dst: 11,
    passthrough: 12,
    own_connection: 13,
    not_tcp: 14,
    not_managed: 15,
    no_endpoints: 20,
    all_unhealthy: 21,
    cluster_unknown: 22,
    weights_zero: 23,
    blackhole: 24,
    max_connections: 25,
    family_mismatch: 26,
    err_split: 40,
    err_slot: 41,
    err_target: 42,
    err_storage: 43,
    err_route: 44,
    deferred: 50,
  },
  km_manage: { all: 0, listed: 1, none: 2 },
  km_target_kind: { cluster: 1, split: 2, pass: 3, refuse: 4 },
  km_cluster_kind: { endpoints: 1, pass: 2, refuse: 3 },
  km_lb_policy: { round_robin: 1, random: 2, least_request: 3, source_hash: 4 },
  km_name_kind: { listener: 1, cluster: 2, routes: 3, vhost: 4 },
  km_wild_kind: { suffix: 1, prefix: 2 },
  km_step_op: { field: 1, header: 2, param: 3, empty: 4, compare: 5, length: 6, contains: 7, range: 8, target: 9, default: 10, automaton: 11 },
  km_l7_event: { routed: 0, not_complete: 1, no_host: 2, no_virtual_host: 3, no_route: 4, undecidable: 5, budget: 6, not_published: 7 },
  /** Of request.h. */
  km_field: { method: 0, path: 1, full_path: 2, authority: 3, scheme: 4 },
} as const;

/** Name of an outcome, as counters and pages show it. */
export type ReasonName = keyof typeof ENUMS.km_reason;

/** What became of a request, as counters and pages show it. */
export type L7EventName = keyof typeof ENUMS.km_l7_event;

/** Name of a reason by its number; undefined for a number that this build does not know. */
export function reasonName(reason: number): ReasonName | undefined {
  return (Object.keys(ENUMS.km_reason) as ReasonName[]).find((name) => ENUMS.km_reason[name] === reason);
}

/** KM_FAMILY_V4, KM_FAMILY_V6. */
export const FAMILY_NUMBER = { 4: 0, 6: 1 } as const;

/** Bits of km_prefix_key before the address, and of the v4-mapped prefix before an IPv4 address. */
export const PREFIX_HEAD_BITS = 32;
export const MAPPED_BITS = 96;

/** KM_HOST_MAX: bytes of a host name in km_domain_key and km_wild_key. */
export const HOST_MAX = 248;

/** Bits of km_wild_key before the text. */
export const WILD_HEAD_BITS = 64;

/** KM_STEP_DATA, and the flags of a step. */
export const STEP_DATA = 48;
export const STEP_IGNORE_CASE = 1;
export const STEP_FROM_END = 2;
export const STEP_AT_LEAST = 4;

/** KM_AUTOMATON_CELLS and KM_AUTOMATON_STATES. */
export const AUTOMATON_CELLS = 7680;
export const AUTOMATON_STATES = 256;

/** KM_WALK_ROUNDS: most steps that one connect() takes. */
export const WALK_ROUNDS = 4096;

/** KM_SLOT_FAMILY_SHIFT: the family is bit 31 of km_slot_key.index. */
export const SLOT_FAMILY_SHIFT = 31;
