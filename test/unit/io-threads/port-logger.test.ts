import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogLine } from '../../../src/io-threads/messages.ts';
import { createPortLogger } from '../../../src/io-threads/port-logger.ts';

test('lines below the level stay in the thread', () => {
  const lines: LogLine[] = [];
  const logger = createPortLogger('warn', (line) => void lines.push(line));
  logger.info({}, 'no');
  logger.warn({ a: 1 }, 'yes');
  logger.level = 'debug';
  logger.debug({}, 'now too');
  logger.level = 'silent';
  logger.error({}, 'no');
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [
      ['warn', 'yes'],
      ['debug', 'now too'],
    ],
  );
});

test('fields that cannot cross are written as text', () => {
  const lines: LogLine[] = [];
  const logger = createPortLogger('info', (line) => void lines.push(structuredClone(line)));
  logger.info({ run: () => 1, model: 'm' }, 'odd');
  assert.match(JSON.stringify(lines), /Function: run.*model: 'm'/);
});
