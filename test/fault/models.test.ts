import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { HeldModels } from '../support/held-model.ts';
import { heldValues } from '../support/held-session.ts';
import { faults } from './support/faulty-session.ts';
import { backAfterMs, codeOf, Load, outcomeOf } from './support/load.ts';

const { crash, breaks } = faults;
const preload = join(import.meta.dirname, 'support', 'faulty-sessions.ts');

describe('faults of models under load', { timeout: 240_000 }, () => {
  const one = 'max_batch_size: 8 instance_group { count: 1 }';
  let models: HeldModels;
  before(async () => {
    const configs = { crashes: one, poisoned: one, hangs: one, throws: one, healthy: one };
    const named = Object.entries(configs).map(([name, config]) => [`hold.${name}`, config]);
    models = await HeldModels.start(Object.fromEntries(named), ['--hang-after', '1000'], {
      NODE_OPTIONS: `--import=${preload}`,
    });
  });
  after(() => models[Symbol.asyncDispose]());

  test('a thread that crashes takes its batch along; the model is back without its breaker opening, another never noticed', async () => {
    const other = new Load(models, 'hold.healthy');
    const outcome = await outcomeOf(models, 'hold.crashes', crash);
    assert.equal(codeOf(outcome), 'unavailable');
    await backAfterMs(models, 'hold.crashes');
    await other.stop();
    assert.deepEqual(other.failures, []);
    assert.ok(other.answered > 0);
    assert.equal(await models.reading('hold.crashes', 'tensorgate_executor_restarts_total'), 1);
    assert.equal(await models.reading('hold.crashes', 'tensorgate_breaker_opened_total'), 0);
  });

  test('after three crashes requests are refused at once with advice, and the model comes back by itself', async () => {
    for (let crashes = 0; crashes < 2; crashes++) {
      assert.equal(codeOf(await outcomeOf(models, 'hold.crashes', crash, crashes)), 'unavailable');
      if (crashes === 0) await backAfterMs(models, 'hold.crashes');
    }
    await models.until('hold.crashes', 'tensorgate_breaker_state', 2);
    const load = new Load(models, 'hold.crashes', 1);
    await load.until(({ failures }) => failures.length > 2);
    const other = new Load(models, 'hold.healthy', 2);
    await backAfterMs(models, 'hold.crashes');
    await Promise.all([load.stop(), other.stop()]);
    assert.deepEqual(other.failures, []);
    assert.ok(load.failures.every(({ code }) => code === 'unavailable'));
    assert.ok(load.failures.every(({ retryAfterMs = 0 }) => retryAfterMs > 0 && retryAfterMs <= 5_000));
    assert.ok(
      (await models.reading('hold.crashes', 'tensorgate_requests_refused_total', 'MODEL_BREAKER_OPEN')) > 2,
    );
    await models.until('hold.crashes', 'tensorgate_breaker_state', 0);
  });

  test('a request that crashes a thread, and again when it is repeated, is not run a third time, and the model goes on', async () => {
    for (let i = 0; i < 2; i++) {
      assert.equal(codeOf(await outcomeOf(models, 'hold.poisoned', crash)), 'unavailable');
      await backAfterMs(models, 'hold.poisoned');
    }
    for (let i = 0; i < 5; i++)
      assert.equal(codeOf(await outcomeOf(models, 'hold.poisoned', crash)), 'invalid_argument');
    assert.equal(codeOf(await outcomeOf(models, 'hold.poisoned', 1)), 'answered');
    assert.equal(await models.reading('hold.poisoned', 'tensorgate_executor_restarts_total'), 2);
    assert.equal(await models.reading('hold.poisoned', 'tensorgate_breaker_opened_total'), 0);
  });

  test('a run that does not end is given up: its request fails, others of the model are served again, another never noticed', async () => {
    for (let i = 0; i < 5; i++) await outcomeOf(models, 'hold.hangs', 1);
    const other = new Load(models, 'hold.healthy', 1);
    const startedAt = performance.now();
    assert.equal(codeOf(await outcomeOf(models, 'hold.hangs', heldValues.first)), 'unavailable');
    const gaveUpMs = performance.now() - startedAt;
    assert.ok(gaveUpMs >= 1_000, `${gaveUpMs}`);
    await backAfterMs(models, 'hold.hangs');
    await other.stop();
    assert.deepEqual(other.failures, []);
    assert.equal(await models.reading('hold.hangs', 'tensorgate_hung_runs_total'), 1);
    assert.equal(await models.reading('hold.hangs', 'tensorgate_breaker_opened_total'), 1);
    writeFileSync(join(models.holdsFolder, String(heldValues.first)), '');
    await models.server.printed(/a run that was given up has ended/);
  });

  test('a model whose provider fails in every run goes out of service; a batch that is the client’s fault does not count', async () => {
    for (let i = 0; i < 30; i++)
      assert.equal(codeOf(await outcomeOf(models, 'hold.throws', -5)), 'invalid_argument');
    assert.equal(await models.reading('hold.throws', 'tensorgate_breaker_opened_total'), 0);
    const codes = new Set<string>();
    for (let i = 0; i < 25; i++) codes.add(codeOf(await outcomeOf(models, 'hold.throws', breaks)));
    assert.deepEqual([...codes], ['internal', 'unavailable']);
    // Now and then it is tried again, and fails.
    await models.until('hold.throws', 'tensorgate_breaker_state', 2);
    const { httpAddress } = models.server;
    const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'INT64', shape: [1, 1], data: [1] }] });
    const reply = await fetch(`http://${httpAddress}/v2/models/hold.throws/infer`, { method: 'POST', body });
    assert.deepEqual([reply.status, reply.headers.get('tensorgate-reason')], [503, 'MODEL_BREAKER_OPEN']);
    assert.ok(Number(reply.headers.get('retry-after')) >= 1);
    const ready = await fetch(`http://${httpAddress}/v2/models/hold.throws/ready`);
    assert.equal(ready.status, 200);
  });
});
