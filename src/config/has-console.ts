import { isLoopback } from './address.ts';
import type { Options } from './options.ts';

/** Whether the listener of metrics has the page /console. */
export function hasConsole({ metrics }: Pick<Options, 'metrics'>): boolean {
  if (!metrics.enabled || metrics.console === 'off') return false;
  return metrics.console === 'on' || isLoopback(metrics.address);
}
