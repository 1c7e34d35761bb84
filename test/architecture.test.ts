import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  computed,
  importsOf,
  readTree,
  resolveImport,
  withoutComments,
  type SourceTree,
} from './support/source-tree.ts';

interface Rule {
  /** Other areas of src that it may import. */
  readonly areas: readonly string[];
  /** npm packages that it may import. */
  readonly packages: readonly string[];
}

const words = ['errors.ts', 'inference', 'util'];

function stage(...packages: readonly string[]): Rule {
  return { areas: words, packages };
}

function stageUser(...areas: readonly string[]): Rule {
  return { areas: [...words, ...areas], packages: [] };
}

/**
 * The import table; docs/architecture.md and AGENTS.md show it to people. An area is a folder of src, a folder of
 * src/transport, or a file of src itself. Stages know the shared words and never each other.
 */
const table: Readonly<Record<string, Rule>> = {
  util: { areas: [], packages: [] },
  'errors.ts': { areas: ['util'], packages: [] },
  inference: { areas: ['errors.ts', 'util'], packages: [] },
  admission: stage('yaml', 'zod'),
  routing: stage(),
  batching: stage(),
  // Connections to Redis, made in one way for all stages that keep something there.
  redis: stage('ioredis'),
  cache: { areas: [...words, 'redis'], packages: ['lru-cache'] },
  classification: stage(),
  ensembles: stage(),
  execution: stage('onnxruntime-node'),
  sources: stage(
    'zod',
    '@aws-sdk/client-s3',
    '@azure/identity',
    '@azure/storage-blob',
    '@google-cloud/storage',
  ),
  models: stage('protobufjs', 'yaml', 'zod'),
  console: { areas: [], packages: [] },
  processing: stage(),
  sequences: stage(),
  tasks: stageUser('redis'),
  'shared-memory': stage(),
  quality: { areas: [...words, 'statistics'], packages: ['zod'] },
  statistics: { areas: ['util'], packages: ['cephes'] },
  rollouts: { areas: [...words, 'statistics'], packages: ['yaml', 'zod'] },
  observability: {
    areas: [...words, 'redis'],
    packages: [
      'pino',
      'yaml',
      'zod',
      '@opentelemetry/api',
      '@opentelemetry/core',
      '@opentelemetry/exporter-prometheus',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-node',
      '@opentelemetry/sdk-metrics',
    ],
  },
  config: stage('yaml', 'zod'),
  'transport/h2': { areas: ['util'], packages: [] },
  'transport/grpc': { areas: [...words, 'transport/h2'], packages: ['@grpc/grpc-js', '@grpc/proto-loader'] },
  'transport/http': stageUser('transport/h2'),
  'transport/console': stageUser(),
  client: { areas: words, packages: ['@grpc/grpc-js', '@grpc/proto-loader'] },
  'package-version.ts': { areas: [], packages: [] },
  'pipeline.ts': stageUser('admission', 'routing', 'batching', 'classification'),
  'grpc-listeners.ts': stageUser('config', 'transport/grpc'),
  'http-listener.ts': stageUser('config', 'tasks', 'transport/grpc', 'transport/http', 'grpc-listeners.ts'),
  'metrics-listener.ts': stageUser(
    'quality',
    'config',
    'models',
    'observability',
    'open-sources.ts',
    'package-version.ts',
    'serving-host.ts',
    'transport/console',
  ),
  'open-sources.ts': stageUser('config', 'sources'),
  'start-rollouts.ts': stageUser('config', 'redis', 'rollouts'),
  'start-monitors.ts': stageUser('config', 'quality', 'redis'),
  'access-log.ts': stageUser('transport/grpc', 'transport/http'),
  'trace-methods.ts': stageUser('observability', 'transport/grpc', 'transport/http'),
  'data-plane.ts': stageUser(
    'observability',
    'access-log.ts',
    'trace-methods.ts',
    'admission',
    'batching',
    'config',
    'ensembles',
    'processing',
    'transport/grpc',
    'transport/http',
    'grpc-listeners.ts',
    'http-listener.ts',
    'pipeline.ts',
    'package-version.ts',
  ),
  'open-batcher.ts': stageUser('batching', 'cache', 'config', 'sequences'),
  'serving-host.ts': stageUser(
    'quality',
    'admission',
    'routing',
    'batching',
    'config',
    'ensembles',
    'execution',
    'models',
    'observability',
    'processing',
    'shared-memory',
    'data-plane.ts',
    'open-batcher.ts',
    'start-monitors.ts',
  ),
  'io-threads': stageUser(
    'admission',
    'routing',
    'batching',
    'config',
    'ensembles',
    'execution',
    'models',
    'observability',
    'processing',
    'shared-memory',
    'data-plane.ts',
    'open-batcher.ts',
    'quality',
    'serving-host.ts',
    'start-monitors.ts',
  ),
  'server.ts': stageUser(
    'admission',
    'routing',
    'batching',
    'ensembles',
    'execution',
    'models',
    'observability',
    'config',
    'transport/grpc',
    'grpc-listeners.ts',
    'http-listener.ts',
    'metrics-listener.ts',
    'open-sources.ts',
    'start-rollouts.ts',
    'pipeline.ts',
    'package-version.ts',
    'data-plane.ts',
    'open-batcher.ts',
    'serving-host.ts',
    'io-threads',
  ),
  'index.ts': stageUser('server.ts', 'client', 'config'),
  cli: {
    areas: [
      ...words,
      'server.ts',
      'client',
      'config',
      'console',
      'admission',
      'execution',
      'observability',
      'quality',
      'sources',
      'statistics',
      'package-version.ts',
    ],
    packages: ['hyparquet'],
  },
  'main.ts': { areas: ['cli'], packages: [] },
};

