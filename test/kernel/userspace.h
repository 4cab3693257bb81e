/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the pure files of kernel/ take from the kernel, for userspace. */
#ifndef KMESH_USERSPACE_H
#define KMESH_USERSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#endif /* KMESH_USERSPACE_H */
