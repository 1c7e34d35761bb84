import { count, flag, listOf, objectOf, text, type Schema } from '../../open-api/schema.ts';

const detail = objectOf(
  { row: { ...count, description: 'Of a batch.' }, index: count, feature: text, problem: text },
  ['problem'],
);

/** Schemas that are the same for all models. */
export const plainSchemas: Readonly<Record<string, Schema>> = {
  'plain.error': objectOf(
    {
      error: text,
      reason: { type: 'string', description: 'A stable word for machines.' },
      details: listOf(detail),
      details_left_out: { type: 'integer', minimum: 1 },
    },
    ['error'],
  ),
  'plain.request': objectOf(
    {
      features: {
        description: 'Values in the order of the model, or by name; for a batch, a list of such rows.',
        type: ['array', 'object'],
      },
      id: { type: 'string', description: 'Comes back in the reply.' },
    },
    ['features'],
  ),
  'plain.unnamed': objectOf(
    {
      features: { type: ['array', 'object'] },
      id: text,
      model: { type: 'string', description: 'Without it, the default model.' },
      version: text,
    },
    ['features'],
  ),
  'plain.prediction': objectOf({ model: text, version: text, id: text }, ['model', 'version']),
  task: objectOf(
    {
      task_id: { type: 'string', format: 'uuid' },
      state: { enum: ['pending', 'succeeded', 'failed', 'cancelled'] },
      created_at: { type: 'string', format: 'date-time' },
      finished_at: { type: 'string', format: 'date-time' },
      expires_at: { type: 'string', format: 'date-time' },
      result: { type: 'object', description: 'Of a task that succeeded: the reply without a task.' },
      error: text,
      reason: text,
    },
    ['task_id', 'state', 'created_at'],
  ),
  info: objectOf(
    {
      name: text,
      version: text,
      description: text,
      features: { type: 'array', items: { type: 'object', required: ['name', 'type'] } },
      inputs: { type: 'array', items: { type: 'object', required: ['name', 'type', 'shape', 'optional'] } },
      classes: listOf(text),
      probabilities: flag,
      max_batch_size: { type: 'integer', minimum: 1 },
    },
    ['name', 'version', 'classes', 'probabilities', 'max_batch_size'],
  ),
  health: objectOf({ status: { enum: ['healthy', 'degraded', 'unhealthy'] }, model_loaded: flag }, [
    'status',
    'model_loaded',
  ]),
};
