import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { Clock } from '../util/clock.ts';
import { printable } from '../util/printable.ts';
import { httpGet, readReply, type HttpReply, type HttpRules } from './http-get.ts';
import {
  mostFiles,
  type ExpectedDigest,
  type ModelOrigin,
  type OriginListing,
  type RemoteFile,
} from './origin.ts';
import { sourceMisconfigured, sourceRefused, sourceUnreachable } from './refusals.ts';
import { relativeParts } from './relative-path.ts';

export interface HuggingFaceOptions {
  /** Of the hub, without a slash at the end. */
  readonly endpoint: string;
  /** Read anew for each use. */
  readonly token: () => string | undefined;
  /** `organisation/repository`. */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** Which ONNX file, where there are several. */
  readonly file: string | undefined;
  readonly rules: HttpRules;
  readonly clock: Clock;
}

const mostBytes = 8 * 1024 * 1024;
const mostPages = 20;

const commit = z.object({ sha: z.string().regex(/^[0-9a-f]{40}$/) });
const tree = z.array(
  z.object({
    type: z.string(),
    path: z.string().max(4096),
    size: z.int().min(0),
    oid: z.string().regex(/^[0-9a-f]{40}$/),
    lfs: z.object({ oid: z.string().regex(/^(?:sha256:)?[0-9a-f]{64}$/), size: z.int().min(0) }).nullish(),
  }),
);
type Entry = z.output<typeof tree>[number];

/** A repository of the Hugging Face hub, at one commit: a model repository, or one of its ONNX files as version 1 of a model. */
export class HuggingFaceOrigin implements ModelOrigin {
  readonly #options: HuggingFaceOptions;
  #known: { readonly sha: string; readonly listing: OriginListing } | undefined = undefined;

  constructor(options: HuggingFaceOptions) {
    this.#options = options;
  }

