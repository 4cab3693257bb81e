// SPDX-License-Identifier: Apache-2.0
// load.mjs VERSION ADDRESS ...: to port 80 of each address in turn 50 connections a second, which pods of VERSION are to answer, and 16
// connections that stay and carry data five times a second. Prints what came of it so far each second, as JSON. Never gives up: a connection
// that stays and breaks is opened anew.
import net from 'node:net';

const [version, ...addresses] = process.argv.slice(2);
const ANSWER_MS = 10_000;
const seen = { opened: 0, answered: 0, echoes: 0, lost: {} };
const lose = (what) => (seen.lost[what] = (seen.lost[what] ?? 0) + 1);
let turn = 0;
const connect = () => net.connect({ host: addresses[turn++ % addresses.length], port: 80 }).setTimeout(ANSWER_MS);

function short() {
  seen.opened += 1;
  const socket = connect();
  let text = '';
  let trouble;
  socket.on('timeout', () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
  socket.on('data', (part) => (text += part).endsWith('\n') && socket.end());
  socket.on('error', (error) => (trouble = error.code));
  socket.on('close', () => {
    if (!text.endsWith('\n')) lose(`new: ${trouble ?? 'closed'}`);
    else if (text.trim().split(' ')[1] !== version) lose(`new: answered by ${text.trim()}`);
    else seen.answered += 1;
  });
}

function long() {
  const socket = connect();
  let trouble = 'closed';
  let echoed = true;
  const beat = setInterval(() => {
    // The next word waits for the answer to the last one; none for ten seconds is the socket's timeout.
    if (!echoed) return;
    echoed = false;
    socket.write('beat\n');
  }, 200);
  socket.on('data', () => ((echoed = true), (seen.echoes += 1)));
  socket.on('timeout', () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
  socket.on('error', (error) => (trouble = error.code));
  socket.on('close', () => {
    clearInterval(beat);
    lose(`standing: ${trouble}`);
    setTimeout(long, 1000);
  });
}

for (let i = 0; i < 16; i += 1) long();
setInterval(short, 20);
setInterval(() => console.log(JSON.stringify(seen)), 1000);
