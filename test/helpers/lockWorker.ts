// SPDX-License-Identifier: Apache-2.0
/** Another process that takes locks: `hold FILE` until it is killed; `race FILE TURNS` again and again, removing the file each time. */
import { mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { sys } from '../../agent/sys.js';

const [task = '', file = '', turns = '0'] = process.argv.slice(2);

if (task === 'hold') {
  const lock = await sys.tryLock(file, 'exclusive');
  process.stdout.write(lock === undefined ? 'refused\n' : 'held\n');
  setInterval(() => {}, 1000);
} else {
  let [taken, together] = [0, 0];
  while (taken < Number(turns)) {
    const lock = await sys.tryLock(file, 'exclusive');
    if (lock === undefined) continue;
    taken += 1;
    try {
      mkdirSync(`${file}.inside`);
      rmdirSync(`${file}.inside`);
      // Last: from here on the next one may rightly be inside.
      rmSync(file);
    } catch {
      // Somebody else is inside, or has removed the file.
      together += 1;
    }
    lock.release();
  }
  process.stdout.write(JSON.stringify({ taken, together }));
}
