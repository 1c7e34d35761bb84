import { lookup as lookUpName, type LookupAddress, type LookupOptions } from 'node:dns';
import { request as requestPlain, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as requestSecure } from 'node:https';
import { isIP } from 'node:net';
import type { Clock } from '../util/clock.ts';
import { printable } from '../util/printable.ts';
import { isPublicAddress } from './public-address.ts';
import { errorWord, sourceRefused, sourceUnreachable } from './refusals.ts';
import { SteadyFlow } from './steady-flow.ts';

export interface HttpGet {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent to the origin of `url` alone, never to where it redirects. */
  readonly authorization?: string | undefined;
  /** The origin whose answer led to `url`, where not the operator named it: then it is treated as a redirect's target is. */
  readonly namedBy?: string;
  readonly method?: 'GET' | 'POST';
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** To be read or destroyed. */
  readonly body: IncomingMessage;
}

export interface HttpRules {
  /** Names of hosts, besides public addresses, that a source may redirect to. */
  readonly redirectHosts: readonly string[];
}

const mostRedirects = 5;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Asks, and follows redirects as far as they are allowed: on the same origin; else only to hosts whose addresses are public, or that the
 * operator has named, and never from https to http. A source cannot make the server ask inside the operator's network.
 *
 * @throws ServingError SOURCE_REFUSED for any other redirect, SOURCE_UNREACHABLE when nobody answers.
 */
export async function httpGet(asked: HttpGet, rules: HttpRules): Promise<HttpReply> {
  const first = new URL(asked.url);
  let url = first;
  for (let hops = 0; hops <= mostRedirects; hops++) {
    const own = url.origin === first.origin;
    const named = own && asked.namedBy === undefined;
    const reply = await send(url, asked, { own, free: named || rules.redirectHosts.includes(url.hostname) });
    const { location } = reply.headers;
    if (!redirects.has(reply.status) || location === undefined) return reply;
    reply.body.destroy();
    url = redirectTarget(url, location);
  }
  throw sourceRefused(`${first.origin} redirects more than ${mostRedirects} times`);
}

function redirectTarget(from: URL, location: string): URL {
  if (!URL.canParse(location, from.href)) throw sourceRefused(`${from.origin} redirects to nowhere`);
  const to = new URL(location, from);
  if (to.protocol !== 'https:' && (to.protocol !== 'http:' || from.protocol === 'https:')) {
    throw sourceRefused(
      `${from.origin} redirects to ${printable(to.protocol)}, which is not allowed from there`,
    );
  }
  if (to.username !== '' || to.password !== '')
    throw sourceRefused(`${from.origin} redirects with credentials`);
  return to;
}

interface Hop {
  /** The origin that was asked first. */
  readonly own: boolean;
  /** Any address will do. */
  readonly free: boolean;
}

async function send(
  url: URL,
  { headers, authorization, method = 'GET', body, signal }: HttpGet,
  hop: Hop,
): Promise<HttpReply> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!hop.free && isIP(host) !== 0 && !isPublicAddress(host)) throw innerAddress(url);
  const request = url.protocol === 'https:' ? requestSecure : requestPlain;
  const sent = request(url, {
    method,
    headers: {
      'user-agent': 'tensorgate',
      // What is counted and digested is what is kept.
      'accept-encoding': 'identity',
      ...headers,
      ...(hop.own && authorization !== undefined ? { authorization } : {}),
    },
    signal,
    ...(hop.free ? {} : { lookup: lookUpPublic }),
  });
  const answered = Promise.withResolvers<IncomingMessage>();
  sent.once('response', answered.resolve);
  sent.once('error', (error: NodeJS.ErrnoException) => {
    if (signal.aborted) answered.reject(signal.reason);
    else if (error.code === notPublic) answered.reject(innerAddress(url));
    else answered.reject(sourceUnreachable(`${url.origin} does not answer (${errorWord(error)})`));
  });
  sent.end(body);
  const reply = await answered.promise;
  return { status: reply.statusCode ?? 0, headers: reply.headers, body: reply };
}

const notPublic = 'ENOTPUBLIC';

type LookedUp = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void;

/** Looks at the very addresses that are connected to: a name may mean another one a moment later. */
function lookUpPublic(hostname: string, options: LookupOptions, done: LookedUp): void {
  lookUpName(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, '');
    const [first] = addresses;
    if (first === undefined || !addresses.every(({ address }) => isPublicAddress(address))) {
      return done(Object.assign(new Error('not public'), { code: notPublic }), '');
    }
    return options.all === true ? done(null, addresses) : done(null, first.address, first.family);
  });
}

function innerAddress(url: URL): Error {
  return sourceRefused(
    `it redirects to ${printable(url.hostname, 260)}, which is no public address; --source-redirect-host allows hosts`,
  );
}

/** @throws ServingError SOURCE_REFUSED when it has more than `limitBytes`, SOURCE_UNREACHABLE when it trickles or breaks off. */
export async function readReply({ body }: HttpReply, limitBytes: number, clock: Clock): Promise<Buffer> {
  using flow = new SteadyFlow(body, clock);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      const piece = chunk as Buffer;
      bytes += piece.byteLength;
      flow.count(piece.byteLength);
      if (bytes > limitBytes) throw sourceRefused(`an answer has more than ${limitBytes} bytes`);
      chunks.push(piece);
    }
  } finally {
    body.destroy();
  }
  return Buffer.concat(chunks);
}
