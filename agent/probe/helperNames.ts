// SPDX-License-Identifier: Apache-2.0

/** The helper behind a macro of kmesh_config.h. */
export const HELPER_OF = {
  MDA_LOOPBACK_ADDR: 'get_netns_cookie',
  MDA_NAT_ACCEL: 'sk_original_addr',
  MDA_GID_UID_FILTER: 'get_sockops_uid_gid',
  ENHANCED_KERNEL: 'parse_header_msg',
  KM_HAVE_SET_RETVAL: 'set_retval',
} as const;

/** Helpers of Kmesh's kernel patches, of several generations. Mainline does not have them and uses their ids for others. */
export const VENDOR_HELPERS = [
  'km_header_strnstr',
  'km_header_strncmp',
  'parse_header_msg',
  'strncpy',
  'strnstr',
  'strnlen',
  '_strncmp',
  'get_msg_header_element',
] as const;

export type VendorHelper = (typeof VENDOR_HELPERS)[number];

/** Helpers that decide a macro or are called by id. */
export const HELPERS_THAT_MATTER: readonly string[] = [...Object.values(HELPER_OF), ...VENDOR_HELPERS];
