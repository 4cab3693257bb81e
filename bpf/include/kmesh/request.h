/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What kmesh.ko tells the eBPF programs of a request: the contract between
 * kernel/ and bpf/. Both are compiled against this file.
 *
 * The module holds a connection back at connect(), collects the head of the
 * first request, and shows it here for as long as it really connects the
 * socket: the tracepoint kmesh_request(cookie, request) begins that, the same
 * with request == NULL ends it. km_request_publish copies the record into the
 * map km_request under the socket's cookie; the connect hook, which the real
 * connect() runs, finds it there and routes.
 */
#ifndef KMESH_REQUEST_H
#define KMESH_REQUEST_H

#include <linux/types.h>

/* Raised whenever a struct below changes in size or meaning; the module shows it as its parameter "abi". */
#define KM_REQUEST_ABI 1

/* The name that a connect hook sets as TCP_CONGESTION to have a socket's connection held back, see kernel/takeover.c. */
#define KM_TAKEOVER_NAME "kmesh:defer"

/* Longest host name that domains are compared with; RFC 1035 section 2.3.4 allows 253 with a port of none. */
#define KM_HOST_MAX 248

/* A head with more of them is too large. Envoy's limit on headers is 100. */
#define KM_MAX_HEADERS 128
#define KM_MAX_PARAMS 64

/* Why the module lets the connection go on now. Numbers are never reused. */
enum km_head_verdict {
	KM_HEAD_COMPLETE = 1, /* an HTTP/1 head: the only one with fields, headers and params */
	KM_HEAD_TLS = 2,      /* first bytes of a TLS record with a ClientHello */
	KM_HEAD_HTTP2 = 3,    /* HTTP/2 connection preface, RFC 9113 section 3.4 */
	KM_HEAD_NOT_HTTP = 4, /* first bytes that no HTTP/1 request line has */
	KM_HEAD_BAD = 5,      /* begins like HTTP/1 and breaks RFC 9112 */
	KM_HEAD_TOO_LARGE = 6,
	KM_HEAD_TOO_LATE = 7, /* part of a head, and the fallback time is over */
	KM_HEAD_SILENT = 8,   /* not one byte, and the fallback time is over */
	KM_HEAD_CUT = 9,      /* the client ended its side before the head was whole */
	KM_HEAD_DRAINED = 10, /* the module is about to be removed */
};

/* Part of the request's text: offset from km_request.text. */
struct km_text {
	__u32 off;
	__u32 len;
};

enum km_field {
	KM_FIELD_METHOD = 0,
	KM_FIELD_PATH = 1,      /* path without query and fragment */
	KM_FIELD_FULL_PATH = 2, /* with them: Envoy's :path */
	KM_FIELD_AUTHORITY = 3, /* Host, or the authority of an absolute-form target, as sent */
	KM_FIELD_SCHEME = 4,    /* of an absolute-form target, else "http" */
	KM_FIELDS = 5,
};

/*
 * A header, by its lower case name, or a query parameter, by its name as it is.
 * Sorted by hash: FNV-1a of 64 bits (offset basis 0xcbf29ce484222325, prime
 * 0x100000001b3) over the bytes of the name. A header that stands several times
 * is one entry with the values joined by "," ("; " for cookie), as Envoy matches
 * it; of a parameter that stands several times the first counts.
 */
struct km_pair {
	__u64 hash;
	struct km_text name;
	struct km_text value;
};

struct km_request {
	__u64 text;    /* kernel address of the text that all parts point into */
	__u64 headers; /* kernel address of n_headers struct km_pair */
	__u64 params;  /* kernel address of n_params struct km_pair */
	__u32 abi;     /* KM_REQUEST_ABI */
	__u32 verdict; /* enum km_head_verdict */
	__u32 n_headers;
	__u32 n_params;
	struct km_text field[KM_FIELDS];
	/* Bytes in the four texts below; 0: there is no host, or it is longer than KM_HOST_MAX. */
	__u32 host_len;
	__u32 bare_len;
	/* In lower case, zeros behind. The reversed ones serve longest suffix matches. */
	char host[KM_HOST_MAX]; /* the authority with its port, where one stands there */
	char bare[KM_HOST_MAX]; /* without port */
	char host_reversed[KM_HOST_MAX];
	char bare_reversed[KM_HOST_MAX];
};

#endif /* KMESH_REQUEST_H */
