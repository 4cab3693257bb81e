/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* /sys/module/kmesh/counters: what has happened since the module was loaded, and how many sockets it holds now. */
#ifndef KMESH_COUNTERS_H
#define KMESH_COUNTERS_H

#include <linux/percpu.h>
#include <linux/types.h>

enum km_counter {
	KM_COUNT_TAKEOVERS,         /* connections held back */
	KM_COUNT_REFUSED_TAKEOVERS, /* asked for by a program, and not possible */
	KM_COUNT_COMPLETE,
	KM_COUNT_SPLIT, /* of these: came in more than one send */
	KM_COUNT_TLS,
	KM_COUNT_HTTP2,
	KM_COUNT_NOT_HTTP,
	KM_COUNT_BAD,
	KM_COUNT_TOO_LARGE,
	KM_COUNT_TOO_LATE,
	KM_COUNT_SILENT,
	KM_COUNT_CUT,
	KM_COUNT_DRAINED,
	KM_COUNT_NO_MEMORY,  /* decided without the head, because there was no memory for it */
	KM_COUNT_CLOSED,     /* closed by the client before a byte was sent: no connection was made */
	KM_COUNT_UNFINISHED, /* held bytes that could not be delivered: no answer to the SYN before the time was over */
	KM_COUNTERS,
};

DECLARE_PER_CPU(u64 [KM_COUNTERS], km_counters);

static inline void km_count(enum km_counter counter)
{
	this_cpu_inc(km_counters[counter]);
}

void km_count_verdict(u32 verdict);

/* Sockets that hold a reference of the module. Safe in atomic context. */
enum km_gauge {
	KM_GAUGE_ARMED,    /* taken over, and connect() has not come yet */
	KM_GAUGE_DEFERRED, /* held back, or with held bytes still to be delivered */
	KM_GAUGES,
};

void km_gauge_add(enum km_gauge gauge, int by);
int km_gauge_read(enum km_gauge gauge);

int km_counters_init(void);
void km_counters_exit(void);

#endif /* KMESH_COUNTERS_H */
