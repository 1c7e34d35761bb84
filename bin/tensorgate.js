#!/usr/bin/env node
import { existsSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

// The check comes before anything is imported that an older Node could not parse; engines in package.json says the same.
const [major = 0, minor = 0, patch = 0] = process.versions.node.split('.').map(Number);
const supported =
  major > 26 || (major === 26 && (minor > 3 || (minor === 3 && patch >= 1))) || (major === 24 && minor >= 17);

if (supported) {
  // Under node_modules Node does not strip types, so the package ships dist; a clone runs its sources.
  const built = new URL('../dist/main.js', import.meta.url);
  const isBuilt = existsSync(built);
  if (!isBuilt) keepStrippedSources();
  const { main } = await import(isBuilt ? built.href : new URL('../src/main.ts', import.meta.url).href);
  await main();
} else {
  process.stderr.write(
    `tensorgate needs Node 24.17 or a later 24, or Node 26.3.1 or later; this is ${process.versions.node}; in a clone, npm run tensorgate -- uses one that npm ci brings\n`,
  );
  process.exitCode = 1;
}

// Stripping types is half of a start's time: from the second start on it is done. Threads and child processes read the variable.
function keepStrippedSources() {
  if (process.env.NODE_COMPILE_CACHE !== undefined) return;
  const folder = fileURLToPath(new URL('../node_modules/.cache/tensorgate', import.meta.url));
  module.enableCompileCache(folder);
  process.env.NODE_COMPILE_CACHE = folder;
}
