import type { ServingError } from '../errors.ts';
import type { ModelConfig } from './config.ts';

const prefix = 'version_label.';

/**
 * Checks the parameters `version_label.<label>`, which give versions names for TensorFlow Serving's clients.
 *
 * @throws what `wrong` makes: invalid_argument.
 */
export function checkVersionLabels(
  { parameters }: ModelConfig,
  wrong: (path: string, problem: string) => ServingError,
): void {
  for (const [key, { string_value: version }] of Object.entries(parameters)) {
    if (!key.startsWith(prefix)) continue;
    const path = `parameters["${key}"]`;
    if (!/^\w{1,64}$/.test(key.slice(prefix.length))) throw wrong(path, 'a label is letters, digits and _');
    if (!/^(?:0|[1-9]\d{0,17})$/.test(version)) throw wrong(path, 'must be the number of a version');
  }
}
