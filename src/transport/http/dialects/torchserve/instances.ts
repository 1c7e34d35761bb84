import type { ModelConfigMessage } from '../../../../inference/catalog.ts';
import { refuseTorchserve } from './refuse-torchserve.ts';

/** A model's instances, which are TorchServe's workers; none for an ensemble. */
export function instancesOf(config: ModelConfigMessage): number {
  return groupsOf(config).reduce((sum, group) => sum + countOf(group), 0);
}

/**
 * The configuration as JSON, with another number of instances.
 *
 * @throws invalid_argument when it is not clear which ones are meant.
 */
export function withInstances(model: string, config: ModelConfigMessage, count: number): string {
  const [group, more] = groupsOf(config);
  if (group === undefined || more !== undefined) throw refuseTorchserve.noInstances(model);
  return JSON.stringify({ ...config, instance_group: [{ ...group, count }] });
}

function groupsOf({ instance_group: groups }: ModelConfigMessage): readonly object[] {
  if (!Array.isArray(groups)) return [];
  return groups.filter((group: unknown) => typeof group === 'object' && group !== null);
}

function countOf(group: object): number {
  return 'count' in group && typeof group.count === 'number' ? group.count : 0;
}
