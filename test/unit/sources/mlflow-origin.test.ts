import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MlflowApi, mlflowFromEnvironment } from '../../../src/sources/mlflow-api.ts';
import {
  MlflowOrigin,
  type MlflowOriginOptions,
  type VersionWish,
} from '../../../src/sources/mlflow-origin.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { FileServer } from '../../support/file-server.ts';
import { PuppetOrigin, remoteFile } from '../../support/puppet-origin.ts';
import { refusalOf } from '../../support/refusal.ts';

const { signal } = new AbortController();

/** A tracking server of one model, as far as it is asked. */
class Tracking {
  readonly files: FileServer;
  readonly store = new PuppetOrigin();
  readonly opened: string[] = [];

  constructor(files: FileServer) {
    this.files = files;
  }

  json(path: string, body: unknown, status = 200): void {
    this.files.files.set(
      path,
      (_request, response) => void response.writeHead(status).end(JSON.stringify(body)),
    );
  }

  names(version: string, more: object = {}): void {
    const body = { model_version: { version, ...more } };
    this.json('/api/2.0/mlflow/registered-models/alias?name=m&alias=champion', body);
    this.json(`/api/2.0/mlflow/model-versions/get?name=m&version=${version}`, body);
    this.json('/api/2.0/mlflow/registered-models/get-latest-versions', {
      model_versions: [{ version: '2' }, { version: '10' }],
    });
  }

  /** A version whose artifacts the server has itself. */
  has(version: string, root = `0/models/m-${version}/artifacts`): void {
    const list = '/api/2.0/mlflow-artifacts/artifacts';
    this.json(`/api/2.0/mlflow/model-versions/get-download-uri?name=m&version=${version}`, {
      artifact_uri: `mlflow-artifacts:/${root}`,
    });
    this.json(`${list}?path=${root.replaceAll('/', '/')}`, {
      files: [
        { path: 'model.onnx', is_dir: false, file_size: 5 },
        { path: 'extra', is_dir: true },
      ],
    });
    this.json(`${list}?path=${root}/extra`, { files: [{ path: 'w.bin', file_size: '2' }] });
    this.files.files.set(`${list}/${root}/model.onnx`, Buffer.from(`onnx${version}`));
  }

  origin(more: Partial<MlflowOriginOptions> = {}): MlflowOrigin {
    const api = new MlflowApi({
      baseUrl: this.files.url,
      authorization: 'Bearer token',
      rules: { redirectHosts: [] },
      clock: systemClock,
    });
    return new MlflowOrigin({
      api,
      name: 'm',
      wish: { kind: 'alias', alias: 'champion' },
      tries: undefined,
      openStore: (uri) => {
        this.opened.push(uri);
        return Promise.resolve(this.store);
      },
      ...more,
    });
  }
}

async function withTracking(run: (tracking: Tracking) => Promise<void>): Promise<void> {
  await using files = await FileServer.start();
  await run(new Tracking(files));
}

test('the version that an alias names is the version that serves, with everything in its folder', () =>
  withTracking(async (tracking) => {
    tracking.names('3');
    tracking.has('3');
    using origin = tracking.origin();
    const { files, change } = await origin.list(signal, '');
    assert.deepEqual(
      files.map(({ path, sizeBytes }) => [path, sizeBytes]),
      [
        ['m/3/model.onnx', 5],
        ['m/3/extra/w.bin', 2],
      ],
    );
    assert.equal(change, undefined);
    assert.equal((await (await files[0]!.open({ offset: 0, signal })).toArray()).join(''), 'onnx3');
    assert.ok(tracking.files.asked.every(({ headers }) => headers.authorization === 'Bearer token'));
  }));

const wishes: readonly (readonly [VersionWish, string])[] = [
  [{ kind: 'version', version: '10' }, '10'],
  [{ kind: 'stage', stage: 'Production' }, '10'],
  [{ kind: 'latest' }, '10'],
];
for (const [wish, expected] of wishes) {
  test(`takes ${JSON.stringify(wish)}`, () =>
    withTracking(async (tracking) => {
      tracking.names('10');
      tracking.has('10');
      using origin = tracking.origin({ wish });
      assert.equal((await origin.list(signal, '')).files[0]?.path, `m/${expected}/model.onnx`);
    }));
}

