/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_PARAMETERS_H
#define KMESH_PARAMETERS_H

#define KM_HEAD_MAX_LEAST 1024
#define KM_HEAD_MAX_MOST 65536
#define KM_FALLBACK_LEAST 10
#define KM_FALLBACK_MOST 60000

extern unsigned int km_head_max;
extern unsigned int km_fallback_ms;

#endif /* KMESH_PARAMETERS_H */
