import type { Schema } from './feature-schema.ts';

export function reference(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

/** A reply of JSON with that schema. */
export function jsonOf(schema: string, description: string): object {
  return { description, content: { 'application/json': { schema: reference(schema) } } };
}

/** Schemas that are the same for all models. */
export const commonSchemas: Readonly<Record<string, Schema>> = {
  error: {
    type: 'object',
    properties: {
      error: { type: 'string' },
      reason: { type: 'string', description: 'A stable word for machines.' },
      details: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            row: { type: 'integer', minimum: 0, description: 'Of a batch.' },
            index: { type: 'integer', minimum: 0 },
            feature: { type: 'string' },
            problem: { type: 'string' },
          },
          required: ['problem'],
        },
      },
      details_left_out: { type: 'integer', minimum: 1 },
    },
    required: ['error'],
  },
  task: {
    type: 'object',
    properties: {
      task_id: { type: 'string', format: 'uuid' },
      state: { enum: ['pending', 'succeeded', 'failed', 'cancelled'] },
      created_at: { type: 'string', format: 'date-time' },
      finished_at: { type: 'string', format: 'date-time' },
      expires_at: { type: 'string', format: 'date-time' },
      result: { type: 'object', description: 'Of a task that succeeded: the reply without a task.' },
      error: { type: 'string' },
      reason: { type: 'string' },
    },
    required: ['task_id', 'state', 'created_at'],
  },
  info: {
    type: 'object',
    properties: {
      name: { type: 'string' },
      version: { type: 'string' },
      description: { type: 'string' },
      features: { type: 'array', items: { type: 'object', required: ['name', 'type'] } },
      inputs: { type: 'array', items: { type: 'object', required: ['name', 'type', 'shape', 'optional'] } },
      classes: { type: 'array', items: { type: 'string' } },
      probabilities: { type: 'boolean' },
      max_batch_size: { type: 'integer', minimum: 1 },
    },
    required: ['name', 'version', 'classes', 'probabilities', 'max_batch_size'],
  },
  health: {
    type: 'object',
    properties: {
      status: { enum: ['healthy', 'degraded', 'unhealthy'] },
      model_loaded: { type: 'boolean' },
    },
    required: ['status', 'model_loaded'],
  },
};

/** What any call may be refused with. */
export const refusals: Readonly<Record<string, object>> = Object.fromEntries(
  Object.entries({
    400: 'The request is wrong',
    401: 'No valid API key',
    403: 'The caller may not do this',
    404: 'There is no such model, version or task',
    429: 'Too much at a time; Retry-After says when to try again',
    501: 'Not with the options of this server',
    503: 'Not now',
    504: 'The deadline passed',
  }).map(([status, description]) => [status, jsonOf('error', description)]),
);

const taskId = {
  name: 'task_id',
  in: 'path',
  required: true,
  schema: { type: 'string', format: 'uuid' },
} as const;

/** Paths that are the same whatever is served. */
export const taskPaths: Readonly<Record<string, object>> = {
  '/v1/tasks/{task_id}': {
    parameters: [taskId],
    get: {
      operationId: 'task',
      summary: 'How a task stands',
      responses: { '200': jsonOf('task', 'The task'), ...refusals },
    },
    delete: {
      operationId: 'delete_task',
      summary: 'Cancels a task that is pending, and forgets another',
      responses: { '200': jsonOf('task', 'The task as it was left'), ...refusals },
    },
  },
  '/v1/health': {
    get: {
      operationId: 'health',
      summary: 'Whether predictions can be had',
      security: [],
      responses: { '200': jsonOf('health', 'They can'), '503': jsonOf('health', 'They cannot, or not all') },
    },
  },
};
