import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ServingError } from '../../../../src/errors.ts';
import type { ModelCatalog } from '../../../../src/inference/catalog.ts';
import { createHealthService, type HealthService } from '../../../../src/transport/grpc/health.ts';
import { MessageQueue } from '../../../../src/transport/grpc/message-queue.ts';
import { FakeCall, FakeReply, toBuffer } from '../../../support/fake-call.ts';
import { decodeMessage, encodeMessage } from '../../../support/protobuf-reference.ts';
import { settled } from '../../../support/fake-clock.ts';

/** A catalog with one model in two versions, whose readiness the test changes. */
class ChangingCatalog {
  serverReady = true;
  modelReady = true;
  listeners = new Set<() => void>();

  readonly catalog: ModelCatalog = {
    ready: () => this.serverReady,
    modelReady: (model, version) => this.modelReady && model === 'm' && version !== '2',
    metadata: () => assert.fail('not asked for'),
    config: () => assert.fail('not asked for'),
    labels: () => assert.fail('not asked for'),
    features: () => assert.fail('not asked for'),
    statistics: () => [],
    index: () => [
      { name: 'm', version: '1', state: 'READY', reason: '' },
      { name: 'm', version: '2', state: 'UNAVAILABLE', reason: 'unloaded' },
    ],
    onChange: (listener) => {
      this.listeners.add(listener);
      return { [Symbol.dispose]: () => this.listeners.delete(listener) };
    },
  };

  change(to: { serverReady?: boolean; modelReady?: boolean }): void {
    Object.assign(this, to);
    for (const listener of this.listeners) listener();
  }
}

async function check({ methods }: HealthService, service: string): Promise<unknown> {
  const method = methods.find(({ path }) => path.endsWith('/Check'));
  assert.ok(method?.kind === 'unary');
  const reply = await method.handle(
    encodeMessage('grpc.health.v1.HealthCheckRequest', { service }),
    new FakeCall(),
  );
  return decodeMessage('grpc.health.v1.HealthCheckResponse', toBuffer(reply))['status'];
}

function watch(
  { methods }: HealthService,
  service: string,
): { call: FakeCall; reply: FakeReply; ended: Promise<unknown> } {
  const method = methods.find(({ path }) => path.endsWith('/Watch'));
  assert.ok(method?.kind === 'stream');
  const messages = new MessageQueue({ pause() {}, resume() {} });
  messages.push(encodeMessage('grpc.health.v1.HealthCheckRequest', { service }));
  messages.end();
  const [call, reply] = [new FakeCall(), new FakeReply()];
  const ended = method.handle(messages, reply, call).then(
    () => 'OK',
    (error: unknown) => error,
  );
  return { call, reply, ended };
}

function statuses(reply: FakeReply): unknown[] {
  return reply.sent.map((bytes) => decodeMessage('grpc.health.v1.HealthCheckResponse', bytes)['status']);
}

describe('grpc.health.v1', () => {
  it('checks the server, models and versions', async () => {
    const models = new ChangingCatalog();
    const health = createHealthService(models.catalog);
    for (const [service, status] of [
      ['', 'SERVING'],
      ['inference.GRPCInferenceService', 'SERVING'],
      ['m', 'SERVING'],
      ['m/1', 'SERVING'],
      ['m/2', 'NOT_SERVING'],
    ] as const) {
      assert.equal(await check(health, service), status, service);
    }
    models.change({ serverReady: false, modelReady: false });
    for (const service of ['', 'm']) assert.equal(await check(health, service), 'NOT_SERVING');
  });

  it('knows no other services', async () => {
    const health = createHealthService(new ChangingCatalog().catalog);
    for (const service of ['n', 'm/3', 'm/1/x', '/', 'm/one', '__proto__']) {
      await assert.rejects(
        check(health, service),
        (error) => error instanceof ServingError && error.code === 'not_found',
      );
    }
  });

  it('tells watchers the status at once and each change of it, and no more', async () => {
    const models = new ChangingCatalog();
    const { call, reply, ended } = watch(createHealthService(models.catalog), '');
    await reply.messages(1);
    models.change({ serverReady: true });
    await settled();
    models.change({ serverReady: false });
    await reply.messages(2);
    models.change({ serverReady: true });
    await reply.messages(3);
    assert.deepEqual(statuses(reply), ['SERVING', 'NOT_SERVING', 'SERVING']);
    call.context.cancel();
    assert.ok((await ended) instanceof ServingError);
    assert.equal(models.listeners.size, 0);
  });

  it('tells watchers of unknown services so, and goes on watching', async () => {
    const { call, reply, ended } = watch(createHealthService(new ChangingCatalog().catalog), 'nobody');
    await reply.messages(1);
    assert.deepEqual(statuses(reply), ['SERVICE_UNKNOWN']);
    call.context.cancel();
    await ended;
  });

  it('tells everybody at shutdown and ends their calls', async () => {
    const models = new ChangingCatalog();
    const health = createHealthService(models.catalog);
    const { reply, ended } = watch(health, 'm');
    await reply.messages(1);
    health.shutdown();
    const error = await ended;
    assert.ok(error instanceof ServingError);
    assert.equal(error.code, 'unavailable');
    assert.deepEqual(statuses(reply), ['SERVING', 'NOT_SERVING']);
    assert.equal(await check(health, ''), 'NOT_SERVING');
    assert.equal(models.listeners.size, 0);
  });
});
