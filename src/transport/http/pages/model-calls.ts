import type { ModelCatalog, TensorMetadata } from '../../../inference/catalog.ts';
import { contentsFields } from '../../../inference/datatype.ts';
import { plainExample } from '../dialects/plain/plain-part.ts';
import type { DescribedModel } from '../open-api/described-model.ts';
import { exampleTensor } from '../open-api/example-tensor.ts';
import { inferExample, oneRequestSequence } from '../open-api/infer-part.ts';
import type { ServedOptions } from './served-models.ts';

/** A way of calling a model, to be pasted into a shell or an editor. */
export interface ModelCall {
  readonly title: string;
  /**
   * With `{base}` for the address that the page was read from, `{host}` for its host and port, `{grpc}` for where gRPC is,
   * and `{ssl}` for the Python client's argument for TLS.
   */
  readonly text: string;
}

const key = 'YOUR_KEY';

/** Each is complete: tensors have made-up values that the model takes. */
export function modelCalls(
  catalog: ModelCatalog,
  model: DescribedModel,
  options: ServedOptions,
): readonly ModelCall[] {
  return [
    curlProtocol(model, options),
    options.plain ? curlPlain(catalog, model, options) : undefined,
    options.grpc === undefined ? undefined : grpcurl(model, options),
    python(model, options),
  ].filter((call) => call !== undefined);
}

function keyFlag({ keyed }: ServedOptions): string {
  return keyed ? ` -H 'x-api-key: ${key}'` : '';
}

/** Decoupled models answer in a stream. */
function curlProtocol(model: DescribedModel, options: ServedOptions): ModelCall | undefined {
  const body = inferExample(model);
  if (body === undefined) return undefined;
  const action = model.decoupled ? 'infer_stream' : 'infer';
  return {
    title: 'curl, Open Inference Protocol',
    text: `curl {base}/v2/models/${encodeURIComponent(model.name)}/${action}${keyFlag(options)} \\\n  -d ${quoted(body)}`,
  };
}

function curlPlain(
  catalog: ModelCatalog,
  model: DescribedModel,
  options: ServedOptions,
): ModelCall | undefined {
  const body = plainExample(model, catalog);
  if (body === undefined) return undefined;
  const path = `/v1/models/${encodeURIComponent(model.name)}/predict`;
  return {
    title: 'curl, plain prediction',
    text: `curl {base}${path}${keyFlag(options)} \\\n  -d ${quoted(body)}`,
  };
}

function grpcurl(model: DescribedModel, options: ServedOptions): ModelCall | undefined {
  const inputs = neededInputs(model).map((input) => {
    const tensor = exampleTensor(input);
    const field = contentsFields.get(input.datatype);
    if (tensor === undefined || field === undefined) return undefined;
    const { name, datatype, shape, data } = tensor;
    // Bytes are base64 in a message's JSON.
    const values =
      datatype === 'BYTES' ? data.map((value) => Buffer.from(String(value)).toString('base64')) : data;
    return { name, datatype, shape, contents: { [field]: values } };
  });
  if (inputs.includes(undefined)) return undefined;
  const message = {
    model_name: model.name,
    ...(model.sequences ? { parameters: sequenceParameters } : {}),
    inputs,
  };
  const tls = options.grpc?.tls === true ? '' : ' -plaintext';
  const method = model.decoupled ? 'ModelStreamInfer' : 'ModelInfer';
  return {
    title: 'grpcurl',
    text: `grpcurl${tls}${keyFlag(options)} \\\n  -d ${quoted(message)} \\\n  {grpc} inference.GRPCInferenceService/${method}`,
  };
}

const sequenceParameters = Object.fromEntries(
  Object.entries(oneRequestSequence).map(([name, value]) => [
    name,
    typeof value === 'boolean' ? { bool_param: value } : { int64_param: value },
  ]),
);

const numpyTypes: Readonly<Record<string, string>> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'object',
};

/** numpy has no BF16; and tritonclient's HTTP form has no stream. */
function python(model: DescribedModel, { keyed }: ServedOptions): ModelCall | undefined {
  const inputs = neededInputs(model);
  if (model.decoupled || inputs.some(({ datatype }) => numpyTypes[datatype] === undefined)) return undefined;
  const lines = inputs.flatMap(pythonInput);
  const names = inputs.map((_, index) => `input${index}`);
  const more = [
    model.sequences ? ', sequence_id=1, sequence_start=True, sequence_end=True' : '',
    keyed ? `, headers={"x-api-key": "${key}"}` : '',
  ];
  return {
    title: 'Python',
    text: [
      '# pip install "tritonclient[http]"',
      'import numpy as np',
      'import tritonclient.http as triton',
      '',
      'client = triton.InferenceServerClient("{host}"{ssl})',
      ...lines,
      `result = client.infer(${JSON.stringify(model.name)}, [${names.join(', ')}]${more.join('')})`,
      ...model.outputs.slice(0, 8).map(({ name }) => `print(result.as_numpy(${JSON.stringify(name)}))`),
    ].join('\n'),
  };
}

function pythonInput({ name, datatype, shape }: TensorMetadata, index: number): readonly string[] {
  const sizes = shape.map((size) => (size === -1 ? 1 : size)).join(', ');
  const type = numpyTypes[datatype] ?? '';
  const value =
    datatype === 'BYTES'
      ? `np.full([${sizes}], b"text", dtype=object)`
      : `np.ones([${sizes}], dtype=np.${type})`;
  const array = datatype === 'BOOL' ? value.replace('np.bool', 'bool') : value;
  return [
    `input${index} = triton.InferInput(${JSON.stringify(name)}, [${sizes}], "${datatype}")`,
    `input${index}.set_data_from_numpy(${array})`,
  ];
}

function neededInputs({ inputs, optional }: DescribedModel): readonly TensorMetadata[] {
  return inputs.filter(({ name }) => !optional.has(name));
}

/** JSON as one word of a shell. */
function quoted(value: unknown): string {
  return `'${JSON.stringify(value).replaceAll("'", "'\\''")}'`;
}
