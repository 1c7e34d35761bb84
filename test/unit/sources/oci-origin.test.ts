import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { OciOrigin, registryLogin, type OciOriginOptions } from '../../../src/sources/oci-origin.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { FileServer, type Answer } from '../../support/file-server.ts';
import { TemporaryFolder } from '../../support/temporary-folder.ts';

const { signal } = new AbortController();
const plain = 'application/vnd.cncf.model.weight.v1.raw';

interface PushedLayer {
  readonly mediaType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A registry with one artifact. */
class Registry {
  readonly files: FileServer;

  constructor(files: FileServer) {
    this.files = files;
  }

  push(content: Readonly<Record<string, string>>, more: PushedLayer = {}): void {
    const layers = Object.entries(content).map(([path, text]) => {
      const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`;
      this.files.files.set(`/v2/org/m/blobs/${digest}`, Buffer.from(text));
      return {
        mediaType: plain,
        digest,
        size: text.length,
        annotations: { 'org.cncf.model.filepath': path },
        ...more,
      };
    });
    this.files.files.set('/v2/org/m/manifests/v1', Buffer.from(JSON.stringify({ schemaVersion: 2, layers })));
  }

  /** Everything needs a token, that is given out at `realm`. */
  protect(realm: string): void {
    for (const [path, content] of this.files.files) {
      const answer: Answer = (request, response) => {
        if (request.headers.authorization === 'Bearer given')
          return void response.writeHead(200).end(content);
        const challenge = `Bearer realm="${realm}",service="registry.example",scope="repository:org/m:pull"`;
        return void response.writeHead(401, { 'www-authenticate': challenge }).end();
      };
      this.files.files.set(path, answer);
    }
  }

  origin(more: Partial<OciOriginOptions> = {}): OciOrigin {
    return new OciOrigin({
      registry: this.files.url,
      repository: 'org/m',
      reference: 'v1',
      login: () => 'Basic me',
      rules: { redirectHosts: [] },
      clock: systemClock,
      ...more,
    });
  }
}

async function withRegistry(run: (registry: Registry) => Promise<void>): Promise<void> {
  await using files = await FileServer.start();
  await run(new Registry(files));
}

test('layers are files, with the names and digests that the manifest tells', () =>
  withRegistry(async (registry) => {
    registry.push({ '1/model.onnx': 'onnx', 'config.pbtxt': 'c' });
    using origin = registry.origin();
    const { files } = await origin.list(signal);
    assert.deepEqual(
      files.map(({ path, sizeBytes, digest }) => [path, sizeBytes, digest?.algorithm]),
      [
        ['1/model.onnx', 4, 'sha256'],
        ['config.pbtxt', 1, 'sha256'],
      ],
    );
    assert.equal((await (await files[0]!.open({ offset: 2, signal })).toArray()).join(''), 'nx');
  }));

test('files of ORAS are named by their titles', () =>
  withRegistry(async (registry) => {
    const annotations = { 'org.opencontainers.image.title': 'model.onnx' };
    registry.push({ x: 'onnx' }, { mediaType: 'application/octet-stream', annotations });
    using origin = registry.origin();
    assert.equal((await origin.list(signal)).files[0]?.path, 'model.onnx');
  }));

for (const [title, more] of [
  ['archives', { mediaType: 'application/vnd.cncf.model.weight.v1.tar' }],
  ['compressed archives', { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }],
  ['files without names', { annotations: {} }],
] as const) {
  test(`refuses ${title}`, () =>
    withRegistry(async (registry) => {
      registry.push({ 'model.onnx': 'onnx' }, more);
      using origin = registry.origin();
      await assert.rejects(origin.list(signal), {
        reason: 'SOURCE_REFUSED',
        message: /no plain file with a name/,
      });
    }));
}

test('refuses a digest that could lead elsewhere', () =>
  withRegistry(async (registry) => {
    const layers = [{ mediaType: plain, digest: 'sha256:../../x', size: 1 }];
    registry.files.files.set('/v2/org/m/manifests/v1', Buffer.from(JSON.stringify({ layers })));
    using origin = registry.origin();
    await assert.rejects(origin.list(signal), { reason: 'SOURCE_REFUSED' });
  }));

test('a token is fetched with the login, and used for everything', () =>
  withRegistry(async (registry) => {
    registry.push({ 'model.onnx': 'onnx' });
    registry.protect(`${registry.files.url}/token`);
    const path = '/token?service=registry.example&scope=repository:org/m:pull';
    registry.files.files.set(path, Buffer.from('{"token":"given"}'));
    using origin = registry.origin();
    const [file] = (await origin.list(signal)).files;
    await file!.open({ offset: 0, signal });
    assert.deepEqual(
      registry.files.asked.map(({ headers }) => headers.authorization),
      [undefined, 'Basic me', 'Bearer given', 'Bearer given'],
    );
  }));

test('no token is asked for inside the network, or without encryption', () =>
  withRegistry(async (registry) => {
    await using inner = await FileServer.start();
    for (const realm of [`http://127.0.0.1:${inner.port}/token`, `https://127.0.0.1:${inner.port}/token`]) {
      registry.push({ 'model.onnx': 'onnx' });
      registry.protect(realm);
      using origin = registry.origin();
      await assert.rejects(origin.list(signal), { reason: 'SOURCE_REFUSED' });
    }
    assert.equal(inner.asked.length, 0);
  }));

test('a login that does not help is told once', () =>
  withRegistry(async (registry) => {
    registry.push({ 'model.onnx': 'onnx' });
    registry.protect('');
    using origin = registry.origin();
    await assert.rejects(origin.list(signal), {
      reason: 'SOURCE_REFUSED',
      message: /does not let this login read/,
    });
    assert.equal(registry.files.asked.length, 2);
  }));

test('logins are those that docker keeps in its file', () => {
  using folder = new TemporaryFolder();
  folder.write(
    'config.json',
    JSON.stringify({ auths: { 'a.example': { auth: 'abc' }, 'https://b.example': { auth: 'd' } } }),
  );
  const of = (host: string) => registryLogin(host, { DOCKER_CONFIG: folder.path });
  assert.deepEqual([of('a.example'), of('b.example'), of('c.example')], ['Basic abc', 'Basic d', undefined]);
  assert.equal(registryLogin('a.example', { DOCKER_CONFIG: '/nowhere' }), undefined);
});