function areaOf(path: string): string {
  const [, first = '', second = ''] = path.split('/');
  return first === 'transport' ? `${first}/${second}` : first;
}

/** `@scope/name` or `name` of what may be a path inside a package. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Imports what an operator put beside a model, in a process of its own. */
const operatorsCode = 'src/processing/import-module.ts';

function violationsOf(file: string, code: string): readonly string[] {
  const area = areaOf(file);
  const rule = table[area];
  if (rule === undefined) return [`${file}: the area ${area} is not in the import table`];
  const found: string[] = [];
  for (const specifier of importsOf(code)) {
    if (specifier.startsWith('node:')) continue;
    if (specifier === computed && file === operatorsCode) continue;
    if (specifier === computed) found.push(`${file}: imports what cannot be read from its source`);
    else if (!specifier.startsWith('.')) {
      const name = packageOf(specifier);
      if (!rule.packages.includes(name)) found.push(`${file}: ${area} may not import ${name}`);
    } else {
      const target = resolveImport(file, specifier);
      // Files beside src, such as package.json and the protos, are read, not imported.
      if (!target.startsWith('src/')) continue;
      const other = areaOf(target);
      if (other !== area && !rule.areas.includes(other))
        found.push(`${file}: ${area} may not import ${other}`);
    }
  }
  return found;
}

const source = readTree('src', ['.ts']);

test('every import in src is one that the import table allows', () => {
  assert.ok(source.size > 50);
  assert.deepEqual(
    [...source].flatMap(([file, code]) => violationsOf(file, code)),
    [],
  );
});

test('every row of the import table is about code that exists, or that the pipeline has a place for', () => {
  const areas = new Set([...source.keys()].map(areaOf));
  const unused = Object.keys(table).filter((area) => !areas.has(area));
  assert.deepEqual(
    unused.filter((area) => area !== 'routing'),
    [],
  );
});

const planted: readonly (readonly [title: string, file: string, code: string, violation: string])[] = [
  [
    'a stage that imports another',
    'src/admission/x.ts',
    "import { a } from '../batching/a.ts';",
    'may not import batching',
  ],
  [
    'a type of another stage',
    'src/batching/x.ts',
    "import type { A } from '../execution/a.ts';",
    'may not import execution',
  ],
  [
    'an import over several lines',
    'src/batching/x.ts',
    "import {\n  a,\n  b,\n} from '../models/a.ts';",
    'may not import models',
  ],
  [
    'an export from elsewhere',
    'src/routing/x.ts',
    "export { a } from '../config/a.ts';",
    'may not import config',
  ],
  ['an import for its effects', 'src/util/x.ts', "import '../errors.ts';", 'may not import errors.ts'],
  [
    'a dynamic import',
    'src/models/x.ts',
    "const a = await import('../server.ts');",
    'may not import server.ts',
  ],
  ['a computed import', 'src/models/x.ts', 'const a = await import(name);', 'cannot be read'],
  [
    'a worker of another stage',
    'src/batching/x.ts',
    "new Worker(new URL('../execution/worker.ts', import.meta.url));",
    'may not import execution',
  ],
  [
    'a worker whose ending is computed',
    'src/models/x.ts',
    'new URL(`../execution/worker${ending}`, import.meta.url);',
    'may not import execution',
  ],
  [
    'HTTP/2 that knows of inference',
    'src/transport/h2/x.ts',
    "import { a } from '../../inference/a.ts';",
    'may not import inference',
  ],
  [
    'a package where it does not belong',
    'src/batching/x.ts',
    "import { z } from 'zod';",
    'may not import zod',
  ],
  [
    'a path inside a package',
    'src/models/x.ts',
    "import o from 'onnxruntime-node/dist/x.js';",
    'may not import onnxruntime-node',
  ],
  ['an absolute path', 'src/models/x.ts', "import { a } from '/tmp/a.ts';", 'may not import'],
  ['a folder without a rule', 'src/helpers/x.ts', '', 'not in the import table'],
];

for (const [title, file, code, violation] of planted) {
  test(`the import table catches ${title}`, () => {
    assert.match(violationsOf(file, code).join(), new RegExp(violation.replaceAll('.', '\\.')));
  });
}

test('comments and texts that speak of imports are none', () => {
  const code = `// import { a } from '../batching/a.ts';\n/* await import('../batching/a.ts') */\nconst a = 'b // c';\nimport { d } from '../util/d.ts';`;
  assert.deepEqual(violationsOf('src/admission/x.ts', code), []);
  assert.deepEqual(importsOf(code), ['../util/d.ts']);
});

