import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { computing, EnsembleBench, floats, valuesOf } from '../../support/build-ensemble.ts';
import { buildRequest } from '../../support/build-request.ts';
import { PuppetExecutor } from '../../support/puppet-executor.ts';

interface Node {
  /** Which of the tensors before it each of its inputs reads, as parts of them. */
  readonly reads: readonly number[];
  readonly writes: number;
  readonly factor: number;
}

const node = fc.record({
  reads: fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 3 }),
  writes: fc.integer({ min: 1, max: 2 }),
  factor: fc.integer({ min: 1, max: 5 }),
});

/** Small whole numbers, so that the order of additions does not matter. */
function formula(factor: number, inputs: readonly number[], output: number): number {
  return (inputs.reduce((sum, value) => sum + value, output + 1) * factor) % 997;
}

/** Each input of each node as index of a tensor: those before it are the two inputs and what earlier nodes write. */
function tensorsRead(nodes: readonly Node[]): readonly (readonly number[])[] {
  let known = 2;
  return nodes.map(({ reads, writes }) => {
    const own = reads.map((part) => Math.floor(part * known));
    known += writes;
    return own;
  });
}

function reference(nodes: readonly Node[], first: number, second: number): readonly number[] {
  const values = [first, second];
  const read = tensorsRead(nodes);
  for (const [index, { writes, factor }] of nodes.entries()) {
    const inputs = (read[index] ?? []).map((tensor) => values[tensor] ?? Number.NaN);
    for (let output = 0; output < writes; output++) values.push(formula(factor, inputs, output));
  }
  return values;
}

test('any graph, its steps in any order, gives what its formulas give', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(node, { minLength: 1, maxLength: 8 }),
      fc.infiniteStream(fc.nat()),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 99 }), fc.integer({ min: 0, max: 99 })), {
        minLength: 1,
        maxLength: 4,
      }),
      async (drawn, order, requests) => {
        // The last reads both inputs, so that none is idle.
        const nodes = [...drawn, { reads: [0, 0], writes: 1, factor: 1 }];
        const read = tensorsRead(nodes).map((tensors, index) =>
          index === nodes.length - 1 ? [0, 1] : tensors,
        );
        const bench = new EnsembleBench();
        let next = 2;
        const steps = nodes.map(({ writes, factor }, index) => {
          const inputs = (read[index] ?? []).map((_, at) => `x${at}`);
          const outputs = Array.from({ length: writes }, (_, at) => `y${at}`);
          const compute = computing((values, name) => formula(factor, values, Number(name.slice(1))));
          bench.model(`m${index}`, {
            inputs,
            outputs,
            executor: new PuppetExecutor({ inline: true, compute }),
          });
          return {
            model_name: `m${index}`,
            input_map: Object.fromEntries((read[index] ?? []).map((tensor, at) => [`x${at}`, `t${tensor}`])),
            output_map: Object.fromEntries(outputs.map((name) => [name, `t${next++}`])),
          };
        });
        const shuffled = steps
          .map((step) => ({ step, place: order.next().value ?? 0 }))
          .sort((a, b) => a.place - b.place)
          .map(({ step }) => step);
        const written = Array.from({ length: next - 2 }, (_, index) => `t${index + 2}`);
        const ensemble = bench.ensemble('e', { inputs: ['t0', 't1'], outputs: written, steps: shuffled });
        const answers = await Promise.all(
          requests.map(([first, second]) =>
            bench.infer(ensemble, buildRequest({ inputs: [floats('t0', [first]), floats('t1', [second])] })),
          ),
        );
        for (const [index, { outputs }] of answers.entries()) {
          const [first, second] = requests[index] ?? [0, 0];
          const expected = [...reference(drawn, first, second), formula(1, [first, second], 0)].slice(2);
          assert.deepEqual(outputs.flatMap(valuesOf), expected);
        }
        assert.equal(bench.budget.heldBytes, 0);
      },
    ),
    { numRuns: 60 },
  );
});
