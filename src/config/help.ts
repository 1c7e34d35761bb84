import { settings, type Setting } from './settings.ts';

/** How the parts of the options are called in help and docs, in this order. */
const titles = {
  models: 'Models',
  sources: 'Remote model repositories',
  grpc: 'gRPC',
  http: 'HTTP',
  metrics: 'Metrics',
  trace: 'Tracing',
  predictions: 'Prediction log',
  quality: 'Quality of models',
  admin: 'Administration',
  rollouts: 'Rollouts',
  security: 'Security',
  server: 'Server',
  cache: 'Response cache',
  tasks: 'Asynchronous predictions',
  log: 'Logging',
} as const;

export interface SettingGroup {
  readonly title: string;
  readonly settings: readonly Setting[];
}

/** The settings by the part of the options they stand in. */
export function settingGroups(): SettingGroup[] {
  return Object.entries(titles).map(([part, title]) => ({
    title,
    settings: settings.filter(({ path }) => path.startsWith(`${part}.`)),
  }));
}

/** What stands in help and docs as the default; '' when the setting is absent unless given. */
export function shownDefault({ shownDefault: shown, initial }: Setting): string {
  if (shown !== undefined) return shown;
  if (Array.isArray(initial)) return '';
  return typeof initial === 'string' || typeof initial === 'number' || typeof initial === 'boolean'
    ? String(initial)
    : '';
}

/** The flags of `serve`, grouped, two lines each. */
export function renderFlags(): string {
  const blocks = settingGroups().map(({ title, settings: members }) => {
    const lines = members.map((setting) => {
      const names = [setting.flag, ...(setting.aliases ?? [])].map((flag) => `--${flag}`).join(', ');
      const initial = shownDefault(setting);
      const suffix = initial === '' ? '' : ` [${initial}]`;
      return `  ${names} <${setting.value}>\n      ${setting.about}${suffix}\n`;
    });
    return `${title}:\n${lines.join('')}`;
  });
  return blocks.join('\n');
}
