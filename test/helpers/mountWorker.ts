// SPDX-License-Identifier: Apache-2.0
// Runs the phase mount-filesystems in the namespaces that a test has put this process into, takes it back, and
// prints the outcome as JSON. argv: a folder, and the pid of a process of the host's namespaces, which then is seen as
// process 1 below /host/proc (the real one may be closed even to root).
import { exec } from '../../agent/exec.js';
import { KmeshError } from '../../agent/errors.js';
import { mountFilesystems } from '../../agent/phases/mountFilesystems.js';
import { sys } from '../../agent/sys.js';
import { testContext } from './agentContext.js';

const [folder = '', hostPid] = process.argv.slice(2);

/** /host/proc of a container, without making /host on this machine. */
const mapped = (file: string): string => (hostPid === undefined ? file : file.replace('/host/proc/1/', `/proc/${hostPid}/`));

const ctx = testContext(folder, {
  sys: {
    stat: (file) => sys.stat(mapped(file)),
    readLink: (file) => sys.readLink(mapped(file)),
    readText: (file, maxBytes) => sys.readText(mapped(file), maxBytes),
  },
  exec: (file, args, options) => exec(file, args.map(mapped), options),
});

let code = 'none';
try {
  await mountFilesystems.run(ctx);
} catch (error) {
  if (!(error instanceof KmeshError)) throw error;
  code = error.code;
}
const said = ctx.lines.filter((line) => line.level === 30).map((line) => line.msg);
await mountFilesystems.undo?.(ctx, 'run');
process.stdout.write(`${JSON.stringify({ code, said })}\n`);
