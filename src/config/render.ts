import { z } from 'zod';
import { valueAt } from './compare.ts';
import { settingGroups, shownDefault } from './help.ts';
import type { Effective } from './load.ts';
import { optionsSchema } from './options.ts';
import { settings } from './settings.ts';

/** The value of each setting in force. */
function effectiveValues({
  options,
  origins,
}: Effective): { path: string; value: unknown; origin: string }[] {
  return settings.map(({ path }) => ({
    path,
    value: valueAt(options, path),
    origin: origins.get(path) ?? 'default',
  }));
}

/** The effective configuration, one setting a line with where it comes from. No setting holds a secret. */
export function renderEffective(effective: Effective): string {
  const rows = effectiveValues(effective).map(({ path, value, origin }) => ({
    left: `${path}: ${value === undefined ? '-' : JSON.stringify(value)}`,
    origin,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length));
  return rows.map(({ left, origin }) => `${left.padEnd(width)}  # ${origin}\n`).join('');
}

/** The same for machines. */
export function effectiveJson(effective: Effective): string {
  const entries = effectiveValues(effective).map(({ path, value, origin }) => [
    path,
    { value: value ?? null, origin },
  ]);
  return `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`;
}

/** JSON schema of the configuration file, for editors. */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(optionsSchema, { io: 'input' });
  return `${JSON.stringify({ ...schema, title: 'tensorgate configuration' }, null, 2)}\n`;
}

/** The tables of docs/configuration.md. */
export function renderMarkdown(): string {
  const blocks = settingGroups().map(({ title, settings: members }) => {
    const rows = members.map((setting) => {
      const flags = [setting.flag, ...(setting.aliases ?? [])].map((flag) => `\`--${flag}\``).join(', ');
      const initial = shownDefault(setting);
      const cells = [
        `\`${setting.path}\``,
        flags,
        `\`${setting.environment}\``,
        initial === '' ? '' : `\`${initial}\``,
        `${setting.about} ${bounds(setting.expected)} ${setting.live === true ? '**live**' : ''}`
          .trim()
          .replace('  ', ' '),
      ];
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    });
    return [
      `### ${title}`,
      '',
      '| file | flag | environment | default | meaning |',
      '| --- | --- | --- | --- | --- |',
      ...rows,
      '',
    ].join('\n');
  });
  return blocks.join('\n');
}

function bounds(expected: string): string {
  return /^(?:a whole number|one of|some of) /.test(expected) ? `(${expected})` : '';
}
