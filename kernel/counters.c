// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <kmesh/request.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include "counters.h"

DEFINE_PER_CPU(u64 [KM_COUNTERS], km_counters);

static atomic_t km_gauges[KM_GAUGES];

void km_count_verdict(u32 verdict)
{
	static const enum km_counter counters[] = {
		[KM_HEAD_COMPLETE] = KM_COUNT_COMPLETE, [KM_HEAD_TLS] = KM_COUNT_TLS,
		[KM_HEAD_HTTP2] = KM_COUNT_HTTP2,       [KM_HEAD_NOT_HTTP] = KM_COUNT_NOT_HTTP,
		[KM_HEAD_BAD] = KM_COUNT_BAD,           [KM_HEAD_TOO_LARGE] = KM_COUNT_TOO_LARGE,
		[KM_HEAD_TOO_LATE] = KM_COUNT_TOO_LATE, [KM_HEAD_SILENT] = KM_COUNT_SILENT,
		[KM_HEAD_CUT] = KM_COUNT_CUT,           [KM_HEAD_DRAINED] = KM_COUNT_DRAINED,
	};

	km_count(counters[verdict]);
}

void km_gauge_add(enum km_gauge gauge, int by)
{
	atomic_add(by, &km_gauges[gauge]);
}

int km_gauge_read(enum km_gauge gauge)
{
	return atomic_read(&km_gauges[gauge]);
}

struct km_counter_file {
	struct kobj_attribute attr;
	unsigned int index;
};

static ssize_t km_counter_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	unsigned int index = container_of(attr, struct km_counter_file, attr)->index;
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(km_counters[index], cpu);
	return sysfs_emit(page, "%llu\n", sum);
}

static ssize_t km_gauge_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return sysfs_emit(page, "%d\n", km_gauge_read(container_of(attr, struct km_counter_file, attr)->index));
}

#define KM_FILE(name, show, number)                                                   \
	static struct km_counter_file km_file_##name = {                              \
		.attr = __ATTR(name, 0444, show, NULL),                               \
		.index = number,                                                      \
	}
#define KM_COUNTER(name, number) KM_FILE(name, km_counter_show, number)

KM_FILE(armed, km_gauge_show, KM_GAUGE_ARMED);
KM_FILE(deferred, km_gauge_show, KM_GAUGE_DEFERRED);
KM_COUNTER(takeovers, KM_COUNT_TAKEOVERS);
KM_COUNTER(refused_takeovers, KM_COUNT_REFUSED_TAKEOVERS);
KM_COUNTER(complete, KM_COUNT_COMPLETE);
KM_COUNTER(split, KM_COUNT_SPLIT);
KM_COUNTER(tls, KM_COUNT_TLS);
KM_COUNTER(http2, KM_COUNT_HTTP2);
KM_COUNTER(not_http, KM_COUNT_NOT_HTTP);
KM_COUNTER(bad, KM_COUNT_BAD);
KM_COUNTER(too_large, KM_COUNT_TOO_LARGE);
KM_COUNTER(too_late, KM_COUNT_TOO_LATE);
KM_COUNTER(silent, KM_COUNT_SILENT);
KM_COUNTER(cut, KM_COUNT_CUT);
KM_COUNTER(drained, KM_COUNT_DRAINED);
KM_COUNTER(no_memory, KM_COUNT_NO_MEMORY);
KM_COUNTER(closed, KM_COUNT_CLOSED);
KM_COUNTER(unfinished, KM_COUNT_UNFINISHED);

static struct attribute *km_counter_attrs[] = {
	&km_file_armed.attr.attr,     &km_file_deferred.attr.attr,  &km_file_takeovers.attr.attr,
	&km_file_refused_takeovers.attr.attr, &km_file_complete.attr.attr, &km_file_split.attr.attr,
	&km_file_tls.attr.attr,       &km_file_http2.attr.attr,     &km_file_not_http.attr.attr,
	&km_file_bad.attr.attr,       &km_file_too_large.attr.attr, &km_file_too_late.attr.attr,
	&km_file_silent.attr.attr,    &km_file_cut.attr.attr,       &km_file_drained.attr.attr,
	&km_file_no_memory.attr.attr, &km_file_closed.attr.attr,    &km_file_unfinished.attr.attr,
	NULL,
};

static const struct attribute_group km_counter_group = {
	.attrs = km_counter_attrs,
};

static struct kobject *km_counter_folder;

int km_counters_init(void)
{
	int err;

	km_counter_folder = kobject_create_and_add("counters", &THIS_MODULE->mkobj.kobj);
	if (!km_counter_folder)
		return -ENOMEM;
	err = sysfs_create_group(km_counter_folder, &km_counter_group);
	if (err)
		kobject_put(km_counter_folder);
	return err;
}

void km_counters_exit(void)
{
	kobject_put(km_counter_folder);
}
