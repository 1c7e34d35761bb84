import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dialectNames, type DialectName } from '../../../../../src/inference/dialect.ts';
import { loadDialects } from '../../../../../src/transport/http/dialects/load-dialects.ts';
import { fakeCatalog } from '../../../../support/fake-catalog.ts';
import { FakeClock } from '../../../../support/fake-clock.ts';

/** Routes of each dialect. */
async function routesOf(names: readonly DialectName[]): Promise<readonly (readonly string[])[]> {
  const create = await loadDialects(names);
  const services = {
    infer: () => assert.fail('not asked for'),
    catalog: fakeCatalog([]),
    control: undefined,
    maxBodyBytes: 1024,
    defaultModel: '',
    alone: true,
    serverVersion: '1.2.3',
    clock: new FakeClock(),
    predictRoute: '/predict',
    healthRoute: '/health',
    sagemakerModels: '',
  };
  return create(services).map(({ endpoints }) => [...endpoints.keys()]);
}

test('dialects come in the order of their names, and those that share paths as one', async () => {
  const [first, second, ...more] = await routesOf(['torchserve', 'tensorflow-serving', 'kserve-v1']);
  assert.ok(first?.includes('/predictions/{model}'));
  assert.ok(second?.includes('/v1/models/{model}:predict'));
  assert.ok(second?.includes('/v1/models/{model}:classify'));
  assert.ok(second?.includes('/v1/models'));
  assert.deepEqual(more, []);
});

test('every dialect that can be named has paths', async () => {
  for (const name of dialectNames) {
    const [routes] = await routesOf([name]);
    assert.ok((routes?.length ?? 0) > 0, name);
  }
});

test('without names there are no paths', async () => {
  assert.deepEqual(await routesOf([]), []);
});
