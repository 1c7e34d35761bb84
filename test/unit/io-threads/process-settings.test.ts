import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SettingsState } from '../../../src/io-threads/messages.ts';
import { ProcessSettings } from '../../../src/io-threads/process-settings.ts';
import type { ServerLogger } from '../../../src/observability/log.ts';
import { silentLogger } from '../../../src/inference/logger.ts';

function createSettings(): { settings: ProcessSettings; told: SettingsState[]; logger: ServerLogger } {
  const told: SettingsState[] = [];
  const logger: ServerLogger = { ...silentLogger, level: 'info', muted: new Set() };
  const settings = new ProcessSettings({
    logger,
    mayChange: true,
    tell: async (state) => void told.push(structuredClone(state)),
  });
  return { settings, told, logger };
}

test('a change of the log is made here and told to all before it is answered', async () => {
  const { settings, told, logger } = createSettings();
  await settings.changeLog({ log_verbose_level: 1, log_warning: false });
  assert.equal(logger.level, 'debug');
  assert.deepEqual([told[0]?.level, [...(told[0]?.muted ?? [])]], ['debug', ['warn']]);
  assert.equal(told[0]?.log.log_verbose_level, 1);
});

test('a change that is refused is told to nobody', async () => {
  const { settings, told } = createSettings();
  await assert.rejects(settings.changeLog({ log_format: 'other' }), /log_format/);
  assert.deepEqual(told, []);
});

test('trace settings of a model cross beside those of all', async () => {
  const { settings, told } = createSettings();
  await settings.changeTrace('m', new Map([['trace_rate', ['5']]]));
  assert.deepEqual(told.at(-1)?.trace.get('m')?.get('trace_rate'), ['5']);
  assert.deepEqual(told.at(-1)?.trace.get('')?.get('trace_rate'), ['1000']);
});

test('a level set by administration reaches the threads', () => {
  const { settings, told, logger } = createSettings();
  settings.logLevel.level = 'error';
  assert.equal(logger.level, 'error');
  assert.equal(settings.logLevel.level, 'error');
  assert.equal(told[0]?.level, 'error');
});
