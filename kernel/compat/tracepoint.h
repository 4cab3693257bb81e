/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A bare tracepoint under exactly this name. From 6.16 on DECLARE_TRACE appends "_tp", and DECLARE_TRACE_EVENT does not. */
#ifndef KMESH_COMPAT_TRACEPOINT_H
#define KMESH_COMPAT_TRACEPOINT_H

#include <linux/tracepoint.h>

#ifdef DECLARE_TRACE_EVENT
#define KM_DECLARE_TRACE(name, proto, args) DECLARE_TRACE_EVENT(name, PARAMS(proto), PARAMS(args))
#else
#define KM_DECLARE_TRACE(name, proto, args) DECLARE_TRACE(name, PARAMS(proto), PARAMS(args))
#endif

#endif /* KMESH_COMPAT_TRACEPOINT_H */
