import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newerDebian, perfAnalyzer } from './foreign-tools.ts';

export interface InstallParts {
  readonly tools: string;
  readonly bin: string;
  readonly execute: (command: string, args: readonly string[], options?: { cwd?: string }) => Promise<void>;
  readonly takeFromWheels: (
    packages: readonly string[],
    folder: string,
    members: readonly string[],
    more: readonly string[],
  ) => Promise<void>;
}

/** perf_analyzer, beside it a newer glibc where the system's is too old, and a script that runs the one with the other. */
export async function installPerfAnalyzer({
  tools,
  bin,
  execute,
  takeFromWheels,
}: InstallParts): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error('it is built for Linux on x64 only');
  const { wheel, platform, member, file, name } = perfAnalyzer;
  const folder = join(tools, 'perf-analyzer');
  const program = join(folder, file);
  const newest = ['--platform', platform, '--python-version', '3.12'];
  await takeFromWheels([wheel], folder, [`${member}=${file}`], newest);
  chmodSync(program, 0o755);
  const runs = spawnSync(program, ['--version']).status === 0;
  const libraries = runs ? undefined : await takeNewerLibraries(folder, execute);
  const command =
    libraries === undefined
      ? `'${program}'`
      : `'${join(libraries, 'ld-linux-x86-64.so.2')}' --library-path '${libraries}:/usr/lib/x86_64-linux-gnu' '${program}'`;
  const script = join(bin, name);
  writeFileSync(script, `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(script, 0o755);
  const { status, stderr } = spawnSync(script, ['--version'], { encoding: 'utf8' });
  if (status === 0) return;
  rmSync(script);
  throw new Error(`it does not run here: ${stderr.slice(0, 300)}`);
}

/** The newer release's libraries in a folder; nothing of it gets into the system, nor into its package lists. */
async function takeNewerLibraries(folder: string, execute: InstallParts['execute']): Promise<string> {
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  const mirror = debianMirror();
  if (mirror === '' || !existsSync(keyring)) {
    throw new Error("it needs a newer glibc than this system's, which is no Debian");
  }
  const apt = join(folder, 'apt');
  for (const part of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(apt, part), { recursive: true });
  const sources = join(apt, 'sources.list');
  const { suite, packages } = newerDebian;
  writeFileSync(sources, `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`);
  const places = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(apt, 'lists')}`,
    `Dir::Cache=${join(apt, 'cache')}`,
    'APT::Sandbox::User=',
  ].flatMap((place) => ['-o', place]);
  await execute('apt-get', [...places, 'update', '-q']);
  await execute('apt-get', [...places, 'download', ...packages], { cwd: apt });
  const root = join(folder, 'newer');
  for (const file of readdirSync(apt).filter((name) => name.endsWith('.deb'))) {
    await execute('dpkg-deb', ['-x', join(apt, file), root]);
  }
  rmSync(apt, { recursive: true });
  return join(root, 'usr', 'lib', 'x86_64-linux-gnu');
}

/** Where this system takes Debian from; '' when it does not. */
function debianMirror(): string {
  const format = '$(ORIGIN) $(LABEL) $(REPO_URI)';
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  return /^Debian Debian (\S+)$/m.exec(stdout ?? '')?.[1] ?? '';
}
