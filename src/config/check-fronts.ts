import type { Options } from './options.ts';

/** What is wrong with the ports of gRPC and HTTP together. `from` tells where a setting came from, for the texts. */
export function checkFronts(options: Options, from: (path: string) => string): string[] {
  return [
    ...checkCertificates(options, from),
    ...checkSharedPort(options, from),
    ...checkRoutes(options, from),
  ];
}

function checkCertificates({ grpc, http }: Options, from: (path: string) => string): string[] {
  const problems: string[] = [];
  const { tls } = grpc;
  const secure = tls.enabled ? 'grpc.tls.enabled' : http.tls.enabled ? 'http.tls.enabled' : undefined;
  for (const name of ['cert', 'key'] as const) {
    if (secure !== undefined && tls[name] === undefined) {
      problems.push(`grpc.tls.${name} must name a file when ${secure} is true${from(secure)}`);
    }
    if (secure === undefined && tls[name] !== undefined) {
      problems.push(`grpc.tls.${name} is given, but grpc.tls.enabled is false${from(`grpc.tls.${name}`)}`);
    }
  }
  const mutual = tls.mutual ? 'grpc.tls.mutual' : http.tls.mutual ? 'http.tls.mutual' : undefined;
  if (mutual !== undefined && tls.clientCa === undefined) {
    problems.push(`grpc.tls.clientCa must name a file when ${mutual} is true${from(mutual)}`);
  }
  if (mutual === undefined && tls.clientCa !== undefined) {
    problems.push(`grpc.tls.clientCa is given, but grpc.tls.mutual is false${from('grpc.tls.clientCa')}`);
  }
  return problems;
}

/** On the port of gRPC, HTTP has none of its own to be secured or bound. */
function checkSharedPort({ grpc, http }: Options, from: (path: string) => string): string[] {
  const problems: string[] = [];
  if (!http.onGrpcPort) {
    if (http.enabled && http.port !== 0 && http.port === grpc.port && http.address === grpc.address) {
      problems.push(
        `http.port must differ from grpc.port unless http.onGrpcPort is true, got ${http.port}${from('http.port')}`,
      );
    }
    return problems;
  }
  const origin = from('http.onGrpcPort');
  if (!http.enabled) problems.push(`http.onGrpcPort needs http.enabled true, got false${origin}`);
  if (grpc.transport !== 'h2') {
    problems.push(`http.onGrpcPort needs grpc.transport h2, got ${JSON.stringify(grpc.transport)}${origin}`);
  }
  if (http.tls.enabled) {
    problems.push(
      `http.tls.enabled has no meaning with http.onGrpcPort: grpc.tls.enabled is for both${from('http.tls.enabled')}`,
    );
  }
  if (http.unixSocket !== undefined) {
    problems.push(
      `http.unixSocket has no meaning with http.onGrpcPort: grpc.unixSocket is for both${from('http.unixSocket')}`,
    );
  }
  return problems;
}

function checkRoutes({ http }: Options, from: (path: string) => string): string[] {
  return (['predictRoute', 'healthRoute'] as const).flatMap((name) => {
    if (/^\/[^\s{}?#]*$/.test(http[name])) return [];
    const got = JSON.stringify(http[name]);
    return [`http.${name} must be a path that begins with /, got ${got}${from(`http.${name}`)}`];
  });
}
