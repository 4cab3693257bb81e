// SPDX-License-Identifier: Apache-2.0
// Streams of a control plane that is broken or hostile: messages of a good one, cut, mixed up, doubled and disordered.
import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { createModelBuilder } from '../../../daemon/model/build.js';
import type { Resources } from '../../../daemon/model/resources.js';
import { whole } from '../../../daemon/model/slices.js';
import { Incremental } from '../../../daemon/xds/delta.js';
import { perKind } from '../../../daemon/xds/kinds.js';
import { nodeIdentity } from '../../../daemon/xds/node.js';
import { Publisher } from '../../../daemon/xds/publisher.js';
import { StateOfTheWorld } from '../../../daemon/xds/sotw.js';
import type { Variant, XdsProtocol } from '../../../daemon/xds/variant.js';
import { FakeClock } from '../../helpers/fakeClock.js';
import { modelValidators } from '../../helpers/modelValidators.js';
import { XdsRecorder } from '../../helpers/xdsRecorder.js';

/** A number from 0 up to `below`. */
export type Draw = (below: number) => number;

/** The same numbers for the same seed (xorshift32). */
export function drawer(seed: number): Draw {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export const newSeed = (): number => randomBytes(4).readInt32LE();

type Mutation = (draw: Draw, message: Buffer, other: Buffer) => Buffer;

/** A length that no message has. */
const HUGE = Buffer.from([0x12, 0xff, 0xff, 0xff, 0xff, 0x07]);
const cut = (draw: Draw, bytes: Buffer): number => draw(bytes.length + 1);

const MUTATIONS: readonly Mutation[] = [
  (draw, message) => message.subarray(0, cut(draw, message)),
  (draw, message) => message.subarray(cut(draw, message)),
  (draw, message) => {
    const copy = Buffer.from(message);
    for (let n = draw(8); n >= 0 && copy.length > 0; n -= 1) copy[draw(copy.length)] = draw(256);
    return copy;
  },
  (draw, message) => {
    const at = cut(draw, message);
    return Buffer.concat([message.subarray(0, at), Buffer.from(Array.from({ length: draw(40) }, () => draw(256))), message.subarray(at)]);
  },
  (draw, message) => {
    const [from, at] = [cut(draw, message), cut(draw, message)];
    return Buffer.concat([message.subarray(0, at), message.subarray(from, from + draw(4000)), message.subarray(at)]);
  },
  (draw, message, other) => Buffer.concat([message.subarray(0, cut(draw, message)), other.subarray(cut(draw, other))]),
  (_draw, message) => Buffer.concat([message, message]),
  (_draw, message, other) => Buffer.concat([message, other]),
  (draw, message) => {
    const at = cut(draw, message);
    return Buffer.concat([message.subarray(0, at), HUGE, message.subarray(at)]);
  },
  (_draw, message) => message,
];

/** What a run of messages leaves behind is looked at through these. */
interface Side {
  readonly variant: Variant;
  readonly publisher: Publisher;
  readonly recorder: XdsRecorder;
}

function begin(protocol: XdsProtocol): Side {
  const recorder = new XdsRecorder();
  const publisher = new Publisher(recorder, modelValidators, { clock: new FakeClock(), random: () => 0, lookup: async () => ({ addresses: [], ttlMs: undefined }) });
  const node = nodeIdentity({ POD_NAME: 'n', INSTANCE_IP: '192.0.2.1' }, { hostname: 'h', interfaces: {} });
  const variant = protocol === 'delta' ? new Incremental(node, publisher) : new StateOfTheWorld(node, perKind(() => ''), publisher);
  publisher.opened();
  variant.begin();
  return { variant, publisher, recorder };
}

/** @returns why it is no answer at all: then the stream ends and another one begins. */
async function take({ variant, publisher }: Side, bytes: Buffer): Promise<string | undefined> {
  let answer;
  try {
    answer = whole(variant.read(bytes));
  } catch (error) {
    if (error instanceof Error) return error.message;
    throw error;
  }
  variant.reply(answer, publisher.pushed(await publisher.open(answer)));
  return undefined;
}

const plain = (resources: Resources | undefined) => resources && { ...resources };

export interface HostileRun {
  readonly protocol: XdsProtocol;
  /** Good messages, in the order in which they bring everything into force. */
  readonly good: readonly Buffer[];
  readonly draw: Draw;
  /** Whether to go on after so many messages. */
  readonly more: (messages: number) => boolean;
  /** Is told of each message before it is taken. */
  readonly trace?: (message: Buffer) => void;
}

/** @throws when a message makes something throw, changes something without being an answer, or leaves a state that good messages do not mend. */
export async function hostileRun({ protocol, good, draw, more, trace }: HostileRun): Promise<{ readonly messages: number; readonly garbage: number; readonly rejected: number }> {
  const side = begin(protocol);
  const clean = begin(protocol);
  for (const message of good) {
    await take(side, message);
    await take(clean, message);
  }
  const build = createModelBuilder();
  let [messages, garbage] = [0, 0];
  for (; more(messages); messages += 1) {
    const bytes = MUTATIONS[draw(MUTATIONS.length)]!(draw, good[draw(good.length)]!, good[draw(good.length)]!);
    trace?.(bytes);
    const before = plain(side.recorder.seen?.resources);
    const why = await take(side, bytes);
    if (why !== undefined) garbage += 1;
    if (why !== undefined && !isDeepStrictEqual(plain(side.recorder.seen?.resources), before)) throw new Error(`a message that is no answer (${why}) changed what is held`);
    build(side.recorder.seen!.resources);
  }
  const rejected = side.recorder.statuses.filter(({ code }) => code === 'KM_XDS_REJECTED').length;
  await mend(side, clean, protocol, good);
  return { messages, garbage, rejected };
}

/** A control plane that is well again brings all back; over an incremental stream by a new one, where it learns what is held. */
async function mend(side: Side, clean: Side, protocol: XdsProtocol, good: readonly Buffer[]): Promise<void> {
  for (const message of good) await take(side, message);
  const [mended, expected] = [side.recorder.seen!.resources, clean.recorder.seen!.resources];
  for (const kind of ['clusters', 'endpoints', 'listeners', 'routes'] as const) {
    for (const [name, resource] of expected[kind]) {
      if (!isDeepStrictEqual(mended[kind].get(name), resource)) throw new Error(`${kind} ${name} is not what the control plane says`);
    }
    const strangers = [...mended[kind].keys()].filter((name) => !expected[kind].has(name));
    // Of an incremental answer nothing is removed that it does not name: that is what `versions` are told for.
    const untold = protocol === 'delta' ? strangers.filter((name) => !side.publisher.versions(kind).has(name)) : strangers;
    if (untold.length > 0) throw new Error(`${kind} ${untold[0]} is still there`);
  }
}
