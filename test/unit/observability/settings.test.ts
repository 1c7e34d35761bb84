import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger, type LogLevel } from '../../../src/observability/log.ts';
import { createServerSettings } from '../../../src/observability/settings.ts';
import { refusalOf } from '../../support/refusal.ts';

function setUp(level: LogLevel = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ level, format: 'json', sink: { write: (line: string) => lines.push(line) } });
  const settings = createServerSettings({ mayChange: true, logger });
  /** The levels that print now. */
  const printed = (): readonly string[] => {
    lines.length = 0;
    for (const name of ['debug', 'info', 'warn', 'error'] as const) logger[name]({}, 'x');
    return lines.map((line) => String((JSON.parse(line) as { level: unknown }).level));
  };
  return { settings, lines, printed };
}

const starts: readonly (readonly [LogLevel, readonly [boolean, boolean, boolean, number]])[] = [
  ['debug', [true, true, true, 1]],
  ['info', [true, true, true, 0]],
  ['warn', [false, true, true, 0]],
  ['error', [false, false, true, 0]],
  ['silent', [false, false, false, 0]],
];

for (const [level, [info, warning, error, verbose]] of starts) {
  test(`log settings start where --log-level ${level} puts them`, () => {
    assert.deepEqual(setUp(level).settings.log(), {
      log_file: '',
      log_info: info,
      log_warning: warning,
      log_error: error,
      log_verbose_level: verbose,
      log_format: 'ISO8601',
    });
  });
}

test('changes of log settings act at once, each switch on its own', () => {
  const { settings, printed } = setUp();
  assert.deepEqual(printed(), ['info', 'warn', 'error']);
  settings.changeLog({ log_verbose_level: 2 });
  assert.deepEqual(printed(), ['debug', 'info', 'warn', 'error']);
  settings.changeLog({ log_verbose_level: 0, log_info: false });
  assert.deepEqual(printed(), ['warn', 'error']);
  settings.changeLog({ log_info: true, log_warning: false });
  assert.deepEqual(printed(), ['info', 'error']);
  settings.changeLog({ log_info: false, log_error: false });
  assert.deepEqual(printed(), []);
  settings.changeLog({ log_warning: true });
  assert.deepEqual(printed(), ['warn']);
  assert.equal(settings.log().log_verbose_level, 0);
});

test('a change that gives nothing changes nothing', () => {
  const { settings, printed } = setUp('warn');
  settings.changeLog({});
  assert.deepEqual(printed(), ['warn', 'error']);
});

test('the log format is what it is', () => {
  const { settings } = setUp();
  assert.doesNotThrow(() => settings.changeLog({ log_format: 'ISO8601' }));
  assert.equal(refusalOf(() => settings.changeLog({ log_format: 'default' })).code, 'invalid_argument');
});

test("trace settings start with Triton's values, in its order", () => {
  assert.deepEqual(
    [...setUp().settings.trace('')],
    [
      ['trace_level', ['OFF']],
      ['trace_rate', ['1000']],
      ['trace_count', ['-1']],
      ['log_frequency', ['0']],
      ['trace_file', ['']],
      ['trace_mode', ['triton']],
    ],
  );
});

test('a model follows the settings of all models, but for its own', () => {
  const { settings } = setUp();
  settings.changeTrace('m', new Map([['trace_rate', ['5']]]));
  settings.changeTrace(
    '',
    new Map([
      ['trace_rate', ['7']],
      ['trace_level', ['TIMESTAMPS', 'TENSORS']],
    ]),
  );
  assert.deepEqual(settings.trace('m').get('trace_rate'), ['5']);
  assert.deepEqual(settings.trace('m').get('trace_level'), ['TIMESTAMPS', 'TENSORS']);
  assert.deepEqual(settings.trace('other').get('trace_rate'), ['7']);
});

test('a cleared setting of a model follows all models again, one of all models its start', () => {
  const { settings } = setUp();
  settings.changeTrace('', new Map([['trace_rate', ['7']]]));
  settings.changeTrace('m', new Map([['trace_rate', ['5']]]));
  settings.changeTrace('m', new Map([['trace_rate', undefined]]));
  assert.deepEqual(settings.trace('m').get('trace_rate'), ['7']);
  settings.changeTrace('', new Map([['trace_rate', undefined]]));
  assert.deepEqual(settings.trace('m').get('trace_rate'), ['1000']);
});

test('what was read before a change stays as it was read', () => {
  const { settings } = setUp();
  const before = settings.trace('');
  settings.changeTrace('', new Map([['trace_rate', ['7']]]));
  assert.deepEqual(before.get('trace_rate'), ['1000']);
});

test('a change of trace settings says in the log that no traces are written', () => {
  const { settings, lines } = setUp();
  settings.changeTrace('', new Map([['trace_level', ['TIMESTAMPS']]]));
  assert.match(lines.join(''), /writes no trace files/);
});
