import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../src/errors.ts';
import { FailureLog } from '../../../src/execution/failure-log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

function setUp() {
  const told: [level: string, fields: object][] = [];
  const at = (level: string) => (fields: object) => {
    told.push([level, fields]);
  };
  const clock = new FakeClock();
  const logger = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { told, clock, log: new FailureLog(logger, clock, 'm') };
}

const failure = new ServingError('internal', 'inference failed', { cause: new Error('kernel exploded') });

test('the cause is told to the log', () => {
  const { told, log } = setUp();
  log.record(failure);
  assert.deepEqual(told, [
    ['error', { model: 'm', code: 'internal', cause: 'kernel exploded', suppressed: 0 }],
  ]);
});

test('many failures are told once a second, with their number', () => {
  const { told, clock, log } = setUp();
  for (let index = 0; index < 1_000; index += 1) log.record(failure);
  clock.advance(1_000);
  log.record(failure);
  assert.deepEqual(
    told.map(([, fields]) => 'suppressed' in fields && fields.suppressed),
    [0, 999],
  );
});

test('faults of the input are no errors of the server', () => {
  const { told, log } = setUp();
  log.record(new ServingError('invalid_argument', 'no'));
  assert.equal(told[0]?.[0], 'debug');
});
