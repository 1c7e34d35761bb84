import { createHash } from 'node:crypto';
import { printable } from '../util/printable.ts';
import { mostFiles, type RemoteFile } from './origin.ts';
import { sourceRefused } from './refusals.ts';
import { markedFolder, relativeParts } from './relative-path.ts';

export interface UnitFile {
  /** Relative to the unit. */
  readonly parts: readonly string[];
  readonly file: RemoteFile;
}

/**
 * Files that come and go together: those of one version, those of a model beside its versions, or those that lie beside each other
 * in a flat folder of .onnx files. A unit never changes: what does is another unit.
 */
export interface Unit {
  /** `model/3`, `model`, or '' for a flat folder. */
  readonly place: string;
  readonly files: readonly UnitFile[];
  /** Of a model: version to the unit of its files. */
  readonly versions: ReadonlyMap<string, string>;
  /** Hex; from its place and the paths and tags of its files. */
  readonly id: string;
}

const version = /^[1-9]\d{0,17}$/;

/**
 * @param name of the model, where the source holds a single one without a folder of its own.
 * @throws ServingError SOURCE_REFUSED when a path is none, there are too many files, or a file would have to be a folder.
 */
export function unitsOf(files: readonly RemoteFile[], name: string): readonly Unit[] {
  if (files.length > mostFiles) throw sourceRefused(`there are more than ${mostFiles} files`);
  const taken = files.flatMap((file) => {
    const parts = relativeParts(file.path);
    return parts === undefined ? [] : [{ parts, file }];
  });
  refuseConflicts(taken);
  const single = isSingleModel(taken);
  const groups = new Map<string, UnitFile[]>();
  for (const { parts, file } of taken) {
    const full = single ? [name, ...parts] : parts;
    const depth = full.length === 1 ? 0 : full.length > 2 && version.test(full[1] ?? '') ? 2 : 1;
    const place = full.slice(0, depth).join('/');
    const group = groups.get(place) ?? [];
    group.push({ parts: full.slice(depth), file });
    groups.set(place, group);
  }
  for (const { path } of files) {
    const parts = markedFolder(path);
    const [model = '', number = '', ...deeper] =
      single && parts !== undefined ? [name, ...parts] : (parts ?? []);
    const place = `${model}/${number}`;
    if (version.test(number) && deeper.length === 0 && !groups.has(place)) groups.set(place, []);
  }
  // What lies beside models is for people: a README, a licence.
  if (!(groups.get('') ?? []).some(({ parts }) => parts[0]?.endsWith('.onnx') === true)) groups.delete('');
  return toUnits(groups);
}

/** As a repository that is itself one model: a configuration, a model.onnx alone, or version folders with a .onnx file. */
function isSingleModel(files: readonly UnitFile[]): boolean {
  const top = files.filter(({ parts }) => parts.length === 1).map(({ parts }) => parts[0] ?? '');
  if (top.includes('config.pbtxt')) return true;
  const models = top.filter((file) => file.endsWith('.onnx'));
  if (models.length === 1 && models[0] === 'model.onnx') return true;
  return files.some(
    ({ parts: [first = '', second = '', ...rest] }) =>
      version.test(first) && second.endsWith('.onnx') && rest.length === 0,
  );
}

function refuseConflicts(files: readonly UnitFile[]): void {
  const seen = new Set<string>();
  for (const { parts } of files) {
    const path = parts.join('/');
    if (seen.has(path)) throw sourceRefused(`'${printable(path, 200)}' is there more than once`);
    seen.add(path);
  }
  for (const { parts } of files) {
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = parts.slice(0, depth).join('/');
      if (seen.has(folder)) throw sourceRefused(`'${printable(folder, 200)}' is both a file and a folder`);
    }
  }
}

function toUnits(groups: ReadonlyMap<string, readonly UnitFile[]>): readonly Unit[] {
  const units: Unit[] = [];
  const models = new Map<string, Map<string, string>>();
  for (const [place, files] of groups) {
    const [model = '', number] = place.split('/');
    if (model !== '' && !models.has(model)) models.set(model, new Map());
    if (number === undefined) continue;
    const id = idOf(place, files, new Map());
    units.push({ place, files, versions: new Map(), id });
    models.get(model)?.set(number, id);
  }
  const flat = groups.get('');
  if (flat !== undefined)
    units.push({ place: '', files: flat, versions: new Map(), id: idOf('', flat, new Map()) });
  for (const [place, versions] of models) {
    const files = groups.get(place) ?? [];
    units.push({ place, files, versions, id: idOf(place, files, versions) });
  }
  return units;
}

function idOf(place: string, files: readonly UnitFile[], versions: ReadonlyMap<string, string>): string {
  const lines = [
    // Empty versions are units of their own.
    ['place', place],
    ...files.map(({ parts, file }) => ['file', parts.join('/'), fileId(file)]),
    ...Array.from(versions, ([number, id]) => ['version', number, id]),
  ];
  const text = lines.map((line) => JSON.stringify(line)).sort();
  return createHash('sha256').update(text.join('\n')).digest('hex').slice(0, 40);
}

/** Names the content of a file as far as its source does. */
export function fileId({ path, sizeBytes, tag, digest }: RemoteFile): string {
  const text = JSON.stringify([path, sizeBytes ?? null, tag, digest?.hex ?? null]);
  return createHash('sha256').update(text).digest('hex').slice(0, 40);
}
