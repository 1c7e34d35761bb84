import { ServingError } from '../errors.ts';
import type { ProviderName, ProviderPlan, SessionPlan } from '../inference/executor.ts';
import { threadsPerSession } from './cpu-quota.ts';
import type { NativeOptions } from './native-binding.ts';

/** Only what goes wrong with the process itself: faults of a run are told by the error it throws. */
const logSeverity = 4;
const mostThreads = 1_024;

const spinning = ['session.intra_op.allow_spinning', 'session.inter_op.allow_spinning'] as const;
const entryName = /^(session|ep|optimization|memory|mlas)\.[\w.]{1,120}$/;

/** Entries that write files, load code or name places on disk: not for a model's configuration to choose. */
const refusedEntries = /_file_?path|_folder|custom_op|\.(save|dump)_|ep_context_file/;

/**
 * What onnxruntime-node is opened with.
 *
 * ONNX Runtime's worker threads wait for work by spinning, by default. They would take that time from the I/O thread and from
 * other models on the same cores, so it is off unless the model's own entries turn it on.
 *
 * @param cores the CPU quota that the model's instances share.
 * @throws invalid_argument for session entries that are unknown in kind or unsafe.
 */
export function sessionOptions(plan: SessionPlan, provider: ProviderPlan, cores: number): NativeOptions {
  return {
    executionProviders: executionProviders[provider.name](provider.deviceId),
    intraOpNumThreads: threads(plan.intraOpThreads, threadsPerSession(cores, plan.instances.length)),
    interOpNumThreads: threads(plan.interOpThreads, 1),
    executionMode: plan.executionMode,
    graphOptimizationLevel: plan.graphOptimization,
    enableCpuMemArena: plan.memoryArena,
    enableMemPattern: plan.memoryPattern,
    logSeverityLevel: logSeverity,
    extra: configEntries(plan.configEntries),
  };
}

/** Nothing of a run happens on other threads or devices, so that the CPU time of the thread is what the run costs. */
export function computesOnOneThread(options: NativeOptions): boolean {
  const { executionProviders: providers = [], intraOpNumThreads, interOpNumThreads } = options;
  return intraOpNumThreads === 1 && interOpNumThreads === 1 && providers.every((name) => name === 'cpu');
}

type ExecutionProviders = NonNullable<NativeOptions['executionProviders']>;

/** Each with what takes the operators it lacks. */
const executionProviders: Readonly<Record<ProviderName, (deviceId: number) => ExecutionProviders>> = {
  cpu: () => ['cpu'],
  cuda: (deviceId) => [{ name: 'cuda', deviceId }, 'cpu'],
  tensorrt: (deviceId) => [{ name: 'tensorrt', deviceId }, { name: 'cuda', deviceId }, 'cpu'],
};

function threads(asked: number, otherwise: number): number {
  if (!Number.isInteger(asked) || asked < 0 || asked > mostThreads) {
    throw new ServingError('invalid_argument', `${asked} threads are not a number from 0 to ${mostThreads}`);
  }
  return asked === 0 ? otherwise : asked;
}

function configEntries(given: Readonly<Record<string, string>>): Record<string, string> {
  const entries: Record<string, string> = {};
  for (const name of spinning) entries[name] = '0';
  for (const [name, value] of Object.entries(given)) {
    if (!entryName.test(name) || refusedEntries.test(name)) {
      throw new ServingError('invalid_argument', `session entry '${name.slice(0, 64)}' cannot be set`);
    }
    entries[name] = value;
  }
  return entries;
}
