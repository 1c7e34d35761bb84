import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { serveUntilStopped, type RunningServer, type SignalSource } from '../../../src/cli/serving.ts';
import { loadOptions, type Effective, type Refused } from '../../../src/config/load.ts';
import type { Options } from '../../../src/config/options.ts';
import { ServingError } from '../../../src/errors.ts';
import { settled } from '../../support/fake-clock.ts';
import { fakeCatalog } from '../../support/fake-catalog.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { Latch } from '../../support/latch.ts';

const iris = {
  name: 'iris',
  versions: ['1'],
  platform: '',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1] }],
  outputs: [],
};

class Setup {
  readonly terminal = new FakeTerminal();
  readonly emitter = new EventEmitter();
  kills = 0;
  readonly stopped = new Latch();
  stops = 0;
  readonly reconfigured: Options[] = [];
  /** What reading the configuration again gives. */
  reading: Effective | Refused | undefined = undefined;

  serve(start: () => Promise<RunningServer>, ...args: string[]): Promise<number> {
    const effective = loadOptions({ args: ['models', '--log-format', 'json', ...args], environment: {} });
    if (effective.kind === 'refused') throw new Error(effective.problems.join());
    const signals: SignalSource = {
      on: (signal, listener) => this.emitter.on(signal, listener),
      off: (signal, listener) => this.emitter.off(signal, listener),
      kill: () => {
        this.kills += 1;
      },
    };
    return serveUntilStopped({
      start,
      effective,
      load: () => this.reading ?? effective,
      terminal: this.terminal,
      signals,
      command: 'tensorgate',
    });
  }

  readonly server: RunningServer = {
    catalog: fakeCatalog([iris]),
    grpcAddress: '127.0.0.1:4711',
    httpAddress: '',
    metricsAddress: '',
    stopped: this.stopped.opened,
    reconfigure: (options) => void this.reconfigured.push(options),
    stop: () => {
      this.stops += 1;
      return this.stopped.opened;
    },
  };

  messages(): string[] {
    return this.terminal.out
      .trimEnd()
      .split('\n')
      .map((line) => String(JSON.parse(line).message));
  }
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} drains the server, and the process ends with 0 once it has`, async () => {
    const setup = new Setup();
    const done = setup.serve(async () => setup.server);
    await settled();
    setup.emitter.emit(signal);
    assert.equal(setup.stops, 1);
    setup.stopped.open();
    assert.equal(await done, 0);
    assert.equal(setup.kills, 0);
    assert.deepEqual(setup.messages(), [
      'serving',
      'try',
      'stopping, running requests may finish',
      'stopped',
    ]);
    assert.equal(setup.emitter.listenerCount(signal), 0);
  });
}

test('a second signal ends the process at once', async () => {
  const setup = new Setup();
  const done = setup.serve(async () => setup.server);
  await settled();
  setup.emitter.emit('SIGTERM');
  setup.emitter.emit('SIGINT');
  assert.deepEqual([setup.stops, setup.kills], [1, 1]);
  setup.stopped.open();
  await done;
});

test('a signal while the server starts ends the process', async () => {
  const setup = new Setup();
  const started = new Latch<RunningServer>();
  const done = setup.serve(() => started.opened);
  setup.emitter.emit('SIGTERM');
  assert.equal(setup.kills, 1);
  started.fail(new Error('never'));
  assert.equal(await done, 1);
});

test('a drain from elsewhere ends the process too', async () => {
  const setup = new Setup();
  const done = setup.serve(async () => setup.server);
  setup.stopped.open();
  assert.equal(await done, 0);
});

test('a server that cannot start is an error line and exit status 1', async () => {
  const setup = new Setup();
  const code = await setup.serve(async () => {
    throw new ServingError('failed_precondition', 'port 8001 is taken');
  });
  assert.equal(code, 1);
  assert.deepEqual(setup.messages(), ['port 8001 is taken']);
});

test('the line that says it serves has the bound address, and notices come before', async () => {
  const setup = new Setup();
  const done = setup.serve(async () => setup.server, '--grpc-address', '0.0.0.0', '--log-format', 'json');
  setup.stopped.open();
  await done;
  const [notice, serving] = setup.terminal.out.split('\n');
  assert.match(JSON.parse(notice ?? '').message, /open to the network/);
  assert.equal(JSON.parse(serving ?? '').grpc, '127.0.0.1:4711');
});

test('for people the models and examples follow the log', async () => {
  const setup = new Setup();
  const done = setup.serve(async () => setup.server, '--log-format', 'pretty');
  setup.stopped.open();
  await done;
  assert.match(
    setup.terminal.out,
    /INFO {2}serving grpc=127\.0\.0\.1:4711 models=1\n\nmodel +version +state\niris +1 +READY\n\nTry:\n {2}tensorgate infer iris --input/,
  );
});

test('a server without any model says so', async () => {
  const setup = new Setup();
  const done = setup.serve(async () => ({ ...setup.server, catalog: fakeCatalog([]) }));
  setup.stopped.open();
  await done;
  assert.equal(setup.messages()[0], 'there is no model in the repositories');
});

test('SIGHUP reads the configuration again: what may change is taken over, and the log says what did', async () => {
  const setup = new Setup();
  const done = setup.serve(async () => setup.server);
  await settled();
  const args = ['models', '--log-format', 'json', '--log-level', 'debug', '--grpc-port', '9'];
  setup.reading = loadOptions({ args, environment: {} });
  setup.emitter.emit('SIGHUP');
  assert.deepEqual(
    setup.reconfigured.map(({ log }) => log.level),
    ['debug'],
  );
  setup.emitter.emit('SIGTERM');
  setup.emitter.emit('SIGHUP');
  setup.stopped.open();
  assert.equal(await done, 0);
  assert.equal(setup.reconfigured.length, 1);
  assert.deepEqual(setup.messages().slice(2, 4), [
    'configuration read again',
    'these settings need a restart',
  ]);
  assert.equal(setup.emitter.listenerCount('SIGHUP'), 0);
});
