// SPDX-License-Identifier: Apache-2.0
// Prints a line for each file, what fails and what is skipped, and the closing line
// `N passed, N failed, N skipped` over single assertions.
import path from 'node:path';
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
    // Failures below each subtest: the subtest's own line repeats them, and is news only without any.
    const below = new Map();
    parser.on('child', (child) => {
      const before = this.#failed;
      child.on('complete', () => below.set(child.name, this.#failed - before));
      this.#watch(child, [...trail, child.name]);
    });
    parser.on('assert', (result) => {
      if (below.has(result.name)) {
        const failures = below.get(result.name);
        if (trail.length === 0) this.push(`${result.ok ? 'ok' : 'FAILED'} ${path.relative('.', result.name)} (${((result.time ?? 0) / 1000).toFixed(1)} s)\n`);
        if (result.ok || failures > 0) return;
      }
      this.#count(result, [...trail, result.name].join(' > '));
    });
    parser.on('bailout', (reason) => {
      if (trail.length > 0) return;
      this.#failed += 1;
      this.push(`BAILOUT ${reason}\n`);
    });
  }

  #count(result, name) {
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
