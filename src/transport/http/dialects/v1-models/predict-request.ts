import type { TensorMetadata } from '../../../../inference/catalog.ts';
import { noParameters, type InferRequest } from '../../../../inference/request.ts';
import type { Tensor } from '../../../../inference/tensor.ts';
import { char, JsonReader } from '../../json-reader.ts';
import { refuse } from '../../refuse.ts';
import { readNested, type TensorBudget } from '../nested/read-nested.ts';
import { isBase64Object } from './base64-object.ts';
import { readRows } from './read-rows.ts';
import { checkSignatureName } from '../../../../inference/tensorflow-rules.ts';
import { refuseV1 } from './refuse-v1.ts';

/** Rows are asked for as `instances` and answered as `predictions`, columns as `inputs` and `outputs`. */
export type PredictForm = 'row' | 'column';

export interface PredictBody {
  readonly model: string;
  readonly version: string;
  readonly bytes: Buffer;
  /** Of the model that is asked. */
  readonly inputs: readonly TensorMetadata[];
  /** What all tensors of a request may take. */
  readonly maxBytes: number;
  /** What `inputs` holds: columns in TensorFlow Serving, the same as `instances` in KServe v1. */
  readonly inputsForm: PredictForm;
}

export interface DecodedPredict {
  readonly request: InferRequest;
  readonly form: PredictForm;
}

/**
 * Reads the body of a `:predict` request. Keys other than the three that are known are passed over.
 *
 * @throws invalid_argument, and failed_precondition for a signature that no model has.
 */
export function decodePredictRequest(body: PredictBody): DecodedPredict {
  const reader = new JsonReader(body.bytes);
  const budget: TensorBudget = { leftBytes: body.maxBytes };
  let tensors: readonly Tensor[] | undefined;
  let form: PredictForm = 'row';
  reader.beginObject();
  for (let key = reader.nextKey(); key !== undefined; key = reader.nextKey()) {
    if (key === 'signature_name') {
      if (reader.peek() !== char.quote) throw refuse.field(key, 'a string');
      checkSignatureName(reader.string());
    } else if (key === 'instances' || key === 'inputs') {
      if (tensors !== undefined) throw refuseV1.twoForms();
      form = key === 'instances' ? 'row' : body.inputsForm;
      tensors =
        form === 'row' ? readRows(reader, key, body.inputs, budget) : readColumns(reader, body, budget);
    } else reader.skip();
  }
  reader.finish();
  if (tensors === undefined) throw refuseV1.noForm();
  const { model, version } = body;
  return {
    request: { model, version, id: '', inputs: tensors, outputs: [], parameters: noParameters },
    form,
  };
}

/** One tensor, or an object of tensors by name. */
function readColumns(reader: JsonReader, { inputs }: PredictBody, budget: TensorBudget): readonly Tensor[] {
  if (reader.peek() !== char.openBrace || isBase64Object(reader, inputs)) {
    const [input, more] = inputs;
    if (input === undefined || more !== undefined) throw refuseV1.unnamed('inputs', inputs.length);
    return [readNested(reader, input, budget)];
  }
  const tensors = new Map<string, Tensor>();
  reader.beginObject();
  for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
    const input = inputs.find((candidate) => candidate.name === name);
    if (input === undefined) throw refuseV1.unknownInput(name);
    if (tensors.has(name)) throw refuseV1.repeated(name);
    tensors.set(name, readNested(reader, input, budget));
  }
  return [...tensors.values()];
}
