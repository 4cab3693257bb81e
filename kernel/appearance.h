/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a socket that is held looks to its client. */
#ifndef KMESH_APPEARANCE_H
#define KMESH_APPEARANCE_H

#include <linux/net.h>
#include <linux/poll.h>

int km_getname(struct socket *sock, struct sockaddr *address, int peer);
__poll_t km_poll(struct file *file, struct socket *sock, struct poll_table_struct *wait);

#endif /* KMESH_APPEARANCE_H */
