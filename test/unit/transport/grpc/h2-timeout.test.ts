import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTimeout } from '../../../../src/transport/grpc/h2-timeout.ts';

describe('parseTimeout', () => {
  const values: Record<string, number> = {
    '1H': 3_600_000,
    '2M': 120_000,
    '3S': 3000,
    '4m': 4,
    '5u': 0.005,
    '0n': 0,
    '99999999n': 99.999999,
    '00000007S': 7000,
  };
  for (const [text, ms] of Object.entries(values)) {
    it(`reads ${text} as ${ms} ms`, () => {
      assert.ok(Math.abs((parseTimeout(text) ?? -1) - ms) < 1e-6);
    });
  }

  for (const text of [
    '',
    'S',
    '1',
    '1s',
    '-1S',
    '+1S',
    '1.5S',
    '123456789S',
    ' 1S',
    '1S ',
    '0x1S',
    '1toString',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseTimeout(text), undefined));
  }
});
