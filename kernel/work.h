/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_WORK_H
#define KMESH_WORK_H

#include "held.h"

/* In the module's workqueue, with a reference of the held socket; the socket is not locked. */
void km_work(struct km_held *held);

#endif /* KMESH_WORK_H */
