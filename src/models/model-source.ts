import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';
import { confinedPath, pathSegments } from './confined-path.ts';
import { externalLocations } from './external-locations.ts';

/** One version of a model, as found. */
export interface VersionSource {
  /** An integer of 1 or more without leading zeros. */
  readonly version: string;
  /** Real path of the folder that holds the model's file. */
  readonly folder: string;
  /** The model's file inside `folder`, where the layout and not the configuration decides it. */
  readonly file: string | undefined;
}

/** A model in a repository: where its files are and what its configuration file says. Read once, when listed. */
export interface ModelSource {
  readonly name: string;
  /** Real path of the repository, which no link may leave. */
  readonly root: string;
  /** Real path of the model's folder. */
  readonly folder: string;
  /** undefined without a configuration file. */
  readonly configText: string | undefined;
  /** In ascending numeric order. */
  readonly versions: ReadonlyMap<string, VersionSource>;
  /** It goes by a name that its files do not know. */
  readonly renamed?: true;
  /** A load request brought the files: nothing of them is run as code. */
  readonly fromRequest?: true;
}

/** What ONNX Runtime will read for a version. */
export interface ModelFiles {
  /** Real path of the .onnx file. */
  readonly modelPath: string;
  /** Real paths: the model's file and its external data. */
  readonly files: readonly string[];
}

const maxLabelsBytes = 16 * 1024 * 1024;

/**
 * Finds the files of a version and checks every one of them before anything opens them: a file outside, reached by a name
 * or by a link, would end up in the answers of the model.
 *
 * @param fileName the configuration's default_model_filename; a folder of that name holds a `model.onnx`, or one .onnx file.
 * @throws ServingError invalid_argument
 */
export async function findModelFiles(
  source: ModelSource,
  { folder, file }: VersionSource,
  fileName: string,
): Promise<ModelFiles> {
  const wanted = file ?? fileName;
  let path = await confinedPath(join(folder, ...pathSegments(wanted)), [source.root], wanted);
  if (path !== undefined && (await stat(path)).isDirectory()) {
    const inside = await onnxInside(path, wanted);
    path = await confinedPath(join(path, inside), [source.root], `${wanted}/${inside}`);
  }
  if (path === undefined) throw refused(`there is no '${printable(wanted)}'${await hint(folder)}`);
  await checkRegular(path, wanted);
  const files = [path];
  for (const location of await locationsIn(path, wanted))
    files.push(await externalFile(dirname(path), location));
  return { modelPath: path, files };
}

/** Which file is the model in a folder that stands in its place. */
async function onnxInside(folder: string, shownName: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.onnx') && !name.startsWith('.'));
  if (names.includes('model.onnx')) return 'model.onnx';
  const [only] = names;
  if (names.length === 1 && only !== undefined) return only;
  throw refused(
    `the folder '${printable(shownName)}' holds ${names.length} .onnx files, and none is 'model.onnx'`,
  );
}

async function locationsIn(path: string, shownName: string): Promise<ReadonlySet<string>> {
  try {
    return await externalLocations(path);
  } catch (error) {
    if (error instanceof ServingError) throw error;
    throw refused(`'${printable(shownName)}' cannot be read`, error);
  }
}

/** ONNX Runtime, too, takes external data from the folder of the model's file only, once all links are followed. */
async function externalFile(folder: string, location: string): Promise<string> {
  const real = await confinedPath(join(folder, ...pathSegments(location)), [folder], location);
  if (real === undefined) throw refused(`the external data '${printable(location)}' is missing`);
  const { nlink } = await checkRegular(real, location);
  // A hard link can be to any file of the disk, and its real path does not show it.
  if (nlink > 1) throw refused(`the external data '${printable(location)}' is a hard link; copy the file`);
  return real;
}

async function checkRegular(path: string, shownName: string): Promise<{ readonly nlink: number }> {
  const found = await stat(path);
  if (!found.isFile()) throw refused(`'${printable(shownName)}' is not a file`);
  return found;
}

/** What may be meant when the expected file is not there. */
async function hint(folder: string): Promise<string> {
  const others = (await readdir(folder)).filter((name) => name.endsWith('.onnx'));
  const [other] = others;
  return others.length === 1 && other !== undefined
    ? `; there is '${printable(other)}': rename it, or set default_model_filename`
    : '';
}

/**
 * Reads a file that the configuration names, relative to the model's folder.
 *
 * @throws ServingError invalid_argument
 */
export async function readModelFile(
  { folder, root }: ModelSource,
  name: string,
  maxBytes: number,
): Promise<Buffer> {
  const path = await confinedPath(join(folder, ...pathSegments(name)), [root], name);
  if (path === undefined) throw refused(`there is no '${printable(name)}'`);
  const { size } = await stat(path);
  await checkRegular(path, name);
  if (size > maxBytes) throw refused(`'${printable(name)}' has more than ${maxBytes} bytes`);
  return readFile(path);
}

/** Class names by index, one a line. @throws ServingError invalid_argument */
export async function readLabels(source: ModelSource, fileName: string): Promise<string[]> {
  const text = (await readModelFile(source, fileName, maxLabelsBytes)).toString();
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function refused(message: string, cause?: unknown): ServingError {
  return new ServingError('invalid_argument', message, { reason: 'MODEL_LOAD_FAILED', cause });
}
