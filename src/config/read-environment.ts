import { integerValue, toggleValue, wordsValue, type Given, type Reading } from './given.ts';
import { settings, type Setting } from './settings.ts';
import { suggest } from './suggest.ts';

/** Names the configuration file; not an option itself. */
export const configFileVariable = 'TENSORGATE_CONFIG';

/** Read elsewhere: by us, and by the commands that talk to a server. */
const otherVariables = new Set([
  configFileVariable,
  'TENSORGATE_ADDRESS',
  'TENSORGATE_API_KEY',
  'TENSORGATE_DEBUG',
]);

/** Kubernetes sets these for a Service called tensorgate; they are not meant for us. */
const kubernetesName = /_(SERVICE_(HOST|PORT)(_.+)?|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$/;
const kubernetesValue = /^(tcp|udp):\/\//;

/** Reads TENSORGATE_* variables. An empty one counts as not set. */
export function readEnvironment(environment: Readonly<Record<string, string | undefined>>): Reading {
  const byName = new Map(settings.map((setting) => [setting.environment, setting]));
  const given: Given[] = [];
  const notices: string[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith('TENSORGATE_') || otherVariables.has(name) || text === undefined || text === '')
      continue;
    const setting = byName.get(name);
    if (setting !== undefined && !kubernetesValue.test(text)) {
      given.push({ path: setting.path, value: valueOf(setting, text), origin: name });
    } else if (!kubernetesName.test(name)) {
      const nearest = suggest(name, byName.keys());
      notices.push(
        `${name} is not a variable of this server${nearest === undefined ? '' : `; did you mean ${nearest}?`}`,
      );
    }
  }
  return { given, problems: [], notices };
}

function valueOf(setting: Setting, text: string): unknown {
  if (setting.kind === 'toggle') return toggleValue(text);
  if (setting.kind === 'number') return integerValue(text);
  if (setting.commaSeparated === true) return wordsValue(text);
  return setting.kind === 'list' ? text.split(',').map((item) => item.trim()) : text;
}
