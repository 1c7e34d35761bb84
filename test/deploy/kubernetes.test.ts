import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { helmArguments, kustomizeBase } from '../../tools/deploy/kustomize-base.ts';
import { root } from '../support/source-tree.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { skipUnless } from '../support/tools.ts';
import { findDeployProgram, findSchemas, runTool } from './support/deploy-tools.ts';

const helm = findDeployProgram('helm');
const kubectl = findDeployProgram('kubectl');
const kubeconform = findDeployProgram('kubeconform');
const schemas = findSchemas();
const chart = 'deploy/helm/tensorgate';
const valuesFolder = join(root, 'test', 'deploy', 'values');
const node = { path: process.execPath, skip: false } as const;

interface Container {
  readonly name: string;
  readonly securityContext: object;
  readonly resources?: { readonly limits?: object };
}

interface Manifest {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas?: number;
    readonly template?: {
      readonly spec: {
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
        readonly terminationGracePeriodSeconds?: number;
      };
    };
  };
}

async function render(values: readonly string[], more: readonly string[] = []): Promise<string> {
  const files = values.flatMap((file) => ['--values', file]);
  return runTool(helm, ['template', 'tensorgate', chart, '--namespace', 'models', ...files, ...more]);
}

function manifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}

function ofKind(text: string, kind: string): Manifest | undefined {
  return manifests(text).find((manifest) => manifest.kind === kind);
}

/** @throws Error naming the fields that Kubernetes does not know, and the kinds without a schema */
async function conform(text: string): Promise<string> {
  using folder = new TemporaryFolder();
  const file = folder.write('manifests.yaml', text);
  const location = join(schemas.path, '{{.ResourceKind}}{{.KindSuffix}}.json');
  return await runTool(kubeconform, ['-strict', '-summary', '-schema-location', location, file]);
}

const cases = [
  { name: 'defaults', values: [] },
  ...readdirSync(valuesFolder).map((file) => ({
    name: file.replace('.yaml', ''),
    values: [join(valuesFolder, file)],
  })),
];

