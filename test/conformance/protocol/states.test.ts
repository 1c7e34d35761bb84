import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { status } from '@grpc/grpc-js';
import type { PartialOptions } from '../../../src/config/options.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';
import { models } from './support/models.ts';
import type { Outcome, ProtocolClient } from './support/protocol-client.ts';
import { assertDecent, mlp } from './support/requests.ts';
import { Serving, transports, type Transport } from './support/serving.ts';

/** A run of the model busy that takes some tenths of a second. */
const tenths = 60_000;

/** One that takes seconds. */
const seconds = 300_000;

function busy(client: ProtocolClient, version = '', rounds = tenths): Promise<Outcome> {
  const count = Buffer.alloc(8);
  count.writeBigInt64LE(BigInt(rounds));
  return client.call('ModelInfer', {
    model_name: 'busy',
    model_version: version,
    inputs: [{ name: 'rounds', datatype: 'INT64', shape: [] }],
    raw_input_contents: [count],
  });
}

async function stateOf(client: ProtocolClient, model: string): Promise<string | undefined> {
  const { reply } = await client.call('RepositoryIndex');
  const entries = reply['models'] as readonly { readonly name: string; readonly state: string }[];
  return entries.find(({ name }) => name === model)?.state;
}

function queuePolicy(policy: string): string {
  return `max_batch_size: 0 dynamic_batching { default_queue_policy { ${policy} } }`;
}

function startBusy(transport: Transport, config?: string, options: PartialOptions = {}): Promise<Serving> {
  const model = { fixture: 'busy', ...(config === undefined ? {} : { config }) };
  return Serving.start(
    transport,
    { busy: model },
    { ...options, models: { placement: 'thread', ...options.models } },
  );
}

/** Some of the outcomes are answers, the others UNAVAILABLE with the text. */
function assertShed(outcomes: readonly Outcome[], text: string): void {
  const refused = outcomes.filter(({ code }) => status[code] !== 'OK');
  assert.ok(
    refused.length > 0 && refused.length < outcomes.length,
    `${refused.length} of ${outcomes.length} refused`,
  );
  for (const outcome of refused) {
    assert.equal(status[outcome.code], 'UNAVAILABLE', outcome.details);
    assert.ok(outcome.details.includes(text), outcome.details);
    assertDecent(outcome);
  }
}

for (const transport of transports) {
  describe(`states of models and the server on ${transport}`, () => {
    it('1.7: queue full', async () => {
      await using serving = await startBusy(transport, queuePolicy('max_queue_size: 1'));
      assertShed(
        await Promise.all(Array.from({ length: 5 }, () => busy(serving.client))),
        'Exceeds maximum queue size',
      );
    });

    it('1.7: queue timeout, action REJECT', async () => {
      await using serving = await startBusy(
        transport,
        queuePolicy('timeout_action: REJECT default_timeout_microseconds: 2000'),
      );
      assertShed(
        await Promise.all(Array.from({ length: 3 }, () => busy(serving.client))),
        'Request timeout expired',
      );
    });

    it('1.7: load and unload outside explicit mode', async () => {
      await using serving = await startBusy(transport);
      for (const rpc of ['RepositoryModelLoad', 'RepositoryModelUnload']) {
        const outcome = await serving.client.call(rpc, { model_name: 'busy' });
        assert.equal(status[outcome.code], 'UNAVAILABLE');
        assert.match(outcome.details, /^explicit model load \/ unload is not allowed if polling is enabled/);
      }
    });

    it('1.7: a version that is being unloaded is not at ready state, and what it runs is answered', async () => {
      await using serving = await startBusy(transport, undefined, {
        models: { controlMode: 'explicit', load: ['busy'] },
      });
      const { client } = serving;
      const running = busy(client, '', seconds);
      const unloaded = client.call('RepositoryModelUnload', { model_name: 'busy' });
      let state: string | undefined;
      do state = await stateOf(client, 'busy');
      while (state === 'READY');
      assert.equal(state, 'UNLOADING');
      const late = await busy(client, '1');
      assert.equal(status[late.code], 'UNAVAILABLE', late.details);
      assert.match(late.details, /'busy' version 1 is not at ready state/);
      assert.equal((await running).code, status.OK);
      assert.equal((await unloaded).code, status.OK);
      const gone = await busy(client);
      assert.equal(status[gone.code], 'NOT_FOUND');
      assert.match(gone.details, /'busy' has no available versions/);
    });

    it('1.7: a server that stops answers what it has, and nothing new', async () => {
      await using serving = await startBusy(transport);
      const { client, server } = serving;
      const running = busy(client);
      assert.deepEqual((await client.call('ServerLive')).reply, { live: true });
      const stopped = server.stop();
      const late = await client.call('ModelInfer', mlp());
      assert.equal(status[late.code], 'UNAVAILABLE', late.details);
      assertDecent(late);
      assert.equal((await running).code, status.OK);
      await stopped;
    });

    it('1.6: keys decide who may infer and who may load; probes need none', async () => {
      using folder = new TemporaryFolder();
      const key = (name: string): string => `${name}-key-of-some-length`;
      const apiKeysFile = folder.write(
        'keys.yaml',
        `keys:
  - { principal: a, key: ${key('infer')}, scopes: [infer] }
  - { principal: b, key: ${key('admin')}, scopes: [admin] }
`,
      );
      const { mlp: model = { fixture: 'mlp16' } } = models;
      await using serving = await Serving.start(
        transport,
        { mlp: model },
        { models: { controlMode: 'explicit', load: ['mlp'] }, security: { apiKeysFile } },
      );
      const calls: readonly (readonly [rpc: string, request: object, name: string, code: string])[] = [
        ['ModelInfer', mlp(), '', 'UNAUTHENTICATED'],
        ['ModelInfer', mlp(), 'wrong', 'UNAUTHENTICATED'],
        ['ModelInfer', mlp(), 'infer', 'OK'],
        ['ModelInfer', mlp(), 'admin', 'PERMISSION_DENIED'],
        ['RepositoryModelLoad', { model_name: 'mlp' }, 'infer', 'PERMISSION_DENIED'],
        ['RepositoryModelLoad', { model_name: 'mlp' }, 'admin', 'OK'],
        ['ServerReady', {}, '', 'OK'],
        ['ServerLive', {}, '', 'OK'],
      ];
      for (const [rpc, request, name, code] of calls) {
        const metadata: Record<string, string> = name === '' ? {} : { authorization: `Bearer ${key(name)}` };
        const outcome = await serving.client.call(rpc, request, { metadata });
        assert.equal(status[outcome.code], code, `${rpc} with ${name}: ${outcome.details}`);
        assertDecent(outcome);
        assert.ok(!outcome.details.includes('key-of-some-length'));
      }
    });
  });
}
