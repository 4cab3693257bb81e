// SPDX-License-Identifier: Apache-2.0
/** daemon/maps/layout.ts against the C side: structs by the BTF of the object, enums by that of the header. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { enumValues, structMembers, structSize, type Btf } from '../../../agent/probe/btf.js';
import { btfFromElf } from '../../../agent/probe/elf.js';
import * as layout from '../../../daemon/maps/layout.js';
import { ENUMS, FAMILY_NUMBER, STRUCTS } from '../../../daemon/maps/layout.js';
import { REASON_NUMBER } from '../../../daemon/diff/reasons.js';
import { MAX_WALK, STEP_BYTES } from '../../../daemon/model/routeTable.js';
import { BPF_SOURCES, buildBpfObject, temporaryFolder } from '../../helpers/bpfObject.js';

/** Compiles a few lines of C behind layout.h, to BTF. */
function btfOf(lines: readonly string[]): Btf {
  const folder = temporaryFolder();
  const source = path.join(folder, 'probe.c');
  fs.writeFileSync(source, ['#include "kmesh/layout.h"', ...lines, ''].join('\n'));
  const multiarch = `/usr/include/${{ x64: 'x86_64', arm64: 'aarch64' }[process.arch as 'x64' | 'arm64']}-linux-gnu`;
  execFileSync('clang', ['-target', 'bpf', '-g', '-O2', '-I', path.join(BPF_SOURCES, 'include'), '-idirafter', multiarch, '-c', source, '-o', `${source}.o`]);
  return btfFromElf(fs.readFileSync(`${source}.o`));
}

await t.test('structs have the sizes and offsets of the object', async (test) => {
  const btf = btfFromElf(fs.readFileSync(buildBpfObject({ setRetval: true })));
  for (const [name, { size, fields }] of Object.entries(STRUCTS)) {
    test.equal(structSize(btf, name), size, name);
    const members = structMembers(btf, name)!.map((member) => [member.name, member.offsetBits / 8]);
    test.same(Object.fromEntries(members), fields, `members of ${name}`);
  }
});

await t.test('enums and numbers are those of layout.h', async (test) => {
  const numbers = {
    KM_LAYOUT_VERSION: layout.LAYOUT_VERSION,
    KM_REQUEST_ABI: layout.REQUEST_ABI,
    KM_NO_LIMIT: layout.NO_LIMIT,
    KM_FAMILY_V4: FAMILY_NUMBER[4],
    KM_FAMILY_V6: FAMILY_NUMBER[6],
    KM_SLOT_FAMILY_SHIFT: layout.SLOT_FAMILY_SHIFT,
    KM_HOST_MAX: layout.HOST_MAX,
    KM_STEP_DATA: layout.STEP_DATA,
    KM_STEP_IGNORE_CASE: layout.STEP_IGNORE_CASE,
    KM_STEP_FROM_END: layout.STEP_FROM_END,
    KM_STEP_AT_LEAST: layout.STEP_AT_LEAST,
    KM_WALK_ROUNDS: layout.WALK_ROUNDS,
  };
  const names = Object.keys(ENUMS) as (keyof typeof ENUMS)[];
  const btf = btfOf([
    ...names.map((name) => `enum ${name} one_${name};`),
    `enum numbers { ${Object.keys(numbers).map((name) => `value_${name} = ${name}`).join(', ')} } numbers;`,
  ]);
  const prefixes = {
    km_reason: 'KM_REASON_',
    km_manage: 'KM_MANAGE_',
    km_target_kind: 'KM_TARGET_',
    km_cluster_kind: 'KM_CLUSTER_',
    km_lb_policy: 'KM_LB_',
    km_name_kind: 'KM_NAME_',
    km_wild_kind: 'KM_WILD_',
    km_step_op: 'KM_STEP_',
    km_l7_event: 'KM_L7_',
    km_field: 'KM_FIELD_',
  };
  for (const name of names) {
    const inC = [...enumValues(btf, name)!].map(([member, value]) => [member.slice(prefixes[name].length).toLowerCase(), value] as const);
    // The length of a table, not a member of it (KM_REASON_MAX, KM_L7_MAX, KM_FIELDS).
    test.same(Object.fromEntries(inC.filter(([member]) => member !== 'max' && member !== '')), ENUMS[name], `enum ${name}`);
  }
  const inC = [...enumValues(btf, 'numbers')!].map(([member, value]) => [member.slice('value_'.length), value >>> 0]);
  test.same(Object.fromEntries(inC), numbers);
  test.match(ENUMS.km_reason, REASON_NUMBER, 'daemon/diff writes the same numbers');
  test.same([MAX_WALK, STEP_BYTES], [layout.WALK_ROUNDS, layout.STEP_DATA], 'daemon/model makes programs that fit');
});
