/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_TAKEOVER_H
#define KMESH_TAKEOVER_H

int km_takeover_init(void);
void km_takeover_exit(void);

#endif /* KMESH_TAKEOVER_H */
