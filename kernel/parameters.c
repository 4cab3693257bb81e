// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* /sys/module/kmesh/parameters: what the agent and the daemon set and read. */
#include <kmesh/request.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "drain.h"
#include "parameters.h"

unsigned int km_head_max = 32768;
unsigned int km_fallback_ms = 1000;

static int km_set_between(const char *text, unsigned int min, unsigned int max, unsigned int *value)
{
	unsigned int number;
	int err = kstrtouint(text, 0, &number);

	if (err)
		return err;
	if (number < min || number > max)
		return -EINVAL;
	WRITE_ONCE(*value, number);
	return 0;
}

static int km_set_head_max(const char *text, const struct kernel_param *param)
{
	return km_set_between(text, KM_HEAD_MAX_LEAST, KM_HEAD_MAX_MOST, &km_head_max);
}

static int km_set_fallback_ms(const char *text, const struct kernel_param *param)
{
	return km_set_between(text, KM_FALLBACK_LEAST, KM_FALLBACK_MOST, &km_fallback_ms);
}

static int km_set_accepting(const char *text, const struct kernel_param *param)
{
	bool on;
	int err = kstrtobool(text, &on);

	if (!err)
		km_accept(on);
	return err;
}

static int km_get_accepting(char *page, const struct kernel_param *param)
{
	return sysfs_emit(page, "%c\n", km_accepting() ? 'Y' : 'N');
}

static int km_set_nothing(const char *text, const struct kernel_param *param)
{
	return -EPERM;
}

static int km_get_abi(char *page, const struct kernel_param *param)
{
	return sysfs_emit(page, "%d\n", KM_REQUEST_ABI);
}

static const struct kernel_param_ops km_head_max_ops = { .set = km_set_head_max, .get = param_get_uint };
static const struct kernel_param_ops km_fallback_ms_ops = { .set = km_set_fallback_ms, .get = param_get_uint };
static const struct kernel_param_ops km_accepting_ops = { .set = km_set_accepting, .get = km_get_accepting };
static const struct kernel_param_ops km_abi_ops = { .set = km_set_nothing, .get = km_get_abi };

module_param_cb(head_max, &km_head_max_ops, &km_head_max, 0644);
MODULE_PARM_DESC(head_max, "largest request head in bytes, 1024 to 65536; connections held back from then on");
module_param_cb(fallback_ms, &km_fallback_ms_ops, &km_fallback_ms, 0644);
MODULE_PARM_DESC(fallback_ms, "longest time in ms that a connection waits for its request head, 10 to 60000");
module_param_cb(accepting, &km_accepting_ops, NULL, 0644);
MODULE_PARM_DESC(accepting, "N: no connection is held back any more, and those that are go on; then the module can be removed");
module_param_cb(abi, &km_abi_ops, NULL, 0444);
MODULE_PARM_DESC(abi, "KM_REQUEST_ABI of kmesh/request.h that it was built with (read only)");
