import { allVersionsConfig } from '../inference/remote-repository.ts';
import { Readable } from 'node:stream';
import { ServingError } from '../errors.ts';
import { printable } from '../util/printable.ts';
import type { MlflowApi } from './mlflow-api.ts';
import { mostFiles, type ModelOrigin, type OriginListing, type RemoteFile } from './origin.ts';
import { sourceRefused } from './refusals.ts';
import { relativeParts } from './relative-path.ts';

/** Which version of a registered model: the one of an alias, a fixed one, or the newest, of a stage or of all. */
export type VersionWish =
  | { readonly kind: 'alias'; readonly alias: string }
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'stage'; readonly stage: string }
  | { readonly kind: 'latest' };

export interface MlflowOriginOptions {
  readonly api: MlflowApi;
  readonly name: string;
  readonly wish: VersionWish;
  /** A new version is tried beside the one that serves, which is kept until a third one comes; undefined: each takes its place. */
  readonly tries: VersionTries | undefined;
  /** For artifacts that the tracking server does not hand out itself. @throws ServingError */
  readonly openStore: (uri: string) => Promise<ModelOrigin>;
}

/** How new versions are tried. */
export interface VersionTries {
  /** What the last rollout of a model that is over has left everybody with; undefined without one. */
  serving(model: string): string | undefined;
}

interface Memo {
  readonly current?: string;
  readonly previous?: string;
}

const mostDepth = 8;

/** A registered model of MLflow, of the ONNX flavour: its version is the version that serves. */
export class MlflowOrigin implements ModelOrigin {
  readonly #options: MlflowOriginOptions;
  /** Files of versions: a version never changes. */
  readonly #versions = new Map<string, readonly RemoteFile[]>();
  /** By where they are. */
  readonly #stores = new Map<string, ModelOrigin>();

  constructor(options: MlflowOriginOptions) {
    this.#options = options;
  }

  async list(signal: AbortSignal, memo: string): Promise<OriginListing> {
    const { name, tries } = this.#options;
    const wanted = await this.#resolve(signal);
    const files = await this.#filesOf(wanted, signal);
    if (tries === undefined) return { files, memo: JSON.stringify({ current: wanted }) };
    const before = readMemo(memo);
    const { beside, isTried } = besides(wanted, before, tries.serving(name));
    const others = beside === undefined ? [] : await this.#filesIfThere(beside, signal);
    const next: Memo = { current: wanted, ...(beside === undefined ? {} : { previous: beside }) };
    return {
      files: [...files, ...others, configFile(name)],
      memo: JSON.stringify(next),
      ...(isTried && beside !== undefined && others.length > 0
        ? { change: { model: name, stable: beside, candidate: wanted } }
        : {}),
    };
  }

  #resolve(signal: AbortSignal): Promise<string> {
    const { api, name, wish } = this.#options;
    if (wish.kind === 'alias') return api.aliased(name, wish.alias, signal);
    if (wish.kind === 'version') return api.versioned(name, wish.version, signal);
    return api.latest(name, wish.kind === 'stage' ? wish.stage : undefined, signal);
  }

  /** A version may have been deleted since. */
  async #filesIfThere(version: string, signal: AbortSignal): Promise<readonly RemoteFile[]> {
    try {
      return await this.#filesOf(version, signal);
    } catch (error) {
      if (error instanceof ServingError && error.reason === 'SOURCE_REFUSED') return [];
      throw error;
    }
  }

  async #filesOf(version: string, signal: AbortSignal): Promise<readonly RemoteFile[]> {
    const known = this.#versions.get(version);
    if (known !== undefined) return known;
    const { api, name } = this.#options;
    const uri = await api.artifactUri(name, version, signal);
    const own = /^mlflow-artifacts:(?:\/\/)?\/(?!\/)(.*?)\/*$/.exec(uri)?.[1];
    const found = own === undefined ? await this.#stored(uri, signal) : await this.#served(own, signal);
    if (!found.some(({ path }) => path === 'model.onnx')) {
      throw sourceRefused(
        `version ${version} has no model.onnx: it was not logged with MLflow's ONNX flavour`,
      );
    }
    const files = found.map((file) => ({ ...file, path: `${name}/${version}/${file.path}` }));
    this.#versions.set(version, files);
    return files;
  }

  async #stored(uri: string, signal: AbortSignal): Promise<readonly RemoteFile[]> {
    const store = this.#stores.get(uri) ?? (await this.#options.openStore(uri));
    // A store that cannot be read is asked again at each look.
    this.#stores.set(uri, store);
    return (await store.list(signal, '')).files;
  }

  async #served(root: string, signal: AbortSignal): Promise<readonly RemoteFile[]> {
    const { api } = this.#options;
    const files: RemoteFile[] = [];
    const visit = async (folder: string, depth: number): Promise<void> => {
      const entries = await api.listArtifacts(folder === '' ? root : `${root}/${folder}`, signal);
      for (const { path, isFolder, sizeBytes } of entries) {
        const [last, ...more] = relativeParts(path) ?? [];
        if (more.length > 0)
          throw sourceRefused(`'${printable(path, 200)}' is no name of a file in its folder`);
        if (last === undefined) continue;
        const inside = folder === '' ? last : `${folder}/${last}`;
        if (files.length > mostFiles || depth > mostDepth)
          throw sourceRefused('the version has too many files or folders');
        if (isFolder) await visit(inside, depth + 1);
        else files.push(this.#file(`${root}/${inside}`, inside, sizeBytes));
      }
    };
    await visit('', 0);
    return files;
  }

  #file(place: string, path: string, sizeBytes: number | undefined): RemoteFile {
    const { api } = this.#options;
    return {
      path,
      sizeBytes,
      tag: place,
      resumable: false,
      open: ({ signal }) => api.openArtifact(place, signal),
    };
  }

  [Symbol.dispose](): void {
    for (const store of this.#stores.values()) store[Symbol.dispose]();
  }
}

/** Which version is kept beside the one that is wanted: what everybody is served with stays, whatever the registry names. */
function besides(
  wanted: string,
  { current = wanted, previous }: Memo,
  serving: string | undefined,
): { readonly beside: string | undefined; readonly isTried: boolean } {
  if (wanted === current) return { beside: previous, isTried: false };
  const stable = serving !== undefined && serving === previous ? previous : current;
  // The registry goes back to what serves: there is nothing to try.
  if (stable === wanted) return { beside: current, isTried: false };
  return { beside: stable, isTried: true };
}

/** Both versions serve, as far as a rollout lets them. */
function configFile(name: string): RemoteFile {
  return {
    path: `${name}/config.pbtxt`,
    sizeBytes: allVersionsConfig.length,
    tag: allVersionsConfig,
    resumable: false,
    open: () => Promise.resolve(Readable.from([Buffer.from(allVersionsConfig)])),
  };
}

/** What was kept by this program; anything else counts as nothing. */
function readMemo(memo: string): Memo {
  try {
    const read: unknown = JSON.parse(memo);
    if (typeof read !== 'object' || read === null) return {};
    const field = (name: 'current' | 'previous'): object => {
      const value = Object.entries(read).find(([key]) => key === name)?.[1];
      return typeof value === 'string' && /^[1-9]\d{0,17}$/.test(value) ? { [name]: value } : {};
    };
    return { ...field('current'), ...field('previous') };
  } catch {
    return {};
  }
}
