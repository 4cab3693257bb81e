// SPDX-License-Identifier: Apache-2.0
import fs from 'node:fs';
import path from 'node:path';
import { DataplaneError } from './errors.js';
import { HOOKS } from './hooks.js';
import { LAYOUT_VERSION } from './layout.js';

/** BPF_FS_MAGIC of include/uapi/linux/magic.h. */
const BPF_FS_MAGIC = 0xcafe4a11;

/** The folders below the root of the pins. Names in a BPF file system hold no dot (kernel/bpf/inode.c). */
const LINKS = 'links';
const FOLDER_MODE = 0o700;
const SET = /^maps-v[0-9]+$/;
const MAPS = /^maps-v[0-9]+(_next)?$/;

/** The link to the tracepoint of kmesh.ko, which holds the module; the agent gives it up before it removes the module. */
export const REQUEST_LINK = 'request';

/** A link that is to replace another one waits under this name until it does. */
export const nextLinkName = (hook: string): string => `${hook}_next`;

const REQUEST_LINKS = /^request(_next[0-9]*)?$/;

/** Names of the links that show requests, the one that is in force for good among them. */
export const requestLinks = (root: string): string[] => entries(path.join(root, LINKS)).filter((name) => REQUEST_LINKS.test(name));

export const linkPath = (root: string, name: string): string => path.join(root, LINKS, name);

/** Maps of another layout are never adopted: each version has its own folder. */
export const mapsFolder = (root: string): string => path.join(root, `maps-v${LAYOUT_VERSION}`);

/** @throws DataplaneError KM_BPF_FS when the folder that `root` is made in is not in a BPF file system. */
export function checkPinRoot(root: string): void {
  const parent = path.dirname(root);
  let type: number;
  try {
    type = fs.statfsSync(parent).type;
  } catch (error) {
    throw new DataplaneError('KM_BPF_FS', `${parent}: ${(error as Error).message}`, { cause: error });
  }
  if (type !== BPF_FS_MAGIC) throw new DataplaneError('KM_BPF_FS', `${parent} is not a BPF file system`);
}

export function makeLinksFolder(root: string): void {
  fs.mkdirSync(path.join(root, LINKS), { recursive: true, mode: FOLDER_MODE });
}

/** Where a set of maps is put together. */
const nextMapsFolder = (root: string): string => `${mapsFolder(root)}_next`;

/**
 * An empty folder for a new set of maps, in the place of whatever a process that was killed put together there.
 *
 * @throws DataplaneError KM_BPF_FS when something stands in it that is not ours.
 */
export function makeNextMapsFolder(root: string): string {
  const folder = nextMapsFolder(root);
  clearMaps(folder);
  fs.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  return folder;
}

/**
 * Makes the maps of the next folder the set of this layout. What was there before had holes.
 *
 * @throws DataplaneError KM_BPF_FS when something stands there that is not ours.
 */
export function replaceMaps(root: string): void {
  clearMaps(mapsFolder(root));
  fs.renameSync(nextMapsFolder(root), mapsFolder(root));
}

function clearMaps(folder: string): void {
  const foreign = removeMaps(folder);
  if (foreign.length > 0) throw new DataplaneError('KM_BPF_FS', `not ours, and in the way: ${foreign.join(', ')}`);
}

/** Sets of maps of other layouts, which another version of the daemon left. */
export function otherSets(root: string): string[] {
  return entries(root)
    .filter((name) => SET.test(name))
    .map((name) => path.join(root, name))
    .filter((folder) => folder !== mapsFolder(root));
}

/** The same, and what was put together of them. */
export function otherMapsFolders(root: string): string[] {
  return entries(root)
    .filter((name) => MAPS.test(name))
    .map((name) => path.join(root, name))
    .filter((folder) => folder !== mapsFolder(root));
}

/** Unlinks the maps of a folder of ours, then the folder. @returns what was not ours and stays. */
export function removeMaps(folder: string): string[] {
  return removeFolder(folder, (name) => /^km_[a-z0-9_]+$/.test(name));
}

export interface RemovedPins {
  /** Pins that were removed. */
  readonly removed: readonly string[];
  /** What stood below `root` and is not ours. */
  readonly left: readonly string[];
}

/**
 * Removes links, maps and folders that this project pinned below `root`, and nothing else. The request link goes
 * first, so that nothing holds the module, then the connect hooks, so that no connection is steered that nobody follows
 * any more. What is gone already is no error.
 */
export function removePins(root: string): RemovedPins {
  const before = pinsBelow(root);
  const hookLinks = HOOKS.map(({ name }) => name).reverse();
  for (const name of [...requestLinks(root), ...hookLinks.flatMap((link) => [link, nextLinkName(link)])]) fs.rmSync(linkPath(root, name), { force: true });
  const folders = entries(root).filter((name) => MAPS.test(name));
  removeFolder(path.join(root, LINKS), () => false);
  for (const folder of folders) removeMaps(path.join(root, folder));
  removeFolder(root, () => false);
  const left = pinsBelow(root);
  return { removed: before.filter((pin) => !left.includes(pin)), left };
}

/** @returns what is left in the folder; the folder goes when that is nothing. */
function removeFolder(folder: string, ours: (name: string) => boolean): string[] {
  for (const name of entries(folder)) if (ours(name)) fs.rmSync(path.join(folder, name), { force: true });
  const left = entries(folder);
  if (left.length === 0 && fs.existsSync(folder)) fs.rmdirSync(folder);
  return left.map((name) => path.join(folder, name));
}

function entries(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Files below `folder`, two levels deep as the pins are. */
function pinsBelow(folder: string): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs
    .readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
}
