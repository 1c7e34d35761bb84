import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkConfig } from '../../../src/models/check-config.ts';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import { refusalOf } from '../../support/refusal.ts';

function check(label: string, version: string): void {
  const text = `parameters { key: "version_label.${label}" value { string_value: "${version}" } }`;
  checkConfig(configFromPbtxt(text, 'm'), 'm');
}

test('a version may have a label', () => {
  check('stable', '12');
  check('canary_2', '0');
});

const wrong = [
  ['', '1'],
  ['a-b', '1'],
  ['a/b', '1'],
  ['stable', 'one'],
  ['stable', ''],
  ['stable', '01'],
  ['stable', '-1'],
] as const;

for (const [label, version] of wrong) {
  test(`the label '${label}' for version '${version}' is refused, with its parameter's name`, () => {
    const refusal = refusalOf(() => check(label, version));
    assert.equal(refusal.reason, 'MODEL_CONFIG');
    assert.ok(refusal.message.includes(`parameters["version_label.${label}"]`), refusal.message);
  });
}