test('a version that was listed is not listed again', () =>
  withTracking(async (tracking) => {
    tracking.names('3');
    tracking.has('3');
    using origin = tracking.origin();
    await origin.list(signal, '');
    const asked = tracking.files.asked.length;
    await origin.list(signal, '');
    assert.equal(tracking.files.asked.length, asked + 1);
  }));

test('artifacts in a bucket are fetched from there', () =>
  withTracking(async (tracking) => {
    tracking.names('3');
    tracking.json('/api/2.0/mlflow/model-versions/get-download-uri?name=m&version=3', {
      artifact_uri: 's3://b/x',
    });
    tracking.store.files = [remoteFile('model.onnx'), remoteFile('MLmodel')];
    using origin = tracking.origin();
    const { files } = await origin.list(signal, '');
    assert.deepEqual(
      files.map(({ path }) => path),
      ['m/3/model.onnx', 'm/3/MLmodel'],
    );
    assert.deepEqual(tracking.opened, ['s3://b/x']);
  }));

test('a version without a model.onnx is refused', () =>
  withTracking(async (tracking) => {
    tracking.names('3');
    tracking.json('/api/2.0/mlflow/model-versions/get-download-uri?name=m&version=3', {
      artifact_uri: 's3://b/x',
    });
    tracking.store.files = [remoteFile('model.pkl')];
    using origin = tracking.origin();
    await assert.rejects(origin.list(signal, ''), { reason: 'SOURCE_REFUSED', message: /no model\.onnx/ });
  }));

for (const path of ['../../x', 'a/b', '/etc/passwd', '..']) {
  test(`an artifact named ${path} is refused`, () =>
    withTracking(async (tracking) => {
      tracking.names('3');
      tracking.has('3', 'root');
      tracking.json('/api/2.0/mlflow-artifacts/artifacts?path=root', { files: [{ path, file_size: 1 }] });
      using origin = tracking.origin();
      await assert.rejects(origin.list(signal, ''), { reason: 'SOURCE_REFUSED' });
    }));
}

test('folders in folders without end are refused', () =>
  withTracking(async (tracking) => {
    tracking.names('3');
    tracking.has('3', 'root');
    for (let path = 'root'; path.length < 100; path += '/a') {
      tracking.json(`/api/2.0/mlflow-artifacts/artifacts?path=${path}`, {
        files: [{ path: 'a', is_dir: true }],
      });
    }
    using origin = tracking.origin();
    await assert.rejects(origin.list(signal, ''), { reason: 'SOURCE_REFUSED' });
  }));

for (const [what, status, code, reason] of [
  ['a missing alias', 400, 'INVALID_PARAMETER_VALUE', 'SOURCE_REFUSED'],
  ['a missing model', 404, 'RESOURCE_DOES_NOT_EXIST', 'SOURCE_REFUSED'],
  ['wrong credentials', 401, '', 'SOURCE_REFUSED'],
  ['a server in trouble', 500, 'INTERNAL_ERROR', 'SOURCE_UNREACHABLE'],
] as const) {
  test(`${what} is told as ${reason}`, () =>
    withTracking(async (tracking) => {
      const path = '/api/2.0/mlflow/registered-models/alias?name=m&alias=champion';
      tracking.json(path, { error_code: code, message: 'secret' }, status);
      using origin = tracking.origin();
      await assert.rejects(origin.list(signal, ''), (error: Error) => {
        assert.doesNotMatch(error.message, /secret/);
        return 'reason' in error && error.reason === reason;
      });
    }));
}

test('a version that is not ready yet is waited for', () =>
  withTracking(async (tracking) => {
    tracking.names('3', { status: 'PENDING_REGISTRATION' });
    using origin = tracking.origin();
    await assert.rejects(origin.list(signal, ''), { reason: 'SOURCE_UNREACHABLE' });
  }));

