// SPDX-License-Identifier: Apache-2.0
import { Verdict } from './model/head.js';

/** A text, what it is, and the shortest start of it that says so. */
export interface EdgeHead {
  readonly name: string;
  readonly verdict: Verdict;
  readonly decidedBy: string;
  /** What comes behind. */
  readonly then?: string;
}

const { MORE, COMPLETE, TLS, HTTP2, NOT_HTTP, BAD, TOO_LARGE } = Verdict;
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';

/** A head of so many header lines in all. */
const withLines = (count: number): string => GET + Array.from({ length: count - 1 }, (_, n) => `x-${n % 7}: ${n}\r\n`).join('');

export const EDGE_HEADS: readonly EdgeHead[] = [
  { name: 'nothing', verdict: MORE, decidedBy: '' },
  { name: 'a head and the next request', verdict: COMPLETE, decidedBy: `${GET}\r\n`, then: `${GET}\r\n` },
  { name: 'empty lines before', verdict: COMPLETE, decidedBy: `\r\n\r\n\r\n${GET}\r\n` },
  { name: 'a byte of every kind in a value', verdict: COMPLETE, decidedBy: `${GET}x: \t!~\x80\xff "\t\r\n\r\n` },
  { name: 'any method that is a token', verdict: COMPLETE, decidedBy: "!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\nHost: a\r\n\r\n" },
  { name: 'an empty Host', verdict: COMPLETE, decidedBy: 'GET / HTTP/1.1\r\nHost:\r\n\r\n' },
  { name: 'a minor version of later', verdict: COMPLETE, decidedBy: 'GET / HTTP/1.9\r\nHost: a\r\n\r\n' },
  { name: 'as many headers as can be', verdict: COMPLETE, decidedBy: `${withLines(128)}\r\n` },
  { name: 'one header more', verdict: TOO_LARGE, decidedBy: `${withLines(128)}y`, then: ': 1\r\n\r\n' },
  { name: 'a name of 20 kB', verdict: COMPLETE, decidedBy: `${GET}${'n'.repeat(20_000)}: 1\r\n\r\n` },
  { name: 'a value of 60 kB', verdict: COMPLETE, decidedBy: `${GET}cookie: ${'v'.repeat(60_000)}\r\n\r\n` },
  { name: 'a target of 60 kB', verdict: COMPLETE, decidedBy: `GET /?${'q&'.repeat(30_000)} HTTP/1.1\r\nHost: a\r\n\r\n` },
  { name: 'a method that does not end', verdict: MORE, decidedBy: '', then: 'A'.repeat(60_000) },

  { name: 'TLS 1.3 (record version 3.1)', verdict: TLS, decidedBy: '\x16\x03\x01\x02\x00\x01', then: '\x00\x01\xfc\x03\x03' },
  { name: 'TLS 1.2', verdict: TLS, decidedBy: '\x16\x03\x03\x00\x05\x01' },
  { name: 'a TLS record of another handshake', verdict: NOT_HTTP, decidedBy: '\x16\x03\x03\x00\x05\x02' },
  { name: 'type 22 of something else', verdict: NOT_HTTP, decidedBy: '\x16\x02' },
  { name: 'a ClientHello behind an empty line', verdict: NOT_HTTP, decidedBy: '\r\n\x16', then: '\x03\x01\x02\x00\x01' },
  { name: 'the HTTP/2 preface', verdict: HTTP2, decidedBy: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', then: '\x00\x00\x12\x04' },
  { name: 'a preface that turns into something else', verdict: NOT_HTTP, decidedBy: 'PRI * HTTP/2.0\r\n\r\nSN' },
  { name: 'a preface behind an empty line', verdict: NOT_HTTP, decidedBy: '\r\nPRI * HTTP/2' },
  { name: 'the method PRI of HTTP/1', verdict: COMPLETE, decidedBy: 'PRI /a HTTP/1.1\r\nHost: a\r\n\r\n' },

  { name: 'an SSH banner', verdict: NOT_HTTP, decidedBy: 'SSH-2.0-OpenSSH_9.2p1\r', then: '\n' },
  { name: 'an SSH banner with a comment', verdict: NOT_HTTP, decidedBy: 'SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r', then: '\n' },
  { name: 'Redis', verdict: NOT_HTTP, decidedBy: '*1\r', then: '\n$4\r\nPING\r\n' },
  { name: 'PostgreSQL', verdict: NOT_HTTP, decidedBy: '\0', then: '\0\0\x08\x04\xd2\x16\x2f' },
  { name: 'SMTP', verdict: NOT_HTTP, decidedBy: 'EHLO client.example\r', then: '\n' },
  { name: 'a line with LF alone', verdict: NOT_HTTP, decidedBy: 'HELP\n' },
  { name: 'an empty line with LF alone', verdict: NOT_HTTP, decidedBy: '\n', then: `${GET}\r\n` },
  { name: 'JSON', verdict: NOT_HTTP, decidedBy: '{', then: '"a":1}\n' },
  { name: 'a space first', verdict: NOT_HTTP, decidedBy: ' ', then: GET },
  { name: 'two spaces', verdict: NOT_HTTP, decidedBy: 'GET  ', then: '/ HTTP/1.1\r\n' },
  { name: 'HTTP/0.9', verdict: NOT_HTTP, decidedBy: 'GET /\r', then: '\n' },
  { name: 'lower case version', verdict: NOT_HTTP, decidedBy: 'GET / h', then: 'ttp/1.1\r\n' },
  { name: 'RTSP', verdict: NOT_HTTP, decidedBy: 'DESCRIBE rtsp://a/b R', then: 'TSP/1.0\r\n' },
  { name: 'HTTP/3', verdict: NOT_HTTP, decidedBy: 'GET / HTTP/3', then: '.0\r\n' },
  { name: 'UTF-8 in a target', verdict: NOT_HTTP, decidedBy: 'GET /\xc3', then: '\xa4 HTTP/1.1\r\n' },
  { name: 'DEL in a target', verdict: NOT_HTTP, decidedBy: 'GET /\x7f' },

  { name: 'a minor version of two digits', verdict: BAD, decidedBy: 'GET / HTTP/1.11', then: '\r\n' },
  { name: 'a minor version that is none', verdict: BAD, decidedBy: 'GET / HTTP/1.x' },
  { name: 'LF alone behind the version', verdict: BAD, decidedBy: 'GET / HTTP/1.1\n', then: 'Host: a\n\n' },
  { name: 'CR alone behind the version', verdict: BAD, decidedBy: 'GET / HTTP/1.1\rH' },
  { name: 'a space behind the version', verdict: BAD, decidedBy: 'GET / HTTP/1.1 ' },
  { name: 'LF alone behind a header', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: a\n' },
  { name: 'CR alone in a value', verdict: BAD, decidedBy: `${GET}x: 1\ry` },
  { name: 'CR alone for the last line', verdict: BAD, decidedBy: `${GET}\rx` },
  { name: 'DEL in a value', verdict: BAD, decidedBy: `${GET}x: \x7f` },
  { name: 'a folded line', verdict: BAD, decidedBy: `${GET}x: 1\r\n `, then: '2\r\n\r\n' },
  { name: 'whitespace before the first header', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\n\t' },
  { name: 'a space before the colon', verdict: BAD, decidedBy: `${GET}x `, then: ': 1\r\n\r\n' },
  { name: 'a header without name', verdict: BAD, decidedBy: `${GET}:` },
  { name: 'a header without colon', verdict: BAD, decidedBy: `${GET}x\r` },
  { name: 'a name that is no token', verdict: BAD, decidedBy: `${GET}x(` },

  { name: 'a relative target', verdict: BAD, decidedBy: 'GET index.html HTTP/1.1\r\n' },
  { name: '* for another method than OPTIONS', verdict: BAD, decidedBy: 'GET * HTTP/1.1\r\n' },
  { name: 'an opaque URI', verdict: BAD, decidedBy: 'GET urn:a:b HTTP/1.1\r\n' },
  { name: 'a URI without authority', verdict: BAD, decidedBy: 'GET http:///a HTTP/1.1\r\n' },
  { name: 'a URI with user information alone', verdict: BAD, decidedBy: 'GET http://user@/a HTTP/1.1\r\n' },
  { name: 'two @ in an authority', verdict: BAD, decidedBy: 'GET http://a@b@c/ HTTP/1.1\r\n' },
  { name: 'user information with a quote', verdict: BAD, decidedBy: 'GET http://a"@b/ HTTP/1.1\r\n' },
  { name: 'a scheme that begins with a brace', verdict: BAD, decidedBy: 'GET {http://a/ HTTP/1.1\r\n' },
  { name: 'a scheme that begins with a digit', verdict: BAD, decidedBy: 'GET 1http://a/ HTTP/1.1\r\n' },
  { name: 'CONNECT without port', verdict: BAD, decidedBy: 'CONNECT a HTTP/1.1\r\n' },
  { name: 'CONNECT with an empty port', verdict: BAD, decidedBy: 'CONNECT a: HTTP/1.1\r\n' },
  { name: 'CONNECT with a path', verdict: BAD, decidedBy: 'CONNECT /a:80 HTTP/1.1\r\n' },

  { name: 'two Hosts, though the same', verdict: BAD, decidedBy: `${GET}host: a\r\n` },
  { name: 'Host with user information', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: u@a\r\n' },
  { name: 'Host with a path', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: a/b\r\n' },
  { name: 'Host with a port that is none', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: a:b\r\n' },
  { name: 'Host with a port that is too large', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: a:65536\r\n' },
  { name: 'Host with a port alone', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: :80\r\n' },
  { name: 'an IPv6 address without brackets', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: fd00::a\r\n' },
  { name: 'a bracket that is not closed', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: [fd00::a\r\n' },
  { name: 'text behind a bracket', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: [fd00::a]b\r\n' },
  { name: 'a bracket with a percent sign and a bracket in it', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: [fe80::1%[]\r\n' },
  { name: 'empty brackets', verdict: BAD, decidedBy: 'GET / HTTP/1.1\r\nHost: []\r\n' },

  { name: 'one length twice', verdict: COMPLETE, decidedBy: `${POST}Content-Length: 5\r\ncontent-length: 5 , 5\r\n\r\n`, then: 'hello' },
  { name: 'one length, spelled differently', verdict: BAD, decidedBy: `${POST}Content-Length: 5\r\nContent-Length: 05\r\n` },
  { name: 'two lengths', verdict: BAD, decidedBy: `${POST}Content-Length: 5, 6\r\n` },
  { name: 'a length with an empty element', verdict: BAD, decidedBy: `${POST}Content-Length: 5,\r\n` },
  { name: 'a length with a sign', verdict: BAD, decidedBy: `${POST}Content-Length: +5\r\n` },
  { name: 'a coding besides a length', verdict: BAD, decidedBy: `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n` },
  { name: 'a length besides a coding', verdict: BAD, decidedBy: `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n` },
  { name: 'codings in two lines', verdict: COMPLETE, decidedBy: `${POST}Transfer-Encoding: gzip\r\nTransfer-Encoding: CHUNKED\r\n\r\n` },
  { name: 'a coding behind chunked', verdict: BAD, decidedBy: `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n` },
  { name: 'a coding as long as chunked', verdict: BAD, decidedBy: `${POST}Transfer-Encoding: chunker\r\n\r\n` },
  { name: 'headers as long as those that are looked at', verdict: COMPLETE, decidedBy: `${POST}Date: x\r\nAccept-Charset: x\r\nAccept-Encodings: x\r\nx-forwarded-proto: x\r\n\r\n` },
  { name: 'no chunked', verdict: BAD, decidedBy: `${POST}Transfer-Encoding: gzip\r\n\r\n` },
  { name: 'a coding with a parameter', verdict: BAD, decidedBy: `${POST}Transfer-Encoding: gzip;q=1, chunked\r\n` },
  { name: 'an empty coding', verdict: BAD, decidedBy: `${POST}Transfer-Encoding: , chunked\r\n` },
  { name: 'a coding in HTTP/1.0', verdict: BAD, decidedBy: 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n' },
];

export function edgeTexts(): Buffer[] {
  return EDGE_HEADS.map(({ decidedBy, then = '' }) => Buffer.from(decidedBy + then, 'latin1'));
}
