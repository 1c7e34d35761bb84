import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServingError, type ErrorCode } from '../../errors.ts';
import type { Principal, Scope } from '../../inference/principal.ts';
import { checkAction, checkLoopbackHost, checkSameOrigin } from './caller-check.ts';
import { act, actionNames } from './console-actions.ts';
import type { ConsoleSources } from './console-sources.ts';
import { readPageFiles, type PageFile } from './page-files.ts';

/** Answers requests below /console. False for any other path: nothing has been done then. */
export type ConsoleHandler = (request: IncomingMessage, response: ServerResponse) => boolean;

const base = '/console';

const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  failed_precondition: 409,
  already_exists: 409,
  resource_exhausted: 429,
  unavailable: 503,
  deadline_exceeded: 504,
};

/** No script, style, or connection but this server's own, no frame around the page, nothing kept by proxies. */
const securityHeaders = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cross-Origin-Opener-Policy': 'same-origin',
} as const;

/** The page at /console/, and below /console/api/ what it asks for besides the metrics. */
export function createConsoleHandler(sources: ConsoleSources): ConsoleHandler {
  let files: ReadonlyMap<string, PageFile> | undefined;
  return (request, response) => {
    const [path = ''] = (request.url ?? '').split('?', 1);
    if (path !== base && !path.startsWith(`${base}/`)) return false;
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    const answer = async (): Promise<void> => {
      if (!sources.hasKeys) checkLoopbackHost(request.headers);
      if (path.startsWith(`${base}/api/`)) {
        const result = await answerApi(path.slice(base.length + 5), request, sources);
        sendJson(response, 200, result);
        return;
      }
      files ??= readPageFiles();
      sendFile(path, { request, response, files });
    };
    answer().catch((error: unknown) => sendError(request, response, { error, sources }));
    return true;
  };
}

async function answerApi(path: string, request: IncomingMessage, sources: ConsoleSources): Promise<object> {
  const action = actionNames.find((name) => name === path);
  if (action !== undefined) {
    checkMethod(request, ['POST']);
    checkAction(request.headers);
    await act(action, request, callerOf(request, sources, 'admin'), sources);
    return {};
  }
  if (path !== 'server') throw notFound();
  checkMethod(request, ['GET']);
  checkSameOrigin(request.headers);
  const principal = callerOf(request, sources, 'infer');
  const { id, version, draining } = sources.server();
  return {
    id,
    version,
    draining,
    principal: principal.name,
    scopes: [...principal.scopes],
    index: sources.catalog.index(false),
  };
}

/** Reading takes the scope infer or admin. */
function callerOf(request: IncomingMessage, { authenticate }: ConsoleSources, scope: Scope): Principal {
  const principal = authenticate((name) => {
    const value = request.headers[name];
    return Array.isArray(value) ? value[0] : value;
  });
  if (principal.scopes.has(scope) || principal.scopes.has('admin')) return principal;
  throw new ServingError('permission_denied', `the scope '${scope}' is needed for this`, {
    reason: 'SCOPE_MISSING',
  });
}

interface FileAnswer {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly files: ReadonlyMap<string, PageFile>;
}

function sendFile(path: string, { request, response, files }: FileAnswer): void {
  checkMethod(request, ['GET', 'HEAD']);
  if (path === base) {
    // Relative, so that it holds behind proxies that put a path before it.
    response.writeHead(308, { Location: 'console/', 'Content-Length': 0 }).end();
    return;
  }
  const file = files.get(path.slice(base.length + 1) || 'index.html');
  if (file === undefined) throw notFound();
  response.setHeader('ETag', file.etag);
  response.setHeader('Cache-Control', 'no-cache');
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': file.type, 'Content-Length': file.body.length });
  response.end(request.method === 'HEAD' ? undefined : file.body);
}

function checkMethod({ method = '' }: IncomingMessage, allowed: readonly string[]): void {
  if (allowed.includes(method)) return;
  throw new ServingError('unimplemented', `the method must be ${allowed.join(' or ')}`, {
    reason: 'METHOD_NOT_ALLOWED',
  });
}

function notFound(): ServingError {
  return new ServingError('not_found', 'there is nothing at this path', { reason: 'PATH_NOT_FOUND' });
}

interface Failure {
  readonly error: unknown;
  readonly sources: ConsoleSources;
}

function sendError(request: IncomingMessage, response: ServerResponse, { error, sources }: Failure): void {
  const failure = ServingError.from(error);
  if (failure.code === 'internal') sources.logger.error({ error }, 'console: a request failed');
  if (response.headersSent) {
    response.destroy();
    return;
  }
  // Whatever is left of the body ends with its connection.
  if (!request.complete) response.setHeader('Connection', 'close');
  const status = failure.reason === 'METHOD_NOT_ALLOWED' ? 405 : (statuses[failure.code] ?? 500);
  sendJson(response, status, { error: failure.message, reason: failure.reason });
}

function sendJson(response: ServerResponse, status: number, value: object): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
  });
  response.end(body);
}