/** What is listed beside the version that the alias names, and what is to be tried, after what was shown before. */
const tries: readonly {
  readonly title: string;
  readonly memo: object;
  readonly alias: string;
  readonly serving?: string;
  readonly versions: readonly string[];
  readonly change?: readonly [stable: string, candidate: string];
}[] = [
  { title: 'the first version is alone', memo: {}, alias: '3', versions: ['3'] },
  {
    title: 'a new version is tried',
    memo: { current: '3' },
    alias: '4',
    versions: ['3', '4'],
    change: ['3', '4'],
  },
  { title: 'it is tried once', memo: { current: '4', previous: '3' }, alias: '4', versions: ['3', '4'] },
  {
    title: 'after a promotion the next one is tried against the promoted',
    memo: { current: '4', previous: '3' },
    serving: '4',
    alias: '5',
    versions: ['4', '5'],
    change: ['4', '5'],
  },
  {
    title: 'after a rollback the next one is tried against what serves',
    memo: { current: '4', previous: '3' },
    serving: '3',
    alias: '5',
    versions: ['3', '5'],
    change: ['3', '5'],
  },
  {
    title: 'after a rollback the alias may follow',
    memo: { current: '4', previous: '3' },
    serving: '3',
    alias: '3',
    versions: ['3', '4'],
  },
  {
    title: 'a rollout that is under way is taken back with the alias',
    memo: { current: '4', previous: '3' },
    alias: '3',
    versions: ['3', '4'],
    change: ['4', '3'],
  },
  {
    title: 'a version that is gone is not compared with',
    memo: { current: '2' },
    alias: '3',
    versions: ['3'],
  },
];
for (const { title, memo, alias, serving, versions, change } of tries) {
  test(title, () =>
    withTracking(async (tracking) => {
      tracking.names(alias);
      for (const version of ['3', '4', '5']) tracking.has(version);
      const gone = '/api/2.0/mlflow/model-versions/get-download-uri?name=m&version=2';
      tracking.json(gone, { error_code: 'RESOURCE_DOES_NOT_EXIST' }, 404);
      using origin = tracking.origin({ tries: { serving: () => serving } });
      const listing = await origin.list(signal, JSON.stringify(memo));
      const found = new Set(listing.files.map(({ path }) => path.split('/')[1] ?? ''));
      assert.deepEqual([...found].sort(), [...versions, 'config.pbtxt'].sort());
      const [stable, candidate] = change ?? [];
      assert.deepEqual(listing.change, change === undefined ? undefined : { model: 'm', stable, candidate });
      assert.equal(JSON.parse(listing.memo ?? '').current, alias);
    }),
  );
}

test('address and credentials come from the variables of MLflow', () => {
  const of = (more: object) => mlflowFromEnvironment({ MLFLOW_TRACKING_URI: 'https://host/base/', ...more });
  assert.deepEqual(of({}), { baseUrl: 'https://host/base', authorization: undefined });
  assert.equal(of({ MLFLOW_TRACKING_TOKEN: 't' }).authorization, 'Bearer t');
  const both = of({
    MLFLOW_TRACKING_USERNAME: 'u',
    MLFLOW_TRACKING_PASSWORD: 'p',
    MLFLOW_TRACKING_TOKEN: 't',
  });
  assert.equal(both.authorization, `Basic ${Buffer.from('u:p').toString('base64')}`);
  assert.equal(refusalOf(() => mlflowFromEnvironment({})).reason, 'SOURCE_CONFIGURATION');
  assert.equal(
    refusalOf(() => mlflowFromEnvironment({ MLFLOW_TRACKING_URI: './mlruns' })).reason,
    'SOURCE_CONFIGURATION',
  );
});

test('a store that cannot be read is opened once, however often it is asked', () =>
  withTracking(async (tracking) => {
    tracking.names('3');
    tracking.json('/api/2.0/mlflow/model-versions/get-download-uri?name=m&version=3', {
      artifact_uri: 's3://b/x',
    });
    tracking.store.failure = new Error('nobody answers');
    using origin = tracking.origin();
    await assert.rejects(origin.list(signal, ''), /nobody answers/);
    await assert.rejects(origin.list(signal, ''), /nobody answers/);
    assert.deepEqual(tracking.opened, ['s3://b/x']);
  }));
