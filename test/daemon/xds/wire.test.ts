// SPDX-License-Identifier: Apache-2.0
// What is read and written by hand, since there are tens of thousands of it or it is tens of megabytes, against the generated codecs.
import t from 'tap';
import { DeltaDiscoveryRequest, DiscoveryRequest, Resource } from '../../../daemon/proto/envoy/service/discovery/v3/discovery.js';
import { Any } from '../../../daemon/proto/google/protobuf/any.js';
import { readAny, readResource } from '../../../daemon/xds/frames.js';
import { encodeNames } from '../../../daemon/xds/variant.js';
import { random } from '../diff/models.js';

const LENGTHS = [0, 1, 127, 128, 16_383, 16_384, 70_000];

t.test('resources as the generated codec reads them', async (t) => {
  for (const length of LENGTHS) {
    const any = { typeUrl: `type.googleapis.com/${'t'.repeat(length)}`, value: Buffer.alloc(length, 7) };
    t.same(readAny(Any.encode(any).finish()), any);
    const resource = Resource.fromPartial({ name: 'ü'.repeat(length), version: '1'.repeat(length), aliases: ['one', 'two'], ttl: { seconds: 3n, nanos: 1 }, cacheControl: { doNotCache: true }, resource: any });
    t.same(readResource(Resource.encode(resource).finish()), { name: resource.name, version: resource.version, resource: any });
  }
  t.same(readResource(new Uint8Array()), { name: '', version: '', resource: undefined });
});

t.test('broken bytes are refused by both or read alike', async (t) => {
  const below = random(7);
  const whole = Resource.encode(Resource.fromPartial({ name: 'a', version: '1', aliases: ['x'], resource: { typeUrl: 'type.googleapis.com/t', value: Buffer.from('value') } })).finish();
  let refused = 0;
  for (let run = 0; run < 5000; run += 1) {
    const bytes = Uint8Array.from(whole.subarray(0, run % 2 ? whole.length : below(whole.length)));
    for (let i = below(3); i > 0; i -= 1) bytes[below(Math.max(bytes.length, 1))] = below(256);
    const [own, generated] = [readResource, (from: Uint8Array) => Resource.decode(from)].map((read) => attempt(() => read(bytes)));
    if (own === 'refused') refused += 1;
    // The generated codec ends at a field that no field can be (tag 0, the end of a group), as if nothing came after it.
    else if (generated !== 'refused') t.same(own, { name: generated!.name, version: generated!.version, resource: generated!.resource });
  }
  t.ok(refused > 500 && refused < 4500, `${refused} refused`);
});

t.test('names in requests', async (t) => {
  for (const names of [[], [''], LENGTHS.map((length) => 'n'.repeat(length)), ['ü\u{1F600}', '\ud800 alone']]) {
    const sent = DiscoveryRequest.encode(DiscoveryRequest.fromPartial({ resourceNames: names })).finish();
    t.same(DiscoveryRequest.decode(encodeNames(3, names)), DiscoveryRequest.decode(sent));
    t.same(DeltaDiscoveryRequest.decode(encodeNames(4, names)).resourceNamesUnsubscribe, DiscoveryRequest.decode(sent).resourceNames);
  }
});

function attempt<T>(read: () => T): T | 'refused' {
  try {
    return read();
  } catch {
    return 'refused';
  }
}
