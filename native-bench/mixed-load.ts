import { latenciesAtRate, type LoadTarget, type Tools } from './load.ts';
import type { ServerName } from './servers.ts';

/** How much small requests suffer from large ones beside them. */
export interface MixedSample {
  readonly server: ServerName;
  readonly round: number;
  readonly aloneP99Us: number;
  readonly mixedP99Us: number;
}

const smallPerSecond = 2000;
/** 600 kB each way: 60 MB/s in both directions. */
const largePerSecond = 100;
const seconds = 3;

export async function measureMixedLoad(
  tools: Tools,
  small: LoadTarget,
  large: LoadTarget,
): Promise<Pick<MixedSample, 'aloneP99Us' | 'mixedP99Us'>> {
  const alone = await latenciesAtRate(tools, small, smallPerSecond, seconds);
  const [mixed] = await Promise.all([
    latenciesAtRate(tools, small, smallPerSecond, seconds),
    latenciesAtRate(tools, large, largePerSecond, seconds),
  ]);
  return { aloneP99Us: alone.p99Us, mixedP99Us: mixed.p99Us };
}
