import type { QueuePolicy, Scheduling } from '../inference/target.ts';
import type { ModelConfig, QueuePolicyConfig } from './config.ts';
import { isIterative } from './iteration-config.ts';
import { paddingOf } from './padding-config.ts';
import { raggedOf } from './ragged-config.ts';
import { instanceLimitsOf } from './session-plan.ts';

const noLimits: QueuePolicy = {
  timeoutAction: 'reject',
  defaultTimeoutMicroseconds: 0,
  allowTimeoutOverride: false,
  maxQueueSize: 0,
};

/** The scheduler's view of a complete configuration. @throws ServingError invalid_argument for padding that cannot be. */
export function schedulingOf(config: ModelConfig): Scheduling {
  const batching = config.dynamic_batching;
  const policies = Object.entries(batching?.priority_queue_policy ?? {});
  return {
    dynamicBatching: config.max_batch_size > 0 && batching !== undefined,
    preferredBatchSizes: batching?.preferred_batch_size ?? [],
    maxQueueDelayMicroseconds: batching?.max_queue_delay_microseconds ?? 0,
    preserveOrdering: batching?.preserve_ordering ?? false,
    priorityLevels: batching?.priority_levels ?? 0,
    defaultPriorityLevel: batching?.default_priority_level ?? 0,
    defaultQueuePolicy: queuePolicy(batching?.default_queue_policy),
    priorityQueuePolicies: new Map(policies.map(([level, policy]) => [Number(level), queuePolicy(policy)])),
    rowIndependent: config.parameters['row_independent']?.string_value === 'true',
    padding: paddingOf(config),
    paddingOffReason: '',
    ragged: raggedOf(config),
    stepwise: isIterative(config),
    instanceLimits: instanceLimitsOf(config),
  };
}

function queuePolicy(policy: QueuePolicyConfig | undefined): QueuePolicy {
  if (policy === undefined) return noLimits;
  return {
    timeoutAction: policy.timeout_action === 'DELAY' ? 'delay' : 'reject',
    defaultTimeoutMicroseconds: policy.default_timeout_microseconds,
    allowTimeoutOverride: policy.allow_timeout_override,
    maxQueueSize: policy.max_queue_size,
  };
}
