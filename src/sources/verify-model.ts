import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { allVersionsConfig } from '../inference/remote-repository.ts';
import { printable } from '../util/printable.ts';
import { mostFiles } from './origin.ts';
import { notSigned, parseBundle, signedFiles } from './signature-bundle.ts';
import type { TrustedSigners } from './trusted-signers.ts';

/** A model as the repository lists it. */
export interface SignedModel {
  /** Real path of the repository, which no link may leave. */
  readonly root: string;
  /** Real path. */
  readonly folder: string;
  readonly versions: ReadonlyMap<string, { readonly folder: string; readonly file: string | undefined }>;
  readonly fromRequest?: true;
}

const signatureFile = 'model.sig';
const mostSignatureBytes = 16 * 1024 * 1024;

/** Small enough that hashing one piece does not hold up requests on the same thread. */
const pieceBytes = 256 * 1024;

/**
 * Checks that every file of a model is one that a trusted signer has signed, and that none is missing. The signature is `model.sig` in the
 * model's folder, for all of it, or one in the folder of each version, and then nothing lies beside the versions.
 *
 * @throws ServingError MODEL_SIGNATURE with the reason.
 */
export async function verifyModel(model: SignedModel, signers: TrustedSigners): Promise<void> {
  const { folder, root, versions, fromRequest } = model;
  if (fromRequest === true) throw notSigned('files of a load request are not signed');
  const [single] = [...versions.values()].filter(({ file }) => file !== undefined);
  if (single?.file !== undefined) {
    const path = await realpath(join(single.folder, single.file));
    return verifyFolder((await stat(path)).isDirectory() ? path : dirname(path), root, signers);
  }
  if ((await readdir(folder)).includes(signatureFile)) return verifyFolder(folder, root, signers);
  const paths = new Set(Array.from(versions.values(), (version) => version.folder));
  const signed = await Promise.all(
    Array.from(paths, async (path) => (await readdir(path)).includes(signatureFile)),
  );
  if (paths.has(folder) || !signed.includes(true)) throw missing();
  await checkBeside(folder, paths);
  for (const [version, { folder: path }] of versions) {
    if (!(await readdir(path)).includes(signatureFile)) throw missing(`version ${version}: `);
    await verifyFolder(path, root, signers, `version ${version}: `);
  }
}

function missing(where = ''): Error {
  return notSigned(`${where}it is not signed: there is no ${signatureFile}`);
}

/** What lies beside signed versions would be served unsigned. */
async function checkBeside(folder: string, versions: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('.')) continue;
    const path = await realpath(join(folder, name));
    if (versions.has(path)) continue;
    if (name === 'config.pbtxt' && (await readFile(path, 'utf8')) === allVersionsConfig) continue;
    throw notSigned(
      `its versions are signed, and '${printable(name)}' beside them is not; sign the whole folder`,
    );
  }
}

async function verifyFolder(
  folder: string,
  root: string,
  signers: TrustedSigners,
  where = '',
): Promise<void> {
  const path = join(folder, signatureFile);
  const { size } = await stat(path);
  if (size > mostSignatureBytes) throw notSigned(`${where}${signatureFile} is too long`);
  const bundle = parseBundle(await readFile(path, 'utf8'));
  signers.check(bundle);
  const signed = signedFiles(bundle);
  const seen = new Set<string>();
  const walk: Walk = { root, count: 0 };
  for await (const { name, path: file } of filesBelow(folder, '', walk)) {
    if (name === signatureFile) continue;
    const expected = signed.get(name);
    if (expected === undefined) throw notSigned(`${where}'${printable(name, 200)}' is not signed`);
    if ((await sha256Of(file)) !== expected) {
      throw notSigned(`${where}'${printable(name, 200)}' is not what was signed`);
    }
    seen.add(name);
  }
  for (const name of signed.keys()) {
    if (!seen.has(name)) throw notSigned(`${where}'${printable(name, 200)}' was signed and is missing`);
  }
}

interface Walk {
  readonly root: string;
  count: number;
}

/** Hidden files are never served. Links are followed within the repository. */
async function* filesBelow(
  folder: string,
  below: string,
  walk: Walk,
): AsyncGenerator<{ readonly name: string; readonly path: string }, void, void> {
  for (const entry of (await readdir(folder)).sort()) {
    if (entry.startsWith('.')) continue;
    if (++walk.count > mostFiles) throw notSigned('it has too many files');
    const name = `${below}${entry}`;
    const path = await realpath(join(folder, entry));
    if (!path.startsWith(`${walk.root}${sep}`))
      throw notSigned(`'${printable(name, 200)}' leads out of the repository`);
    const found = await stat(path);
    if (found.isDirectory()) yield* filesBelow(path, `${name}/`, walk);
    else if (found.isFile()) yield { name, path };
    else throw notSigned(`'${printable(name, 200)}' is no file`);
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: pieceBytes }))
    hash.update(piece as Buffer);
  return hash.digest('hex');
}
