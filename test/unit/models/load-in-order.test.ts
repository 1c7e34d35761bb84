import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadInOrder } from '../../../src/models/load-in-order.ts';

interface Told {
  readonly loaded: string[];
  readonly refused: (readonly string[])[];
}

async function loaded(
  wanted: readonly string[],
  steps: Record<string, readonly string[]>,
  missing: readonly string[] = [],
): Promise<Told> {
  const told: Told = { loaded: [], refused: [] };
  await loadInOrder(new Set(wanted), {
    stepsOf: (model) => steps[model] ?? [],
    isMissing: (step) => missing.includes(step),
    load: async (model) => {
      await Promise.resolve();
      told.loaded.push(model);
    },
    refuse: (_model, cycle) => told.refused.push(cycle),
  });
  return told;
}

test('steps are loaded before the ensembles that run them, each once', async () => {
  const steps = { first: ['shared', 'own'], second: ['shared', 'first'] };
  const told = await loaded(['second', 'first', 'shared', 'own'], steps);
  assert.deepEqual(told, { loaded: ['shared', 'own', 'first', 'second'], refused: [] });
});

test('a step that nobody asked for is loaded only when it is missing', async () => {
  const steps = { ensemble: ['serves', 'missing'] };
  assert.deepEqual((await loaded(['ensemble'], steps, ['missing'])).loaded, ['missing', 'ensemble']);
});

test('an ensemble whose steps lead back to it is refused, and the others are loaded', async () => {
  const steps = { a: ['b'], b: ['a'] };
  const told = await loaded(['a', 'other'], steps);
  assert.deepEqual(told, { loaded: ['other'], refused: [['a', 'b', 'a']] });
});
