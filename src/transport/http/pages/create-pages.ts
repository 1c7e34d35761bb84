import type { ModelCatalog } from '../../../inference/catalog.ts';
import { anonymous } from '../../../inference/principal.ts';
import type { Clock } from '../../../util/clock.ts';
import type { Dialect } from '../dialect.ts';
import { reads, type Endpoint, type HttpCall } from '../http-call.ts';
import type { ProtocolAbilities } from '../open-api/protocol-part.ts';
import { jsonPieces, jsonReply, type HttpReply } from '../reply.ts';
import { errorReply } from '../status.ts';
import { PageAsset } from './page-assets.ts';

/** The front that the pages are about. */
export interface PagedFront {
  readonly catalog: ModelCatalog;
  /** In the order in which they answer. */
  readonly dialects: readonly Dialect[];
  readonly abilities: ProtocolAbilities;
  readonly serverVersion: string;
  readonly clock: Clock;
  /** Where gRPC is, for calls that are shown; undefined where it is off. */
  readonly grpc: () => GrpcPlace | undefined;
}

export interface GrpcPlace {
  /** 0 for the port of HTTP. */
  readonly port: number;
  readonly tls: boolean;
}

const html = 'text/html; charset=utf-8';
const script = 'text/javascript; charset=utf-8';
const style = 'text/css; charset=utf-8';

const assets = [
  ['/docs', 'docs.html', html],
  ['/docs/docs.js', 'docs.js', script],
  ['/docs/landing.js', 'landing.js', script],
  ['/docs/ask-for-key.js', 'ask-for-key.js', script],
  ['/docs/pages.css', 'pages.css', style],
  ['/docs/swagger-ui-bundle.js', 'swagger-ui-bundle.js', script],
  ['/docs/swagger-ui.css', 'swagger-ui.css', style],
] as const;

/**
 * All dialects, with pages for people around them: the landing page at `/`, where browsers ask and nobody else, `/docs`, and
 * what those read: `/openapi.json` and `/docs/models.json`. The pages themselves are open to everybody and tell nothing; what
 * they read needs what everything needs that tells of models.
 */
export function createPages(front: PagedFront): readonly Dialect[] {
  const { catalog, dialects, serverVersion: version, grpc } = front;
  const plain = dialects.some(({ endpoints }) => endpoints.has('/v1/models/{model}/predict'));
  const described = new Described(front);
  const openApi = reads('infer', async () => jsonPieces([await described.text()]));
  const served = reads('infer', async ({ context }) => {
    const { servedModels } = await import('./served-models.ts');
    const keyed = context.principal.name !== anonymous.name;
    const place = grpc();
    return jsonReply({ version, grpc: place, models: servedModels(catalog, { plain, grpc: place, keyed }) });
  });
  const pages = new Map<string, Endpoint>([
    ...assets.map(([path, file, type]) => [path, new PageAsset(file, type).endpoint] as const),
    ['/openapi.json', openApi],
    ['/docs/models.json', served],
  ]);
  const root = new Map([['/', landing(dialects.find(({ endpoints }) => endpoints.has('/')))]]);
  return [dialectOf(root), ...dialects, dialectOf(pages)];
}

/** Making it anew for each reader would keep requests waiting: it takes 20 ms for 50 models. */
const describeEveryMs = 1000;

/** The description as text, at most a second old. */
class Described {
  readonly #front: PagedFront;
  #text: Promise<Buffer> | undefined = undefined;
  #madeAt = 0;

  constructor(front: PagedFront) {
    this.#front = front;
  }

  text(): Promise<Buffer> {
    const now = this.#front.clock.now();
    if (this.#text === undefined || now - this.#madeAt >= describeEveryMs) {
      this.#madeAt = now;
      this.#text = describeFront(this.#front).then((document) => Buffer.from(JSON.stringify(document)));
    }
    return this.#text;
  }
}

/** Its code is loaded with the first reader. */
async function describeFront({ catalog, dialects, abilities, serverVersion }: PagedFront): Promise<object> {
  const { describedModels } = await import('../open-api/described-model.ts');
  const { openApiDocument } = await import('../open-api/document.ts');
  const { protocolPart } = await import('../open-api/protocol-part.ts');
  const models = describedModels(catalog);
  const others = await Promise.all(dialects.map(({ describe }) => describe(models)));
  const parts = [protocolPart(models, abilities), ...others];
  return openApiDocument({ version: serverVersion, models, parts });
}

function dialectOf(endpoints: ReadonlyMap<string, Endpoint>): Dialect {
  return { endpoints, errorReply, describe: () => Promise.resolve({ paths: {}, schemas: {} }) };
}

/** The page for browsers; for everybody else what the dialect that has `/` answers. */
function landing(dialect: Dialect | undefined): Endpoint {
  const page = new PageAsset('landing.html', html);
  const other = dialect?.endpoints.get('/');
  const get = async (call: HttpCall): Promise<HttpReply> => {
    if (/\btext\/html\b/i.test(call.header('accept') ?? '')) {
      return page.reply(call);
    }
    if (dialect === undefined || other?.get === undefined) return jsonReply({ error: 'Not Found' }, 404);
    try {
      return await other.get(call);
    } catch (thrown) {
      return dialect.errorReply(thrown);
    }
  };
  return other === undefined ? reads('none', get) : { ...other, get };
}
