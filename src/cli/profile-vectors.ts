import { existsSync, readFileSync } from 'node:fs';
import { maxVectorWidth } from '../quality/profile-format.ts';
import { profileSchema, type Profile } from '../quality/profile.ts';
import { profileFormat } from '../quality/profile-format.ts';
import { numbersOf } from '../quality/read-elements.ts';
import { leastVectors, VectorSample } from '../quality/vector-sample.ts';
import { hint } from '../config/suggest.ts';
import { usageError } from './command.ts';
import { readNpy } from './npy.ts';
import { errorCode } from './server-flags.ts';

/** Rows of a table, the first of which names the columns. */
export type Table = AsyncIterable<readonly unknown[]>;

export interface VectorSource {
  readonly path: string;
  readonly most: number;
  /** Of a table: what together is a vector; a column of lists may be. undefined takes all. */
  readonly columns: readonly string[] | undefined;
}

/** Vectors of an array of NumPy. @throws ServingError with reason USAGE */
export function sampleArray({ path, most, columns }: VectorSource): VectorSample {
  if (columns !== undefined) throw usageError('--columns: an array of NumPy has none');
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch (error) {
    throw usageError(`cannot read ${path}${errorCode(error)}`);
  }
  const { datatype, shape, data } = readNpy(file, path);
  const [rows = 0, ...dims] = shape;
  const width = dims.reduce((product, size) => product * size, 1);
  if (dims.length === 0 || width === 0)
    throw usageError(`${path} is no array of vectors: its shape is [${shape.join(', ')}]`);
  const sample = sampleOf(width, path);
  const number = numbersOf({ name: path, datatype, shape, data });
  for (let row = 0; row < Math.min(rows, most); row++) {
    const vector = new Float32Array(width);
    for (let i = 0; i < width; i++) vector[i] = number(row * width + i);
    sample.add(vector);
  }
  return sample;
}

/** Vectors of a table: a row is one. @throws ServingError with reason USAGE */
export async function sampleTable(
  table: Table,
  { path, most, columns }: VectorSource,
): Promise<VectorSample> {
  let places: readonly number[] | undefined;
  let sample: VectorSample | undefined;
  let row = 0;
  for await (const cells of table) {
    if (places === undefined) {
      places = placesOf(cells.map(String), columns);
      continue;
    }
    if (++row > most) break;
    const values = places.flatMap((place) => elementsOf(cells[place]));
    sample ??= sampleOf(values.length, path);
    if (values.length !== sample.width) {
      throw usageError(
        `${path}, row ${row}: ${values.length} numbers, where the first one has ${sample.width}`,
      );
    }
    sample.add(Float32Array.from(values));
  }
  if (sample === undefined) throw usageError(`${path} has no rows`);
  return sample;
}

/** Adds the reference of a tensor to the profile that is there, or begins one. @throws ServingError with reason USAGE */
export function withVectors(output: string, tensor: string, sample: VectorSample): Profile {
  const made = sample.profile(tensor);
  if (made === undefined) {
    throw usageError(
      `a reference needs ${leastVectors} vectors of finite numbers at least, and there are ${sample.rows}`,
    );
  }
  const before = existingProfile(output);
  const others = (before?.embeddings ?? []).filter(({ name }) => name !== tensor);
  return { format: profileFormat, features: before?.features ?? [], embeddings: [...others, made] };
}

function existingProfile(path: string): Profile | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return profileSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    throw usageError(`${path} is there, and is no profile that vectors could be added to`);
  }
}

function sampleOf(width: number, path: string): VectorSample {
  if (width < 1 || width > maxVectorWidth) {
    throw usageError(`${path}: vectors have 1 to ${maxVectorWidth} numbers, and these ${width}`);
  }
  return new VectorSample(width);
}

function placesOf(names: readonly string[], wanted: readonly string[] | undefined): readonly number[] {
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw usageError(`--columns: there is no column '${unknown}'${hint(unknown, names)}`);
  }
  return (wanted ?? names).map((name) => names.indexOf(name));
}

/** NaN for what is no number. */
function elementsOf(cell: unknown): readonly number[] {
  if (Array.isArray(cell)) return cell.flatMap(elementsOf);
  if (cell instanceof Float32Array || cell instanceof Float64Array) return Array.from(cell);
  if (typeof cell === 'number' || typeof cell === 'bigint') return [Number(cell)];
  return [typeof cell === 'string' && cell.trim() !== '' ? Number(cell) : Number.NaN];
}
