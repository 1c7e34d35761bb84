import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { readKeyFile } from '../admission/key-file.ts';
import { parseAddress } from '../config/address.ts';
import { ServingError } from '../errors.ts';
import { readCpuQuota } from '../execution/cpu-quota.ts';
import { isRemoteRepository } from '../inference/remote-repository.ts';
import type { ProvidersReport } from '../execution/describe-providers.ts';
import { errorCode } from './server-flags.ts';

export interface Finding {
  /** bad: the server would not start or not work. note: worth knowing. */
  readonly state: 'good' | 'note' | 'bad';
  readonly what: string;
  readonly detail: string;
  /** '' when there is nothing to do. */
  readonly remedy: string;
}

function good(what: string, detail: string): Finding {
  return { state: 'good', what, detail, remedy: '' };
}

export function checkNode(): Finding {
  return good('Node', `${process.version} (${process.execPath})`);
}

/** What onnxruntime-node has binaries for. */
const platforms = ['linux x64', 'linux arm64', 'darwin arm64', 'win32 x64', 'win32 arm64'];

export function checkPlatform(platform: string = process.platform, arch: string = process.arch): Finding {
  const name = `${platform} ${arch}`;
  if (!platforms.includes(name)) {
    const remedy = `onnxruntime-node runs on ${platforms.join(', ')}`;
    return { state: 'bad', what: 'platform', detail: name, remedy };
  }
  if (platform.startsWith('win')) {
    return { state: 'note', what: 'platform', detail: name, remedy: 'tensorgate is not tested on Windows' };
  }
  if (platform !== 'linux' || process.platform !== 'linux') return good('platform', name);
  const version = glibcVersion();
  if (version !== undefined) return good('platform', `${name}, glibc ${version}`);
  const remedy = 'onnxruntime-node needs glibc: use an image like debian instead of alpine';
  return { state: 'bad', what: 'platform', detail: `${name} without glibc`, remedy };
}

function glibcVersion(): string | undefined {
  const report: unknown = process.report?.getReport();
  if (typeof report !== 'object' || report === null || !('header' in report)) return undefined;
  const { header } = report;
  if (typeof header !== 'object' || header === null || !('glibcVersionRuntime' in header)) return undefined;
  return typeof header.glibcVersionRuntime === 'string' ? header.glibcVersionRuntime : undefined;
}

export function checkCpu(): Finding {
  const quota = readCpuQuota();
  const detail = `${Number(quota.toFixed(2))} of ${cpus().length} usable, ${cpus()[0]?.model.trim() ?? 'unknown model'}`;
  if (quota >= 1 || availableParallelism() < 1) return good('CPU', detail);
  return {
    state: 'note',
    what: 'CPU',
    detail,
    remedy: 'less than one CPU: expect pauses while the quota is used up',
  };
}

export function checkMemory(): Finding {
  const limit = process.constrainedMemory();
  const limited = limit > 0 && limit < totalmem();
  const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  return good(
    'memory',
    limited
      ? `${mebibytes(limit)} (limited; the machine has ${mebibytes(totalmem())})`
      : mebibytes(totalmem()),
  );
}

/** GPU libraries are a note, not a fault: most servers run without. */
export function checkProviders(report: ProvidersReport): Finding[] {
  const bundled = report.backends.filter((backend) => backend.bundled).map(({ name }) => name);
  const findings = [good('ONNX Runtime', `${report.onnxruntimeVersion}, bundled: ${bundled.join(', ')}`)];
  const devices = report.devices.map(({ name, memoryMiB }) => `${name} (${memoryMiB} MiB)`).join(', ');
  const driver =
    report.driverVersion === undefined ? 'no NVIDIA driver' : `NVIDIA driver ${report.driverVersion}`;
  findings.push({
    state: devices === '' ? 'note' : 'good',
    what: 'GPU',
    detail: devices === '' ? driver : `${devices}, ${driver}`,
    remedy: '',
  });
  for (const { provider, ready, absent, missing, sameBuild, remedy } of report.gpuProviders) {
    const reasons = [
      absent.length > 0 ? `not installed: ${absent.join(', ')}` : '',
      missing.length > 0 ? `missing: ${missing.join(', ')}` : '',
      sameBuild === false ? 'built from another commit' : '',
    ].filter((reason) => reason !== '');
    findings.push({
      state: ready ? 'good' : 'note',
      what: `provider ${provider}`,
      detail: ready ? 'libraries found' : reasons.join('; '),
      remedy,
    });
  }
  return findings;
}

/** Listens for a moment. `address` is `host:port` where no port is given. */
export async function checkPort(what: string, address: string, port?: number): Promise<Finding> {
  const place = port === undefined ? parseAddress(address) : { host: address, port };
  if (place === undefined) return { state: 'bad', what, detail: `${address} is no address`, remedy: '' };
  const shown = `${place.host}:${place.port}`;
  if (place.port === 0) return good(what, `${shown} (a free one is picked at start)`);
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen(place.port, place.host, resolve);
    });
    return good(what, `${shown} is free`);
  } catch (error) {
    const remedy = 'stop what listens there, or choose another port';
    return { state: 'bad', what, detail: `${shown} cannot be used${errorCode(error)}`, remedy };
  } finally {
    probe.close();
  }
}

export function checkRepository(path: string): Finding {
  const what = 'models';
  if (isRemoteRepository(path))
    return { state: 'note', what, detail: `${path} is fetched at start`, remedy: '' };
  try {
    accessSync(path, constants.R_OK);
    if (!statSync(path).isDirectory()) {
      if (path.endsWith('.onnx')) return good(what, path);
      return { state: 'bad', what, detail: `${path} is neither a folder nor an .onnx file`, remedy: '' };
    }
    const entries = readdirSync(path, { withFileTypes: true });
    const count = entries.filter(
      (entry) => !entry.name.startsWith('.') && (!entry.isFile() || entry.name.endsWith('.onnx')),
    ).length;
    if (count > 0) return good(what, `${path} with ${count} model${count === 1 ? '' : 's'}`);
    return {
      state: 'note',
      what,
      detail: `${path} is empty`,
      remedy: 'put models there as <model>/<version>/model.onnx',
    };
  } catch (error) {
    return {
      state: 'bad',
      what,
      detail: `${path} cannot be read${errorCode(error)}`,
      remedy: 'check the path and its permissions',
    };
  }
}

export function checkKeysFile(path: string): Finding {
  const what = 'API keys';
  try {
    const { table, worldReadable } = readKeyFile(path);
    const detail = `${path} with ${table.size} key${table.size === 1 ? '' : 's'}`;
    return worldReadable
      ? { state: 'note', what, detail: `${detail}, readable by every user`, remedy: `chmod 600 ${path}` }
      : good(what, detail);
  } catch (error) {
    return { state: 'bad', what, detail: ServingError.from(error).message, remedy: '' };
  }
}
