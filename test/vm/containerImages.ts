// SPDX-License-Identifier: Apache-2.0
/** The container images as disks for guests, each with what a runtime has to know of it. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { readKmeshYaml } from '../image/daemonSet.js';
import { prepared } from './cache.js';
import { makeDisk } from './disk.js';
import type { GuestImages, ImageName } from './guest/plan.js';
import { prepareKernel } from './kernels.js';
import { ROOT } from './paths.js';

/** The kernel that the prebuilt image is for. */
const PREBUILT_KERNEL = '6.12';

export interface ImageDisks {
  /** File of a disk by its serial number. */
  readonly disks: ReadonlyMap<string, string>;
  /** For /kmesh/files: GuestImages. */
  readonly description: string;
}

/** @param folder an empty one, for the description */
export function imageDisks(names: readonly ImageName[], folder: string): ImageDisks {
  const release = prepareKernel(PREBUILT_KERNEL).release;
  const built = JSON.parse(execFileSync(process.execPath, ['scripts/vm-images.mjs', release, ...names], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] })) as Built;
  const disks = new Map(names.map((name) => [`image-${name}`, diskOf(built.images[name]!, built.engineEnv)]));
  const { container, pod } = readKmeshYaml();
  const images = Object.fromEntries(names.map((name) => [name, built.images[name]!.config]));
  const description: GuestImages = { images, container, volumes: pod.volumes, graceSeconds: pod.terminationGracePeriodSeconds, prebuiltRelease: release };
  const file = path.join(folder, 'images.json');
  fs.writeFileSync(file, JSON.stringify(description));
  return { disks, description: file };
}

/** What scripts/vm-images.mjs prints. */
interface Built {
  readonly engineEnv: Readonly<Record<string, string>>;
  readonly images: Readonly<Record<string, { readonly id: string; readonly config: GuestImages['images'][ImageName] }>>;
}

function diskOf({ id }: { readonly id: string }, engineEnv: Readonly<Record<string, string>>): string {
  const folder = prepared(path.join('disks', `image-${id.slice(0, 12)}`), (partial) => {
    process.stderr.write(`vm: making a disk of the image ${id.slice(0, 12)}\n`);
    const env = { ...process.env, ...engineEnv };
    const tree = path.join(partial, 'tree');
    fs.mkdirSync(tree);
    const container = execFileSync('podman', ['create', id], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 2] }).trim();
    try {
      execFileSync('podman', ['export', '--output', path.join(partial, 'tree.tar'), container], { env, stdio: ['ignore', 2, 2] });
    } finally {
      execFileSync('podman', ['rm', container], { env, stdio: ['ignore', 'ignore', 2] });
    }
    execFileSync('tar', ['-C', tree, '-xf', path.join(partial, 'tree.tar'), '--numeric-owner'], { stdio: ['ignore', 2, 2] });
    fs.rmSync(path.join(partial, 'tree.tar'));
    makeDisk(tree, path.join(partial, 'image.ext4'));
    fs.rmSync(tree, { recursive: true });
  });
  return path.join(folder, 'image.ext4');
}
