import { datatypes } from '../../../inference/datatype.ts';
import { logFormats, maxVerboseLevel, traceLevels, traceModes } from '../../../inference/settings-change.ts';
import { maxDimensions, maxParameters, maxTensors } from '../infer-request.ts';
import { count, flag, listOf, objectOf, reference, text, type Schema } from './schema.ts';

const duration = objectOf({ count, ns: count }, ['count', 'ns']);

const durations = (...names: readonly string[]): Readonly<Record<string, Schema>> =>
  Object.fromEntries(names.map((name) => [name, duration]));

const tensorMetadata = objectOf(
  { name: text, datatype: { enum: datatypes }, shape: listOf({ type: 'integer', minimum: -1 }) },
  ['name', 'datatype', 'shape'],
);

const shape: Schema = { type: 'array', items: count, maxItems: maxDimensions };

const tensor = {
  name: text,
  datatype: { enum: datatypes },
  shape,
  parameters: reference('parameters'),
  data: { description: 'Nested or flat. FP16 and BF16 travel as bytes only.' },
};

/** One setting: its value, or null to clear it. */
const setting = (form: Schema): Schema => ({ anyOf: [form, { type: 'null' }] });

const modelStatistics = objectOf(
  {
    name: text,
    version: text,
    last_inference: { ...count, description: 'Milliseconds since 1970.' },
    inference_count: count,
    execution_count: count,
    inference_stats: objectOf(
      durations(
        'success',
        'fail',
        'queue',
        'compute_input',
        'compute_infer',
        'compute_output',
        'cache_hit',
        'cache_miss',
      ),
      [
        'success',
        'fail',
        'queue',
        'compute_input',
        'compute_infer',
        'compute_output',
        'cache_hit',
        'cache_miss',
      ],
    ),
    batch_stats: listOf(
      objectOf({ batch_size: count, ...durations('compute_input', 'compute_infer', 'compute_output') }, [
        'batch_size',
        'compute_input',
        'compute_infer',
        'compute_output',
      ]),
    ),
  },
  [
    'name',
    'version',
    'last_inference',
    'inference_count',
    'execution_count',
    'inference_stats',
    'batch_stats',
  ],
);

/** As they are told. */
const traceSettingForms = {
  trace_level: { type: 'array', items: { enum: traceLevels } },
  trace_rate: text,
  trace_count: text,
  log_frequency: text,
  trace_mode: { enum: traceModes },
} as const satisfies Readonly<Record<string, Schema>>;

/** A number may also come as one, and a single word of a list without the list. */
const numberOrText = (pattern: string, least: number): Schema => ({
  anyOf: [
    { type: 'string', pattern },
    { type: 'integer', minimum: least, maximum: 9_999_999_999 },
  ],
});

const traceChangeForms = {
  trace_level: {
    anyOf: [{ type: 'array', items: { enum: traceLevels } }, { enum: traceLevels }],
  },
  trace_rate: numberOrText('^[1-9][0-9]{0,9}$', 1),
  trace_count: numberOrText('^(-1|[0-9]{1,10})$', -1),
  log_frequency: numberOrText('^(0|[1-9][0-9]{0,9})$', 0),
  trace_mode: { enum: traceModes },
} as const satisfies Readonly<Record<string, Schema>>;

const logSettingForms = {
  log_info: flag,
  log_warning: flag,
  log_error: flag,
  log_verbose_level: { type: 'integer', minimum: 0, maximum: maxVerboseLevel },
  log_format: { enum: logFormats },
} as const satisfies Readonly<Record<string, Schema>>;

/** Schemas of the protocol that are the same for all models. */
export const protocolSchemas: Readonly<Record<string, Schema>> = {
  error: objectOf({ error: text }, ['error']),
  parameters: {
    type: 'object',
    maxProperties: maxParameters,
    additionalProperties: { type: ['boolean', 'number', 'string'] },
  },
  server: objectOf({ name: text, version: text, extensions: listOf(text) }, [
    'name',
    'version',
    'extensions',
  ]),
  names: objectOf({ models: listOf(text) }, ['models']),
  model: objectOf(
    {
      name: text,
      versions: listOf(text),
      platform: text,
      inputs: listOf(tensorMetadata),
      outputs: listOf(tensorMetadata),
    },
    ['name', 'versions', 'platform', 'inputs', 'outputs'],
  ),
  readiness: objectOf({ name: text, ready: { const: true } }, ['name', 'ready']),
  config: { ...objectOf({ name: text }, ['name']), description: 'inference.ModelConfig as JSON.' },
  statistics: objectOf({ model_stats: listOf(modelStatistics) }, ['model_stats']),
  index: listOf(
    objectOf(
      {
        name: text,
        version: text,
        state: { enum: ['UNKNOWN', 'READY', 'UNAVAILABLE', 'LOADING', 'UNLOADING'] },
        reason: text,
      },
      ['name'],
    ),
  ),
  'infer.request': objectOf(
    {
      id: text,
      parameters: reference('parameters'),
      inputs: {
        type: 'array',
        items: objectOf(tensor, ['name', 'datatype', 'shape']),
        maxItems: maxTensors,
      },
      outputs: {
        type: 'array',
        items: objectOf({ name: text, parameters: reference('parameters') }, ['name']),
        maxItems: maxTensors,
      },
    },
    ['inputs'],
  ),
  'infer.reply': objectOf(
    {
      id: text,
      model_name: text,
      model_version: text,
      parameters: reference('parameters'),
      outputs: listOf(objectOf(tensor, ['name', 'datatype', 'shape'])),
    },
    ['model_name', 'model_version', 'outputs'],
  ),
  'generate.request': {
    type: 'object',
    description: 'Values of inputs by name; `id`; and whatever else, which becomes parameters.',
  },
  'generate.reply': objectOf({ id: text, model_name: text, model_version: text }, [
    'model_name',
    'model_version',
  ]),
  'trace.settings': objectOf({ ...traceSettingForms, trace_file: text }, ['trace_level']),
  'trace.change': {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(traceChangeForms).map(([name, form]) => [name, setting(form)]),
    ),
    additionalProperties: false,
  },
  'log.settings': objectOf({ ...logSettingForms, log_file: text }, Object.keys(logSettingForms)),
  'log.change': {
    type: 'object',
    description: 'log_format only as it is.',
    properties: logSettingForms,
    additionalProperties: false,
  },
  'load.request': objectOf(
    {
      parameters: {
        type: ['object', 'null'],
        properties: { config: { ...text, description: 'JSON of an inference.ModelConfig.' } },
        patternProperties: { '^file:': { ...text, contentEncoding: 'base64' } },
        additionalProperties: false,
      },
    },
    [],
  ),
  'unload.request': objectOf(
    {
      parameters: {
        type: ['object', 'null'],
        properties: { unload_dependents: flag },
        additionalProperties: false,
      },
    },
    [],
  ),
  'index.request': objectOf({ ready: { type: ['boolean', 'null'] } }, []),
  region: objectOf({ name: text, key: text, offset: count, byte_size: count }, [
    'name',
    'key',
    'offset',
    'byte_size',
  ]),
  'region.request': objectOf({ key: text, offset: count, byte_size: count }, ['key', 'byte_size']),
  'cuda.request': objectOf(
    { raw_handle: objectOf({ b64: text }, ['b64']), device_id: count, byte_size: count },
    ['raw_handle', 'device_id', 'byte_size'],
  ),
};
