// SPDX-License-Identifier: Apache-2.0
import type { ErrorTable } from './entry.js';

/** Of compilers, header trees and finished builds. */
export const BUILD = {
  KM_SOURCES: {
    class: 'build',
    cause: 'The sources of the eBPF programs are not in the install folder.',
    remedy: 'Install the agent anew; the folder bpf/ belongs beside agent.js.',
  },
  KM_CLANG_MISSING: {
    class: 'build',
    cause: 'clang, which compiles the eBPF programs, is not there or does not run.',
    remedy: (hints) => `Install clang (${hints.clang}).`,
  },
  KM_MAKE_MISSING: {
    class: 'build',
    cause: 'make, which builds the eBPF programs, is not there or does not run.',
    remedy: (hints) => `Install make (${hints.make}).`,
  },
  KM_BPF_COMPILE: {
    class: 'build',
    cause: 'make or clang refused the eBPF programs.',
    remedy: 'Read the first error of the compiler; the name of a missing header leads to the package that is missing.',
  },
  KM_BPF_GARBAGE: {
    class: 'build',
    cause: 'make and clang reported success, but what they left is no object with eBPF programs and their types.',
    remedy: (hints) => `See that the make and clang that are found first in PATH are the real ones and that this clang knows the bpf target (\`clang --print-targets\`); else install clang again (${hints.clang}).`,
  },
  KM_HEADERS_MISSING: {
    class: 'build',
    cause: 'There is no kernel header tree to compile kmesh.ko with.',
    remedy: (hints) => `Install the headers of exactly the running kernel on the host (${hints.kernelHeaders}), or name a tree by --kernel-headers.`,
  },
  KM_HEADERS_DANGLING: {
    class: 'build',
    cause: "A link to the kernel's header tree points to a folder that is not there: the package was removed, or only a part of the host is mapped into the container.",
    remedy: (hints) => `Install the headers of exactly the running kernel on the host (${hints.kernelHeaders}); in a container, map the host's /usr to /host/usr.`,
  },
  KM_HEADERS_RELEASE: {
    class: 'build',
    cause: 'The kernel header tree is for another release than the running kernel.',
    remedy: (hints) => `Install the headers of exactly the running kernel on the host (${hints.kernelHeaders}), or reboot into the kernel that the headers are for.`,
  },
  KM_HEADERS_INCOMPLETE: {
    class: 'build',
    cause: 'The kernel header tree lacks files that building a module needs.',
    remedy: (hints) => `Install the package of the headers again (${hints.kernelHeaders}); in a source tree of your own, run make and make modules_prepare.`,
  },
  KM_HEADERS_TOOLS: {
    class: 'build',
    cause: 'A program of the kernel header tree, which building a module runs, does not run here: it needs a newer C library, another processor, or a mount without noexec.',
    remedy: "Use an image of this agent whose C library is as new as the host's, or give a kmesh.ko built elsewhere by --module.",
  },
  KM_MODULE_COMPILER: {
    class: 'build',
    cause: 'No compiler for kmesh.ko is there, or it does not run.',
    remedy: (hints) => `Install the compiler that the kernel was built with (${hints.gcc}).`,
  },
  KM_MODULE_COMPILER_MISMATCH: {
    class: 'build',
    cause: "The compiler here lacks what the kernel's configuration demands of the compiler of its modules.",
    remedy: (hints) => `Install the compiler that the kernel was built with (${hints.gcc}).`,
  },
  KM_MODULE_COMPILE: {
    class: 'build',
    cause: 'make or the compiler refused kmesh.ko.',
    remedy: (hints) =>
      `Read the first error of the compiler. An unknown option means that the compiler is older than the one that built the kernel (${hints.gcc}); a missing file that the headers are incomplete (${hints.kernelHeaders}).`,
  },
  KM_MODULE_SIGNING_KEY: {
    class: 'build',
    cause: 'The files of --module-signing-key and --module-signing-cert cannot be used to sign kmesh.ko.',
    remedy: 'Give a private key in PEM without a passphrase and the certificate that belongs to it.',
  },
  KM_MODULE_SIGN: {
    class: 'build',
    cause: "The header tree's scripts/sign-file did not sign kmesh.ko.",
    remedy: 'Read its last lines; sign a kmesh.ko elsewhere and give it by --module otherwise.',
  },
  KM_BUILD_TIMEOUT: {
    class: 'build',
    cause: 'The compilation took longer than it may.',
    remedy: 'Give the container more CPU, then start again.',
  },
  KM_BUILD_MEMORY: {
    class: 'build',
    cause: 'The kernel killed the compiler because the memory limit was reached.',
    remedy: "Raise the container's memory limit (resources.limits.memory), then start again.",
  },
  KM_BUNDLE_FILE: {
    class: 'build',
    cause: 'The file named by --bundle is not a bundle that this agent reads, or is damaged.',
    remedy: 'Write it anew on a node of the same kernel by `node agent.js bundle`, and compare digests after it was copied.',
  },
  KM_BUNDLE_UNFIT: {
    class: 'build',
    cause: 'The bundle was made for another kernel, or by an agent with other sources.',
    remedy: 'Use the compat image (Dockerfile.compat), which compiles on each node for its kernel; or write a bundle for exactly this kernel by `node agent.js bundle` of this version; or leave --bundle out where the node can compile.',
  },
  KM_BUNDLE_WRITE: {
    class: 'state',
    cause: 'The bundle cannot be written.',
    remedy: 'Name a file in a writable folder with free space by --output.',
  },
} as const satisfies ErrorTable;
