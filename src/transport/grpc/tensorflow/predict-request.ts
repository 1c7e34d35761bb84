import type { ModelCatalog } from '../../../inference/catalog.ts';
import { noParameters, type InferRequest, type RequestedOutput } from '../../../inference/request.ts';
import type { Tensor } from '../../../inference/tensor.ts';
import { checkSignatureName, versionOfLabel } from '../../../inference/tensorflow-rules.ts';
import { WireReader } from '../wire-reader.ts';
import { readTensor } from './read-tensor.ts';
import type { ValueBudget } from './read-values.ts';
import { refuseTensorflow } from './refuse-tensorflow.ts';

/** More inputs or outputs than these are refused, as in the protocol. */
const maxTensors = 1024;

/** What one value may stand for in a message: generous for a constant, nothing for who wants memory filled. */
const maxRepeatedBytes = 1 << 20;

/** A ModelSpec as a client sends it. */
export interface ModelChoice {
  name: string;
  /** '' for none. */
  version: string;
  label: string;
  signature: string;
}

const tag = { modelSpec: 10, inputs: 18, outputFilter: 26 } as const;

/**
 * Reads a PredictRequest.
 *
 * @param maxBytes what values may take that do not stay views of the message.
 * @throws invalid_argument, failed_precondition for another signature, not_found for a label of an unknown model.
 */
export function decodePredictRequest(message: Buffer, catalog: ModelCatalog, maxBytes: number): InferRequest {
  const reader = new WireReader(message);
  const choice: ModelChoice = { name: '', version: '', label: '', signature: '' };
  const inputs = new Map<string, Tensor>();
  const outputs: RequestedOutput[] = [];
  const budget: ValueBudget = { leftBytes: maxBytes, repeatedBytes: maxRepeatedBytes };
  let entries = 0;
  while (reader.position < reader.end) {
    const next = reader.tag();
    if (next === tag.modelSpec) readModelSpec(reader, choice);
    else if (next === tag.inputs) {
      if (++entries > maxTensors) throw refuseTensorflow.tooMany('inputs', maxTensors);
      const tensor = readInput(reader, budget);
      inputs.set(tensor.name, tensor);
    } else if (next === tag.outputFilter) {
      if (outputs.length >= maxTensors) throw refuseTensorflow.tooMany('output_filter', maxTensors);
      outputs.push({ name: reader.string(), parameters: noParameters });
    } else reader.skip(next);
  }
  const { model, version } = resolveChoice(choice, catalog);
  return { model, version, id: '', inputs: [...inputs.values()], outputs, parameters: noParameters };
}

/** The model and version that a ModelSpec means. @throws as `decodePredictRequest`. */
export function resolveChoice(
  { name, version, label, signature }: ModelChoice,
  catalog: ModelCatalog,
): { readonly model: string; readonly version: string } {
  if (name === '') throw refuseTensorflow.noModel();
  checkSignatureName(signature);
  return { model: name, version: label === '' ? version : versionOfLabel(catalog, name, label) };
}

/** Parts of a message that come twice are merged, and of the two ways to name a version the last counts. */
function readModelSpec(reader: WireReader, choice: ModelChoice): void {
  const outer = reader.enter();
  while (reader.position < reader.end) {
    const next = reader.tag();
    if (next === 10) choice.name = reader.string();
    else if (next === 18) {
      choice.version = readVersion(reader);
      choice.label = '';
    } else if (next === 26) choice.signature = reader.string();
    else if (next === 34) {
      choice.label = reader.string();
      choice.version = '';
    } else reader.skip(next);
  }
  reader.leave(outer);
}

/** An Int64Value. */
function readVersion(reader: WireReader): string {
  const outer = reader.enter();
  let version: number | bigint = 0;
  while (reader.position < reader.end) {
    const next = reader.tag();
    if (next === 8) version = reader.int64();
    else reader.skip(next);
  }
  reader.leave(outer);
  if (version < 0) throw refuseTensorflow.version();
  return String(version);
}

/** An entry of the map of inputs. */
function readInput(reader: WireReader, budget: ValueBudget): Tensor {
  const outer = reader.enter();
  let name = '';
  let start = reader.end;
  let end = reader.end;
  while (reader.position < reader.end) {
    const next = reader.tag();
    if (next === 10) name = reader.string();
    else if (next === 18) {
      const size = reader.size();
      start = reader.position;
      end = start + size;
      reader.position = end;
    } else reader.skip(next);
  }
  reader.leave(outer);
  return readTensor(new WireReader(reader.bytes, start, end), name, budget);
}
