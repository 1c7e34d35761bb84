import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPlan } from '../../../../src/observability/predictions/read-plan.ts';
import { TemporaryFolder } from '../../../support/temporary-folder.ts';

test('a plan says of each model what is written, and where to', () => {
  using folder = new TemporaryFolder();
  const path = folder.write(
    'plan.yaml',
    `
jsonl: { directory: ./log, rotateMinutes: 10, retentionDays: 2 }
redis: { url: 'redis://127.0.0.1:6379', passwordFile: password }
keyFile: key
models:
  credit:
    sample: 0.25
    requestId: hash
    subject: { parameter: customer }
    features: { age: { bucket: [18, 65] }, income: { bucket: 1000 }, name: mask, phone: { mask: { keepLast: 2 } }, zip: hash }
`,
  );
  const plan = readPlan(path);
  assert.equal(plan.jsonl?.directory, join(folder.path, 'log'));
  assert.equal(plan.jsonl?.rotateMs, 600_000);
  assert.equal(plan.jsonl?.retentionMs, 172_800_000);
  assert.equal(plan.redis?.passwordFile, join(folder.path, 'password'));
  assert.equal(plan.keyFile, join(folder.path, 'key'));
  assert.equal(plan.otlp, false);
  const credit = plan.models.get('credit');
  assert.equal(credit?.sample, 0.25);
  assert.deepEqual(credit?.subject, { from: 'parameter', name: 'customer' });
  assert.deepEqual(Object.fromEntries(credit?.features ?? []), {
    age: { kind: 'bounds', bounds: [18, 65] },
    income: { kind: 'width', width: 1000 },
    name: { kind: 'mask', keepFirst: 0, keepLast: 0 },
    phone: { kind: 'mask', keepFirst: 0, keepLast: 2 },
    zip: { kind: 'hash' },
  });
});

test('files are rotated before their first record is too old', () => {
  using folder = new TemporaryFolder();
  const text = 'jsonl: { directory: log, rotateMinutes: 60, retentionDays: 0.01 }\nmodels: {}';
  const plan = readPlan(folder.write('plan.yaml', text));
  assert.equal(plan.jsonl?.rotateMs, 432_000);
});

const wrong: readonly (readonly [title: string, text: string, problem: RegExp])[] = [
  ['nowhere to write to', 'models: {}', /needs somewhere to write to/],
  ['a subject without a key', 'otlp: true\nmodels: { m: { subject: { feature: f } } }', /needs keyFile/],
  [
    'an unknown rule',
    'otlp: true\nmodels: { m: { features: { f: blur } } }',
    /models\.m\.features\.f: must be/,
  ],
  [
    'bounds that do not ascend',
    'otlp: true\nmodels: { m: { features: { f: { bucket: [2, 1] } } } }',
    /bounds must ascend/,
  ],
  ['an unknown field', 'otlp: true\nmodels: { m: { simple: 1 } }', /models\.m: .*simple/],
  ['a sample of nothing', 'otlp: true\nmodels: { m: { sample: 0 } }', /models\.m\.sample/],
  ['what is no YAML', 'models: {', /prediction log/],
];

for (const [title, text, problem] of wrong) {
  test(`${title} is refused`, () => {
    using folder = new TemporaryFolder();
    const path = folder.write('plan.yaml', text);
    assert.throws(() => readPlan(path), { code: 'failed_precondition', message: problem });
  });
}
