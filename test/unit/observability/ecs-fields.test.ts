import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../../src/observability/log.ts';

function line(fields: object): Record<string, unknown> {
  const lines: string[] = [];
  const sink = { write: (text: string) => void lines.push(text) };
  createLogger({ level: 'info', format: 'ecs', version: '1.2.3', sink }).warn(fields, 'slow');
  const parsed: Record<string, unknown> = JSON.parse(lines.join(''));
  return parsed;
}

test('a line has the names of the Elastic Common Schema, and its own fields below one', () => {
  const { '@timestamp': time, ...rest } = line({ model: 'iris', traceId: 'abc', durationMs: 1.5, thread: 3 });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(rest, {
    'log.level': 'warn',
    'ecs.version': '8.17.0',
    'service.name': 'tensorgate',
    'service.version': '1.2.3',
    message: 'slow',
    'trace.id': 'abc',
    'event.duration': 1_500_000,
    'process.thread.name': '3',
    tensorgate: { model: 'iris' },
  });
});

test('an error has its type, text and stack', () => {
  const { error } = line({ error: new TypeError('wrong', { cause: new Error('inner') }) });
  const { type, message, stack_trace: stack } = error as Record<string, string>;
  assert.deepEqual([type, message], ['TypeError', 'wrong']);
  assert.match(stack ?? '', /TypeError: wrong[^]*caused by: Error: inner/);
});

test('secrets are not printed below either', () => {
  const text = JSON.stringify(line({ apiKey: 'hush', headers: { authorization: 'hush' }, name: 'shown' }));
  assert.ok(!text.includes('hush'), text);
  assert.ok(text.includes('shown'));
});
