/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Stopping takeovers, and letting go of the sockets that are held, so that the module can be removed. */
#ifndef KMESH_DRAIN_H
#define KMESH_DRAIN_H

#include "held.h"

bool km_accepting(void);
void km_accept(bool on);

/* Begins a phase that lasts so long at most, and much shorter while the module is drained. */
void km_begin(struct km_held *held, enum km_phase phase, unsigned int ms);

/* When the phase is over, in jiffies. */
unsigned long km_due(const struct km_held *held);

#endif /* KMESH_DRAIN_H */
