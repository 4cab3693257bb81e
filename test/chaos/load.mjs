// SPDX-License-Identifier: Apache-2.0
// load.mjs PER_SECOND STANDING: connections to services in turn, PER_SECOND new ones a second, which end when the backend has said its name,
// and STANDING ones that stay and carry data five times a second. Each line of standard input is the truth from now on, as JSON: "ADDRESS PORT"
// of each service -> names of the backends that may answer. Prints what came of it so far twice a second. A standing connection that
// breaks is opened anew. At the end of standard input all that is under way comes to its end; the last line says "done".
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import readline from 'node:readline';

const [perSecond, standing] = process.argv.slice(2).map(Number);
const ANSWER_MS = 10_000;
const BEAT_MS = 200;
const seen = { opened: 0, answered: 0, stood: 0, bytes: 0, lost: {}, wrong: {}, done: false };
let truth = {};
let truths = 0;
let turn = 0;
let ending = false;
const pending = new Set();

const count = (what, of) => (of[what] = (of[what] ?? 0) + 1);

/** A connection to the next service; `answered` is called with who answered when the whole line is there, `data` with what follows. */
function connect({ answered, data, ended }) {
  const services = Object.keys(truth);
  const service = services[turn++ % services.length];
  const [host, port] = service.split(' ');
  const rights = [truth[service]];
  const since = truths;
  const socket = net.connect({ host, port: Number(port) }).setTimeout(ANSWER_MS);
  const one = { socket, learn: () => rights.push(truth[service] ?? []) };
  pending.add(one);
  let head = '';
  let named = false;
  let trouble = 'closed';
  socket.on('timeout', () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));
  socket.on('error', (error) => (trouble = error.code ?? error.message));
  socket.on('data', (part) => {
    if (named) return data(part);
    head += part.toString('latin1');
    const end = head.indexOf('\n');
    if (end < 0) return undefined;
    named = true;
    const name = head.slice(0, end);
    // Who was right at any moment between connect() and now: a change of the truth is announced before it is made.
    if (!rights.some((names) => names.includes(name))) count(`${service} answered by ${name}, right ${since === truths ? '' : 'lately '}${[...new Set(rights.flat())].join(' or ')}`, seen.wrong);
    expectPeer(socket, host, Number(port));
    answered(Buffer.from(head.slice(end + 1), 'latin1'));
    return undefined;
  });
  socket.on('close', () => {
    pending.delete(one);
    ended(named, trouble);
  });
  return { socket, expectPeer: () => expectPeer(socket, host, Number(port)) };
}

/** What the kernel says now: net.Socket remembers the first answer. */
function expectPeer(socket, host, port) {
  const peer = {};
  if (socket._handle === null || socket._handle.getpeername(peer) !== 0) return;
  if (peer.address !== host || peer.port !== port) count(`peer of ${host} ${port} is ${peer.address} ${peer.port}`, seen.wrong);
}

function short() {
  seen.opened += 1;
  const { socket } = connect({
    answered: () => {
      seen.answered += 1;
      socket.end();
    },
    data: () => undefined,
    ended: (named, trouble) => named || count(`new: ${trouble}`, seen.lost),
  });
}

/** Sends blocks of chance and expects the same bytes back. */
function long() {
  let sent = Buffer.alloc(0);
  let beat;
  const { socket, expectPeer: peerIsRight } = connect({
    answered: () => {
      seen.stood += 1;
      beat = setInterval(() => {
        if (ending && sent.length === 0) return socket.destroy();
        if (sent.length > 0 || ending) return undefined;
        sent = randomBytes(64 + Math.floor(Math.random() * 1000));
        peerIsRight();
        socket.write(sent);
        return undefined;
      }, BEAT_MS);
    },
    data: (part) => {
      if (!part.equals(sent.subarray(0, part.length))) count('standing: other bytes came back', seen.wrong);
      seen.bytes += part.length;
      sent = sent.subarray(part.length);
    },
    ended: (named, trouble) => {
      clearInterval(beat);
      if (ending && named && sent.length === 0) return;
      count(`standing: ${trouble}`, seen.lost);
      if (!ending) setTimeout(long, 1000);
    },
  });
}

const say = () => process.stdout.write(`${JSON.stringify(seen)}\n`);
const began = performance.now();
let due = 0;
let timer;
readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    truth = JSON.parse(line);
    truths += 1;
    for (const one of pending) one.learn();
    if (timer !== undefined) return;
    for (let i = 0; i < standing; i += 1) long();
    // By the clock, since a timer of 16 ms that is late now and then would make fewer than asked.
    timer = setInterval(() => {
      const wanted = ((performance.now() - began) / 1000) * perSecond;
      for (; due < wanted; due += 1) short();
    }, 5);
  })
  .on('close', () => {
    ending = true;
    clearInterval(timer);
    const poll = setInterval(() => {
      if (pending.size > 0) return;
      clearInterval(poll);
      seen.done = true;
      say();
      process.exit(0);
    }, 20);
  });
setInterval(say, 500);
