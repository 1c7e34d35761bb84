import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';
import type { ModelCatalog, ModelMetadata, ModelStateName, TensorMetadata } from './catalog.ts';
import type { Datatype } from './datatype.ts';

/** The one signature that every model has. */
export const signatureName = 'serving_default';

/** @throws failed_precondition for the name of another signature; '' stands for the default. */
export function checkSignatureName(name: string): void {
  if (name === '' || name === signatureName) return;
  throw new ServingError('failed_precondition', `Serving signature key "${printable(name)}" not found.`, {
    reason: 'SIGNATURE_NOT_FOUND',
  });
}

/** A model's configuration gives a version the label `stable` by its parameter `version_label.stable`. */
const labelPrefix = 'version_label.';

/** @throws invalid_argument for a label that no version has, not_found for an unknown model. */
export function versionOfLabel(catalog: ModelCatalog, model: string, label: string): string {
  const parameters = catalog.config(model, '')['parameters'];
  const version = new Map(Object.entries(parameters ?? {})).get(`${labelPrefix}${label}`);
  if (isParameter(version)) return version.string_value;
  throw new ServingError('invalid_argument', `Unrecognized servable version label: ${printable(label)}`, {
    reason: 'LABEL_NOT_FOUND',
  });
}

function isParameter(value: unknown): value is { readonly string_value: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'string_value' in value &&
    typeof value.string_value === 'string'
  );
}

/** tensorflow.DataType's names for what the protocol calls otherwise. */
const tensorflowTypes = {
  BOOL: 'DT_BOOL',
  UINT8: 'DT_UINT8',
  UINT16: 'DT_UINT16',
  UINT32: 'DT_UINT32',
  UINT64: 'DT_UINT64',
  INT8: 'DT_INT8',
  INT16: 'DT_INT16',
  INT32: 'DT_INT32',
  INT64: 'DT_INT64',
  FP16: 'DT_HALF',
  BF16: 'DT_BFLOAT16',
  FP32: 'DT_FLOAT',
  FP64: 'DT_DOUBLE',
  BYTES: 'DT_STRING',
} as const satisfies Record<Datatype, string>;

/** tensorflow.SignatureDef with the proto's field names, in the form of its JSON. */
export interface SignatureDef {
  readonly inputs: Readonly<Record<string, object>>;
  readonly outputs: Readonly<Record<string, object>>;
  readonly method_name: string;
}

/** What a model takes and gives, as the signature of a SavedModel. */
export function signatureOf({ inputs, outputs }: ModelMetadata): SignatureDef {
  return {
    inputs: Object.fromEntries(inputs.map(tensorInfo)),
    outputs: Object.fromEntries(outputs.map(tensorInfo)),
    method_name: 'tensorflow/serving/predict',
  };
}

const types: ReadonlyMap<string, string> = new Map(Object.entries(tensorflowTypes));

function tensorInfo({ name, datatype, shape }: TensorMetadata): readonly [string, object] {
  const dim = shape.map((size) => ({ size: String(size), name: '' }));
  const dtype = types.get(datatype) ?? 'DT_INVALID';
  return [name, { dtype, tensor_shape: { dim, unknown_rank: false }, name }];
}

/** One version of a model as TensorFlow Serving's status tells it. */
export interface VersionStatus {
  readonly version: string;
  readonly state: 'UNKNOWN' | 'START' | 'LOADING' | 'AVAILABLE' | 'UNLOADING' | 'END';
  readonly status: { readonly error_code: 'OK' | 'UNKNOWN'; readonly error_message: string };
}

const states = {
  '': 'START',
  UNKNOWN: 'UNKNOWN',
  LOADING: 'LOADING',
  READY: 'AVAILABLE',
  UNLOADING: 'UNLOADING',
  UNAVAILABLE: 'END',
} as const satisfies Record<ModelStateName | '', VersionStatus['state']>;

/**
 * The state of one version, or of all of a model for '', newest first.
 *
 * @throws not_found when there is none.
 */
export function versionStatuses(
  catalog: ModelCatalog,
  model: string,
  version: string,
): readonly VersionStatus[] {
  const found = catalog
    .index(false)
    .filter((entry) => entry.name === model && entry.version !== '')
    .filter((entry) => version === '' || entry.version === version);
  if (found.length === 0) {
    const what = version === '' ? 'any versions' : `version ${version}`;
    throw new ServingError('not_found', `Could not find ${what} of model ${printable(model)}`, {
      reason: 'MODEL_NOT_FOUND',
    });
  }
  return found.toReversed().map((entry) => {
    const failed = entry.state === 'UNAVAILABLE' && entry.reason !== '' && entry.reason !== 'unloaded';
    return {
      version: entry.version,
      state: states[entry.state],
      status: { error_code: failed ? 'UNKNOWN' : 'OK', error_message: failed ? entry.reason : '' },
    };
  });
}
