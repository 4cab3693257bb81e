// SPDX-License-Identifier: Apache-2.0
// ask.mjs ADDRESS COUNT: connects COUNT times to port 80 of an address and prints who answered and what failed, as JSON.
import net from 'node:net';

const [address, count] = [process.argv[2], Number(process.argv[3])];
const CONCURRENCY = 8;
const ANSWER_MS = 5000;

/** @returns "POD VERSION", or the code of an error */
const ask = () =>
  new Promise((resolve) => {
    const socket = net.connect({ host: address, port: 80 });
    let text = '';
    socket.setTimeout(ANSWER_MS, () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
    socket.on('data', (part) => {
      text += part;
      if (text.endsWith('\n')) socket.end();
    });
    socket.on('error', (error) => resolve({ error: error.code }));
    socket.on('close', () => resolve(text.endsWith('\n') ? { pod: text.trim() } : { error: 'closed' }));
  });

const answers = { pods: {}, versions: {}, errors: {} };
const add = (counts, key) => (counts[key] = (counts[key] ?? 0) + 1);
let left = count;
async function worker() {
  while (left-- > 0) {
    const { pod, error } = await ask();
    if (error !== undefined) add(answers.errors, error);
    else {
      const [name, version] = pod.split(' ');
      add(answers.pods, name);
      add(answers.versions, version);
    }
  }
}
await Promise.all(Array.from({ length: CONCURRENCY }, worker));
console.log(JSON.stringify(answers));
