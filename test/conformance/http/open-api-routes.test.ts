import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dialectNames, type DialectName } from '../../../src/inference/dialect.ts';
import type { ModelControl } from '../../../src/inference/catalog.ts';
import type { ModelQuality } from '../../../src/inference/monitoring.ts';
import type { SharedMemory } from '../../../src/inference/shared-memory.ts';
import { loadDialects } from '../../../src/transport/http/dialects/load-dialects.ts';
import type { Endpoint } from '../../../src/transport/http/http-call.ts';
import { createPages } from '../../../src/transport/http/pages/create-pages.ts';
import { systemClock } from '../../../src/util/clock.ts';
import { fakeCatalog } from '../../support/fake-catalog.ts';
import { fakeSettings } from '../../support/fake-settings.ts';
import { echo, TestFront } from './support/front.ts';

const control: ModelControl = { load: () => Promise.resolve(), unload: () => Promise.resolve() };

const sharedMemory: SharedMemory = {
  status: () => [],
  register: () => undefined,
  unregister: () => undefined,
  hold: () => assert.fail('nothing is held'),
};

const quality: ModelQuality = {
  feedback: () => assert.fail('nobody tells labels'),
  report: () => assert.fail('nobody asks for reports'),
  profile: () => assert.fail('nobody asks for profiles'),
  page: () => assert.fail('nobody asks for pages'),
};

type Described = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Routes and methods of all endpoints of a front, and what its description says. */
async function openFront(names: readonly DialectName[], switched: 'on' | 'off') {
  const tensor = { name: 'x', datatype: 'FP32', shape: [-1] };
  const catalog = fakeCatalog([
    { name: 'm', versions: ['1'], platform: '', inputs: [tensor], outputs: [tensor] },
  ]);
  const able = switched === 'on';
  const create = await loadDialects(names);
  const dialects = create({
    infer: echo,
    catalog,
    control: able ? control : undefined,
    maxBodyBytes: 1024,
    defaultModel: '',
    alone: true,
    clock: systemClock,
    serverVersion: '1',
    predictRoute: '/vertex/predict',
    healthRoute: '/vertex/health',
    sagemakerModels: '/opt/ml/models',
  });
  const routed = new Map<string, readonly string[]>();
  await using front = await TestFront.start({
    catalog,
    control: able ? control : undefined,
    settings: { ...fakeSettings, mayChange: able },
    sharedMemory: able ? sharedMemory : undefined,
    quality: able ? quality : undefined,
    createDialects: () =>
      createPages({
        dialects,
        catalog,
        abilities: { controls: able, changesSettings: able, sharesMemory: able, monitors: able },
        serverVersion: '1',
        clock: systemClock,
        grpc: () => undefined,
      }),
    around(route, endpoint) {
      const path = route === '/v2/' ? '/v2' : route;
      if (!routed.has(path)) routed.set(path, methodsOf(endpoint));
      return endpoint;
    },
  });
  const reply = await fetch(`${front.url}/openapi.json`);
  const { paths } = (await reply.json()) as { readonly paths: Described };
  return { routed, paths };
}

function methodsOf(endpoint: Endpoint): readonly string[] {
  return (['get', 'post', 'put', 'delete'] as const).filter((method) => endpoint[method] !== undefined);
}

function methodsIn(item: Readonly<Record<string, unknown>>): readonly string[] {
  return ['get', 'post', 'put', 'delete'].filter((method) => Object.hasOwn(item, method));
}

/** What is there for browsers, and what is answered with a refusal only. */
const undescribed = /^\/docs|^\/openapi\.json$|sharedmemory\/register$/;

describe('the description of the whole front', () => {
  for (const dialects of [
    dialectNames,
    ['torchserve'],
    ['azure-ml'],
    ['mlflow'],
    ['kserve-v1'],
    [],
  ] as const) {
    it(`has every route and method of ${dialects.join(', ') || 'the protocol alone'}`, async () => {
      const { routed, paths } = await openFront(dialects, 'on');
      assert.ok(routed.size > 30);
      for (const [route, methods] of routed) {
        if (undescribed.test(route) || (route === '/' && !dialects.some(hasRoot))) continue;
        const item = paths[route];
        assert.ok(item !== undefined, `${route} is not described`);
        assert.deepEqual(methodsIn(item), methods, route);
      }
    });

    it(`has no other routes with ${dialects.join(', ') || 'the protocol alone'}`, async () => {
      const { routed, paths } = await openFront(dialects, 'on');
      for (const path of Object.keys(paths)) {
        // The only model has paths of its own; and a version may stand in those of the protocol.
        const route = path
          .replace('/models/m/', '/models/{model}/')
          .replace(/^(\/v2\/models\/\{model\})\/versions\/\{version\}/, '$1');
        assert.ok(routed.has(route), path);
      }
    });
  }

  it('leaves out what the options of the server switch off', async () => {
    const { paths } = await openFront(dialectNames, 'off');
    const off = Object.keys(paths).filter((path) => /load$|sharedmemory/.test(path));
    assert.deepEqual(off, []);
    for (const path of ['/v2/logging', '/v2/trace/setting', '/models']) {
      assert.deepEqual(methodsIn(paths[path] ?? {}), ['get'], path);
    }
  });
});

function hasRoot(name: DialectName): boolean {
  return name === 'kserve-v1' || name === 'azure-ml';
}
