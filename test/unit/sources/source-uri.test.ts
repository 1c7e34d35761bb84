import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRemoteRepository } from '../../../src/inference/remote-repository.ts';
import { parseSourceUri } from '../../../src/sources/source-uri.ts';
import { refusalOf } from '../../support/refusal.ts';

const places: readonly (readonly [string, object])[] = [
  ['s3://bucket', { kind: 's3', endpoint: undefined, bucket: 'bucket', prefix: '' }],
  ['s3://bucket/a/b/', { kind: 's3', endpoint: undefined, bucket: 'bucket', prefix: 'a/b' }],
  ['s3://minio:9000/bucket/a', { kind: 's3', endpoint: 'http://minio:9000', bucket: 'bucket', prefix: 'a' }],
  [
    's3://https://minio:9000/bucket',
    { kind: 's3', endpoint: 'https://minio:9000', bucket: 'bucket', prefix: '' },
  ],
  ['gs://bucket/a', { kind: 'gcs', bucket: 'bucket', prefix: 'a' }],
  ['as://account/box/a', { kind: 'azure', account: 'account', container: 'box', prefix: 'a' }],
  ['az://box/a/b', { kind: 'azure', account: undefined, container: 'box', prefix: 'a/b' }],
  ['models:/iris@champion', { kind: 'mlflow', name: 'iris', wish: { kind: 'alias', alias: 'champion' } }],
  ['models:/iris/3', { kind: 'mlflow', name: 'iris', wish: { kind: 'version', version: '3' } }],
  ['models:/iris/Production', { kind: 'mlflow', name: 'iris', wish: { kind: 'stage', stage: 'Production' } }],
  ['models:/iris/latest', { kind: 'mlflow', name: 'iris', wish: { kind: 'latest' } }],
  [
    'oci://ghcr.io/org/iris:v1',
    { kind: 'oci', registry: 'https://ghcr.io', repository: 'org/iris', reference: 'v1' },
  ],
  [
    'oci://localhost:5000/iris',
    { kind: 'oci', registry: 'http://localhost:5000', repository: 'iris', reference: 'latest' },
  ],
  [
    `oci://r.example/a/b@sha256:${'0'.repeat(64)}`,
    { kind: 'oci', registry: 'https://r.example', repository: 'a/b', reference: `sha256:${'0'.repeat(64)}` },
  ],
  ['hf://org/name', { kind: 'hugging-face', repository: 'org/name', revision: 'main', file: undefined }],
  ['hf://org/name:v1', { kind: 'hugging-face', repository: 'org/name', revision: 'v1', file: undefined }],
  [
    'hf://org/name@v1/onnx/model_fp16.onnx',
    { kind: 'hugging-face', repository: 'org/name', revision: 'v1', file: 'onnx/model_fp16.onnx' },
  ],
  ['https://host/models/', { kind: 'http', url: 'https://host/models/' }],
];
for (const [text, place] of places) {
  test(`${text} is a place`, () => {
    assert.equal(isRemoteRepository(text), true);
    assert.deepEqual(parseSourceUri(text).place, place);
  });
}

for (const text of ['./models', '/models', 'models', 'model.onnx', 'c:\\models']) {
  test(`${text} is a path of this machine`, () => assert.equal(isRemoteRepository(text), false));
}

for (const text of [
  's3://',
  's3:///x',
  'gs:///x',
  'as://account',
  'az://',
  'https://',
  'http:///x',
  'models:/iris',
  'oci://r.example',
  'oci://r.example/../x',
  'oci://r.example/a@sha256:0',

  'hf://org',
  'hf://org/..',
  'hf://../name',
  'hf://org/name@..',
  'hf://org/name/../x.onnx',
  'hf://org/name/onnx',

  'models:/a/b/c',
  'models:/@x',
]) {
  test(`${text} is no place`, () => {
    assert.equal(refusalOf(() => parseSourceUri(text)).reason, 'SOURCE_CONFIGURATION');
  });
}

for (const text of [
  'https://me:secret@host/x',
  's3://AKIA:secret@bucket/x',
  's3://https://k:secret@h:1/b',
  'https://host/x?sig=secret',
]) {
  test(`an address with a secret is refused without repeating it: ${text.replace('secret', '...')}`, () => {
    const { message, reason } = refusalOf(() => parseSourceUri(text));
    assert.equal(reason, 'SOURCE_CONFIGURATION');
    assert.doesNotMatch(message, /secret|AKIA/);
  });
}

test('the model is named by the end of the address, and the folder of the cache by all of it', () => {
  const one = parseSourceUri('https://a/models/iris.onnx');
  assert.equal(one.name, 'iris');
  assert.match(one.key, /^iris-[0-9a-f]{16}$/);
  assert.notEqual(parseSourceUri('https://b/models/iris.onnx').key, one.key);
  assert.equal(parseSourceUri('s3://b/x/').key, parseSourceUri('s3://b/x').key);
  assert.doesNotMatch(parseSourceUri('s3://b/..').key, /^\./);
});
