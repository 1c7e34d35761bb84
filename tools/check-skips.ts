/**
 * Reads the output of one or more runs of node's test runner (`node tools/check-skips.ts <file>...`) and fails when a
 * test was skipped that test/expected-skips.json does not list. Ends with one line that adds up all the runs.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

interface Skip {
  readonly test: string;
  readonly reason: string;
}

const skipLine = /^\s*﹣ (?<test>.*) \([\d.]+ms\) # (?<reason>.*)$/;
const totalLine = /^ℹ (?<kind>pass|fail|cancelled|skipped|todo) (?<count>\d+)$/;

function readExpected(): readonly Skip[] {
  const file = join(import.meta.dirname, '..', 'test', 'expected-skips.json');
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(content)) throw new Error('test/expected-skips.json must be a list');
  return content.map((entry: Partial<Skip>) => {
    if (typeof entry.test !== 'string' || typeof entry.reason !== 'string') {
      throw new Error('each entry of test/expected-skips.json needs a test and a reason');
    }
    return { test: entry.test, reason: entry.reason };
  });
}

const expected = readExpected();
const totals = new Map<string, number>();
const skips: Skip[] = [];
for (const file of process.argv.slice(2)) {
  for (const line of stripVTControlCharacters(readFileSync(file, 'utf8')).split('\n')) {
    const skip = skipLine.exec(line)?.groups;
    if (skip !== undefined) skips.push({ test: skip['test'] ?? '', reason: skip['reason'] ?? '' });
    const total = totalLine.exec(line)?.groups;
    const kind = total?.['kind'];
    if (kind !== undefined) totals.set(kind, (totals.get(kind) ?? 0) + Number(total?.['count']));
  }
}

const count = (kind: string): number => totals.get(kind) ?? 0;
const unexpected = skips.filter(
  (skip) => !expected.some((known) => known.test === skip.test && known.reason === skip.reason),
);
for (const { test, reason } of unexpected)
  console.error(`skipped, but not expected to be: ${test} # ${reason}`);
const unread = count('skipped') > skips.length;
if (unread) console.error(`${count('skipped')} tests were skipped but only ${skips.length} could be read`);
if (count('todo') > 0) console.error(`${count('todo')} tests are marked as still to do`);
if (count('pass') === 0) console.error('no test passed');
const failed = count('fail') + count('cancelled');
console.log(`${count('pass')} passed, ${failed} failed, ${count('skipped')} skipped`);
if (failed > 0 || unexpected.length > 0 || unread || count('todo') > 0 || count('pass') === 0) {
  process.exitCode = 1;
}
