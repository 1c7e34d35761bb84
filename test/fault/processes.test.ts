import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { HeldModels } from '../support/held-model.ts';
import { faults } from './support/faulty-session.ts';
import { backAfterMs, codeOf, Load, outcomeOf } from './support/load.ts';

const preload = join(import.meta.dirname, 'support', 'faulty-sessions.ts');
const one = 'max_batch_size: 4 instance_group { count: 1 }';
const isolated = `${one} parameters { key: "isolation" value { string_value: "process" } }`;
const models = ['killed', 'aborts', 'exhausts', 'hangs', 'throws', 'thrown'] as const;

/** The process in which the model runs now. */
function processOf(held: HeldModels, model: string): number {
  const lines = held.server.output().split('\n');
  const started = lines.filter(
    (line) => line.includes(`"model":"${model}"`) && line.includes('session process started'),
  );
  const pid = /"pid":(\d+)[^{}]*session process started/.exec(started.at(-1) ?? '')?.[1];
  assert.ok(pid !== undefined, `no process of ${model} was started`);
  return Number(pid);
}

describe('faults of models in processes of their own, under load', { timeout: 240_000 }, () => {
  let held: HeldModels;
  before(async () => {
    const configs = Object.fromEntries(models.map((name) => [`hold.${name}`, isolated]));
    held = await HeldModels.start({ ...configs, 'hold.healthy': one }, ['--hang-after', '10000'], {
      NODE_OPTIONS: `--import=${preload} --max-old-space-size=160`,
    });
  });
  after(() => held[Symbol.asyncDispose]());

  /** Something happens to a model under load while another serves. */
  async function during(model: string, fault: () => Promise<void> | void): Promise<Load> {
    const own = new Load(held, model);
    const other = new Load(held, 'hold.healthy', 2);
    await Promise.all([own, other].map((load) => load.until(({ answered }) => answered > 0)));
    const before = own.answered;
    await fault();
    await backAfterMs(held, model);
    await Promise.all([own.stop(), other.stop()]);
    assert.ok(own.answered > before);
    assert.deepEqual(other.failures, [], 'another model noticed');
    return own;
  }

  test('kill -9: the requests of the batch fail as unavailable and no others; the model is back at once', async () => {
    const load = await during('hold.killed', () => {
      process.kill(processOf(held, 'hold.killed'), 'SIGKILL');
    });
    assert.ok(load.failures.length <= 4, `${load.failures.length} failed`);
    assert.ok(load.failures.every(({ code }) => code === 'unavailable'));
    assert.equal(await held.reading('hold.killed', 'tensorgate_executor_restarts_total'), 1);
    assert.equal(await held.reading('hold.killed', 'tensorgate_breaker_state'), 0);
  });

  for (const [model, what, value] of [
    ['hold.aborts', 'an abort in native code', faults.abort],
    ['hold.exhausts', 'running out of memory', faults.exhaust],
    ['hold.thrown', 'an uncaught exception', faults.crash],
  ] as const) {
    test(`${what} ends the process and not the server: only requests of its batch fail`, async () => {
      const load = await during(model, async () => {
        assert.equal(codeOf(await outcomeOf(held, model, value)), 'unavailable');
      });
      assert.ok(load.failures.length <= 3, `${load.failures.length} others failed`);
      assert.ok(load.failures.every(({ code }) => code === 'unavailable'));
      assert.equal(await held.reading(model, 'tensorgate_executor_restarts_total'), 1);
    });
  }

  test('a run that hangs in native code is ended with its process, and leaves nothing behind', async () => {
    for (let i = 0; i < 5; i++) await outcomeOf(held, 'hold.hangs', 1);
    const hung = processOf(held, 'hold.hangs');
    const load = await during('hold.hangs', async () => {
      assert.equal(codeOf(await outcomeOf(held, 'hold.hangs', faults.hang)), 'unavailable');
    });
    assert.ok(load.failures.every(({ code }) => code === 'unavailable'));
    await gone(hung);
    assert.equal(await held.reading('hold.hangs', 'tensorgate_hung_runs_total'), 1);
  });

  test('what ONNX Runtime throws fails its requests only, and the process stays', async () => {
    const pid = processOf(held, 'hold.throws');
    const load = await during('hold.throws', async () => {
      assert.equal(codeOf(await outcomeOf(held, 'hold.throws', faults.throws)), 'internal');
    });
    assert.deepEqual(load.failures, []);
    assert.equal(processOf(held, 'hold.throws'), pid);
  });

  test('signals for the whole group end the server alone: what runs is answered before the processes go', async () => {
    const pid = processOf(held, 'hold.throws');
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.kill(pid, signal);
    assert.equal(codeOf(await outcomeOf(held, 'hold.throws', 1)), 'answered');
    assert.equal(processOf(held, 'hold.throws'), pid);
  });
});

/** Resolves once the process is gone; rejects after a minute. */
async function gone(pid: number): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    if (signal.aborted) throw new Error(`process ${pid} is still there`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a server that ends while a run in a process does not', { timeout: 240_000 }, () => {
  const args = ['--hang-after', '0', '--exit-timeout-secs', '1'];

  /** With a run under way that never ends. */
  async function stuck(more: readonly string[] = []): Promise<{ held: HeldModels; pid: number }> {
    const held = await HeldModels.start({ 'hold.hangs': isolated }, [...args, ...more], {
      NODE_OPTIONS: `--import=${preload}`,
    });
    held.infer('hold.hangs', { values: [faults.hang] }).catch(() => undefined);
    await held.until('hold.hangs', 'tensorgate_running_batches', 1);
    return { held, pid: processOf(held, 'hold.hangs') };
  }

  test('ends with 0 when it is stopped, and the process with it', async () => {
    const { held, pid } = await stuck();
    await held[Symbol.asyncDispose]();
    await gone(pid);
  });

  test('takes the process along when it is killed', async () => {
    const { held, pid } = await stuck();
    process.kill(held.server.pid, 'SIGKILL');
    await gone(pid);
    await assert.rejects(held[Symbol.asyncDispose]());
  });
});
