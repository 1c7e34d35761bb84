import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import type { MonitoringPlan } from '../../../src/inference/monitoring.ts';
import { anonymous } from '../../../src/inference/principal.ts';
import { ModelMonitors } from '../../../src/quality/model-monitors.ts';
import { RedisQualityStore, type QualityRedis } from '../../../src/quality/redis-store.ts';
import { buildTarget } from '../../support/build-target.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { forgetfulStore } from '../../support/forgetful-store.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { watchedSpec, watchRequest } from '../../support/watched-requests.ts';

const monitoring: MonitoringPlan = {
  feedback: {
    keepRequests: 100,
    keepMs: 3_600_000,
    windowLabels: 100,
    baseline: undefined,
    alertBelow: 0.95,
  },
  drift: undefined,
};
const spec = watchedSpec(monitoring);

test('a store that cannot be opened keeps no model out for ever, and does not disturb the end', async () => {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  let opens = 0;
  const monitors = new ModelMonitors({
    clock,
    logger,
    webhook: undefined,
    async openStore() {
      opens += 1;
      throw new ServingError('failed_precondition', 'no store');
    },
  });
  await assert.rejects(monitors.create(spec, monitoring), /no store/);
  await assert.rejects(monitors.create(spec, monitoring), /no store/);
  assert.equal(opens, 2);
  await monitors[Symbol.asyncDispose]();
});

/** Of predictions; answers come in turn, all of a moment together, as those of a pipeline do. */
function memoryRedis(): QualityRedis {
  const kept = new Map<string, string>();
  return {
    get: async (key) => kept.get(key) ?? null,
    set: async (key, value) => kept.set(key, value),
    remove: async (key) => kept.delete(key),
    async run(_, [key = ''], values) {
      // Only claims come without values.
      if (values.length > 0) return null;
      const value = kept.get(key);
      if (value?.endsWith('false]') !== true) return value === undefined ? 1 : 0;
      kept.set(key, value.replace(/false\]$/, 'true]'));
      return 1;
    },
    async [Symbol.asyncDispose]() {},
  };
}

test('of the same labels that come twice at once, servers that share Redis take one', async () => {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const store = new RedisQualityStore({ redis: memoryRedis(), prefix: 'p', replica: 'a', logger });
  await using monitors = new ModelMonitors({
    clock,
    logger,
    webhook: undefined,
    openStore: () => Promise.resolve(store),
  });
  const monitor = await monitors.create(spec, monitoring);
  monitors.follow(() => [{ ...buildTarget([]), spec, monitor }]);
  watchRequest(monitor, { id: 'a' });
  const told = { id: 'a', labels: ['yes'] };
  const labels = [told, told];
  const counts = await monitors.feedback({ model: 'm', version: '', principal: '', labels }, anonymous);
  assert.deepEqual(counts, { accepted: 1, unknown: 0, repeated: 1, unfitting: 0 });
  assert.equal(monitors.labelTotal('m', '')?.outcomes, 1);
});

test('what could not be kept, or is lost, is kept later, although nothing new has come', async () => {
  const clock = new FakeClock();
  const logger = new RecordingLogger();
  const asked: string[] = [];
  const answers = [false, true, false, true];
  const answer = (what: string) => async (): Promise<boolean> => {
    asked.push(what);
    return answers[asked.length - 1] ?? true;
  };
  const store = forgetfulStore({
    save: answer('save'),
    unchanged: answer('unchanged'),
  });
  const openStore = () => Promise.resolve(store);
  await using monitors = new ModelMonitors({ clock, logger, webhook: undefined, openStore });
  const monitor = await monitors.create(spec, monitoring);
  monitors.follow(() => [{ ...buildTarget([]), spec, monitor }]);
  watchRequest(monitor, { id: 'a' });
  for (let look = 1; look <= 4; look++) {
    clock.advance(10_000);
    while (asked.length < look || clock.pending === 0) await Promise.resolve();
  }
  assert.deepEqual(asked, ['save', 'save', 'unchanged', 'save']);
});
