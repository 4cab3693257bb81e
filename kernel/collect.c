// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>

#include "collect.h"

/* Most heads fit into the first; a large body behind the head is not copied for nothing. */
#define KM_TEXT_FIRST 4096U

/* Memory counts for the client's cgroup, and has head_max as its limit, whatever the client says. */
static int km_text_grow(struct km_collect *collect, u32 wanted)
{
	u32 capacity = min(collect->limit, max(wanted, 2 * collect->capacity));
	u8 *text = kvmalloc(capacity, GFP_KERNEL_ACCOUNT);

	if (!text)
		return -ENOMEM;
	if (collect->text)
		memcpy(text, collect->text, collect->held + collect->peeked);
	kvfree(collect->text);
	collect->text = text;
	collect->capacity = capacity;
	return 0;
}

/* Room for more of a message of which so many bytes are not yet peeked. */
static int km_text_reserve(struct km_collect *collect, size_t left)
{
	u32 used = collect->held + collect->peeked;

	if (used < collect->capacity)
		return 0;
	return km_text_grow(collect, used + min_t(size_t, left, KM_TEXT_FIRST));
}

static int km_scan_start(struct km_collect *collect)
{
	if (!collect->scan)
		collect->scan = kzalloc(sizeof(*collect->scan), GFP_KERNEL_ACCOUNT);
	return collect->scan ? 0 : -ENOMEM;
}

int km_collect_peek(struct km_collect *collect, const struct msghdr *msg, size_t size)
{
	struct iov_iter from = msg->msg_iter; /* its own position: the message keeps all its bytes */
	u32 verdict = 0;
	int err = km_scan_start(collect);

	collect->peeked = 0;
	while (!err && !verdict && collect->peeked < size) {
		u32 used = collect->held + collect->peeked;
		u32 want, got;

		if (used == collect->limit)
			return KM_HEAD_TOO_LARGE;
		err = km_text_reserve(collect, size - collect->peeked);
		if (err)
			break;
		want = min_t(size_t, size - collect->peeked, collect->capacity - used);
		got = copy_from_iter(collect->text + used, want, &from);
		collect->peeked += got;
		verdict = km_scan_feed(collect->scan, collect->text, used + got);
		if (got < want)
			break;
	}
	if (!err && !collect->peeked)
		return -EFAULT;
	return err ?: verdict;
}

void km_collect_keep(struct km_collect *collect)
{
	collect->held += collect->peeked;
	collect->peeked = 0;
}

void km_collect_free(struct km_collect *collect)
{
	kvfree(collect->text);
	kfree(collect->scan);
	collect->text = NULL;
	collect->scan = NULL;
	collect->capacity = 0;
	collect->held = 0;
	collect->peeked = 0;
}
