#!/usr/bin/env node
import { existsSync } from 'node:fs';

// The check comes before anything is imported that an older Node could not parse; engines in package.json says the same.
const [major = 0, minor = 0, patch = 0] = process.versions.node.split('.').map(Number);
const supported =
  major > 26 || (major === 26 && (minor > 3 || (minor === 3 && patch >= 1))) || (major === 24 && minor >= 17);

if (supported) {
  // Under node_modules Node does not strip types, so the package ships dist; a clone runs its sources.
  const built = new URL('../dist/main.js', import.meta.url);
  const { main } = await import(
    existsSync(built) ? built.href : new URL('../src/main.ts', import.meta.url).href
  );
  await main();
} else {
  process.stderr.write(
    `tensorgate needs Node 24.17 or a later 24, or Node 26.3.1 or later; this is ${process.versions.node}\n`,
  );
  process.exitCode = 1;
}
