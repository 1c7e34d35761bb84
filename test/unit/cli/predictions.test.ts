import assert from 'node:assert/strict';
import { test } from 'node:test';
import { run } from '../../../src/cli/run.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const key = '0123456789abcdef0123456789abcdef';

function plan(folder: TemporaryFolder, more = ''): string {
  folder.write('key', key);
  return folder.write(
    'predictions.yaml',
    `jsonl: { directory: log }\nkeyFile: key\n${more}\nmodels: { iris: { sample: 0.5, features: { age: hash } } }`,
  );
}

test('check says what a plan means', async () => {
  using folder = new TemporaryFolder();
  const terminal = new FakeTerminal();
  assert.equal(await run(['predictions', 'check', plan(folder)], terminal), 0);
  assert.match(terminal.out, /writes to files in .*log\niris: 50 % of answers, age \(hash\)\n/);
});

test('check refuses a plan that is wrong', async () => {
  using folder = new TemporaryFolder();
  const terminal = new FakeTerminal();
  assert.equal(await run(['predictions', 'check', plan(folder, 'modles: {}')], terminal), 1);
  assert.match(terminal.error, /modles/);
});

test('pseudonyms of all names are printed, of flags and of a file', async () => {
  using folder = new TemporaryFolder();
  const terminal = new FakeTerminal();
  const names = folder.write('names', 'bert\n\ncleo\n');
  const args = ['predictions', 'pseudonym', plan(folder), '--subject', 'anna', '--subjects', names];
  assert.equal(await run(args, terminal), 0);
  assert.match(terminal.out, /^[\w-]{22} {2}"anna"\n[\w-]{22} {2}"bert"\n[\w-]{22} {2}"cleo"\n$/);
});

test('prune removes nothing where there is nothing', async () => {
  using folder = new TemporaryFolder();
  const terminal = new FakeTerminal();
  assert.equal(await run(['predictions', 'prune', plan(folder)], terminal), 0);
  assert.equal(terminal.out, 'files: 0 removed\n');
});

const wrong: readonly (readonly [title: string, args: readonly string[], problem: RegExp])[] = [
  ['no action', ['predictions'], /predictions needs one of check, erase/],
  ['a wrong action', ['predictions', 'erese', 'x'], /erase/],
  ['no file', ['predictions', 'check'], /which file/],
];

for (const [title, args, problem] of wrong) {
  test(`${title} is wrong usage`, async () => {
    const terminal = new FakeTerminal();
    assert.equal(await run(args, terminal), 2);
    assert.match(terminal.error, problem);
  });
}

test('whom to erase has to be said, and there has to be a key', async () => {
  using folder = new TemporaryFolder();
  const terminal = new FakeTerminal();
  assert.equal(await run(['predictions', 'erase', plan(folder)], terminal), 2);
  const keyless = folder.write('keyless.yaml', 'jsonl: { directory: log }\nmodels: {}');
  assert.equal(await run(['predictions', 'erase', keyless, '--subject', 'anna'], terminal), 1);
  assert.match(terminal.error, /no keyFile/);
});
