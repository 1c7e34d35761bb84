import type { Feature, FeatureValue } from '../../../../inference/features.ts';
import { featureProblem, rangeProblem } from '../../../../inference/features.ts';
import { noParameters, type InferRequest } from '../../../../inference/request.ts';
import type { Datatype } from '../../../../inference/datatype.ts';
import { char, type JsonReader } from '../../json-reader.ts';
import { refuse } from '../../refuse.ts';
import { sizeOfValues } from './encode-values.ts';
import { InputValues } from './input-values.ts';
import { FeatureMistakes, type FeatureMistake } from './invalid-features.ts';
import type { PlainModel } from './plain-model.ts';
import { refusePlain } from './refuse-plain.ts';

/**
 * Values of one input in a request. Each is held by itself until its tensor is made, which takes more memory than the
 * tensor; larger inputs have the protocol's own forms.
 */
const maxValues = 1 << 21;

/** A feature that is listed, and where its values go. */
interface Slot {
  readonly feature: Feature;
  readonly index: number;
  readonly values: InputValues;
}

/** Where a value stands in the request. */
type Place = Pick<FeatureMistake, 'feature' | 'index'>;

export interface FeatureRowsOptions {
  /** Whether mistakes are told with their row. */
  readonly form: 'single' | 'batch';
  /** What the tensors may take. */
  readonly maxBytes: number;
  /** Names of the values of rows that are lists; without, they stand in the order of the features. */
  readonly columns?: readonly string[] | undefined;
  /** What becomes of values that are no features; refused by default. */
  readonly others?: 'ignore';
}

/** Reads rows of features and turns them into requests. Goes on behind mistakes, so that all of them can be told. */
export class FeatureRows {
  readonly #model: PlainModel;
  readonly #reader: JsonReader;
  readonly #options: FeatureRowsOptions;
  readonly #mistakes = new FeatureMistakes();
  readonly #inputs: ReadonlyMap<string, InputValues>;
  /** Inputs that have features. */
  readonly #filled: ReadonlySet<InputValues>;
  readonly #slots: readonly Slot[];
  readonly #slotsByName: ReadonlyMap<string, Slot>;
  #rows = 0;

