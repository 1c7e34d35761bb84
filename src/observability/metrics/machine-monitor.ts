import { readFile } from 'node:fs/promises';
import type { Clock } from '../../util/clock.ts';
import type { MachineReading } from './server-reading.ts';

export interface MachineMonitorOptions {
  readonly clock: Clock;
  /** Processor use is an average over at least this time, but for the first reading. */
  readonly intervalMs: number;
  /** The text of /proc/stat or /proc/meminfo; rejects where there is none. */
  readonly read?: (path: string) => Promise<string>;
}

/** Ticks of all processors together since the machine's start. */
interface ProcessorTicks {
  readonly busy: number;
  readonly idle: number;
}

/** Reads the use of the machine's processors and memory, where the operating system is Linux. */
export class MachineMonitor {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #read: (path: string) => Promise<string>;
  #ticks: ProcessorTicks;
  #readAt: number;
  #utilization: number | undefined = undefined;

  private constructor(options: MachineMonitorOptions, ticks: ProcessorTicks) {
    this.#clock = options.clock;
    this.#intervalMs = options.intervalMs;
    this.#read = options.read ?? readText;
    this.#ticks = ticks;
    this.#readAt = options.clock.now();
  }

  /** undefined where the machine does not tell. */
  static async start(options: MachineMonitorOptions): Promise<MachineMonitor | undefined> {
    try {
      return new MachineMonitor(options, ticksIn(await (options.read ?? readText)('/proc/stat')));
    } catch {
      return undefined;
    }
  }

  async read(): Promise<MachineReading | undefined> {
    try {
      const [stat, memory] = await Promise.all([this.#read('/proc/stat'), this.#read('/proc/meminfo')]);
      const totalBytes = bytesIn(memory, 'MemTotal');
      return {
        cpuUtilization: this.#use(ticksIn(stat)),
        memoryTotalBytes: totalBytes,
        memoryUsedBytes: totalBytes - bytesIn(memory, 'MemAvailable'),
      };
    } catch {
      return undefined;
    }
  }

  #use(ticks: ProcessorTicks): number {
    const now = this.#clock.now();
    if (this.#utilization !== undefined && now - this.#readAt < this.#intervalMs) return this.#utilization;
    const busy = ticks.busy - this.#ticks.busy;
    const all = busy + ticks.idle - this.#ticks.idle;
    this.#utilization = all > 0 ? busy / all : 0;
    this.#ticks = ticks;
    this.#readAt = now;
    return this.#utilization;
  }
}

function readText(path: string): Promise<string> {
  return readFile(path, 'utf8');
}

/** @throws where the text is not of that form. */
function ticksIn(stat: string): ProcessorTicks {
  const [, user, nice, system, idle] = /^cpu +(\d+) (\d+) (\d+) (\d+)/.exec(stat) ?? [];
  if (idle === undefined) throw new Error('/proc/stat has no line of all processors');
  return { busy: Number(user) + Number(nice) + Number(system), idle: Number(idle) };
}

/** @throws where it is not there. */
function bytesIn(meminfo: string, name: string): number {
  const [, kibibytes] = new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo) ?? [];
  if (kibibytes === undefined) throw new Error(`/proc/meminfo has no ${name}`);
  return Number(kibibytes) * 1024;
}
