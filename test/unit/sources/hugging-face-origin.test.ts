import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import {
  huggingFaceEndpoint,
  HuggingFaceOrigin,
  huggingFaceToken,
  type HuggingFaceOptions,
} from '../../../src/sources/hugging-face-origin.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { FileServer } from '../../support/file-server.ts';
import { refusalOf } from '../../support/refusal.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const { signal } = new AbortController();
const sha = 'a'.repeat(40);

/** A hub with one repository, as its API answers. */
class Hub {
  readonly files: FileServer;

  constructor(files: FileServer) {
    this.files = files;
  }

  json(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
    this.files.files.set(
      path,
      (_request, response) => void response.writeHead(200, headers).end(JSON.stringify(body)),
    );
  }

  /** Large files by LFS, as the hub keeps them. */
  has(...paths: readonly string[]): void {
    this.json('/api/models/org/name/revision/main', { sha });
    const entries = paths.map((path) => {
      const content = Buffer.from(`content of ${path}`);
      this.files.files.set(`/org/name/resolve/${sha}/${path}`, content);
      const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
      const lfs = { oid: createHash('sha256').update(content).digest('hex'), size: content.length };
      const entry = { type: 'file', path, size: content.length, oid };
      return path.endsWith('.onnx') ? { ...entry, lfs } : entry;
    });
    this.json(`/api/models/org/name/tree/${sha}?recursive=true`, [
      { type: 'directory', path: 'onnx', size: 0, oid: sha },
      ...entries,
    ]);
  }

  origin(more: Partial<HuggingFaceOptions> = {}): HuggingFaceOrigin {
    return new HuggingFaceOrigin({
      endpoint: this.files.url,
      token: () => 'secret',
      repository: 'org/name',
      revision: 'main',
      file: undefined,
      rules: { redirectHosts: [] },
      clock: systemClock,
      ...more,
    });
  }

  async paths(more: Partial<HuggingFaceOptions> = {}): Promise<string[]> {
    using origin = this.origin(more);
    return (await origin.list(signal)).files.map(({ path }) => path);
  }
}

async function withHub(run: (hub: Hub) => Promise<void>): Promise<void> {
  await using files = await FileServer.start();
  await run(new Hub(files));
}

const layouts: readonly (readonly [string, readonly string[], string | undefined, readonly string[]])[] = [
  [
    'the usual ONNX file of a repository, with its data and without its variants',
    ['README.md', 'model.safetensors', 'onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model_fp16.onnx'],
    undefined,
    ['name/1/model.onnx', 'name/1/model.onnx_data'],
  ],
  [
    'the file that is named',
    ['onnx/model.onnx', 'onnx/model_fp16.onnx', 'onnx/model_fp16.onnx_data', 'onnx/model_fp16.onnx_data_1'],
    'onnx/model_fp16.onnx',
    ['name/1/model.onnx', 'name/1/model_fp16.onnx_data', 'name/1/model_fp16.onnx_data_1'],
  ],
  ['the only ONNX file there is', ['deep/down/net.onnx', 'config.json'], undefined, ['name/1/model.onnx']],
  [
    'a model repository as it is',
    ['iris/1/model.onnx', 'iris/config.pbtxt'],
    undefined,
    ['iris/1/model.onnx', 'iris/config.pbtxt'],
  ],
  [
    'a model with versions as it is',
    ['1/model.onnx', 'config.pbtxt'],
    undefined,
    ['1/model.onnx', 'config.pbtxt'],
  ],
];
for (const [title, has, file, expected] of layouts) {
  test(`takes ${title}`, () =>
    withHub(async (hub) => {
      hub.has(...has);
      assert.deepEqual(await hub.paths({ file }), expected);
    }));
}

for (const [title, has, file, problem] of [
  ['without ONNX', ['pytorch_model.bin'], undefined, /no ONNX file/],
  [
    'with several that are equally likely',
    ['a.onnx', 'b.onnx'],
    undefined,
    /2 ONNX files; name one, for example hf:\/\/organisation\/name\/a\.onnx/,
  ],
  ['without the one that is named', ['a.onnx'], 'b.onnx', /no 'b\.onnx'/],
] as const) {
  test(`refuses a repository ${title}`, () =>
    withHub(async (hub) => {
      hub.has(...has);
      await assert.rejects(hub.paths({ file }), { reason: 'SOURCE_REFUSED', message: problem });
    }));
}

