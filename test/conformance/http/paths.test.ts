import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { InferRequest } from '../../../src/inference/request.ts';
import { fakeCatalog } from '../../support/fake-catalog.ts';
import { echo, TestFront } from './support/front.ts';
import { RawConnection } from './support/raw-connection.ts';

const body = JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: [1] }] });
const names = ['m', 'a/b', 'ä', 'a b', '100%', 'a%2Fb', '..', 'stats', 'versions', 'a?b#c', 'ready'];

describe('paths', () => {
  let front: TestFront;
  const asked: InferRequest[] = [];

  before(async () => {
    front = await TestFront.start({
      infer(request, context) {
        asked.push(request);
        return echo(request, context);
      },
      catalog: fakeCatalog(
        names.map((name) => ({ name, versions: ['1'], platform: '', inputs: [], outputs: [] })),
      ),
    });
  });
  after(() => front[Symbol.asyncDispose]());

  /** As it stands: fetch would tidy the target up. */
  const ask = async (
    method: string,
    target: string,
  ): Promise<{ status: number; allow: string | undefined; text: string }> => {
    using connection = new RawConnection(front.server.address);
    const content = method === 'POST' ? body : '';
    connection.send(
      `${method} ${target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${content.length}\r\n\r\n${content}`,
    );
    await connection.closed;
    const text = connection.received.toString();
    const [, allow] = /\r\nallow: ([^\r]*)/i.exec(text) ?? [];
    return {
      status: Number(text.split(' ')[1]),
      allow,
      text: text.slice(text.indexOf('\r\n\r\n') + 4),
    };
  };

  for (const name of names) {
    it(`2: the name '${name}' is percent-decoded once`, async () => {
      asked.length = 0;
      const encoded = name === '..' ? '%2e%2e' : encodeURIComponent(name);
      const { status, text } = await ask('POST', `/v2/models/${encoded}/infer`);
      assert.equal(status, 200, text);
      assert.deepEqual(
        asked.map(({ model }) => model),
        [name],
      );
      assert.equal((await ask('GET', `/v2/models/${encoded}/versions/1/ready`)).status, 200);
    });
  }

  for (const target of [
    '/v2/models/%/infer',
    '/v2/models/%zz/infer',
    '/v2/models/a%c3/infer',
    '/v2/models/%ff',
  ]) {
    it(`2: ${target} is 400: its percent sign encodes nothing`, async () => {
      const { status, text } = await ask('POST', target);
      assert.equal(status, 400);
      assert.match(text, /percent sign/);
    });
  }

  for (const target of [
    '/v2/models/m/infer?x=1',
    '/v2/models/m/infer?',
    'http://elsewhere:1/v2/models/m/infer',
    '/v2/models/m/versions/1/infer',
    '/v2/models/m/versions/000000000000000001/infer',
  ]) {
    it(`2: ${target} is an infer request`, async () => {
      assert.equal((await ask('POST', target)).status, 200);
    });
  }

  for (const target of [
    '/',
    '//v2/models/m/infer',
    '/v2/',
    '/V2/models/m/infer',
    '/v2/models//infer',
    '/v2//models/m/infer',
    '/v2/models/m/infer/',
    '/v2/models/m/Infer',
    '/v2/models/m/infer/more',
    '/v2/models/a/b/infer',
    '/v2/./models/m/infer',
    '/v2/models/m/../m/infer',
    '/v2/models/m%2Finfer/infer/x',
    '/v2/models/m/versions/infer',
    '/v2/models/m/versions//infer',
    '/v2/models/m/versions/-1/infer',
    '/v2/models/m/versions/1.0/infer',
    '/v2/models/m/versions/%31/infer',
    '/v2/models/m/versions/1/trace/setting',
    '/v2/models/m/versions/9999999999999999999/infer',
    '/v2/repository',
    '/v2/repository/models/m',
    '/v2/repository/models//load',
    '/v2/systemsharedmemory',
    '/v2/systemsharedmemory/region//status',
    '/v2/toString',
    '/v2/models/m/constructor',
    '/v2/__proto__',
    'v2/models/m/infer',
    '*',
  ]) {
    it(`1.7: ${target} is 404 Not Found`, async () => {
      const { status, text } = await ask('POST', target);
      // What is no target at all does not come past the parser.
      if (!target.startsWith('/')) assert.ok(status === 400 || status === 404, String(status));
      else assert.deepEqual([status, text], [404, '{"error":"Not Found"}']);
    });
  }

  const allowed: readonly (readonly [target: string, methods: string])[] = [
    ['/v2', 'GET'],
    ['/v2/health/live', 'GET'],
    ['/v2/health/ready', 'GET'],
    ['/v2/models', 'GET'],
    ['/v2/models/m', 'GET'],
    ['/v2/models/m/versions/1', 'GET'],
    ['/v2/models/m/ready', 'GET'],
    ['/v2/models/m/config', 'GET'],
    ['/v2/models/m/stats', 'GET'],
    ['/v2/models/stats', 'GET'],
    ['/v2/models/m/infer', 'POST'],
    ['/v2/models/m/generate', 'POST'],
    ['/v2/models/m/generate_stream', 'POST'],
    ['/v2/models/m/trace/setting', 'GET, POST'],
    ['/v2/trace/setting', 'GET, POST'],
    ['/v2/logging', 'GET, POST'],
    ['/v2/repository/index', 'POST'],
    ['/v2/repository/other/index', 'POST'],
    ['/v2/repository/models/m/load', 'POST'],
    ['/v2/repository/models/m/unload', 'POST'],
    ['/v2/systemsharedmemory/status', 'GET'],
    ['/v2/systemsharedmemory/region/a/register', 'POST'],
    ['/v2/cudasharedmemory/region/a/unregister', 'POST'],
  ];

  for (const [target, methods] of allowed) {
    it(`1.7: ${target} takes ${methods}, and 405 Method Not Allowed says so`, async () => {
      for (const method of [
        'GET',
        'HEAD',
        'POST',
        'PUT',
        'DELETE',
        'PATCH',
        'OPTIONS',
        'TRACE',
        'PROPFIND',
      ]) {
        const { status, allow, text } = await ask(method, target);
        const may = methods.split(', ').includes(method === 'HEAD' ? 'GET' : method);
        if (may) assert.notEqual(status, 405, method);
        else {
          assert.deepEqual([status, allow], [405, methods], method);
          assert.equal(text, method === 'HEAD' ? '' : '{"error":"Method Not Allowed"}');
        }
      }
    });
  }

  it('1.2: KServe asks for the names of models, and whether all is well', async () => {
    const { text } = await ask('GET', '/v2/models');
    assert.deepEqual(JSON.parse(text).models, names);
    assert.equal((await ask('GET', '/v2/health/live')).text, '{"live":true}');
    assert.equal((await ask('GET', '/v2/health/ready')).text, '{"ready":true}');
    assert.equal((await ask('GET', '/v2/models/m/ready')).text, '{"name":"m","ready":true}');
  });
});
