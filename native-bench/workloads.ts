/** One shape of load on one model. `connections` times `streams` requests are in flight at any moment. */
export interface Workload {
  readonly model: string;
  readonly input: string;
  readonly dims: readonly number[];
  readonly connections: number;
  readonly streams: number;
  readonly generator: 'h2load' | 'ghz';
}

const mlp16 = { model: 'mlp16', input: 'input', dims: [16] } as const;
const mlp784 = { model: 'mlp784', input: 'input', dims: [784] } as const;
const cnn64 = { model: 'cnn64', input: 'input', dims: [3, 64, 64] } as const;
/** 600 kB each way. */
const identity = { model: 'identity', input: 'input', dims: [150_000] } as const;

const h2load = 'h2load';

/** 1, 16 and 64 in flight on 1, 4 and 64 connections, where the two go together. */
export const workloads: readonly Workload[] = [
  { ...mlp16, connections: 1, streams: 1, generator: h2load },
  { ...mlp16, connections: 1, streams: 16, generator: h2load },
  { ...mlp16, connections: 4, streams: 4, generator: h2load },
  { ...mlp16, connections: 1, streams: 64, generator: h2load },
  { ...mlp16, connections: 4, streams: 16, generator: h2load },
  { ...mlp16, connections: 64, streams: 1, generator: h2load },
  { ...mlp784, connections: 1, streams: 1, generator: h2load },
  { ...mlp784, connections: 4, streams: 16, generator: h2load },
  { ...mlp784, connections: 64, streams: 1, generator: h2load },
  { ...cnn64, connections: 1, streams: 1, generator: h2load },
  { ...cnn64, connections: 4, streams: 16, generator: h2load },
  { ...identity, connections: 1, streams: 1, generator: h2load },
  { ...identity, connections: 4, streams: 4, generator: h2load },
  { ...mlp16, connections: 4, streams: 16, generator: 'ghz' },
];

/** What a short look needs. */
export const quickWorkloads: readonly Workload[] = workloads.filter(
  ({ model, connections, streams, generator }) =>
    (connections === 4 && streams > 1 && !(model === 'mlp16' && streams === 4) && generator === h2load) ||
    (model === 'mlp16' && streams === 1 && connections === 1),
);

export function inFlight({ connections, streams }: Workload): number {
  return connections * streams;
}

export function describe(workload: Workload): string {
  const { model, connections, streams, generator } = workload;
  return `${model} ${connections} x ${streams}${generator === 'ghz' ? ' (ghz)' : ''}`;
}