test('files are opened at the commit that was listed, with the token, and have digests', () =>
  withHub(async (hub) => {
    hub.has('onnx/model.onnx', 'onnx/model.onnx_data');
    using origin = hub.origin();
    const [model, data] = (await origin.list(signal)).files;
    assert.deepEqual([model?.digest?.algorithm, data?.digest?.algorithm], ['sha256', 'git-blob']);
    const stream = await model!.open({ offset: 8, signal });
    assert.equal((await stream.toArray()).join(''), 'of onnx/model.onnx');
    assert.equal(hub.files.asked.at(-1)?.path, `/org/name/resolve/${sha}/onnx/model.onnx`);
    assert.ok(hub.files.asked.every(({ headers }) => headers.authorization === 'Bearer secret'));
  }));

test('a commit that was listed is not listed again', () =>
  withHub(async (hub) => {
    hub.has('model.onnx');
    using origin = hub.origin();
    await origin.list(signal);
    const asked = hub.files.asked.length;
    await origin.list(signal);
    assert.equal(hub.files.asked.length, asked + 1);
  }));

test('a list of several pages is followed on the hub, and nowhere else', () =>
  withHub(async (hub) => {
    hub.has('model.onnx');
    const first = `/api/models/org/name/tree/${sha}?recursive=true`;
    const entry = { type: 'file', path: 'x', size: 1, oid: sha };
    hub.json(`${first}&cursor=2`, [{ ...entry, path: 'model.onnx_data' }]);
    hub.json(first, [{ ...entry, path: 'model.onnx' }], {
      link: `<${hub.files.url}${first}&cursor=2>; rel="next"`,
    });
    assert.deepEqual(await hub.paths(), ['name/1/model.onnx', 'name/1/model.onnx_data']);
    hub.json(first, [entry], { link: '<http://169.254.169.254/x>; rel="next"' });
    await assert.rejects(hub.paths(), { reason: 'SOURCE_REFUSED' });
  }));

test('a list that never ends is left', () =>
  withHub(async (hub) => {
    hub.has('model.onnx');
    const first = `/api/models/org/name/tree/${sha}?recursive=true`;
    const entry = { type: 'file', path: 'model.onnx', size: 1, oid: sha };
    hub.json(first, [entry], { link: `<${hub.files.url}${first}>; rel="next"` });
    await hub.paths();
    assert.ok(hub.files.asked.length < 30);
  }));

for (const [status, reason] of [
  [401, 'SOURCE_REFUSED'],
  [404, 'SOURCE_REFUSED'],
  [502, 'SOURCE_UNREACHABLE'],
] as const) {
  test(`a hub that answers ${status} is ${reason}`, () =>
    withHub(async (hub) => {
      hub.files.files.set(
        '/api/models/org/name/revision/main',
        (_request, response) => void response.writeHead(status).end(),
      );
      await assert.rejects(hub.paths(), { reason });
    }));
}

test('the token is found as the clients of the hub find it', () => {
  using folder = new TemporaryFolder();
  const path = folder.write('token', ' from file\n');
  assert.equal(huggingFaceToken({ HF_TOKEN: 't', HF_TOKEN_PATH: path }), 't');
  assert.equal(huggingFaceToken({ HF_TOKEN_PATH: path }), 'from file');
  assert.equal(huggingFaceToken({ HF_HOME: folder.path }), 'from file');
  assert.equal(huggingFaceToken({ HF_HOME: '/nowhere' }), undefined);
});

test('the hub is the public one, or that of HF_ENDPOINT', () => {
  assert.equal(huggingFaceEndpoint({}), 'https://huggingface.co');
  assert.equal(huggingFaceEndpoint({ HF_ENDPOINT: 'http://hub:8080/' }), 'http://hub:8080');
  for (const HF_ENDPOINT of ['hub', 'ftp://hub', 'https://u:p@hub']) {
    assert.equal(refusalOf(() => huggingFaceEndpoint({ HF_ENDPOINT })).reason, 'SOURCE_CONFIGURATION');
  }
});
