import { noParameters } from '../../inference/request.ts';
import { placeParameters } from '../../inference/shared-memory-rules.ts';
import type { TensorPlace } from '../../inference/shared-memory.ts';
import type { Tensor } from '../../inference/tensor.ts';
import type { InferResponse } from '../../inference/response.ts';
import { encodeParameters } from './infer-parameters.ts';
import { utf8Size, varintSize, writeString, writeVarint } from './wire-writer.ts';

/** Tags of ModelInferResponse's fields. */
export const responseTag = { modelName: 10, modelVersion: 18, id: 26, outputs: 42, raw: 50 } as const;

/** The bytes of a ModelInferResponse that do not change from one answer of a model to the next. */
export interface ResponseTemplate {
  readonly model: string;
  readonly version: string;
  readonly outputs: readonly OutputShape[];
  /** model_name and model_version. */
  readonly head: Buffer;
  /** All of outputs. */
  readonly outputBytes: Buffer;
}

interface OutputShape {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

/** Templates kept per model name, and model names. */
const templatesPerModel = 16;
const maxModels = 1024;

/** Finds or makes the template of an answer. Each thread has its own. */
export class ResponseTemplates {
  readonly #byModel = new Map<string, ResponseTemplate[]>();

  get(response: InferResponse): ResponseTemplate {
    // Places differ from one request to the next, so that keeping them would help nobody.
    if (response.shared !== undefined) return createTemplate(response);
    let templates = this.#byModel.get(response.model);
    if (templates === undefined) {
      if (this.#byModel.size >= maxModels) this.#byModel.clear();
      templates = [];
      this.#byModel.set(response.model, templates);
    }
    for (let index = 0; index < templates.length; index++) {
      const template = templates[index];
      if (template !== undefined && fits(template, response)) return template;
    }
    if (templates.length === templatesPerModel) templates.shift();
    const template = createTemplate(response);
    templates.push(template);
    return template;
  }
}

function fits(template: ResponseTemplate, response: InferResponse): boolean {
  const { outputs } = response;
  const known = template.outputs;
  if (template.version !== response.version || known.length !== outputs.length) return false;
  for (let index = 0; index < known.length; index++) {
    const one = known[index];
    const other = outputs[index];
    if (one === undefined || other === undefined) return false;
    if (one.name !== other.name || one.datatype !== other.datatype) return false;
    const shape = one.shape;
    const otherShape = other.shape;
    if (shape.length !== otherShape.length) return false;
    for (let axis = 0; axis < shape.length; axis++) if (shape[axis] !== otherShape[axis]) return false;
  }
  return true;
}

function createTemplate(response: InferResponse): ResponseTemplate {
  const { model, version } = response;
  const head = Buffer.concat([
    stringField(responseTag.modelName, model),
    stringField(responseTag.modelVersion, version),
  ]);
  return {
    model,
    version,
    outputs: response.outputs.map(({ name, datatype, shape }) => ({ name, datatype, shape: [...shape] })),
    head,
    outputBytes: Buffer.concat(
      response.outputs.map((output) => encodeOutput(output, response.shared?.get(output.name))),
    ),
  };
}

/** Number of the field in InferOutputTensor. */
const outputParameters = 4;

/** An InferOutputTensor as an element of `outputs`. */
function encodeOutput(output: Tensor, place: TensorPlace | undefined): Buffer {
  let shapeSize = 0;
  for (const dimension of output.shape) shapeSize += varintSize(dimension);
  const shape = Buffer.allocUnsafe(1 + varintSize(shapeSize) + shapeSize);
  shape[0] = 26;
  let position = writeVarint(shape, 1, shapeSize);
  for (const dimension of output.shape) position = writeVarint(shape, position, dimension);
  const tensor = Buffer.concat([
    stringField(10, output.name),
    stringField(18, output.datatype),
    shapeSize === 0 ? shape.subarray(0, 0) : shape,
    encodeParameters(outputParameters, place === undefined ? noParameters : placeParameters(place)),
  ]);
  const field = Buffer.allocUnsafe(1 + varintSize(tensor.length));
  field[0] = responseTag.outputs;
  writeVarint(field, 1, tensor.length);
  return Buffer.concat([field, tensor]);
}

/** A string field with a one-byte tag; nothing for the empty string, proto3's default. */
export function stringField(tag: number, text: string): Buffer {
  const size = utf8Size(text);
  if (size === 0) return Buffer.alloc(0);
  const field = Buffer.allocUnsafe(1 + varintSize(size) + size);
  writeString(field, 0, tag, text, size);
  return field;
}
