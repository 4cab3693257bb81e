// SPDX-License-Identifier: Apache-2.0
import * as z from 'zod';

/** What a kubeconfig names: a text in it, or a file beside it. */
export type Source = { readonly text: string } | { readonly file: string };

/** How the current context of a kubeconfig reaches the API server. */
export interface Kubeconfig {
  readonly context: string;
  /** URL without a slash at its end; behind some proxies it has a path. */
  readonly server: string;
  /** The name that the server's certificate must be for; undefined: that of the URL. */
  readonly serverName: string | undefined;
  /** undefined: an authority that Node knows. */
  readonly authority: Source | undefined;
  readonly token: Source | undefined;
  readonly certificate: Source | undefined;
  readonly key: Source | undefined;
}

/** Why a kubeconfig cannot be used. The detail names fields and never what is in them. */
export class KubeconfigProblem extends Error {
  override readonly name = 'KubeconfigProblem';
  readonly kind: 'file' | 'context' | 'unsupported';

  constructor(kind: KubeconfigProblem['kind'], detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.kind = kind;
  }
}

/** kubectl writes empty texts, and null for empty lists. */
const text = z.string().max(1 << 18).nullish().transform((value) => (value === null || value === '' ? undefined : value));
const name = z.string().max(1000);
const list = <T extends z.ZodType>(entry: T) => z.array(entry).max(1000).nullish();

const cluster = z.looseObject({ server: text, 'certificate-authority': text, 'certificate-authority-data': text, 'tls-server-name': text, 'insecure-skip-tls-verify': z.boolean().nullish(), 'proxy-url': text });
const user = z.looseObject({ token: text, tokenFile: text, 'client-certificate': text, 'client-certificate-data': text, 'client-key': text, 'client-key-data': text });

/** https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
const kubeconfig = z.object({
  'current-context': text,
  contexts: list(z.object({ name, context: z.object({ cluster: text, user: text }) })),
  clusters: list(z.object({ name, cluster })),
  users: list(z.object({ name, user: user.nullish() })),
});

type Cluster = z.infer<typeof cluster>;
type User = z.infer<typeof user>;

/** Ways to prove an identity that need another program, or that the API server gave up, or that would be another identity. */
const REFUSED_USERS = { exec: 'runs a program for its credentials', 'auth-provider': 'asks a plugin for its credentials', username: 'logs in with a name and a password', as: 'acts as somebody else' } as const;

/** @throws KubeconfigProblem */
export async function parseKubeconfig(content: string): Promise<Kubeconfig> {
  const parsed = kubeconfig.safeParse(await fromYaml(content));
  if (!parsed.success) throw new KubeconfigProblem('file', `it is no kubeconfig: ${parsed.error.issues.slice(0, 3).map(({ path, code }) => `${path.join('.') || 'the whole'}: ${code}`).join(', ')}`);
  const { 'current-context': current, contexts, clusters, users } = parsed.data;
  if (current === undefined) throw new KubeconfigProblem('context', 'it has no current-context');
  const context = contexts?.find((one) => one.name === current)?.context;
  if (context === undefined) throw new KubeconfigProblem('context', `its current-context "${current}" is not among its contexts`);
  const [server, account] = [clusters?.find((one) => one.name === context.cluster)?.cluster, users?.find((one) => one.name === context.user)?.user];
  if (server === undefined) throw new KubeconfigProblem('context', `the cluster "${context.cluster ?? ''}" of its context "${current}" is not there`);
  if (account === undefined || account === null) throw new KubeconfigProblem('context', `the user "${context.user ?? ''}" of its context "${current}" is not there`);
  return { context: current, ...serverOf(server), ...accountOf(account) };
}

/** JSON is YAML, too. Errors of the parser quote the file, tokens included: only the line is told. */
async function fromYaml(content: string): Promise<unknown> {
  // Loaded here and not on top: most starts do without.
  const { LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const [error] = document.errors;
  if (error !== undefined) throw new KubeconfigProblem('file', `it is no YAML: ${error.code} in line ${lines.linePos(error.pos[0]).line}`);
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch {
    throw new KubeconfigProblem('file', 'it is no YAML: its aliases lead nowhere or grow without bounds');
  }
}

function serverOf(found: Cluster): Pick<Kubeconfig, 'server' | 'serverName' | 'authority'> {
  if (found.server === undefined) throw new KubeconfigProblem('context', 'its cluster names no server');
  const url = URL.canParse(found.server) ? new URL(found.server) : undefined;
  if (url === undefined || url.username !== '' || url.search !== '' || url.hash !== '') throw new KubeconfigProblem('file', 'its server is no URL such as https://10.0.0.1:6443');
  if (url.protocol !== 'https:') throw new KubeconfigProblem('unsupported', `its server is reached by ${url.protocol}, where everybody could read the credentials`);
  if (found['insecure-skip-tls-verify'] === true) throw new KubeconfigProblem('unsupported', 'it says insecure-skip-tls-verify: the credentials would go to whoever answers');
  if (found['proxy-url'] !== undefined) throw new KubeconfigProblem('unsupported', 'its cluster is behind a proxy-url');
  return { server: `${url.origin}${url.pathname.replace(/\/+$/, '')}`, serverName: found['tls-server-name'], authority: source('certificate-authority', found['certificate-authority-data'], found['certificate-authority']) };
}

function accountOf(found: User): Pick<Kubeconfig, 'token' | 'certificate' | 'key'> {
  for (const [field, does] of Object.entries(REFUSED_USERS)) if (found[field] !== undefined && found[field] !== null) throw new KubeconfigProblem('unsupported', `its user ${does} (${field})`);
  // As kubectl: a file, whose token can be renewed, goes before a token.
  const token = found.tokenFile !== undefined ? { file: found.tokenFile } : found.token === undefined ? undefined : { text: found.token };
  const certificate = source('client-certificate', found['client-certificate-data'], found['client-certificate']);
  const key = source('client-key', found['client-key-data'], found['client-key']);
  if ((certificate === undefined) !== (key === undefined)) throw new KubeconfigProblem('file', 'its user has one of client-certificate and client-key, which go together');
  if (token === undefined && certificate === undefined) throw new KubeconfigProblem('file', 'its user has neither a token nor a client certificate');
  return { token, certificate, key };
}

/** As kubectl: data in the kubeconfig goes before a file that it names. */
function source(field: string, data: string | undefined, file: string | undefined): Source | undefined {
  if (data === undefined) return file === undefined ? undefined : { file };
  const base64 = data.replace(/\s/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw new KubeconfigProblem('file', `its ${field}-data is no base64`);
  return { text: Buffer.from(base64, 'base64').toString('utf8') };
}
