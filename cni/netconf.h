/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef KMESH_CNI_NETCONF_H
#define KMESH_CNI_NETCONF_H

#include "json.h"

/* "1.1.0" and its like. */
#define KM_VERSION_SIZE 16

/* Errors of the CNI specification, section 2; from 100 on a plugin's own. */
enum cni_code {
	CNI_OK = 0,
	CNI_VERSION_UNKNOWN = 1,
	CNI_FIELD_UNSUPPORTED = 2,
	CNI_ENVIRONMENT = 4,
	CNI_IO = 5,
	CNI_DECODE = 6,
	CNI_CONFIG = 7,
	CNI_TRY_AGAIN = 11,
	CNI_NOT_AVAILABLE = 50,
	CNI_REFUSED = 100,
};

/* What is wrong, for the specification's error object: constant texts. */
struct complaint {
	enum cni_code code;
	const char *msg;
	const char *details;
};

/* The configuration that the runtime writes to standard input, as far as this plugin reads it. */
struct netconf {
	/* Empty: the text has none. */
	char version[KM_VERSION_SIZE];
	/* As it stands there; len 0: there is none, or null. */
	struct slice prev_result;
	/* Raw too: only the commands that depend on it look at it. */
	struct slice failure;
};

/* Reads the text, which has to outlive `conf`. Returns whether it can be used; else `why` says what is wrong. */
bool netconf_read(struct netconf *conf, struct slice text, struct complaint *why);

/* Member "cniFailure": `deny` becomes whether ADD fails without the daemon's consent. False, with `why`: it is neither allow nor deny. */
bool netconf_failure(const struct netconf *conf, bool *deny, struct complaint *why);

/* Versions of the specification that are supported, oldest first; NULL ends them. */
extern const char *const netconf_versions[];

bool netconf_version_known(const char *version);

/* Whether the version is at least this one of netconf_versions; unknown ones are not. */
bool netconf_at_least(const char *version, const char *least);

#endif