  async list(signal: AbortSignal): Promise<OriginListing> {
    const { repository, revision } = this.#options;
    const api = `/api/models/${repository}`;
    const { body } = await this.#json(`${api}/revision/${encodeURIComponent(revision)}`, signal);
    const { sha } = checked(commit, body);
    if (this.#known?.sha === sha) return this.#known.listing;
    const entries: Entry[] = [];
    let next: string | undefined = `${api}/tree/${sha}?recursive=true`;
    for (let page = 0; next !== undefined && page < mostPages && entries.length <= mostFiles; page++) {
      const answer: Answer = await this.#json(next, signal);
      entries.push(...checked(tree, answer.body));
      next = this.#following(answer.link);
    }
    const found = entries.filter(({ type }) => type === 'file');
    const files = chosenFiles(found, this.#options).map(({ entry, path }) => this.#file(entry, path, sha));
    const listing = { files };
    this.#known = { sha, listing };
    return listing;
  }

  /** The next page is on the same hub, or nowhere. */
  #following(link: string | undefined): string | undefined {
    const target = /<([^>]+)>\s*;\s*rel="next"/.exec(link ?? '')?.[1];
    if (target === undefined || !URL.canParse(target, this.#options.endpoint)) return undefined;
    const { origin, pathname, search } = new URL(target, this.#options.endpoint);
    if (origin !== new URL(this.#options.endpoint).origin)
      throw sourceRefused('the hub continues its list elsewhere');
    return `${pathname}${search}`;
  }

  #file({ path: there, size, oid, lfs }: Entry, path: string, sha: string): RemoteFile {
    const { repository } = this.#options;
    const digest: ExpectedDigest =
      typeof lfs === 'object' && lfs !== null
        ? { algorithm: 'sha256', hex: lfs.oid.replace('sha256:', '') }
        : { algorithm: 'git-blob', hex: oid };
    const encoded = (relativeParts(there) ?? []).map((part) => encodeURIComponent(part)).join('/');
    return {
      path,
      sizeBytes: size,
      tag: digest.hex,
      digest,
      resumable: true,
      open: async ({ offset, signal }): Promise<Readable> => {
        const range = offset > 0 ? { range: `bytes=${offset}-` } : {};
        const reply = await this.#ask(`/${repository}/resolve/${sha}/${encoded}`, signal, range);
        if (reply.status === (offset > 0 ? 206 : 200)) return reply.body;
        reply.body.destroy();
        throw failed(reply.status, `'${printable(there, 200)}'`);
      },
    };
  }

  async #json(path: string, signal: AbortSignal): Promise<Answer> {
    const reply = await this.#ask(path, signal, {});
    if (reply.status !== 200) {
      reply.body.destroy();
      throw failed(reply.status, 'the repository or its revision');
    }
    const text = (await readReply(reply, mostBytes, this.#options.clock)).toString();
    const { link } = reply.headers;
    try {
      return { body: JSON.parse(text), link: typeof link === 'string' ? link : undefined };
    } catch {
      throw sourceUnreachable('what answers at HF_ENDPOINT is no hub');
    }
  }

  #ask(path: string, signal: AbortSignal, headers: Readonly<Record<string, string>>): Promise<HttpReply> {
    const { endpoint, token, rules } = this.#options;
    const known = token();
    const authorization = known === undefined ? undefined : `Bearer ${known}`;
    return httpGet({ url: `${endpoint}${path}`, headers, authorization, signal }, rules);
  }

  [Symbol.dispose](): void {
    this.#known = undefined;
  }
}

interface Answer {
  readonly body: unknown;
  /** Of the header that names the next page. */
  readonly link: string | undefined;
}

interface ChosenFile {
  readonly entry: Entry;
  /** Where it lies in the model repository. */
  readonly path: string;
}

/** @throws ServingError SOURCE_REFUSED when nobody can tell which file is the model. */
function chosenFiles(
  entries: readonly Entry[],
  { repository, file }: HuggingFaceOptions,
): readonly ChosenFile[] {
  const isRepository = entries.some(
    ({ path }) => path === 'config.pbtxt' || /^(?:[^/]+\/)?[1-9]\d*\/[^/]+\.onnx$/.test(path),
  );
  if (file === undefined && isRepository) return entries.map((entry) => ({ entry, path: entry.path }));
  const model = file ?? usualModel(entries);
  if (!entries.some(({ path }) => path === model))
    throw sourceRefused(`the repository has no '${printable(model, 200)}'`);
  const name = repository.split('/').at(-1) ?? '';
  const folder = model.slice(0, model.lastIndexOf('/') + 1);
  return entries.flatMap((entry) => {
    if (entry.path === model) return [{ entry, path: `${name}/1/model.onnx` }];
    // External data keeps its name: the model's file says it.
    const isData = entry.path.startsWith(`${model}_data`) || entry.path.startsWith(`${model}.data`);
    return isData ? [{ entry, path: `${name}/1/${entry.path.slice(folder.length)}` }] : [];
  });
}

function usualModel(entries: readonly Entry[]): string {
  const models = entries.map(({ path }) => path).filter((path) => path.endsWith('.onnx'));
  const [only] = models;
  const usual = ['onnx/model.onnx', 'model.onnx'].find((path) => models.includes(path));
  if (usual !== undefined) return usual;
  if (models.length === 1 && only !== undefined) return only;
  throw sourceRefused(
    models.length === 0
      ? 'the repository has no ONNX file'
      : `the repository has ${models.length} ONNX files; name one, for example hf://organisation/name/${printable(only ?? '', 100)}`,
  );
}

/** As the hub's own clients: HF_TOKEN, else the file that signing in leaves. */
export function huggingFaceToken(
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { HF_TOKEN: token, HF_TOKEN_PATH: path, HF_HOME: home } = environment;
  if (token !== undefined && token !== '') return token.trim();
  try {
    const read = readFileSync(
      path ?? join(home ?? join(homedir(), '.cache', 'huggingface'), 'token'),
      'utf8',
    ).trim();
    return read === '' ? undefined : read;
  } catch {
    return undefined;
  }
}

/** @throws ServingError SOURCE_CONFIGURATION */
export function huggingFaceEndpoint(environment: Readonly<Record<string, string | undefined>>): string {
  const endpoint = (environment['HF_ENDPOINT'] ?? 'https://huggingface.co').replace(/\/+$/, '');
  if (/^https?:\/\/[^/@]+(?:\/[^@]*)?$/.test(endpoint) && URL.canParse(endpoint)) return endpoint;
  throw sourceMisconfigured('HF_ENDPOINT is not the http(s) address of a hub');
}

function checked<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw sourceUnreachable('the hub answers something else than it should');
}

function failed(status: number, what: string): Error {
  if (status === 401 || status === 403) {
    return sourceRefused(`the hub does not have ${what}, or does not let this token read it (${status})`);
  }
  if (status === 404) return sourceRefused(`the hub does not have ${what} (404)`);
  return sourceUnreachable(`the hub answers ${status} for ${what}`);
}
