// SPDX-License-Identifier: Apache-2.0

/** Files that hold secrets by their names: their contents are never captured, whoever reads them. */
const SECRET_PATH = /(^|\/)(\.kube|secrets?|tokens?|private)(\/|$)|token|password|passwd|shadow|credential|kubeconfig|\.key$|id_(rsa|dsa|ecdsa|ed25519)|signing_key|\/environ$/i;

/** Private keys, bearer tokens (JSON web tokens), and the fields by which kubeconfigs carry either. */
const SECRET_TEXT = /-----BEGIN [A-Z ]*PRIVATE KEY-----|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}|\bBearer [A-Za-z0-9._~+/-]{8,}|^\s*(token|client-key-data|password):\s*\S/im;

const WITHHELD = '[withheld]';

export const isSecretPath = (file: string): boolean => SECRET_PATH.test(file);
export const hasSecret = (text: string): boolean => SECRET_TEXT.test(text);

/** A text that goes into a capture or into the log. */
export const withoutSecrets = (text: string): string => (hasSecret(text) ? WITHHELD : text);

/** File systems whose options the checks look at. */
const KEPT_OPTIONS = ['cgroup', 'cgroup2', 'bpf'];

/** A mount table without what may hold passwords: options of other file systems, and `user:password@` of a source. */
export function withoutMountSecrets(mountinfo: string): string {
  return mountinfo.split('\n').map((line) => {
    const dash = line.indexOf(' - ');
    if (dash === -1) return line;
    const [type = '', source = '', options = ''] = line.slice(dash + 3).split(' ');
    const shown = KEPT_OPTIONS.includes(type) ? options : 'rw';
    return `${line.slice(0, dash)} - ${type} ${source.replace(/^.*@/, '')} ${shown}`;
  }).join('\n');
}
