// SPDX-License-Identifier: Apache-2.0
import { askPods, podJson, story } from '../pods/explain.js';
import { QuestionError } from './question.js';
import type { Subject } from './subject.js';

const ADMIN_PORT = 15200;

/** `--pod`: whether and why a pod of this node is in the mesh, by what the running daemon says. */
export const podSubject: Subject = {
  option: 'pod',
  options: {
    pod: { type: 'string', describe: 'Whether NAMESPACE/NAME, a pod of this node, is in the mesh, and by which rule; kmesh-daemon has to run' },
    'admin-port': { type: 'number', describe: `Port of the daemon's admin interface on 127.0.0.1 (${ADMIN_PORT})` },
  },
  async answer(given) {
    const pod = given['pod'] as string;
    if (!/^[a-z0-9][-a-z0-9]*\/[a-z0-9][-a-z0-9.]*$/.test(pod)) throw new QuestionError(`--pod takes a namespace and a name, as in shop/web-0, not "${pod}"`);
    const port = (given['admin-port'] as number | undefined) ?? ADMIN_PORT;
    if (!Number.isInteger(port) || port < 1 || port > 65535) throw new QuestionError('--admin-port takes a whole number from 1 to 65535');
    const page = await askPods(port);
    return { text: story(pod, page), json: podJson(pod, page) };
  },
};
