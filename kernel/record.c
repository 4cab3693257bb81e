// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/build_bug.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "counters.h"
#include "publish.h"
#include "record.h"
#include "request_build.h"

static struct km_request *km_request_alloc(const struct km_collect *collect)
{
	struct km_request *request;

	BUILD_BUG_ON(sizeof(*request) % sizeof(u64)); /* the room follows */
	request = kvmalloc(sizeof(*request) + km_request_room(collect->scan), GFP_KERNEL_ACCOUNT);
	if (request)
		km_request_build(request, request + 1, collect->text, collect->scan);
	return request;
}

const struct km_request *km_request_make(const struct km_collect *collect, int verdict)
{
	struct km_request *request;

	if (verdict == KM_HEAD_COMPLETE) {
		request = km_request_alloc(collect);
		if (request) {
			km_count_verdict(verdict);
			return request;
		}
		verdict = -ENOMEM;
	}
	if (verdict < 0) {
		km_count(KM_COUNT_NO_MEMORY);
		return km_request_unread(KM_HEAD_TOO_LARGE);
	}
	km_count_verdict(verdict);
	return km_request_unread(verdict);
}

/* The others are not allocated. */
void km_request_free(const struct km_request *request)
{
	if (request->verdict == KM_HEAD_COMPLETE)
		kvfree(request);
}
