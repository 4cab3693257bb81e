// SPDX-License-Identifier: Apache-2.0
import { type FSWatcher, watch } from 'node:fs';

export interface FolderWatch {
  close(): void;
}

/**
 * Calls `changed` whenever something in one of the folders is made, written, renamed or removed, or a folder itself goes (inotify(7)). Folders that
 * cannot be watched are left out. Keeps no process alive.
 */
export function watchFolders(folders: readonly string[], changed: () => void): FolderWatch {
  const watchers = folders.flatMap((folder): FSWatcher[] => {
    try {
      return [watch(folder, { persistent: false }, changed).on('error', changed)];
    } catch {
      return [];
    }
  });
  return { close: () => watchers.forEach((one) => one.close()) };
}
