// SPDX-License-Identifier: Apache-2.0
// `node backends.mjs PORT ADDRESSES_JSON KEY_PEM CERTIFICATE_PEM`: all endpoints of the mesh in one process. The address that
// a connection came to says which endpoint it is; the answer to anything is that name and what was received. Endpoints
// named greeter-N say it first.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import tls from 'node:tls';

const [port, addressesFile, keyFile, certificateFile] = process.argv.slice(2);
/** Address -> name. */
const names = JSON.parse(fs.readFileSync(addressesFile, 'utf8'));
const secureContext = tls.createSecureContext({ key: fs.readFileSync(keyFile), cert: fs.readFileSync(certificateFile) });

const nameOf = (socket) => names[socket.localAddress.replace(/^::ffff:/, '')] ?? `nobody at ${socket.localAddress}`;
const digest = (bytes) => ({ bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') });

const TLS_HANDSHAKE = 0x16;
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n');

/** The first bytes say what is spoken. TLS and HTTP/2 get their stack; the rest is read here, more leniently than a server would. */
function greet(socket) {
  socket.on('error', () => {});
  if (nameOf(socket).startsWith('greeter-')) socket.write(`220 ${nameOf(socket)}\r\n`);
  const saysNothing = () => socket.end();
  socket.once('end', saysNothing);
  socket.once('data', (first) => {
    socket.off('end', saysNothing);
    const isTls = first[0] === TLS_HANDSHAKE;
    const isHttp2 = first.subarray(0, PREFACE.length).equals(PREFACE);
    if (!isTls && !isHttp2) return new Conversation(socket, nameOf(socket)).take(first);
    socket.pause();
    socket.unshift(first);
    return isTls ? speakTls(socket) : http2Server.emit('connection', socket);
  });
}

function speakTls(socket) {
  const secured = new tls.TLSSocket(socket, { isServer: true, secureContext });
  secured.on('error', () => {});
  new Conversation(secured, nameOf(socket));
}

const http2Server = http2.createServer((request, response) => {
  const endpoint = nameOf(request.stream.session.socket);
  response.end(JSON.stringify({ endpoint, method: request.method, target: request.url, headers: Object.entries(request.headers) }));
});

/** HTTP/1 requests on one connection, one after the other; what is no request is answered as it comes. */
class Conversation {
  #received = Buffer.alloc(0);
  #socket;
  #endpoint;
  #closed = false;

  constructor(socket, endpoint) {
    this.#socket = socket;
    this.#endpoint = endpoint;
    socket.on('data', (part) => this.take(part));
    socket.on('end', () => this.#ended());
  }

  take(part) {
    this.#received = Buffer.concat([this.#received, part]);
    if (!/^[A-Za-z]/.test(this.#received.toString('latin1', 0, 1))) return this.#answerBytes();
    while (this.#answerRequest());
    return undefined;
  }

  /** @returns whether a whole request was there. */
  #answerRequest() {
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return false;
    const [requestLine, ...lines] = this.#received.toString('latin1', 0, end).split('\r\n');
    const [method, target] = requestLine.split(' ');
    const headers = lines.map((line) => /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(line)?.slice(1) ?? [line, '']);
    const length = Number(headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? 0);
    const bodyEnd = end + 4 + length;
    if (this.#received.length < bodyEnd) return false;
    const body = digest(this.#received.subarray(end + 4, bodyEnd));
    this.#received = this.#received.subarray(bodyEnd);
    const close = headers.some(([name, value]) => name.toLowerCase() === 'connection' && value.toLowerCase() === 'close');
    this.#answer({ endpoint: this.#endpoint, method, target, headers, body }, { bodyless: method === 'HEAD', close });
    return this.#received.length > 0;
  }

  #answer(what, { bodyless, close }) {
    const text = JSON.stringify(what);
    const head = ['HTTP/1.1 200 OK', `X-Endpoint: ${this.#endpoint}`, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`];
    if (close) head.push('Connection: close');
    this.#socket.write(`${head.join('\r\n')}\r\n\r\n${bodyless ? '' : text}`);
    if (close) this.#end();
  }

  #answerBytes() {
    if (this.#closed) return;
    this.#socket.write(`${JSON.stringify({ endpoint: this.#endpoint, raw: digest(this.#received) })}\n`);
    this.#end();
  }

  #ended() {
    if (this.#received.length > 0) this.#answerBytes();
    else this.#end();
  }

  #end() {
    this.#closed = true;
    this.#socket.end();
  }
}

const server = net.createServer({ allowHalfOpen: true }, greet);
server.listen({ port: Number(port), host: '::', backlog: 4096 }, () => process.stdout.write('listening\n'));
