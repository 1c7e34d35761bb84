import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ServingError } from '../errors.ts';
import { pinnedVersion } from '../execution/native-binding.ts';
import {
  bindingFolder,
  buildCommit,
  gpuProviders,
  inspectProvider,
} from '../execution/provider-libraries.ts';
import {
  exitCodes,
  flagText,
  parseCommand,
  usageError,
  type Command,
  type ExitCode,
  type Terminal,
} from './command.ts';
import { errorCode } from './server-flags.ts';
import { extractZipEntry, listZip, type ZipEntry } from './zip.ts';

const help = `Usage: tensorgate providers list
       tensorgate providers install <cuda|tensorrt> --from <file> [--folder <dir>]

list     says which GPU providers can run here, and what is missing
install  takes ONNX Runtime's provider libraries from a file of yours, checks that they are of the same version and
         build as onnxruntime-node, and puts them beside its binding (or into --folder). Get the file with a package
         client you trust, one of:
           pip download --no-deps onnxruntime-gpu==${pinnedVersion}
           nuget install Microsoft.ML.OnnxRuntime.Gpu.Linux -Version ${pinnedVersion}
         CUDA 13 and cuDNN 9 themselves (and TensorRT 10) come from NVIDIA's packages or images.
`;

const flags = { from: { type: 'string' }, folder: { type: 'string' } } as const;

export const providersCommand: Command = {
  help: () => help,
  async run(args, terminal): Promise<ExitCode> {
    const { values, positionals } = parseCommand(args, flags, 2);
    const [action, name] = positionals;
    if (action === 'list') return list(terminal);
    if (action !== 'install') throw usageError('providers needs list or install');
    const provider = gpuProviders.find((candidate) => candidate === name);
    if (provider === undefined) throw usageError(`which provider? one of ${gpuProviders.join(', ')}`);
    const from = flagText(values, 'from');
    if (from === undefined)
      throw usageError('--from is missing: a wheel or NuGet package of ONNX Runtime for GPU');
    const folder = flagText(values, 'folder') ?? bindingFolder();
    const kinds = provider === 'cuda' ? ['shared', 'cuda'] : ['shared', 'cuda', 'tensorrt'];
    const names = kinds.map((kind) => `libonnxruntime_providers_${kind}.so`);
    const installed = await installLibraries(from, names, folder);
    for (const file of installed) terminal.stdout.write(`${file}\n`);
    const { ready, remedy } = inspectProvider(provider, folder);
    terminal.stdout.write(
      ready ? `${provider} is ready\n` : `${provider} is installed, but not ready: ${remedy}\n`,
    );
    return exitCodes.ok;
  },
};

function list({ stdout }: Terminal): ExitCode {
  const reports = gpuProviders.map((provider) => inspectProvider(provider));
  for (const { provider, ready, absent, missing, remedy } of reports) {
    stdout.write(
      ready
        ? `${provider}: ready\n`
        : `${provider}: not ready, ${[...absent, ...missing].join(', ')}\n  ${remedy}\n`,
    );
  }
  return reports.some(({ ready }) => ready) ? exitCodes.ok : exitCodes.failed;
}

/** All libraries or none: they are unpacked and checked in a folder beside their place, then moved. */
async function installLibraries(
  archive: string,
  names: readonly string[],
  folder: string,
): Promise<string[]> {
  const entries = await listZip(archive);
  checkVersion(archive, entries);
  const wanted = names.map((name) => {
    const found = entries.find((entry) => basename(entry.name) === name && !/arm64|aarch64/.test(entry.name));
    if (found === undefined)
      throw usageError(`${archive} holds no ${name}: is it onnxruntime-gpu for Linux x64?`);
    return found;
  });
  const staging = await stagingFolder(folder);
  try {
    const commit = buildCommit(join(bindingFolder(), 'libonnxruntime.so.1'));
    for (const entry of wanted) {
      const target = join(staging, basename(entry.name));
      await extractZipEntry(archive, entry, target);
      await chmod(target, 0o755);
      const own = buildCommit(target);
      // The shared library is too small to carry the mark.
      if (own !== undefined && commit !== undefined && own !== commit) {
        throw new ServingError(
          'failed_precondition',
          `${basename(target)} was built from commit ${own}, onnxruntime-node from ${commit}: they do not work together`,
        );
      }
    }
    return await moveAll(staging, names, folder);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function stagingFolder(folder: string): Promise<string> {
  try {
    return await mkdtemp(join(folder, '.tensorgate-'));
  } catch (error) {
    throw new ServingError('failed_precondition', `cannot write to ${folder}${errorCode(error)}`, {
      cause: error,
    });
  }
}

async function moveAll(staging: string, names: readonly string[], folder: string): Promise<string[]> {
  const moved: string[] = [];
  for (const name of names) {
    const target = join(folder, name);
    await rename(join(staging, name), target);
    moved.push(target);
  }
  return moved;
}

/** A wheel tells its version in the name of its metadata folder, a NuGet package in its file name. */
function checkVersion(archive: string, entries: readonly ZipEntry[]): void {
  const wheel = entries
    .map(({ name }) => /^onnxruntime_gpu-([^/]+)\.dist-info\//.exec(name)?.[1])
    .find((word) => word !== undefined);
  const version = wheel ?? /\.(\d+\.\d+\.\d+)\.nupkg$/i.exec(basename(archive))?.[1];
  if (version === undefined) {
    throw usageError(
      `${archive} is neither an onnxruntime-gpu wheel nor a NuGet package with its version in the name`,
    );
  }
  if (version !== pinnedVersion) {
    throw new ServingError(
      'failed_precondition',
      `${basename(archive)} is of version ${version}, this server needs ${pinnedVersion}`,
    );
  }
}
