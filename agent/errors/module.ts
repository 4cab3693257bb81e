// SPDX-License-Identifier: Apache-2.0
import type { ErrorTable } from './entry.js';

/** Of kmesh.ko in the kernel. */
export const MODULE = {
  KM_MODULE_FILE: {
    class: 'module',
    cause: 'The file named by --module is not kmesh.ko for the running kernel.',
    remedy: 'Name a kmesh.ko that was built for exactly this release (`modinfo -F vermagic FILE`), or leave --module out so that it is compiled here.',
  },
  KM_MODULE_TOOL: {
    class: 'module',
    cause: 'insmod or rmmod, which load and remove kernel modules, is not there or does not run.',
    remedy: (hints) => `Install insmod and rmmod (${hints.kmod}).`,
  },
  KM_MODULE_FORMAT: {
    class: 'module',
    cause: 'kmesh.ko was built for another kernel: its release, compiler options or symbol checksums differ from those of the running one.',
    remedy: (hints) => `Install the headers of exactly the running kernel (${hints.kernelHeaders}), then start again.`,
  },
  KM_MODULE_SIGNATURE: {
    class: 'module',
    cause: 'The kernel only loads modules that are signed with a key it trusts (CONFIG_MODULE_SIG_FORCE, module.sig_enforce=1).',
    remedy: 'Have kmesh.ko signed with a key that the kernel trusts (--module-signing-key and --module-signing-cert; with secure boot, enrol the certificate by mokutil --import), or give a signed one by --module.',
  },
  KM_MODULE_LOCKDOWN: {
    class: 'module',
    cause: 'The kernel is locked down, by secure boot or lockdown= on its command line: no unsigned module is loaded.',
    remedy: 'Have kmesh.ko signed (--module-signing-key and --module-signing-cert), enrol the certificate by mokutil --import and reboot; or turn off secure boot.',
  },
  KM_MODULE_SYMBOL: {
    class: 'module',
    cause: 'kmesh.ko uses a function that the running kernel does not export.',
    remedy: 'Report it with the line of the kernel log that names the symbol, and the release of the kernel.',
  },
  KM_MODULE_DENIED: {
    class: 'module',
    cause: 'The agent may not load kernel modules.',
    remedy: 'Run in a privileged container (CAP_SYS_MODULE); a security module (SELinux, AppArmor, seccomp) or kernel.modules_disabled=1 forbids it otherwise.',
  },
  KM_MODULE_MEMORY: {
    class: 'module',
    cause: 'The kernel had no memory to load kmesh.ko.',
    remedy: 'Free memory on the node, then start again.',
  },
  KM_MODULE_INIT: {
    class: 'module',
    cause: 'kmesh.ko was loaded and gave up in its own start: a self-test failed, or the kernel lacks what it builds on.',
    remedy: 'Report it with the lines of the kernel log and the release of the kernel.',
  },
  KM_MODULE_FOREIGN: {
    class: 'module',
    cause: 'A kernel module named kmesh is loaded that is not of this project; it is left alone.',
    remedy: 'Remove it by hand (rmmod kmesh), then start again.',
  },
  KM_MODULE_ABI: {
    class: 'module',
    cause: 'The kmesh.ko in the kernel and the eBPF programs are of versions that do not understand each other.',
    remedy: 'Remove the module (`node agent.js cleanup`), or give one of the same version by --module, then start again.',
  },
  KM_MODULE_IN_USE: {
    class: 'module',
    cause: 'kmesh.ko cannot be removed: something in the kernel still uses it.',
    remedy: 'End what the message names, then start again, or run `node agent.js cleanup`.',
  },
  KM_MODULE_REMOVE: {
    class: 'module',
    cause: 'kmesh.ko could not be removed.',
    remedy: 'See the last lines of rmmod and of the kernel log; a kernel without CONFIG_MODULE_UNLOAD keeps a module until the next boot.',
  },
} as const satisfies ErrorTable;
