import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { gpuProviders, inspectProvider } from './provider-libraries.ts';
import type { ProviderLibraries } from './provider-libraries.ts';

export interface GpuDevice {
  readonly name: string;
  readonly memoryMiB: number;
}

/** What `doctor` shows of onnxruntime and the GPU. */
export interface ProvidersReport {
  readonly onnxruntimeVersion: string;
  readonly backends: readonly { readonly name: string; readonly bundled: boolean }[];
  readonly gpuProviders: readonly ProviderLibraries[];
  /** Of NVIDIA's kernel driver; undefined without one. */
  readonly driverVersion: string | undefined;
  readonly devices: readonly GpuDevice[];
}

/** Loads onnxruntime into this thread. */
export async function describeProviders(): Promise<ProvidersReport> {
  const { env, listSupportedBackends } = await import('onnxruntime-node');
  return {
    onnxruntimeVersion: env.versions.node ?? env.versions.common,
    backends: listSupportedBackends(),
    gpuProviders: gpuProviders.map((provider) => inspectProvider(provider)),
    driverVersion: parseDriverVersion(readText('/proc/driver/nvidia/version')),
    devices: await nvidiaDevices(),
  };
}

/** From the first line of /proc/driver/nvidia/version. */
export function parseDriverVersion(text: string): string | undefined {
  return /^NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s/m.exec(text)?.[1];
}

/** From `nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits`. */
export function parseDevices(text: string): GpuDevice[] {
  const devices: GpuDevice[] = [];
  for (const line of text.split('\n')) {
    const [, name, memory] = /^(.+),\s*(\d+)\s*$/.exec(line) ?? [];
    if (name !== undefined && memory !== undefined) devices.push({ name, memoryMiB: Number(memory) });
  }
  return devices;
}

const smiLimitMs = 5_000;

async function nvidiaDevices(): Promise<GpuDevice[]> {
  try {
    const { stdout } = await promisify(execFile)(
      'nvidia-smi',
      ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'],
      { timeout: smiLimitMs },
    );
    return parseDevices(stdout);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
