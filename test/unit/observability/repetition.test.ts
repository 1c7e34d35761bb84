import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accessMessage } from '../../../src/inference/logger.ts';
import { createLogger } from '../../../src/observability/log.ts';

function setUp() {
  const lines: string[] = [];
  let now = 0;
  const logger = createLogger({
    level: 'debug',
    format: 'json',
    sink: { write: (line) => void lines.push(line) },
    now: () => now,
  });
  return { lines, logger, advance: (ms: number) => void (now += ms) };
}

test('a line that repeats is printed some times, then counted, and printed again with how many there were', () => {
  const { lines, logger, advance } = setUp();
  for (let count = 0; count < 100; count++) logger.warn({ model: 'iris' }, 'batch failed');
  assert.equal(lines.length, 20);
  advance(10_000);
  logger.warn({ model: 'iris' }, 'batch failed');
  assert.match(lines[20] ?? '', /"suppressed":80/);
  logger.warn({ model: 'iris' }, 'batch failed');
  assert.doesNotMatch(lines[21] ?? '', /suppressed/);
});

test('lines about other models, or of another kind, are printed beside it', () => {
  const { lines, logger } = setUp();
  for (let count = 0; count < 100; count++) logger.error({ model: 'iris' }, 'batch failed');
  logger.error({ model: 'digits' }, 'batch failed');
  logger.error({ model: 'iris' }, 'breaker open');
  assert.equal(lines.length, 22);
});

test('neither the access log nor lines for debugging are held back', () => {
  const { lines, logger } = setUp();
  for (let count = 0; count < 100; count++) {
    logger.info({}, accessMessage);
    logger.debug({}, 'detail');
  }
  assert.equal(lines.length, 200);
});
