// SPDX-License-Identifier: Apache-2.0
// `node scripts/vm-images.mjs RELEASE NAME...`, for test/vm: builds the images compat and prebuilt, the latter for that kernel of Debian, and prints
// what they are as JSON.
import { spawnSync } from 'node:child_process';
import { buildCompatImage, buildPrebuiltImage, engineEnv, prepare } from './images.mjs';
import { setup } from './setup.mjs';

const [release, ...names] = process.argv.slice(2);
const BUILDERS = { compat: buildCompatImage, prebuilt: () => buildPrebuiltImage(release) };

function inspect(image) {
  const { status, stdout, stderr } = spawnSync('podman', ['image', 'inspect', image], { encoding: 'utf8', env: { ...process.env, ...engineEnv } });
  if (status !== 0) throw new Error(stderr);
  const [{ Id, Config }] = JSON.parse(stdout);
  return { id: Id, config: { entrypoint: Config.Entrypoint, workingDir: Config.WorkingDir, env: Config.Env } };
}

setup({ forImages: true });
prepare();
process.stdout.write(JSON.stringify({ engineEnv, images: Object.fromEntries(names.map((name) => [name, inspect(BUILDERS[name]())])) }));
