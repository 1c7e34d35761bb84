import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { grpcStatusCodes } from '../src/transport/grpc/status.ts';
import { httpStatusCodes } from '../src/transport/http/status.ts';
import { readTree, withoutComments } from './support/source-tree.ts';

const page = readTree('docs', ['errors.md']).get('docs/errors.md') ?? '';

/** Cells of the rows of the table below a heading, without its head. */
function tableUnder(heading: string): readonly (readonly string[])[] {
  const section = page.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

const words = /'([A-Z][A-Z0-9_]+)'/g;

/** Why a request is counted as failed, in Triton's statistics: not reasons of errors. */
const statisticsWords = new Set(['REJECTED', 'CANCELED', 'BACKEND', 'OTHER']);

/** Every reason that code gives an error: as a property, a default, a constant that is one, or in a table of texts. */
function reasonsIn(source: string): ReadonlySet<string> {
  const code = withoutComments(source);
  const expressions = [...code.matchAll(/\breason\??\s*[:=]\s*([^,;}\n]*)/g)].map((match) => match[1] ?? '');
  expressions.push(...[...code.matchAll(/\binvalid\(\s*([^,]*),/g)].map((match) => match[1] ?? ''));
  const found = expressions.flatMap((expression) => {
    const constant = /^[a-z]\w*$/.test(expression)
      ? (new RegExp(`const ${expression} = ('[A-Z0-9_]+')`).exec(code)?.[1] ?? '')
      : expression;
    return [...constant.matchAll(words)].map((match) => match[1] ?? '');
  });
  const table = /satisfies Record<\w*Reason, string>/.test(code) ? code.matchAll(/^ +([A-Z_]{4,}):/gm) : [];
  found.push(...[...table].map((match) => match[1] ?? ''));
  return new Set(found.filter((word) => !statisticsWords.has(word)));
}

test('the page lists every code, with the gRPC status that the transports answer', () => {
  const rows = tableUnder('Codes').map(([code = '', grpc = '']) => [code, grpc]);
  const expected = Object.entries(grpcStatusCodes).map(([code, number]) => [
    code,
    `${status[number]} (${number})`,
  ]);
  assert.deepEqual(rows, expected);
});

test('the page tells the HTTP status that is answered for each code', () => {
  const rows = tableUnder('Codes').map(([code = '', , http = '']) => [code, Number(http)]);
  assert.deepEqual(rows, Object.entries(httpStatusCodes));
});

test('the page lists every reason that the code gives, and no other', () => {
  const used = new Set<string>();
  for (const [, source] of readTree('src', ['.ts'])) for (const reason of reasonsIn(source)) used.add(reason);
  assert.ok(used.size > 40);
  const listed = tableUnder('Reasons').map(([reason = '']) => reason);
  assert.deepEqual([...listed].sort(), [...used].sort());
});

test('each reason is listed with codes that exist, when it comes, and what to do', () => {
  for (const [reason = '', codes = '', when = '', remedy = ''] of tableUnder('Reasons')) {
    for (const code of codes.split(', '))
      assert.ok(Object.hasOwn(grpcStatusCodes, code), `${reason}: ${code}`);
    assert.ok(when.length > 10 && remedy.length > 5, reason);
  }
});

test('reasons are found wherever code may put them', () => {
  const code = `
    throw new ServingError('internal', 'x', { reason: 'ONE' });
    throw invalid(a ? 'TWO' : 'THREE', 'text');
    const gone = 'FOUR';
    f({ reason: gone, cause });
    function g(text: string, reason = 'FIVE') {}
    const texts = {
      SIX_OF_THEM: 'text',
    } as const satisfies Record<ShedReason, string>;
    count({ error, reason: 'REJECTED' }); // reason: 'NEVER'
  `;
  assert.deepEqual([...reasonsIn(code)].sort(), ['FIVE', 'FOUR', 'ONE', 'SIX_OF_THEM', 'THREE', 'TWO']);
});
