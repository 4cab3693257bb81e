// SPDX-License-Identifier: Apache-2.0
import type { RouteProgram, RouteStep } from '../model/routeTable.js';
import type { StepRecord, StepTable, StoredStep } from './operations.js';

/** As they were read from the maps. */
export class AdoptedSteps implements StepTable {
  readonly #steps: readonly Pick<StoredStep, 'value'>[];

  constructor(steps: readonly Pick<StoredStep, 'value'>[]) {
    this.#steps = steps;
  }

  get length(): number {
    return this.#steps.length;
  }

  list(): readonly StepRecord[] {
    return this.#steps.map(({ value }) => value);
  }
}

/** Those of a program of the model: all but what has ids in it is there once, in the model. */
export class WrittenSteps implements StepTable {
  readonly length: number;
  readonly #program: RouteProgram;
  readonly #own: readonly StepRecord[];

  /** @param own what stands for the targets and automata of the program, in their order. */
  constructor(program: RouteProgram, own: readonly StepRecord[], length: number) {
    this.#program = program;
    this.#own = own;
    this.length = length;
  }

  list(): readonly StepRecord[] {
    const own = this.#own.values();
    return this.#program.steps.map((step) => (hasIds(step) ? own.next().value! : step));
  }
}

export const hasIds = (step: RouteStep): step is Extract<RouteStep, { readonly op: 'target' | 'automaton' }> => step.op === 'target' || step.op === 'automaton';
