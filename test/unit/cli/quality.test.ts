import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { run } from '../../../src/cli/run.ts';
import { summarize } from '../../../src/cli/show-quality.ts';
import { profileSchema } from '../../../src/quality/profile.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

interface Profiled {
  readonly code: number;
  readonly terminal: FakeTerminal;
  readonly features: ReturnType<typeof profileSchema.parse>['features'];
}

async function profile(file: string, content: string | Uint8Array, ...args: string[]): Promise<Profiled> {
  using folder = new TemporaryFolder();
  const path = join(folder.path, file);
  const output = join(folder.path, 'profile.json');
  writeFileSync(path, content);
  const terminal = new FakeTerminal();
  const code = await run(['quality', 'profile', path, '--output', output, ...args], terminal);
  const features = code === 0 ? profileSchema.parse(JSON.parse(readFileSync(output, 'utf8'))).features : [];
  return { code, terminal, features };
}

test('numbers of a CSV become quantiles, other texts categories, and empty fields are missing', async () => {
  const rows = Array.from(
    { length: 100 },
    (_, i) => `${i},${i % 4 === 0 ? '"a ""b"", c"' : 'red'},${i === 7 ? '' : 1}`,
  );
  const { code, features } = await profile('data.csv', `\ufeffage,colour,x\r\n${rows.join('\r\n')}\r\n`);
  assert.equal(code, 0);
  const [age, colour, x] = features;
  assert.equal(age?.kind, 'number');
  assert.deepEqual(age?.kind === 'number' && [age.edges[0], age.edges.at(-1), age.mean], [0, 99, 49.5]);
  assert.deepEqual(
    age?.counts.slice(1, -1),
    Array.from({ length: 20 }, () => 5),
  );
  assert.deepEqual(colour?.kind === 'category' && [colour.values, colour.counts], [
    ['red', 'a "b", c'],
    [75, 25, 0],
  ]);
  assert.equal(x?.missing, 1);
});

test('a Parquet file gives the same profile as a CSV of its rows', async () => {
  const values = Array.from({ length: 50 }, (_, i) => i / 4);
  const words = values.map((_, i) => (i % 2 === 0 ? 'no' : 'yes'));
  const parquet = parquetWriteBuffer({
    columnData: [
      { name: 'value', data: values, type: 'DOUBLE' },
      { name: 'word', data: words, type: 'STRING' },
    ],
  });
  const fromParquet = await profile('data.parquet', new Uint8Array(parquet));
  const csv = values.map((value, i) => `${value},${words[i]}`).join('\n');
  const fromCsv = await profile('data.csv', `value,word\n${csv}`);
  assert.equal(fromParquet.code, 0, fromParquet.terminal.error);
  assert.deepEqual(fromParquet.features, fromCsv.features);
});

