/**
 * Installs what `npm run test:sources` can use, into the git-ignored folder `.tools`: moto, fake-gcs-server, azurite,
 * docker-registry and model-signing.
 * Does nothing where they are already there. What cannot be had on this machine is reported; its tests are skipped with a visible line.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const tools = join(import.meta.dirname, '..', '.tools');
const bin = join(tools, 'bin');
const list = join(import.meta.dirname, 'ci', 'sources.txt');

const gcs = 'github.com/fsouza/fake-gcs-server@v1.56.1';
const azurite = 'azurite@3.37.0';

function run(command: string, args: readonly string[], options: { cwd?: string; env?: object } = {}): void {
  const { status, stderr } = spawnSync(command, args, {
    ...options,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr.slice(-1000)}`);
}

const steps = [
  {
    name: 'moto and model-signing',
    place: join(tools, 'sources', 'bin', 'model_signing'),
    install: () => {
      run('python3', ['-m', 'venv', join(tools, 'sources')]);
      run(join(tools, 'sources', 'bin', 'pip'), ['install', '--quiet', '--no-deps', '-r', list]);
    },
  },
  {
    name: 'fake-gcs-server',
    place: join(bin, 'fake-gcs-server'),
    install: () => run('go', ['install', gcs], { env: { GOBIN: bin } }),
  },
  {
    name: 'azurite',
    place: join(tools, 'azurite', 'node_modules', '.bin', 'azurite-blob'),
    install: () => {
      mkdirSync(join(tools, 'azurite'), { recursive: true });
      writeFileSync(join(tools, 'azurite', 'package.json'), '{ "private": true }\n');
      const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--save-exact'];
      run('npm', ['install', ...flags, azurite], { cwd: join(tools, 'azurite') });
    },
  },
  {
    name: 'docker-registry',
    place: join(tools, 'docker-registry', 'docker-registry'),
    install: takeRegistry,
  },
] as const;

/** The program alone, out of Debian's package. */
function takeRegistry(): void {
  const folder = mkdtempSync(join(tmpdir(), 'docker-registry-'));
  try {
    run('apt-get', ['download', '-q', 'docker-registry'], { cwd: folder });
    const [file = ''] = readdirSync(folder);
    run('dpkg', ['-x', join(folder, file), join(folder, 'unpacked')]);
    mkdirSync(join(tools, 'docker-registry'), { recursive: true });
    copyFileSync(
      join(folder, 'unpacked', 'usr', 'bin', 'docker-registry'),
      join(tools, 'docker-registry', 'docker-registry'),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

mkdirSync(bin, { recursive: true });
for (const { name, place, install } of steps) {
  if (existsSync(place)) {
    console.log(`${name}: there`);
    continue;
  }
  try {
    install();
    console.log(`${name}: installed`);
  } catch (error) {
    console.error(`${name}: not installed. ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
