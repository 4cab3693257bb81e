// SPDX-License-Identifier: Apache-2.0
// Prints what fails and what is skipped, a line a file, and the closing line `N passed, N failed, N skipped`
// over single assertions' test points at the leaves.
import { Transform } from 'node:stream';
import { Parser } from 'tap-parser';

export default class Reporter extends Transform {
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  #parser = new Parser();

  constructor() {
    super();
    this.#watch(this.#parser, []);
  }

  #watch(parser, trail) {
    const withChildren = new Set();
    parser.on('child', (child) => {
      withChildren.add(child.name);
      this.#watch(child, [...trail, child.name]);
    });
    parser.on('assert', (result) => {
      const name = [...trail, result.name].join(' > ');
      // A subtest's own line repeats what its children said, unless it failed for a reason of its own.
      if (withChildren.has(result.name) && (result.ok || result.diag?.failedSubtests !== undefined)) {
        if (trail.length === 0 && result.ok) this.push(`ok ${name}${result.time ? ` (${Math.round(result.time)} ms)` : ''}\n`);
        if (result.ok || withChildren.size > 0) return;
      }
      const reason = result.skip || result.todo;
      if (reason) {
        // In CI a test that cannot run fails; the one exception is a clone with no ../shared beside it.
        const excused = process.env.CI !== 'true' || String(reason).includes('../shared');
        if (excused) this.#skipped += 1;
        else this.#failed += 1;
        this.push(`${excused ? 'skipped' : 'FAILED (skipped in CI)'} ${name}: ${reason}\n`);
      } else if (result.ok) {
        this.#passed += 1;
      } else {
        this.#failed += 1;
        this.push(`FAILED ${name}\n${result.diag ? `${JSON.stringify(result.diag, null, 2)}\n` : ''}`);
      }
    });
    parser.on('bailout', (reason) => {
      if (trail.length > 0) return;
      this.#failed += 1;
      this.push(`BAILOUT ${reason}\n`);
    });
  }

  _transform(chunk, _encoding, done) {
    this.#parser.write(chunk);
    done();
  }

  _flush(done) {
    this.#parser.end();
    this.push(`${this.#passed} passed, ${this.#failed} failed, ${this.#skipped} skipped\n`);
    done();
  }
}
