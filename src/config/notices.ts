import { isLoopback } from './address.ts';
import type { Options } from './options.ts';

/** What is allowed, but worth a warning at start. */
export function noticesOf(options: Options): string[] {
  return [...openToRun(options), ...openToOverhear(options), ...openToRead(options)];
}

function openToRead({ metrics }: Options): string[] {
  if (!metrics.enabled || isLoopback(metrics.address)) return [];
  return [
    `metrics are open to the network on ${metrics.address}: anyone who reaches port ${metrics.port} may read the names and the load of all models`,
  ];
}

/** Addresses of the data plane that others reach, without those that `isSafe`. */
function openAddresses({ grpc, http }: Options, isSafe: (tls: Options['http']['tls']) => boolean): string[] {
  const hasOwnPort = http.enabled && !http.onGrpcPort;
  const open = [
    grpc.enabled && !isSafe(grpc.tls) ? grpc.address : '',
    hasOwnPort && !isSafe(http.tls) ? http.address : '',
  ];
  return [...new Set(open)].filter((address) => address !== '' && !isLoopback(address));
}

function openToRun(options: Options): string[] {
  const { models, security } = options;
  if (security.apiKeysFile !== undefined) return [];
  const control = models.controlMode === 'explicit' ? ', load and unload models' : '';
  return openAddresses(options, ({ mutual }) => mutual).map(
    (address) =>
      `${address} is open to the network without API keys: anyone who reaches it may run${control} (set --api-keys-file)`,
  );
}

function openToOverhear(options: Options): string[] {
  if (options.security.apiKeysFile === undefined) return [];
  return openAddresses(options, ({ enabled }) => enabled).map(
    (address) =>
      `API keys are taken on ${address} without TLS: whoever overhears the network can use them (set --grpc-use-ssl and --http-use-ssl, or let a proxy on this machine do TLS)`,
  );
}
