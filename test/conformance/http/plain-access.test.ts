import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TemporaryFolder } from '../../support/temporary-folder.ts';
import { models } from '../protocol/support/models.ts';
import { Serving } from '../protocol/support/serving.ts';

const keys = { first: 'first-key-0123456789', second: 'second-key-0123456789' } as const;

describe('plain predictions of a server with API keys', () => {
  const folder = new TemporaryFolder();
  let serving: Serving;
  let base: string;

  before(async () => {
    const { flags } = models;
    assert.ok(flags !== undefined);
    const lines = Object.entries(keys).map(
      ([principal, key]) => `  - { principal: ${principal}, key: ${key} }`,
    );
    const apiKeysFile = folder.write('keys.yaml', `keys:\n${lines.join('\n')}\n`);
    const dialects = ['plain' as const, 'mlflow' as const];
    serving = await Serving.start('h2', { flags }, { security: { apiKeysFile }, server: { dialects } });
    base = `http://${serving.server.httpAddress}`;
  });
  after(async () => {
    await serving[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  async function ask(
    path: string,
    who: keyof typeof keys | undefined,
    init: RequestInit = {},
  ): Promise<{ readonly status: number; readonly told: Readonly<Record<string, unknown>> }> {
    const headers = who === undefined ? {} : { authorization: `Bearer ${keys[who]}` };
    const reply = await fetch(base + path, { ...init, headers });
    return { status: reply.status, told: (await reply.json()) as Readonly<Record<string, unknown>> };
  }

  const body = { method: 'POST', body: '{"features":[true]}' };

  for (const [path, init] of [
    ['/v1/predict', body],
    ['/predict/async', body],
    ['/model/info', {}],
    ['/v1/tasks/7', {}],
  ] as const) {
    it(`${path} needs one`, async () => {
      const { status, told } = await ask(path, undefined, init);
      assert.equal(status, 401);
      assert.deepEqual(Object.keys(told), ['error', 'reason']);
      assert.equal(told['reason'], 'API_KEY_MISSING');
    });
  }

  it("MLflow's invocations are refused in its own form", async () => {
    const { status, told } = await ask('/invocations', undefined, body);
    assert.deepEqual([status, told['error_code']], [401, 'UNAUTHENTICATED']);
  });

  it('are made with one, and health needs none', async () => {
    assert.equal((await ask('/v1/predict', 'first', body)).told['prediction'], true);
    assert.equal((await ask('/health', undefined)).status, 200);
  });

  it('a task is seen and deleted by who asked for it, and nobody else', async () => {
    const { told } = await ask('/v1/predict/async', 'first', body);
    const path = `/v1/tasks/${String(told['task_id'])}`;
    assert.equal((await ask(path, 'second')).told['reason'], 'TASK_NOT_FOUND');
    assert.equal((await ask(path, 'second', { method: 'DELETE' })).status, 404);
    assert.equal((await ask(path, 'first')).status, 200);
  });
});

describe('plain predictions', () => {
  it('stop at the deadline of their caller', async () => {
    const { busy } = models;
    assert.ok(busy !== undefined);
    await using serving = await Serving.start('h2', { busy }, { models: { placement: 'thread' } });
    const reply = await fetch(`http://${serving.server.httpAddress}/v1/predict`, {
      method: 'POST',
      headers: { 'x-request-timeout-ms': '20' },
      // Some tenths of a second.
      body: '{"features":[30000]}',
    });
    const told = (await reply.json()) as { reason: string };
    assert.deepEqual([reply.status, told.reason], [504, 'DEADLINE_EXCEEDED']);
  });
});
