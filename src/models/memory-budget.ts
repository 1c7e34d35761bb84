import { stat } from 'node:fs/promises';
import { ServingError } from '../errors.ts';
import type { SessionPlan } from '../inference/executor.ts';
import type { ModelConfig } from './config.ts';
import { configError } from './config-message.ts';
import { parameterLimit } from './parameter-limit.ts';

const mebibyte = 1024 * 1024;
/** ONNX Runtime keeps the weights as read and as rearranged for its kernels. Measured: 2.0 times the file for matrices. */
const copiesOfWeights = 2;
/** Thread, session and scratch memory of a small model. */
const instanceBytes = 8 * mebibyte;
/** What a session process has for itself before its session. */
const processBytes = 55 * mebibyte;
const largestStatedBytes = 2 ** 50;

/**
 * What a version will take of the machine's memory, told before it is opened: by the model's parameter `memory_bytes`, for each
 * instance, or else from the size of its files. Devices have memory of their own, which this does not count.
 *
 * @throws ServingError invalid_argument for a parameter that is no number of bytes.
 */
export async function estimateMemory(
  config: ModelConfig,
  plan: SessionPlan,
  files: readonly string[],
): Promise<number> {
  const stated = parameterLimit(
    config,
    'memory_bytes',
    { usual: 0, most: largestStatedBytes },
    (path, problem) => configError(plan.name, path, problem),
  );
  const each = stated > 0 ? stated : copiesOfWeights * (await sizeOf(files)) + instanceBytes;
  return plan.instances.length * (each + (plan.isolation === 'process' ? processBytes : 0));
}

async function sizeOf(files: readonly string[]): Promise<number> {
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Memory that models have been promised. */
export class MemoryBudget {
  /** 0: whatever they ask for. */
  limitBytes: number;
  /** How often each session is opened: once for each thread that serves. */
  readonly #copies: number;
  #heldBytes = 0;

  constructor(limitBytes: number, copies = 1) {
    this.limitBytes = limitBytes;
    this.#copies = copies;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Until it is disposed. @throws ServingError resource_exhausted when there is no room for it. */
  reserve(estimatedBytes: number): Disposable {
    const bytes = estimatedBytes * this.#copies;
    if (this.limitBytes > 0 && this.#heldBytes + bytes > this.limitBytes) {
      throw new ServingError(
        'resource_exhausted',
        `it would take about ${bytes} bytes of memory, and ${Math.max(0, this.limitBytes - this.#heldBytes)} of ${this.limitBytes} are left for models (--model-memory-budget)`,
        { reason: memoryReason },
      );
    }
    this.#heldBytes += bytes;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#heldBytes -= bytes;
        held = false;
      },
    };
  }
}

/** Of an error that means: unloading others would help. */
export const memoryReason = 'MODEL_MEMORY';
