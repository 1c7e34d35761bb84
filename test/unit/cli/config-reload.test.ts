import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ConfigReload } from '../../../src/cli/config-reload.ts';
import { loadOptions } from '../../../src/config/load.ts';
import type { Options } from '../../../src/config/options.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { RecordingLogger } from '../../support/recording-logger.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

/** A configuration file that is watched. */
class Watched implements Disposable {
  readonly clock = new FakeClock();
  readonly logger = new RecordingLogger();
  readonly applied: Options[] = [];
  readonly counts = { success: 0, failure: 0 };
  readonly reload: ConfigReload;
  readonly #folder = new TemporaryFolder();
  readonly #path = join(this.#folder.path, 'server.yaml');

  constructor(text: string) {
    writeFileSync(this.#path, text);
    const load = () => loadOptions({ args: ['models', '--config', this.#path], environment: {} });
    const first = load();
    if (first.kind === 'refused') throw new Error(first.problems.join());
    this.reload = new ConfigReload({
      options: first.options,
      load,
      file: first.file,
      apply: (options) => void this.applied.push(options),
      counts: this.counts,
      clock: this.clock,
      logger: this.logger,
    });
  }

  /** As an editor that replaces the file. */
  write(text: string): void {
    writeFileSync(`${this.#path}.new`, text);
    renameSync(`${this.#path}.new`, this.#path);
  }

  [Symbol.dispose](): void {
    this.reload[Symbol.dispose]();
    this.#folder[Symbol.dispose]();
  }
}

test('a changed file is taken once it has stayed the same for a second, and only once', () => {
  using watched = new Watched('log: { level: info }');
  watched.clock.advance(5_000);
  assert.equal(watched.applied.length, 0);
  watched.write('log: { level: warn }');
  watched.clock.advance(1_000);
  watched.write('log: { level: error }');
  watched.clock.advance(1_000);
  assert.equal(watched.applied.length, 0);
  watched.clock.advance(5_000);
  assert.deepEqual(
    watched.applied.map(({ log }) => log.level),
    ['error'],
  );
  assert.deepEqual(watched.logger.lines, [
    {
      level: 'info',
      message: 'configuration read again',
      cause: 'file',
      changes: [{ setting: 'log.level', from: 'info', to: 'error' }],
    },
  ]);
});

for (const [what, text] of [
  ['has a value that is wrong beside one that is right', 'log: { level: debug }\ngrpc: { port: 70000 }'],
  ['is no YAML', 'log: [level'],
  ['names what is no option', 'log: { level: debug }\nlogs: {}'],
] as const) {
  test(`a file that ${what} changes nothing, and the log says why`, () => {
    using watched = new Watched('log: { level: info }');
    watched.write(text);
    watched.reload.reload('signal');
    assert.equal(watched.applied.length, 0);
    const [line] = watched.logger.lines;
    assert.equal(line?.['message'], 'configuration not read again, the earlier one stays');
    watched.write('log: { level: warn }');
    watched.reload.reload('signal');
    assert.equal(watched.applied[0]?.log.level, 'warn');
    assert.deepEqual(watched.counts, { success: 1, failure: 1 });
  });
}

test('settings that need a restart are named until they are as they were at start', () => {
  using watched = new Watched('grpc: { port: 1 }');
  const restarts = () =>
    watched.logger.lines.filter((line) => line['message'] === 'these settings need a restart').length;
  watched.write('grpc: { port: 2 }');
  watched.reload.reload('signal');
  watched.reload.reload('signal');
  assert.equal(restarts(), 2);
  watched.write('grpc: { port: 1 }');
  watched.reload.reload('signal');
  assert.equal(restarts(), 2);
  assert.equal(watched.applied.length, 0);
});
