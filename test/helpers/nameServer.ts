// SPDX-License-Identifier: Apache-2.0
import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { isIPv6 } from 'node:net';

/** An address, and seconds that it may be remembered; or a code of RFC 1035 section 4.1.1 (2: server failure, 3: no such name). */
export type Answer = readonly { readonly address: string; readonly ttl: number }[] | number;

const A = 1;
const AAAA = 28;
/** A response to a query with recursion, which is available. */
const RESPONSE = 0x8180;

/** A name server (RFC 1035) on loopback, whose answers the test changes. */
export class NameServer {
  readonly answers = new Map<string, Answer>();
  /** `NAME A` and `NAME AAAA`, as they came. */
  readonly asked: string[] = [];
  readonly #socket = dgram.createSocket('udp4');

  /** `address:port`. */
  async start(): Promise<string> {
    this.#socket.on('message', (query, from) => this.#socket.send(this.#answer(query), from.port, from.address));
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  stop(): void {
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer {
    const { name, end } = nameAt(query, 12);
    const type = query.readUInt16BE(end);
    this.asked.push(`${name} ${type === A ? 'A' : type === AAAA ? 'AAAA' : type}`);
    const answer = this.answers.get(name) ?? 3;
    const records = typeof answer === 'number' ? [] : answer.filter(({ address }) => isIPv6(address) === (type === AAAA)).map(recordOf);
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(RESPONSE | (typeof answer === 'number' ? answer : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, query.subarray(12, end + 4), ...records]);
  }
}

function nameAt(query: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.'), end: at + 1 };
}

/** A record of the name in the question. */
function recordOf({ address, ttl }: { readonly address: string; readonly ttl: number }): Buffer {
  const bytes = bytesOf(address);
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(bytes.length === 4 ? A : AAAA, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(ttl, 6);
  record.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([record, bytes]);
}

function bytesOf(address: string): Buffer {
  if (net.isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const words = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const zeros = Array<string>(8 - words(head).length - words(tail).length).fill('0');
  return Buffer.from([...words(head), ...zeros, ...words(tail)].map((word) => word.padStart(4, '0')).join(''), 'hex');
}