/** Everything that a module pulls in when it is loaded, itself included; types cost nothing at run time. */
function loadedBy(entry: string, tree: SourceTree): ReadonlySet<string> {
  const loaded = new Set<string>();
  const visit = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    const code = withoutComments(tree.get(file) ?? '').replace(/^\s*(?:import|export) type\b[^;]*;/gm, '');
    for (const specifier of importsOf(code)) {
      if (specifier.startsWith('.')) visit(resolveImport(file, specifier));
      else if (!specifier.startsWith('node:')) loaded.add(packageOf(specifier));
    }
  };
  visit(entry);
  return loaded;
}

for (const entry of ['worker', 'process-worker']) {
  test(`${entry} of execution loads that and the shared words only, and no package but onnxruntime-node`, () => {
    const loaded = [...loadedBy(`src/execution/${entry}.ts`, source)];
    assert.ok(loaded.includes('src/execution/session.ts'));
    const foreign = loaded.filter(
      (path) => !/^src\/(?:execution|inference|util)\/|^src\/errors\.ts$/.test(path),
    );
    assert.deepEqual(foreign, ['onnxruntime-node']);
    assert.ok(loaded.length <= 30, `each of them loads ${loaded.length} modules`);
  });
}

test('only the files named h2-* of transport/grpc and transport/http know the HTTP/2 transport', () => {
  const others = [...source].filter(
    ([file, code]) =>
      /^src\/transport\/(?:grpc|http)\//.test(file) &&
      !/^src\/transport\/(?:grpc|http)\/h2-/.test(file) &&
      importsOf(code).some((specifier) => specifier.includes('/h2/')),
  );
  assert.deepEqual(
    others.map(([file]) => file),
    [],
  );
});

function codeLines(code: string): number {
  return withoutComments(code)
    .split('\n')
    .filter((line) => line.trim() !== '').length;
}

test('no source file has more than 400 lines of code, and half of them have fewer than 120', () => {
  const sizes = [...source].map(([file, code]) => ({ file, lines: codeLines(code) }));
  assert.deepEqual(
    sizes.filter(({ lines }) => lines > 400),
    [],
  );
  const sorted = sizes.map(({ lines }) => lines).sort((a, b) => a - b);
  assert.ok((sorted[Math.floor(sorted.length / 2)] ?? 0) < 120);
});

const defaultExport = /^\s*export\s+default\b|\bas\s+default\b/m;

test('no module has a default export', () => {
  assert.match('export default 1;', defaultExport);
  assert.match('export { a as default };', defaultExport);
  const tree = [...source, ...readTree('test', ['.ts'])];
  const found = tree.filter(
    ([file, code]) => file !== 'test/architecture.test.ts' && defaultExport.test(withoutComments(code)),
  );
  assert.deepEqual(
    found.map(([file]) => file),
    [],
  );
});

/** A module that does nothing but hand on what others export. */
function isBarrel(code: string): boolean {
  const rest = withoutComments(code).replace(
    /^\s*export\s+(?:type\s+)?(?:\*|\{[^}]*\})[^;]*\bfrom\b[^;]*;/gm,
    '',
  );
  return rest.trim() === '';
}

test('no module is a barrel, but for the public API', () => {
  assert.equal(isBarrel("export * from './a.ts';\nexport type { B } from './b.ts';\n"), true);
  assert.equal(isBarrel("export { a } from './a.ts';\nexport const b = 1;\n"), false);
  const barrels = [...source].filter(([, code]) => isBarrel(code)).map(([file]) => file);
  assert.deepEqual(barrels, ['src/index.ts']);
});

test('files are named in kebab-case after what they hold, and none is called utils or helpers', () => {
  const named = [...source.keys()].filter(
    (file) => !/^[a-z0-9/-]+\.ts$/.test(file) || /(?:^|[/-])(?:utils?|helpers?|common|misc)\.ts$/.test(file),
  );
  assert.deepEqual(named, []);
});

const machinePath = /(?:^|[\s'"`(=])\/(?:work|root|home\/[a-z])/m;

test('nothing names a path of the machine that it was written on', () => {
  for (const folder of ['work', 'root', 'home/user']) {
    assert.match(`import { a } from '/${folder}/x';`, machinePath);
    assert.match(`see /${folder}/x`, machinePath);
  }
  const endings = [
    '.ts',
    '.js',
    '.json',
    '.md',
    '.py',
    '.proto',
    '.rs',
    '.toml',
    '.sh',
    '.yaml',
    '.yml',
    '.pbtxt',
    'Dockerfile',
  ];
  const found = [...readTree('.', endings)].filter(
    ([file, text]) => file !== 'test/architecture.test.ts' && machinePath.test(text),
  );
  assert.deepEqual(
    found.map(([file]) => file),
    [],
  );
});

const unfinished = /\b(?:TODO|FIXME|XXX|HACK)\b/;

test('nothing is marked as still to do', () => {
  const found = [...source, ...readTree('docs', ['.md', '.ts'])].filter(([, text]) => unfinished.test(text));
  assert.deepEqual(
    found.map(([file]) => file),
    [],
  );
});
