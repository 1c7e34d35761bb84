import { ServingError } from '../errors.ts';

interface LoadFault {
  readonly pattern: RegExp;
  readonly tell: (match: RegExpExecArray) => string;
  /** MODEL_LOAD_FAILED by default. */
  readonly reason?: string;
}

/** `reason` of an error that means: not the model but the provider it asked for is not to be had here. */
export const providerUnavailable = 'PROVIDER_UNAVAILABLE';

/** Why onnxruntime refuses a model, told without its paths. */
const faults: readonly LoadFault[] = [
  { pattern: /File doesn't exist|No such file/, tell: () => 'the model file does not exist' },
  {
    pattern: /Protobuf parsing failed|INVALID_PROTOBUF|ModelProto does not have a graph/i,
    tell: () => 'the file is not an ONNX model, or is damaged',
  },
  {
    pattern: /Unsupported model IR version: (\d+), max supported IR version: (\d+)/,
    tell: ([, asked, known]) =>
      `the model has IR version ${asked}, onnxruntime knows versions up to ${known}`,
  },
  {
    pattern: /support for (?:domain \S+|opset version|opset) ?(?:is till opset )?(\d+)/i,
    tell: () => 'the model needs a newer operator set than this onnxruntime supports',
  },
  {
    pattern: /([\w.:-]{1,80})\((-?\d{1,4})\) is not a registered function\/op/,
    tell: ([, operator]) => `the model uses operator ${operator}, which this onnxruntime lacks`,
  },
  {
    pattern: /No Op registered for ([\w.:-]{1,80}) with domain_version/,
    tell: ([, operator]) => `the model uses operator ${operator}, which this onnxruntime lacks`,
  },
  {
    pattern: /tensor\((\w{1,40})\) is not currently registered or supported/,
    tell: ([, type]) => `a tensor of the model is of type ${type}, which onnxruntime does not support`,
  },
  {
    pattern: /(?:Could not find an implementation for|NOT_IMPLEMENTED.*for) ([\w.:-]{1,80})\((\d{1,4})\)/,
    tell: ([, operator, version]) =>
      `operator ${operator} (version ${version}) has no implementation for these types on this provider`,
  },
  {
    pattern: /external (data|initializer)/i,
    tell: () => 'the model’s external data is missing or does not fit',
  },
  {
    pattern: /bad_alloc|Failed to allocate memory|out of memory/i,
    tell: () => 'not enough memory for the model',
  },
  {
    pattern: /no CUDA-capable device|CUDA failure 100\b|CUDA_ERROR_NO_DEVICE/i,
    tell: () => 'no CUDA device is visible to this process',
    reason: providerUnavailable,
  },
  {
    pattern: /CUDA driver version is insufficient|CUDA failure 35\b/i,
    tell: () => 'the NVIDIA driver is older than this build of CUDA needs',
    reason: providerUnavailable,
  },
  {
    pattern: /invalid device ordinal|CUDA failure 101\b/i,
    tell: () => 'there is no CUDA device of that number',
    reason: providerUnavailable,
  },
  {
    pattern: /Failed to load shared library|provider.*(not enabled|not available)/i,
    tell: () => 'the provider’s libraries could not be loaded',
    reason: providerUnavailable,
  },
];

/** Why a session did not open, as it may be told to whoever asked for the load; the original is the cause. */
export function toLoadError(thrown: unknown): ServingError {
  if (thrown instanceof ServingError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  for (const { pattern, tell, reason } of faults) {
    const match = pattern.exec(text);
    if (match !== null) return loadFailed(tell(match), thrown, reason);
  }
  const type = /Unsupported data type: (\d+|\w+)/.exec(text)?.[1];
  if (type !== undefined) {
    return new ServingError(
      'failed_precondition',
      `a tensor of the model is of ONNX type ${type}, which onnxruntime-node cannot carry`,
      { reason: 'UNSUPPORTED_TYPE', cause: thrown },
    );
  }
  return loadFailed('onnxruntime could not load the model; the log has its reason', thrown);
}

function loadFailed(message: string, cause: unknown, reason = 'MODEL_LOAD_FAILED'): ServingError {
  return new ServingError('failed_precondition', message, { reason, cause });
}
