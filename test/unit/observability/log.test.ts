import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../../src/observability/log.ts';

function sink(isTTY = false): { lines: string[]; write: (line: string) => void; isTTY: boolean } {
  const lines: string[] = [];
  return { lines, isTTY, write: (line) => void lines.push(line) };
}

test('a line is one JSON object with level, time, fields and message', () => {
  const out = sink();
  createLogger({ level: 'info', format: 'auto', sink: out }).warn({ model: 'iris' }, 'slow');
  const { time, ...rest } = JSON.parse(out.lines[0] ?? '');
  assert.deepEqual(rest, { level: 'warn', model: 'iris', message: 'slow' });
  assert.match(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.ok(out.lines[0]?.endsWith('}\n'));
});

test('the level can change while the logger is in use', () => {
  const out = sink();
  const logger = createLogger({ level: 'warn', format: 'json', sink: out });
  logger.info({}, 'unheard');
  logger.level = 'debug';
  logger.debug({}, 'heard');
  logger.level = 'silent';
  logger.error({}, 'unheard');
  assert.equal(logger.level, 'silent');
  assert.deepEqual(
    out.lines.map((line): unknown => JSON.parse(line).message),
    ['heard'],
  );
});

for (const format of ['json', 'pretty'] as const) {
  test(`secrets are not printed as ${format}`, () => {
    const out = sink();
    const logger = createLogger({ level: 'info', format, sink: out });
    logger.info(
      { apiKey: 'hush', headers: { authorization: 'hush', 'x-api-key': 'hush' }, name: 'shown' },
      'm',
    );
    const line = out.lines.join('');
    assert.ok(!line.includes('hush'), line);
    assert.ok(line.includes('shown'));
  });
}

test('an error keeps its stack and its cause', () => {
  const out = sink();
  const logger = createLogger({ level: 'info', format: 'json', sink: out });
  logger.error({ error: new Error('outer', { cause: new Error('inner') }) }, 'failed');
  const { error } = JSON.parse(out.lines[0] ?? '');
  assert.match(error.stack, /Error: outer/);
  assert.match(error.stack, /inner/);
});

test('lines are pretty on a terminal and when asked for', () => {
  const terminal = sink(true);
  createLogger({ level: 'info', format: 'auto', sink: terminal }).info({}, 'hello');
  assert.ok(!terminal.lines.join('').startsWith('{'));
  const pipe = sink(false);
  createLogger({ level: 'info', format: 'pretty', sink: pipe }).info(
    { model: 'iris', note: 'two words' },
    'hello',
  );
  assert.match(pipe.lines[0] ?? '', /^\d\d:\d\d:\d\d\.\d{3} INFO  hello model=iris note="two words"\n$/);
});

test('a text from a client cannot forge a line or move the cursor', () => {
  const out = sink();
  const logger = createLogger({ level: 'info', format: 'pretty', sink: out });
  logger.info({ model: 'a\n12:00 ERROR forged \u001b[2J' }, 'bad\r\nname \u001b[31m');
  const line = out.lines.join('');
  assert.equal(line.split('\n').length, 2);
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(line, /[\r\u001b]/);
});
