// SPDX-License-Identifier: Apache-2.0
// What the other tests are worth: each fault, built in on purpose, is seen by a sanitizer, a property or the model.
import t from 'tap';
import { buildProgram, type Fault } from './build.js';
import { edgeTexts } from './edgeHeads.js';
import { compare } from './model/opinion.js';
import { randomHeads } from './randomHeads.js';

const COLLISION = 'GET /?77kepQFQ8Kl=1&QvXtM>@Fp%=2 HTTP/1.1\r\nHost: a\r\n\r\n';
const LONG_HOST = `GET / HTTP/1.1\r\nHost: ${'h'.repeat(248)}\r\n\r\n`;
const MANY_PARAMS = `GET /?${Array.from({ length: 70 }, (_, n) => `p${n}`).join('&')} HTTP/1.1\r\nHost: a\r\n\r\n`;
const texts = [...edgeTexts().filter(({ length }) => length < 4096), ...randomHeads(7, 400), ...[COLLISION, LONG_HOST, MANY_PARAMS].map((text) => Buffer.from(text))];

/** What is seen: the word of a sanitizer or of headCheck.c, or `model`. */
const FAULTS: readonly (Fault & { readonly name: string; readonly seen: RegExp })[] = [
  { name: 'reads behind the end of a piece', file: 'http1_head.c', from: 'while (pos < len &&', to: 'while (pos <= len &&', seen: /heap-buffer-overflow/ },
  { name: 'a header more than there is room for', file: 'http1_head.c', from: 'n_headers == KM_MAX_HEADERS', to: 'n_headers == KM_MAX_HEADERS + 1', seen: /buffer-overflow|out of bounds/ },
  { name: 'too little room', file: 'request_build.c', from: ' + scan->head_len + scan->authority.text.len', to: ' + scan->head_len', seen: /heap-buffer-overflow/ },
  { name: 'no limit on parameters', file: 'request_build.c', from: 'while (at < end && n < KM_MAX_PARAMS)', to: 'while (at < end)', seen: /does not hold|heap-buffer-overflow/ },
  { name: 'a host that is too long', file: 'request_build.c', from: 'if (len > KM_HOST_MAX)', to: 'if (len > KM_HOST_MAX + 1)', seen: /does not hold/ },
  { name: 'the longest host is forgotten', file: 'request_build.c', from: 'if (len > KM_HOST_MAX)', to: 'if (len >= KM_HOST_MAX)', seen: /model/ },
  { name: 'a piece makes a difference', file: 'http1_head.c', from: 'scan->pos = pos;', to: 'scan->pos = pos; scan->mark = pos < len ? scan->mark : pos;', seen: /does not hold/ },
  { name: 'names with one hash are taken for one', file: 'request_build.c', from: 'if (a->name.len != b->name.len)\n\t\treturn a->name.len < b->name.len ? -1 : 1;', to: 'return 0;', seen: /model/ },
  { name: 'case of header names counts', file: 'request_build.c', from: '.name = km_put_lower(room, text + name.off, name.len)', to: '.name = km_put(room, text + name.off, name.len)', seen: /model/ },
  { name: 'a value keeps its tabs', file: 'http1_head.c', from: " || text[value.off + value.len - 1] == '\\t'", to: '', seen: /model/ },
  { name: 'a second Host', file: 'http1_framing.c', from: 'if (scan->has_host)', to: 'if (0)', seen: /model/ },
  { name: 'a length besides a coding', file: 'http1_framing.c', from: '(scan->minor > 0 && !scan->content_length.len)', to: 'scan->minor > 0', seen: /model/ },
  { name: 'a coding behind chunked', file: 'http1_framing.c', from: 'if (scan->coding == KM_CODING_CHUNKED)', to: 'if (0)', seen: /model/ },
  { name: 'a port that is none', file: 'http1_target.c', from: 'if (port > KM_PORT_MAX)', to: 'if (0)', seen: /model/ },
  { name: 'user information stays', file: 'http1_target.c', from: 'authority = km_from(authority, len + 1);', to: ';', seen: /model/ },
  { name: 'ClientHello is known too late', file: 'http1_head.c', from: '#define KM_TLS_HELLO_AT 5', to: '#define KM_TLS_HELLO_AT 6', seen: /model/ },
];

function whatIsSeen(program: string): string {
  try {
    return compare(program, texts).different.length > 0 ? 'model' : 'nothing';
  } catch (error) {
    return (error as Error).message;
  }
}

t.equal(whatIsSeen(buildProgram({ sources: ['judgeHeads.c', 'headCheck.c'] })), 'nothing', 'without a fault');
for (const { name, seen, ...fault } of FAULTS) {
  t.match(whatIsSeen(buildProgram({ sources: ['judgeHeads.c', 'headCheck.c'], fault })), seen, name);
}
