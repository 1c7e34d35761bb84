import type { ServedModel } from './serving.ts';

const mlpTensors = `
  input [{ name: "x" data_type: TYPE_FP32 dims: [16] }]
  output [{ name: "y" data_type: TYPE_FP32 dims: [4] label_filename: "labels.txt" }]`;

const labels = { 'labels.txt': 'red\ngreen\nblue\nwhite\n' };

/** What the suite's server serves. `asleep` is there and not loaded, `broken` cannot be. */
export const models: Readonly<Record<string, ServedModel>> = {
  mlp: { fixture: 'mlp16', config: `max_batch_size: 8${mlpTensors}`, files: labels },
  versions: {
    fixture: 'mlp16',
    versions: ['1', '3'],
    config: `max_batch_size: 8 version_policy: { all: {} }${mlpTensors}`,
    files: labels,
  },
  pair: { fixture: 'pair', config: 'max_batch_size: 8' },
  scale: { fixture: 'scalar_scale' },
  text: { fixture: 'identity_string' },
  flags: { fixture: 'identity_bool' },
  int8: { fixture: 'identity_int8' },
  uint8: { fixture: 'identity_uint8' },
  uint16: { fixture: 'identity_uint16' },
  half: { fixture: 'identity_fp16' },
  big: { fixture: 'identity_uint64' },
  floats: { fixture: 'identity_fp32' },
  busy: { fixture: 'busy' },
  decoupled: {
    fixture: 'mlp16',
    config: `max_batch_size: 8 model_transaction_policy { decoupled: true }${mlpTensors}`,
    files: labels,
  },
  asleep: { fixture: 'mlp16' },
  broken: { fixture: undefined },
};

/** All but those that are not to be loaded at start. */
export const loadedModels = Object.keys(models).filter((name) => name !== 'asleep' && name !== 'broken');
