import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findScoringForm } from '../../../../../../src/transport/http/dialects/scoring/scoring-form.ts';

const forms = [
  ['{"instances":[[1]]}', 'rows'],
  ['{"inputs":[[1]]}', 'columns'],
  ['{"inputs":{"x":[1]}}', 'columns'],
  ['{"inputs":[{"b64":"YQ=="}]}', 'columns'],
  ['{"id":"a","inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]}', 'protocol'],
  ['{"features":[1,2]}', 'prediction'],
  ['{"features":{"a":1}}', 'prediction'],
  ['{"features":[]}', 'prediction'],
  ['{"features":[[1,2]]}', 'predictions'],
  ['{"features":[ {"a":1}]}', 'predictions'],
  ['{"dataframe_split":{"data":[]},"params":{}}', 'split'],
  ['{"dataframe_records":[]}', 'records'],
] as const;

for (const [text, form] of forms) {
  test(`${text} is of the form ${form}`, () => {
    const found = findScoringForm(Buffer.from(text));
    assert.equal(found.form, form);
    assert.match(text.slice(0, found.position), /": ?$/);
  });
}

for (const text of [
  '',
  '{}',
  '[]',
  '{"data":1}',
  '{"inputs":[],"instances":[]}',
  '{"features":[1]}x',
  '{"inputs":[',
]) {
  test(`'${text}' is of no form`, () => assert.throws(() => findScoringForm(Buffer.from(text))));
}