describe('the chart', { skip: helm.skip }, () => {
  test('passes helm lint', async () => {
    assert.match(await runTool(helm, ['lint', '--strict', chart]), /0 chart\(s\) failed/);
  });

  for (const { name, values } of cases) {
    test(`renders ${name} as test/deploy/snapshots shows it (UPDATE_SNAPSHOTS=1 renews them)`, async () => {
      const snapshot = join(root, 'test', 'deploy', 'snapshots', `${name}.yaml`);
      const rendered = await render(values);
      if (process.env['UPDATE_SNAPSHOTS'] === '1') writeFileSync(snapshot, rendered);
      assert.equal(rendered, readFileSync(snapshot, 'utf8'));
    });

    test(
      `renders ${name} by the schemas of Kubernetes and of its operators`,
      {
        skip: skipUnless(kubeconform, schemas),
      },
      async () => {
        assert.match(await conform(await render(values)), /Invalid: 0, Errors: 0, Skipped: 0/);
      },
    );

    test(`gives the server a configuration that it takes, with ${name}`, async () => {
      using folder = new TemporaryFolder();
      const data = ofKind(await render(values), 'ConfigMap')?.data;
      const file = folder.write('server.yaml', data?.['server.yaml'] ?? '');
      await runTool(node, ['bin/tensorgate.js', 'config', 'check', '--config', file, 'examples/models']);
    });

    test(`lets no container of ${name} write its root, keep capabilities, or run as root`, async () => {
      const pod = ofKind(await render(values), 'Deployment')?.spec.template?.spec;
      const containers = [...(pod?.containers ?? []), ...(pod?.initContainers ?? [])];
      assert.ok(containers.length > 0);
      for (const { securityContext } of containers) {
        assert.deepEqual(securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    });
  }

  test('refuses values that it does not know', async () => {
    await assert.rejects(render([], ['--set', 'replicaz=3']), /replicaz/);
  });

  test('refuses two sources of models, and two autoscalers', async () => {
    await assert.rejects(render([], ['--set', 'models.claim=a,models.image=b']), /give one of them/);
    await assert.rejects(
      render([], ['--set', 'autoscaling.enabled=true,keda.enabled=true']),
      /enable one of them/,
    );
  });

  test('leaves the number of replicas to an autoscaler, and gives a stop the time it needs', async () => {
    const fixed = ofKind(await render([]), 'Deployment')?.spec;
    assert.equal(fixed?.replicas, 2);
    assert.equal(fixed?.template?.spec.terminationGracePeriodSeconds, 5 + 30 + 10);
    const scaled = ofKind(await render([join(valuesFolder, 'hpa.yaml')]), 'Deployment')?.spec;
    assert.equal(scaled?.replicas, undefined);
    assert.equal(scaled?.template?.spec.terminationGracePeriodSeconds, 5 + 60 + 10);
  });

  test('asks for GPUs only when told to', async () => {
    const limits = async (values: readonly string[]): Promise<object | undefined> =>
      ofKind(await render(values), 'Deployment')?.spec.template?.spec.containers[0]?.resources?.limits;
    assert.deepEqual(await limits([]), { memory: '2Gi' });
    const gpu = { memory: '2Gi', 'nvidia.com/gpu': 1 };
    assert.deepEqual(await limits([join(valuesFolder, 'gpu-keda.yaml')]), gpu);
  });

  test('is what the base of kustomize is made from', async () => {
    const base = readFileSync(join(root, 'deploy', 'kustomize', 'base', 'tensorgate.yaml'), 'utf8');
    const rendered = kustomizeBase(await runTool(helm, helmArguments));
    assert.deepEqual(manifests(base), manifests(rendered));
  });
});

describe('kustomize', { skip: skipUnless(kubectl, kubeconform, schemas) }, () => {
  for (const overlay of readdirSync(join(root, 'deploy', 'kustomize', 'overlays'))) {
    test(`the overlay ${overlay} builds, by the schemas`, async () => {
      const built = await runTool(kubectl, ['kustomize', `deploy/kustomize/overlays/${overlay}`]);
      assert.match(await conform(built), /Invalid: 0, Errors: 0, Skipped: 0/);
      assert.equal(ofKind(built, 'Deployment')?.metadata.name, 'tensorgate');
    });
  }
});

describe('GitOps', { skip: skipUnless(kubeconform, schemas) }, () => {
  for (const file of readdirSync(join(root, 'deploy', 'gitops'))) {
    test(`${file} follows the schemas of its controllers, and names folders that exist`, async () => {
      const text = readFileSync(join(root, 'deploy', 'gitops', file), 'utf8');
      assert.match(await conform(text), /Invalid: 0, Errors: 0, Skipped: 0/);
      const paths = [...text.matchAll(/^ +path: (?:\.\/)?(\S+)$/gm)].map(([, path = '']) => path);
      assert.equal(paths.length, 1);
      for (const path of paths) assert.ok(existsSync(join(root, path)), path);
    });
  }

  test('the values that Argo CD is given are values of the chart', { skip: helm.skip }, async () => {
    const text = readFileSync(join(root, 'deploy', 'gitops', 'argo-cd.yaml'), 'utf8');
    const { spec } = parse(text) as {
      readonly spec: { readonly source: { readonly helm: { readonly valuesObject: object } } };
    };
    using folder = new TemporaryFolder();
    const values = folder.write('values.json', JSON.stringify(spec.source.helm.valuesObject));
    assert.match(await conform(await render([values])), /Invalid: 0, Errors: 0, Skipped: 0/);
  });
});

describe('KServe', { skip: skipUnless(kubeconform, schemas) }, () => {
  for (const file of readdirSync(join(root, 'deploy', 'kserve'))) {
    test(`${file} follows KServe's schemas`, async () => {
      const text = readFileSync(join(root, 'deploy', 'kserve', file), 'utf8');
      assert.match(await conform(text), /Invalid: 0, Errors: 0, Skipped: 0/);
    });
  }

  test('a word that KServe does not know would be noticed', async () => {
    const text = readFileSync(join(root, 'deploy', 'kserve', 'runtime.yaml'), 'utf8');
    await assert.rejects(conform(text.replace('autoSelect', 'autoselect')), /autoselect/);
  });
});

test(
  'a word that Kubernetes does not know would be noticed',
  {
    skip: skipUnless(helm, kubeconform, schemas),
  },
  async () => {
    const rendered = await render([]);
    await assert.rejects(conform(rendered.replace('readinessProbe', 'readynessProbe')), /readynessProbe/);
  },
);

test('images in deploy have the version of the package', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const { appVersion } = parse(readFileSync(join(root, chart, 'Chart.yaml'), 'utf8')) as {
    readonly appVersion: string;
  };
  assert.equal(appVersion, version);
  for (const file of ['runtime.yaml', 'modelmesh.yaml']) {
    const runtime = readFileSync(join(root, 'deploy', 'kserve', file), 'utf8');
    assert.ok(runtime.includes(`image: tensorgate:${version}\n`));
  }
});
