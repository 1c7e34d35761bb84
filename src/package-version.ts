import { readFileSync } from 'node:fs';

/** The version in our own package.json, the same from src and from dist. */
export function packageVersion(): string {
  const content: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const found =
    typeof content === 'object' && content !== null && 'version' in content ? content.version : undefined;
  return typeof found === 'string' ? found : 'unknown';
}
