// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "netconf.h"

#include <string.h>

const char *const netconf_versions[] = { "0.3.1", "0.4.0", "1.0.0", "1.1.0", NULL };

static int rank(const char *version)
{
	int i;

	for (i = 0; netconf_versions[i]; i++)
		if (!strcmp(netconf_versions[i], version))
			return i;
	return -1;
}

bool netconf_version_known(const char *version)
{
	return rank(version) >= 0;
}

bool netconf_at_least(const char *version, const char *least)
{
	return rank(version) >= rank(least);
}

static bool complain(struct complaint *why, enum cni_code code, const char *msg, const char *details)
{
	*why = (struct complaint){ code, msg, details };
	return false;
}

bool netconf_read(struct netconf *conf, struct slice text, struct complaint *why)
{
	struct slice version = {}, failure = {}, prev = {};

	*conf = (struct netconf){};
	if (!json_valid(&text) || json_kind(text) != '{')
		return complain(why, CNI_DECODE, "the network configuration is no JSON object", "standard input cannot be decoded");
	if (json_member(text, "cniVersion", &version) == JSON_TWICE || json_member(text, "prevResult", &prev) == JSON_TWICE ||
	    json_member(text, "cniFailure", &failure) == JSON_TWICE)
		return complain(why, CNI_CONFIG, "the network configuration names a member twice", "cniVersion, prevResult or cniFailure");
	if (version.len && !json_string(version, conf->version, sizeof(conf->version)))
		return complain(why, CNI_CONFIG, "the network configuration cannot be used", "cniVersion is no version");
	if (prev.len && json_kind(prev) != '{' && json_kind(prev) != 'n')
		return complain(why, CNI_CONFIG, "the network configuration cannot be used", "prevResult is no object");
	if (json_kind(prev) == '{')
		conf->prev_result = prev;
	conf->failure = failure;
	return true;
}

bool netconf_failure(const struct netconf *conf, bool *deny, struct complaint *why)
{
	char word[8];

	*deny = false;
	if (!conf->failure.len)
		return true;
	if (json_string(conf->failure, word, sizeof(word))) {
		*deny = !strcmp(word, "deny");
		if (*deny || !strcmp(word, "allow"))
			return true;
	}
	return complain(why, CNI_CONFIG, "the network configuration cannot be used", "cniFailure is neither \"allow\" nor \"deny\"");
}
