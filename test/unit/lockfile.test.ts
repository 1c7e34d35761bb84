import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

interface Lockfile {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly version?: string;
        readonly integrity?: string;
        readonly resolved?: string;
        readonly dev?: boolean;
        readonly link?: boolean;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

/** Versions below these have known holes that a single request reaches (CVE-2026-48068, -48069, -48712). */
const floors = [
  { name: '@grpc/grpc-js', floor: [1, 14, 4] },
  { name: 'protobufjs', floor: [7, 6, 1], major: 7 },
] as const;

const lockfile = JSON.parse(
  await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8'),
) as Lockfile;

for (const { name, floor, ...rest } of floors) {
  test(`every locked ${name} is ${floor.join('.')} or newer`, () => {
    const locked = Object.entries(lockfile.packages).filter(([path]) =>
      path.endsWith(`node_modules/${name}`),
    );
    assert.ok(locked.length > 0);
    for (const [path, { version = '' }] of locked) {
      const parts = version.split('.').map(Number);
      assert.ok(compare(parts, floor) >= 0, `${path} is ${version}`);
      if ('major' in rest) assert.equal(parts[0], rest.major, `${path} is ${version}`);
    }
  });
}

test('every optional package is locked, for whatever platform: npm ci refuses the file otherwise', () => {
  const named = Object.values(lockfile.packages).flatMap((entry) =>
    Object.keys(entry.optionalDependencies ?? {}),
  );
  const missing = named.filter((name) => !(`node_modules/${name}` in lockfile.packages));
  assert.deepEqual(missing, [], 'npm run lock:complete adds them');
});

test('the file is as npm writes it, so that an install changes nothing in it', () => {
  const paths = Object.keys(lockfile.packages);
  assert.deepEqual(
    paths,
    paths.toSorted((one, other) => one.localeCompare(other, 'en')),
  );
});

test('no package is bound to the registry that one machine had it from', () => {
  const bound = Object.entries(lockfile.packages).filter(
    ([, { link = false, resolved }]) => !link && resolved !== undefined,
  );
  assert.deepEqual(bound, []);
});

test('all that runs in production is locked by its content, for whatever platform', () => {
  const packages = Object.entries(lockfile.packages).filter(
    ([path, { dev = false, link = false }]) => path.startsWith('node_modules/') && !dev && !link,
  );
  const loose = packages.filter(([, { integrity = '' }]) => !integrity.startsWith('sha512-'));
  assert.ok(packages.length > 20);
  assert.deepEqual(
    loose.map(([path]) => path),
    [],
  );
});

test('the engines floor is the Node release that closed the HTTP/2 holes of June 2026', async () => {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  const { engines } = JSON.parse(text) as { engines: { node: string } };
  assert.equal(engines.node, '^24.17.0 || >=26.3.1');
});

function compare(one: readonly number[], other: readonly number[]): number {
  for (let index = 0; index < 3; index++) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
