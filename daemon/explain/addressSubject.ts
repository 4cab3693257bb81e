// SPDX-License-Identifier: Apache-2.0
import path from 'node:path';
import { KMESH_MODULE, readModule } from '../maps/module.js';
import { readPinnedMaps } from '../maps/pinned.js';
import { explainAddress } from './address.js';
import { readQuestion } from './question.js';
import type { Subject } from './subject.js';
import { answerText } from './text.js';

/** `--address`: which listener, route, cluster and endpoints a connection takes, by the maps that are in force. */
export const addressSubject: Subject = {
  option: 'address',
  options: {
    'bpf-fs-path': { type: 'string', describe: 'bpffs (/sys/fs/bpf); the pins are below bpf_kmesh/ there' },
    address: { type: 'string', describe: 'What a connection to ADDRESS:PORT comes to, and why' },
    method: { type: 'string', describe: 'Method of its first request (GET)' },
    path: { type: 'string', describe: 'Path of its first request, with the query (/)' },
    host: { type: 'string', describe: 'Host of its first request (the address)' },
    header: { type: 'string', array: true, nargs: 1, describe: 'NAME:VALUE, a header of its first request; any number of times' },
  },
  async answer(given) {
    const text = (name: string): string | undefined => given[name] as string | undefined;
    const question = readQuestion({ address: text('address')!, method: text('method'), path: text('path'), host: text('host'), header: given['header'] as string[] | undefined });
    const { contents, counters } = readPinnedMaps(path.join(text('bpf-fs-path') ?? '/sys/fs/bpf', 'bpf_kmesh'));
    const answer = explainAddress(contents, counters, question);
    const unread = whyUnread();
    const { ip, port, request } = question;
    const asked = { address: ip.text, port, ...(request && { request: { ...request, headers: Object.fromEntries(request.headers) } }) };
    return { text: answerText(question, answer, unread), json: { asked, requestsRead: unread === undefined, ...answer } };
  },
};

function whyUnread(): string | undefined {
  const module = readModule(KMESH_MODULE);
  if (!module) return 'kmesh.ko is not loaded';
  return module.accepting ? undefined : 'kmesh.ko is about to be removed';
}
