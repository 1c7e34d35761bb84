import type { ServerSettings } from '../../src/inference/server-settings.ts';

/** Settings that nobody may change. */
export const fakeSettings: ServerSettings = {
  mayChange: false,
  log: () => ({
    log_file: '',
    log_info: true,
    log_warning: true,
    log_error: true,
    log_verbose_level: 0,
    log_format: 'default',
  }),
  changeLog() {},
  trace: () => new Map(),
  changeTrace() {},
};
