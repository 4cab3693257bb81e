// SPDX-License-Identifier: Apache-2.0
/** Heads as a seed makes them: half of them by the grammar, half of them with bytes changed. */

/** mulberry32: the same numbers for the same seed on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** 0 <= n < below */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Up to `most` of what make() gives. */
  some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}

const METHODS = ['GET', 'POST', 'PUT', 'OPTIONS', 'CONNECT', 'PRI', 'M-SEARCH', 'get', "!#$%&'*+-.^_`|~"];
const HOSTS = ['reviews', 'Reviews.Default.svc.cluster.local', 'reviews.default.svc.cluster.local.', '10.0.0.1', '[fd00::a]', '[FE80::1]', 'a_b', '*', 'x%41', '0.0.0.0=5000', 'h'.repeat(248)];
const BAD_HOSTS = ['', '[', '[]', '[::1', '::1', 'a b', 'a/b', 'user@host', 'a,b:x', 'ä', `${'h'.repeat(249)}`];
const PORTS = ['', ':80', ':9080', ':', ':0', ':65535'];
const BAD_PORTS = [':65536', ':-1', ':x', ':80:80', ':99999999999'];
const PATHS = ['/', '/productpage', '/a/../b', '//x', '/a;b=c', '/%2e%2E', '/x^`{|}"<>\\', '/a:b@c'];
const WORDS = ['a', 'b', 'user', 'A', '%61', 'a%26b', '[x]', '', '', 'id'];
const NAMES = ['Accept', 'accept', 'Cookie', 'COOKIE', 'x-request-id', 'end-user', 'End-User', 'X', 'x', '|~', 'content-lengths', 'hosts', 'transfer_encoding'];
const VALUES = ['', 'a', 'a b', '\t', ' a:b:c ', '*/*', 'ÿþ', 'x'.repeat(300), 'a,b', '"q;"', 'jason'];
const FRAMING = [
  'Content-Length: 5', 'content-length:5', 'Content-Length: 5, 5', 'Content-Length: 05', 'Content-Length: 5,6', 'Content-Length: 5,', 'Content-Length: +5', 'Content-Length: 99999999999999999999999',
  'Transfer-Encoding: chunked', 'TRANSFER-ENCODING: gzip , Chunked', 'Transfer-Encoding: gzip', 'Transfer-Encoding: chunked, gzip', 'Transfer-Encoding: chunked, chunked', 'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: gzip;a=b, chunked', 'Transfer-Encoding:', 'Host: second', 'host:', ' folded: x', 'Name : x', ': x', 'no colon', 'Nul: \0',
];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/1.9'];
const BAD_VERSIONS = ['HTTP/2.0', 'http/1.1', 'HTTP/1.', 'HTTP/1.10', 'HTTP/11', ''];
/** What a change puts in: bytes that mean something in a head, and some that never may stand there. */
const BYTES = '\r\n \t:/?#&=@[],.;%*1aZ-_"\\\0\x01\x0b\x7f\x80\xff\x16';

/** Now and then the wrong one. */
const choice = (random: Random, good: readonly string[], bad: readonly string[]): string => random.of(random.below(20) === 0 ? bad : good);

function authority(random: Random): string {
  return choice(random, HOSTS, BAD_HOSTS) + choice(random, PORTS, BAD_PORTS);
}

function pathOf(random: Random): string {
  const params = random.some(4, () => random.of(WORDS) + random.of(['', '=', '=1', '=a=b']));
  return random.of(PATHS) + random.of(['', '?']) + params.join(random.of(['&', '&&'])) + random.of(['', '', '&', '#f', '#?a=b']);
}

function targetOf(random: Random, method: string): string {
  if (method === 'CONNECT' && random.below(5)) return authority(random);
  const forms = [
    () => pathOf(random), () => pathOf(random), () => pathOf(random), () => '*',
    () => `${random.of(['http', 'HTTP', 'ws+x', '1http', ''])}://${random.of(['', '', 'u:p@', 'a@b@'])}${authority(random)}${random.of(['', pathOf(random), '?a=b', '#f'])}`,
  ];
  return random.of(forms)();
}

function head(random: Random): string {
  const method = random.of(METHODS);
  const lines = [
    ...(random.below(8) ? [`${random.of(['Host', 'host', 'HOST'])}:${random.of([' ', '', '\t '])}${authority(random)}`] : []),
    ...random.some(6, () => `${random.of(NAMES)}:${random.of(['', ' '])}${random.of(VALUES)}`),
    ...random.some(random.of([0, 0, 0, 1, 2]), () => random.of(FRAMING)),
  ].sort(() => random.below(3) - 1);
  const requestLine = `${method} ${targetOf(random, method)} ${choice(random, VERSIONS, BAD_VERSIONS)}`;
  return `${random.of(['', '', '', '\r\n', '\r\n\r\n'])}${[requestLine, ...lines].join('\r\n')}\r\n\r\n${random.of(['', 'body', 'GET / HTTP/1.1\r\n\r\n'])}`;
}

/** One or more bytes changed, added, taken out, or cut off. */
function changed(random: Random, text: string): string {
  let result = text;
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at = random.below(result.length + 1);
    const byte = random.of([...BYTES]);
    result = random.of([
      () => result.slice(0, at) + byte + result.slice(at + 1),
      () => result.slice(0, at) + byte + result.slice(at),
      () => result.slice(0, at) + result.slice(at + 1 + random.below(3)),
      () => result.slice(0, at),
    ])();
  }
  return result;
}

export function randomHeads(seed: number, count: number): Buffer[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const text = head(random);
    return Buffer.from(random.below(2) ? text : changed(random, text), 'latin1');
  });
}
