// SPDX-License-Identifier: Apache-2.0

export interface Hook {
  /** Name of the pinned link. */
  readonly name: string;
  /** Name of the program in kmesh.bpf.c. */
  readonly program: string;
}

/**
 * The hooks in the order in which they are attached: who follows a steered connection is there before the first
 * is steered. Removed in reverse.
 */
export const HOOKS: readonly Hook[] = [
  { name: 'sockops', program: 'km_sockops' },
  { name: 'sock_release', program: 'km_sock_release' },
  { name: 'getpeername4', program: 'km_getpeername4' },
  { name: 'getpeername6', program: 'km_getpeername6' },
  { name: 'connect4', program: 'km_connect4' },
  { name: 'connect6', program: 'km_connect6' },
];