/** An array of NumPy of so many vectors of two numbers. */
function npyOf(rows: number, value: (row: number) => readonly [number, number]): Uint8Array {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, 2), }`.padEnd(117);
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]);
  const data = Float32Array.from(Array.from({ length: rows }, (_, row) => value(row)).flat());
  return Buffer.concat([start, Buffer.from(`${header}\n`), Buffer.from(data.buffer)]);
}

const circle = (row: number): readonly [number, number] => [Math.sin(row), Math.cos(3 * row)];

async function profileVectors(files: Readonly<Record<string, string | Uint8Array>>, ...args: string[]) {
  using folder = new TemporaryFolder();
  const output = join(folder.path, 'profile.json');
  const terminal = new FakeTerminal();
  let code: number = 0;
  for (const [file, content] of Object.entries(files)) {
    const path = join(folder.path, file);
    writeFileSync(path, content);
    if (file === 'profile.json') continue;
    code = await run(['quality', 'profile', path, '--output', output, ...args], terminal);
  }
  const made = code === 0 ? profileSchema.parse(JSON.parse(readFileSync(output, 'utf8'))) : undefined;
  return { code, terminal, made };
}

test('vectors of an array, a CSV and a column of lists in Parquet give the same reference of a tensor', async () => {
  const rows = Array.from({ length: 1200 }, (_, row) => Array.from(Float32Array.from(circle(row))));
  const npy = await profileVectors({ 'v.npy': npyOf(1200, circle) }, '--embedding', 'out');
  const csv = `id,a,b\n${rows.map((row, id) => `${id},${row.join()}`).join('\n')}\n`;
  const table = await profileVectors({ 'v.csv': csv }, '--embedding', 'out', '--columns', 'a,b');
  const parquet = parquetWriteBuffer({
    columnData: [{ name: 'vector', data: rows, type: 'JSON' }],
  });
  const lists = await profileVectors(
    { 'v.parquet': new Uint8Array(parquet) },
    '--embedding',
    'out',
    '--columns',
    'vector',
  );
  for (const each of [npy, table, lists]) assert.equal(each.code, 0, each.terminal.error);
  assert.match(npy.terminal.out, /out as vectors of 2 numbers, 1200 of 1200 rows taken by chance\n$/);
  const [embedding] = npy.made?.embeddings ?? [];
  assert.deepEqual([embedding?.name, embedding?.width, embedding?.rows], ['out', 2, 1200]);
  assert.deepEqual(table.made, npy.made);
  assert.deepEqual(lists.made, npy.made);
});

test('a reference of vectors is added to the profile that is there', async () => {
  const features = (await profile('data.csv', 'a\n1\n2\n')).features;
  const before = JSON.stringify({ format: 'tensorgate-profile-1', features });
  const { made } = await profileVectors(
    { 'profile.json': before, 'one.npy': npyOf(1000, circle), 'two.npy': npyOf(1500, circle) },
    '--embedding',
    'out',
  );
  assert.deepEqual(made?.features, features);
  assert.deepEqual(
    made?.embeddings?.map(({ rows }) => rows),
    [1500],
  );
});

function raggedParquet(): Uint8Array {
  return new Uint8Array(
    parquetWriteBuffer({ columnData: [{ name: 'v', data: [[1, 2], [1]], type: 'JSON' }] }),
  );
}

const noVectors: readonly (readonly [
  string,
  Readonly<Record<string, string | Uint8Array>>,
  readonly string[],
  RegExp,
])[] = [
  ['too few', { 'v.npy': npyOf(999, circle) }, ['--embedding', 'x'], /needs 1000 vectors .* there are 999/],
  [
    'an array without --embedding',
    { 'v.npy': npyOf(9, circle) },
    [],
    /--embedding <tensor> takes its rows as vectors/,
  ],
  ['rows of different sizes', { 'v.parquet': raggedParquet() }, ['--embedding', 'x'], /row 2/],
  [
    'what is no profile',
    { 'profile.json': '{}', 'v.npy': npyOf(1000, circle) },
    ['--embedding', 'x'],
    /is no profile/,
  ],
  ['words', { 'v.csv': `a\n${'red\n'.repeat(1000)}` }, ['--embedding', 'x'], /there are 0/],
];
for (const [what, files, args, message] of noVectors) {
  test(`a reference of vectors is refused for ${what}`, async () => {
    const { code, terminal } = await profileVectors(files, ...args);
    assert.equal(code, 2);
    assert.match(terminal.error, message);
  });
}

test('only the columns and rows that are asked for are read', async () => {
  const { features } = await profile('data.csv', 'a,b\n1,2\n3,4\n5,6\n', '--columns', 'b', '--rows', '2');
  assert.deepEqual(
    features.map(({ name, counts }) => [name, counts.reduce((sum, count) => sum + count, 0)]),
    [['b', 2]],
  );
});

const wrong: readonly (readonly [title: string, args: readonly string[], text: RegExp])[] = [
  ['no action', ['quality'], /quality needs one of profile, feedback, report/],
  ['a wrong action', ['quality', 'reprot', 'x'], /did you mean report|report/],
  ['no file', ['quality', 'profile'], /which file/],
  ['no output', ['quality', 'profile', 'x.csv'], /needs --output/],
  ['a file that is not there', ['quality', 'profile', 'x.csv', '--output', 'y'], /cannot read x.csv/],
  ['no model', ['quality', 'report'], /which model/],
  ['no labels', ['quality', 'feedback', 'iris'], /either --id and --label, or --file/],
];

for (const [title, args, text] of wrong) {
  test(`is refused: ${title}`, async () => {
    const terminal = new FakeTerminal();
    assert.equal(await run([...args], terminal), 2);
    assert.match(terminal.error, text);
  });
}

test('a column that is not there, and a file that is no Parquet, are refused', async () => {
  assert.equal((await profile('data.csv', 'age\n1\n', '--columns', 'agee')).code, 2);
  assert.equal((await profile('data.parquet', 'nothing')).code, 2);
  assert.equal((await profile('data.csv', 'age\n')).code, 2);
});

test('a report is shown with the most changed features first, and without what names could do to a terminal', () => {
  const feature = { distance: 0.5, pValue: 0.001, exceeds: true };
  const shown = summarize({
    versions: [
      {
        version: '1',
        feedback: {
          accepted: 5,
          kept: 3,
          metrics: { accuracy: 0.8 },
          alert: { metric: 'accuracy', limit: 0.9, below: true },
        },
        inputs: {
          rows: 0,
          window: {
            rows: 1000,
            features: [
              { ...feature, name: 'calm', stabilityIndex: 0.01, exceeds: false },
              { ...feature, name: 'wild\u001b[2J', stabilityIndex: 1, drifted: true },
            ],
          },
        },
        answers: { rows: 5, reference: { rows: 5, needed: 1000 } },
      },
    ],
  });
  assert.match(shown, /accuracy is beyond its limit of 0.9/);
  assert.ok(shown.indexOf('wild') < shown.indexOf('calm'));
  assert.ok(!shown.includes('\u001b'));
  assert.match(shown, /answers: the reference has 5 of 1000 rows/);
});
