import type { CallContext } from '../inference/call-context.ts';
import type { InferResponse } from '../inference/response.ts';
import type { SharedTensors, TensorPlace, TensorPlaces } from '../inference/shared-memory.ts';
import type { Tensor } from '../inference/tensor.ts';
import { refuse } from './refusals.ts';
import type { RegionTable } from './region-table.ts';
import type { Region } from './region.ts';

interface HeldPlace {
  readonly place: TensorPlace;
  readonly region: Region;
}

/**
 * Finds the places of a request, and holds their regions until its call is finished.
 *
 * @throws not_found for an unknown region; invalid_argument for a place outside of its region.
 */
export function holdTensors(table: RegionTable, places: TensorPlaces, call: CallContext): SharedTensors {
  const owner = call.principal.name;
  const inputs = places.inputs.map((place) => place && findPlace(table, owner, place));
  const outputs = new Map<string, HeldPlace>();
  for (const [name, place] of places.outputs) outputs.set(name, findPlace(table, owner, place));
  const held = [...inputs, ...outputs.values()].filter((found) => found !== undefined);
  for (const { region } of held) region.hold();
  call.onFinished(() => {
    for (const { region } of held) region.release();
  });
  return new HeldTensors(inputs, outputs);
}

function findPlace(table: RegionTable, owner: string, place: TensorPlace): HeldPlace {
  const { region: name, offset, sizeBytes } = place;
  const region = table.find(owner, name);
  if (region === undefined) throw refuse.unknown(name);
  const regionBytes = region.handle.byte_size;
  if (offset < 0 || offset >= regionBytes) throw refuse.offset(name);
  if (sizeBytes < 0 || sizeBytes > regionBytes - offset) throw refuse.size(name);
  return { place, region };
}

class HeldTensors implements SharedTensors {
  readonly inputBytes: number;
  readonly #inputs: readonly (HeldPlace | undefined)[];
  readonly #outputs: ReadonlyMap<string, HeldPlace>;

  constructor(inputs: readonly (HeldPlace | undefined)[], outputs: ReadonlyMap<string, HeldPlace>) {
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.inputBytes = inputs.reduce((sum, found) => sum + (found?.place.sizeBytes ?? 0), 0);
  }

  readInputs(inputs: readonly Tensor[]): readonly Tensor[] {
    return inputs.map((input, index) => {
      const found = this.#inputs[index];
      if (found === undefined) return input;
      const { name, datatype, shape } = input;
      return { name, datatype, shape, data: found.region.read(found.place.offset, found.place.sizeBytes) };
    });
  }

  writeOutputs(response: InferResponse): InferResponse {
    if (this.#outputs.size === 0) return response;
    const shared = new Map<string, TensorPlace>();
    for (const { name, data } of response.outputs) {
      const found = this.#outputs.get(name);
      if (found === undefined) continue;
      const { region, offset, sizeBytes } = found.place;
      if (data.length > sizeBytes) throw refuse.tooSmall(name, sizeBytes, data.length);
      shared.set(name, { region, offset, sizeBytes: data.length });
    }
    const outputs = response.outputs.map((output) => {
      const found = this.#outputs.get(output.name);
      if (found === undefined) return output;
      found.region.write(found.place.offset, output.data);
      const { name, datatype, shape } = output;
      return { name, datatype, shape, data: nothing };
    });
    return { ...response, outputs, shared };
  }
}

const nothing = new Uint8Array(0);