  constructor(model: PlainModel, reader: JsonReader, options: FeatureRowsOptions) {
    this.#model = model;
    this.#reader = reader;
    this.#options = options;
    this.#inputs = new Map(model.inputs.map((input) => [input.name, new InputValues(input)]));
    this.#slots = model.features.map((feature, index) => {
      const values = this.#inputs.get(feature.input);
      if (values === undefined) throw new Error('bug: a feature of an input that is not there');
      return { feature, index, values };
    });
    this.#slotsByName = new Map(this.#slots.map((slot) => [slot.feature.name, slot]));
    this.#filled = new Set(this.#slots.map(({ values }) => values));
  }

  get rows(): number {
    return this.#rows;
  }

  /** Takes the list or the object of features at the reader's position. @throws invalid_argument for what is neither. */
  read(): void {
    const next = this.#reader.peek();
    if (next !== char.openBracket && next !== char.openBrace) {
      throw refuse.field('features', 'a list of values, or an object of values by name');
    }
    if (this.#slots.length > 0) this.#readListed(next === char.openBracket ? 'list' : 'object');
    else if (next === char.openBracket) this.#readOnlyInput();
    else this.#readInputs();
    this.#rows++;
  }

  /**
   * Requests of as many rows as the model takes at a time, in order.
   *
   * @param wanted outputs: those that a prediction is read from, or all.
   * @throws invalid_argument that tells every feature that is wrong.
   */
  requests(
    asked: Pick<InferRequest, 'model' | 'version' | 'id'>,
    wanted: 'prediction' | 'all',
  ): readonly InferRequest[] {
    this.#mistakes.throwAny();
    const { maxBatchSize, prediction } = this.#model;
    const batched = maxBatchSize > 0;
    const step = batched ? maxBatchSize : 1;
    const outputs = (wanted === 'all' ? [] : [prediction.prediction, prediction.scores])
      .filter((name) => name !== '')
      .map((name) => ({ name, parameters: noParameters }));
    const filled = [...this.#inputs.values()].filter(({ isEmpty }) => !isEmpty);
    const requests: InferRequest[] = [];
    for (let from = 0; from < this.#rows; from += step) {
      const to = Math.min(this.#rows, from + step);
      const inputs = filled.map((values) => values.tensor(from, to, batched));
      requests.push({ ...asked, inputs, outputs, parameters: noParameters });
    }
    return requests;
  }

  #readListed(form: 'list' | 'object'): void {
    const row: (FeatureValue | undefined)[] = Array.from(this.#slots, () => undefined);
    const seen = new Set<number>();
    if (form === 'list') this.#readPositions(row, seen);
    else this.#readNames(row, seen);
    for (const { feature, index, values } of this.#slots) {
      if (!seen.has(index)) row[index] = this.#absent(feature, { feature: feature.name, index });
      values.values.push(row[index] ?? 0);
    }
    for (const values of this.#filled) {
      const problem = values.endRow(this.#rows);
      if (problem !== '') this.#mistake({ feature: values.input.name, index: undefined }, problem);
      this.#account(values);
    }
  }

  #readPositions(row: (FeatureValue | undefined)[], seen: Set<number>): void {
    const reader = this.#reader;
    const { columns } = this.#options;
    let count = 0;
    reader.beginArray();
    for (; reader.nextElement(); count++) {
      const slot = columns === undefined ? this.#slots[count] : this.#slotsByName.get(columns[count] ?? '');
      if (slot === undefined) {
        reader.peek();
        reader.skip();
      } else {
        seen.add(slot.index);
        row[slot.index] = this.#take(slot.feature, slot.values.input.datatype, slotPlace(slot));
      }
    }
    const wanted = columns?.length ?? this.#slots.length;
    if (count > wanted) {
      this.#mistake(
        { feature: undefined, index: wanted },
        `is one too many: there are ${wanted}, not ${count}`,
      );
    }
  }

  #readNames(row: (FeatureValue | undefined)[], seen: Set<number>): void {
    const reader = this.#reader;
    reader.beginObject();
    for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
      const slot = this.#slotsByName.get(name);
      if (slot === undefined || seen.has(slot.index)) {
        const problem = slot === undefined ? 'is no feature of the model' : 'is there twice';
        if (slot !== undefined || this.#options.others === undefined) {
          this.#mistake({ feature: name, index: slot?.index }, problem);
        }
        reader.peek();
        reader.skip();
      } else {
        seen.add(slot.index);
        row[slot.index] = this.#take(slot.feature, slot.values.input.datatype, slotPlace(slot));
      }
    }
  }

  /** A list of all values of the model's only input. */
  #readOnlyInput(): void {
    const [only, more] = this.#inputs.values();
    if (only === undefined || more !== undefined) {
      throw refusePlain.unnamed([...this.#inputs.keys()]);
    }
    this.#readValues(only, { feature: undefined, index: undefined });
    this.#endRow(only);
  }

  /** An object of a value or a list for each input. */
  #readInputs(): void {
    const reader = this.#reader;
    reader.beginObject();
    for (let name = reader.nextKey(); name !== undefined; name = reader.nextKey()) {
      const values = this.#inputs.get(name);
      if (values === undefined || values.has(this.#rows)) {
        const problem = values === undefined ? 'is no input of the model' : 'is there twice';
        this.#mistake({ feature: name, index: undefined }, problem);
        reader.peek();
        reader.skip();
      } else {
        this.#readValues(values, { feature: name, index: undefined });
        this.#endRow(values);
      }
    }
    for (const values of this.#inputs.values()) {
      if (values.has(this.#rows) || (values.input.optional && values.isEmpty)) continue;
      this.#mistake({ feature: values.input.name, index: undefined }, 'is missing');
    }
  }

  #endRow(values: InputValues): void {
    const problem = values.endRow(this.#rows);
    if (problem !== '') this.#mistake({ feature: values.input.name, index: undefined }, problem);
    this.#account(values);
  }

  /** A value, or a list of values and lists. */
  #readValues(values: InputValues, place: Place): void {
    const reader = this.#reader;
    const start = values.values.length;
    const visit = (): void => {
      if (reader.peek() !== char.openBracket) {
        const index = values.values.length - start;
        const { any, datatype } = values.input;
        values.values.push(this.#take(any, datatype, { ...place, index }) ?? 0);
        if (values.values.length > maxValues) throw refusePlain.values(maxValues);
        return;
      }
      reader.beginArray();
      while (reader.nextElement()) visit();
    };
    visit();
  }

  /** undefined for a value that is wrong. */
  #take(feature: Feature, datatype: Datatype, place: Place): FeatureValue | undefined {
    const reader = this.#reader;
    const next = reader.peek();
    if (next === char.openBracket || next === char.openBrace) {
      reader.skip();
      this.#mistake(place, 'must be one value');
      return undefined;
    }
    const value = reader.value();
    if (value === null) return this.#null(feature, place);
    const problem = featureProblem(feature, value);
    if (problem !== '' || typeof value === 'object') {
      this.#mistake(place, problem);
      return undefined;
    }
    const outOfRange = rangeProblem(datatype, value);
    if (outOfRange === '') return value;
    this.#mistake(place, outOfRange);
    return undefined;
  }

  #null(feature: Feature, place: Place): FeatureValue | undefined {
    if (feature.default !== undefined) return feature.default;
    if (feature.type === 'number' && feature.nonFinite !== 'refuse') return NaN;
    this.#mistake(place, 'must not be null');
    return undefined;
  }

  #absent(feature: Feature, place: Place): FeatureValue | undefined {
    if (feature.default === undefined) this.#mistake(place, 'is missing');
    return feature.default;
  }

  #mistake({ feature, index }: Place, problem: string): void {
    this.#mistakes.add({
      row: this.#options.form === 'single' ? undefined : this.#rows,
      feature,
      index,
      problem,
    });
  }

  /** @throws invalid_argument once there are more values, or larger tensors, than may be. */
  #account({ values, input }: InputValues): void {
    const { maxBytes } = this.#options;
    if (values.length > maxValues) throw refusePlain.values(maxValues);
    if (sizeOfValues(values.length, input.datatype) > maxBytes) throw refuse.tooLarge(maxBytes);
  }
}

function slotPlace({ feature, index }: Slot): Place {
  return { feature: feature.name, index };
}
