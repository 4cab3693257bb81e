// SPDX-License-Identifier: Apache-2.0
/** The clients of the proof: each sends requests and says what answered. */
import fs from 'node:fs';
import path from 'node:path';
import { Nginx } from './nginx.js';
import { CLIENTS, finish, type Ended } from './programs.js';
import { bodyOf, type ClientRequest, type Outcome, type Received } from './requests.js';

export type Client = (requests: readonly ClientRequest[], folder: string) => Promise<Outcome[]>;

export const CLIENT_KINDS: Readonly<Record<string, Client>> = {
  'Python, blocking': program('python3', path.join(CLIENTS, 'client.py'), 'http.client'),
  'Python, epoll': program('python3', path.join(CLIENTS, 'client.py'), 'epoll'),
  'Python, asyncio': program('python3', path.join(CLIENTS, 'client.py'), 'asyncio'),
  Node: program(process.execPath, path.join(CLIENTS, 'client.mjs')),
  Go: program(path.join(CLIENTS, 'client-go')),
  curl: oneByOne('curl', curlArguments),
  wget: oneByOne('wget', wgetArguments),
  nginx: throughNginx,
};

/** Blocking sockets and raw bytes: the one that can send every case. */
export const rawClient: Client = program('python3', path.join(CLIENTS, 'client.py'), 'raw');

/** A program that reads all requests from a file and prints outcomes. */
function program(command: string, ...args: readonly string[]): Client {
  return async (requests, folder) => {
    const file = path.join(folder, 'requests.json');
    fs.writeFileSync(file, JSON.stringify(requests));
    const { code, stdout, stderr } = await finish(command, [...args, file]);
    if (code !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${code}: ${stderr}`);
    return stdout.trim().split('\n').map((line) => JSON.parse(line) as Outcome);
  };
}

/** A command for each request, which prints the body of the answer. */
function oneByOne(command: string, argumentsOf: (request: ClientRequest) => string[]): Client {
  return async (requests) => {
    const outcomes: Outcome[] = [];
    for (const request of requests) outcomes.push(outcomeOf(request, await finish(command, argumentsOf(request), { input: bodyOf(request) })));
    return outcomes;
  };
}

function outcomeOf({ name }: ClientRequest, { code, stdout, stderr }: Ended): Outcome {
  if (code !== 0) return { name, error: `ended with ${code}: ${stderr.trim()}` };
  const got = JSON.parse(stdout) as Received & { readonly endpoint: string };
  return { name, endpoint: got.endpoint, got };
}

/** Without the target, which curl takes as it is from an option of its own. */
export function urlOf({ address, port }: ClientRequest): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function curlArguments(request: ClientRequest): string[] {
  const headers = request.headers.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const body = request.body > 0 ? ['--data-binary', '@-'] : [];
  return ['-sS', '-g', '--noproxy', '*', '--max-time', '60', '-X', request.method, '--request-target', request.target, ...headers, ...body, urlOf(request)];
}

function wgetArguments(request: ClientRequest): string[] {
  const headers = request.headers.map(([name, value]) => `--header=${name}: ${value}`);
  const body = request.body > 0 ? [`--body-data=${bodyOf(request)}`] : [];
  return ['-q', '-O', '-', '--no-proxy', '--tries=1', '--timeout=60', `--method=${request.method}`, ...headers, ...body, `${urlOf(request)}${request.target}`];
}

/** nginx connects to the service address; another client asks nginx. */
async function throughNginx(requests: readonly ClientRequest[], folder: string): Promise<Outcome[]> {
  const nginx = await Nginx.start(folder, new Set(requests.map(urlOf)));
  try {
    const asked = requests.map((request) => ({ ...request, address: '127.0.0.1', port: nginx.portFor(urlOf(request)) }));
    return await rawClient(asked, folder);
  } finally {
    await nginx.stop();
  }
}
