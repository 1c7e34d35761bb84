import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServingError } from '../../../../src/errors.ts';
import { DialectRoutes, type Dialect } from '../../../../src/transport/http/dialect.ts';
import { reads } from '../../../../src/transport/http/http-call.ts';
import { emptyReply } from '../../../../src/transport/http/reply.ts';
import { errorReply } from '../../../../src/transport/http/status.ts';

function dialectOf(...routes: readonly string[]): Dialect {
  return {
    endpoints: new Map(routes.map((route) => [route, reads('infer', () => emptyReply())])),
    errorReply,
    describe: () => Promise.resolve({ paths: {}, schemas: {} }),
  };
}

const first = dialectOf(
  '/',
  '/v1/models/{model}:predict',
  '/v1/models/{model}/versions/{version}:predict',
  '/v1/models/{model}/labels/{label}/metadata',
);
const second = dialectOf('/', '/ping');
const routes = new DialectRoutes([first, second]);

const found = [
  ['/v1/models/m:predict', { model: 'm', version: '', label: '' }],
  ['/v1/models/m:predict?a=b', { model: 'm', version: '', label: '' }],
  ['http://host:80/v1/models/m:predict', { model: 'm', version: '', label: '' }],
  ['/v1/models/a%2Fb%3Ac:predict', { model: 'a/b:c', version: '', label: '' }],
  ['/v1/models/m/versions/12:predict', { model: 'm', version: '12', label: '' }],
  ['/v1/models/m/labels/stable/metadata', { model: 'm', version: '', label: 'stable' }],
  ['/ping', { model: '', version: '', label: '' }],
] as const;

for (const [target, names] of found) {
  test(`a dialect's route is found at ${target}`, () => {
    assert.partialDeepStrictEqual(routes.find(target)?.names, { ...names, repository: '' });
  });
}

const unknown = [
  '/v1/models/:predict',
  '/v1/models/m:predict/',
  '/v1/models/a:b:predict',
  '/v1/models/m',
  '/v1/models/m/versions/one:predict',
  '/v1/models/m/versions/:predict',
  '/v2/models/m',
  'ping',
  '*',
  '',
];

for (const target of unknown) {
  test(`no dialect has a route at '${target}'`, () => {
    assert.equal(routes.find(target), undefined);
  });
}

test('where two dialects have the same path, the first one answers', () => {
  assert.equal(routes.find('/')?.endpoint, first.endpoints.get('/'));
});

test('a percent sign that encodes nothing is refused in a name', () => {
  assert.throws(() => routes.find('/v1/models/%zz:predict'), ServingError);
});

test('a route with a name that no path has is a bug', () => {
  assert.throws(() => new DialectRoutes([dialectOf('/{region}')]), /bug: the route/);
});
