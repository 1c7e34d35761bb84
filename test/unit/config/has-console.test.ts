import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasConsole } from '../../../src/config/has-console.ts';
import { resolveOptions } from '../../../src/config/load.ts';
import type { PartialOptions } from '../../../src/config/options.ts';

for (const [metrics, expected] of [
  [{}, true],
  [{ address: '::1' }, true],
  [{ address: '0.0.0.0' }, false],
  [{ address: '0.0.0.0', console: 'on' }, true],
  [{ console: 'off' }, false],
  [{ console: 'on', enabled: false }, false],
] as const satisfies readonly (readonly [PartialOptions['metrics'], boolean])[]) {
  test(`a server with ${JSON.stringify(metrics)} has ${expected ? 'a' : 'no'} console`, () => {
    const options = resolveOptions({
      models: { repositories: ['models'] },
      metrics,
      security: { apiKeysFile: 'keys.yaml' },
    });
    assert.equal(hasConsole(options), expected);
  });
}
