import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { silentLogger } from '../../../../src/inference/logger.ts';
import { openTlsSource, tlsReloadMs } from '../../../../src/transport/grpc/tls.ts';
import { FakeClock } from '../../../support/fake-clock.ts';
import { TemporaryFolder } from '../../../support/temporary-folder.ts';

const fixtures = new URL('../../../fixtures/tls/', import.meta.url);

const kinds = [
  ['cert', 'server.pem'],
  ['key', 'server-key.pem'],
  ['clientCa', 'authority.pem'],
] as const;

for (const [kind, good] of kinds) {
  for (const [title, content] of [
    ['empty', ''],
    ['no PEM', 'not a certificate'],
    ['cut off', '-----BEGIN CERTIFICATE-----\nMIIB'],
  ] as const) {
    test(`a ${kind} that is ${title} is refused at start, and later leaves what was good in use`, async () => {
      using folder = new TemporaryFolder();
      const files = { cert: '', key: '', clientCa: '' };
      for (const [name, fixture] of kinds)
        files[name] = folder.write(fixture, readFileSync(new URL(fixture, fixtures)));
      const clock = new FakeClock();
      const heard = Promise.withResolvers<string>();
      const hear = (_fields: object, message: string): void => heard.resolve(message);
      using source = await openTlsSource(files, clock, { ...silentLogger, info: hear, warn: hear });
      const before = source.context;
      folder.write(good, content);
      clock.advance(tlsReloadMs);
      assert.match(await heard.promise, /could not be reloaded/);
      assert.equal(source.context, before);
      await assert.rejects(openTlsSource(files, clock, silentLogger), { code: 'failed_precondition' });
    });
  }
}
