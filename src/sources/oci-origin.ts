import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import type { Clock } from '../util/clock.ts';
import { printable } from '../util/printable.ts';
import { httpGet, readReply, type HttpReply, type HttpRules } from './http-get.ts';
import type { FileOpening, ModelOrigin, OriginListing, RemoteFile } from './origin.ts';
import { sourceRefused, sourceUnreachable } from './refusals.ts';

export interface OciOriginOptions {
  /** Of the registry, as an origin. */
  readonly registry: string;
  readonly repository: string;
  /** A tag, or `sha256:...`. */
  readonly reference: string;
  /** Name and password for the registry, read anew for each use; undefined without. */
  readonly login: () => string | undefined;
  readonly rules: HttpRules;
  readonly clock: Clock;
}

const mostBytes = 4 * 1024 * 1024;

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.cncf.model.manifest.v1+json',
].join(', ');

const manifest = z.object({
  layers: z
    .array(
      z.object({
        mediaType: z.string(),
        digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
        size: z.int().min(0),
        annotations: z.record(z.string(), z.string()).default({}),
      }),
    )
    .max(10_000),
});
type Layer = z.output<typeof manifest>['layers'][number];

const token = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** Where the name of a layer's file stands: of the CNCF's model specification, and of ORAS. */
const nameKeys = ['org.cncf.model.filepath', 'org.opencontainers.image.title'] as const;

/** An artifact of a registry of containers, whose layers are plain files. */
export class OciOrigin implements ModelOrigin {
  readonly #options: OciOriginOptions;
  #authorization: string | undefined = undefined;

  constructor(options: OciOriginOptions) {
    this.#options = options;
  }

  async list(signal: AbortSignal): Promise<OriginListing> {
    const { repository, reference, clock } = this.#options;
    const reply = await this.#ask(
      `/v2/${repository}/manifests/${reference}`,
      { accept: manifestTypes },
      signal,
    );
    if (reply.status !== 200) throw refusal(reply, 'the artifact');
    const text = (await readReply(reply, mostBytes, clock)).toString();
    return { files: layersOf(text).map((layer) => this.#file(layer)) };
  }

  #file({ digest, size, annotations }: Layer): RemoteFile {
    const [path = ''] = nameKeys.flatMap((key) => annotations[key] ?? []);
    const open = async ({ offset, signal }: FileOpening): Promise<Readable> => {
      const range = offset > 0 ? { range: `bytes=${offset}-` } : {};
      const reply = await this.#ask(`/v2/${this.#options.repository}/blobs/${digest}`, range, signal);
      if (reply.status === (offset > 0 ? 206 : 200)) return reply.body;
      throw refusal(reply, `'${printable(path, 200)}'`);
    };
    const hex = digest.slice('sha256:'.length);
    return { path, sizeBytes: size, tag: hex, digest: { algorithm: 'sha256', hex }, resumable: true, open };
  }

  /** A registry says with its refusal where tokens are given out. */
  async #ask(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpReply> {
    const { registry, rules } = this.#options;
    const ask = (): Promise<HttpReply> =>
      httpGet({ url: `${registry}${path}`, headers, authorization: this.#authorization, signal }, rules);
    const first = await ask();
    if (first.status !== 401) return first;
    first.body.destroy();
    this.#authorization = await this.#authorize(first.headers['www-authenticate'] ?? '', signal);
    return ask();
  }

  async #authorize(challenge: string, signal: AbortSignal): Promise<string | undefined> {
    const { registry, repository, login, rules, clock } = this.#options;
    const known = login();
    if (/^basic\b/i.test(challenge)) return known;
    const field = (name: string): string | undefined =>
      new RegExp(`\\b${name}="([^"]*)"`).exec(challenge)?.[1];
    const realm = field('realm') ?? '';
    if (!/^bearer\b/i.test(challenge) || !URL.canParse(realm)) return known;
    const url = new URL(realm);
    if (url.protocol !== 'https:' && url.origin !== registry) {
      throw sourceRefused('the registry has tokens given out without encryption');
    }
    url.searchParams.set('service', field('service') ?? '');
    url.searchParams.set('scope', `repository:${repository}:pull`);
    const chosen = url.origin === registry ? {} : { namedBy: registry };
    const reply = await httpGet(
      { url: url.href, headers: {}, authorization: known, signal, ...chosen },
      rules,
    );
    if (reply.status !== 200) throw refusal(reply, 'a token');
    const read = token.safeParse(parseJson((await readReply(reply, mostBytes, clock)).toString()));
    const given = read.success ? (read.data.token ?? read.data.access_token) : undefined;
    return given === undefined ? undefined : `Bearer ${given}`;
  }

  [Symbol.dispose](): void {
    this.#authorization = undefined;
  }
}

/** @throws ServingError SOURCE_REFUSED for an artifact whose layers are not files with names. */
function layersOf(text: string): readonly Layer[] {
  const read = manifest.safeParse(parseJson(text));
  if (!read.success) throw sourceRefused('the artifact has no manifest of layers with digests');
  for (const { mediaType, annotations } of read.data.layers) {
    const named = nameKeys.some((key) => annotations[key] !== undefined);
    if (!named || /tar|gzip|zstd/.test(mediaType)) {
      throw sourceRefused(
        `a layer of the artifact (${printable(mediaType, 100)}) is no plain file with a name; archives are not unpacked`,
      );
    }
  }
  return read.data.layers;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw sourceUnreachable('what answers there is no registry');
  }
}

function refusal(reply: HttpReply, what: string): Error {
  reply.body.destroy();
  const { status } = reply;
  if (status === 401 || status === 403) {
    return sourceRefused(`the registry does not let this login read ${what} (${status})`);
  }
  if (status === 404) return sourceRefused(`the registry does not have ${what} (404)`);
  return sourceUnreachable(`the registry answers ${status} for ${what}`);
}

const logins = z.object({
  auths: z.record(z.string(), z.object({ auth: z.string().optional() })).default({}),
});

/**
 * What `docker login` and `oras login` leave for a registry, where no program keeps it instead.
 *
 * @returns the value of the header Authorization.
 */
export function registryLogin(
  host: string,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const folder = environment['DOCKER_CONFIG'] ?? join(homedir(), '.docker');
  try {
    const { auths } = logins.parse(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')));
    const auth = (auths[host] ?? auths[`https://${host}`])?.auth;
    return auth === undefined || auth === '' ? undefined : `Basic ${auth}`;
  } catch {
    return undefined;
  }
}
