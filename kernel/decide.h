/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_DECIDE_H
#define KMESH_DECIDE_H

#include "held.h"

/*
 * Really connects a socket in KM_DEFERRED; never waits. False: it has failed, and the socket is let go with its
 * error, as after an asynchronous connect(). True: km_proceed() must follow.
 */
bool km_decide(struct km_held *held, int verdict);

/* The connection has failed with this error. Lets go. */
void km_fail(struct km_held *held, int err);

#endif /* KMESH_DECIDE_H */
