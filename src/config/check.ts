import type { Given } from './given.ts';
import type { Options } from './options.ts';
import { isLoopback, parseAddress } from './address.ts';
import { checkFronts } from './check-fronts.ts';
import { checkRepositories } from './check-repositories.ts';
import { parseRateLimitResource } from './rate-limit-resource.ts';

/** What is wrong with values that are each fine alone. */
export function checkTogether(options: Options, given: ReadonlyMap<string, Given>, cores: number): string[] {
  const problems: string[] = [];
  const from = (path: string): string => {
    const origin = given.get(path)?.origin;
    return origin === undefined ? '' : ` (${origin})`;
  };
  const { models, grpc, metrics, security, server } = options;
  problems.push(...checkRepositories(options, from));
  if (options.tasks.redisUrl !== undefined && !/^rediss?:\/\/[^\s]+$/.test(options.tasks.redisUrl)) {
    problems.push(`tasks.redisUrl must begin with redis:// or rediss://${from('tasks.redisUrl')}`);
  }
  if (options.tasks.redisMode === 'single' && options.tasks.redisUrl?.includes(',') === true) {
    problems.push(
      `tasks.redisUrl names several hosts, which needs tasks.redisMode sentinel or cluster${from('tasks.redisUrl')}`,
    );
  }
  if (!grpc.enabled) {
    problems.push(
      `grpc.enabled must be true, got false: the command line's own client and the examples need gRPC${from('grpc.enabled')}`,
    );
  }
  if (server.ioThreads > cores) {
    problems.push(
      `server.ioThreads must be at most the ${cores} cores of this machine, got ${server.ioThreads}${from('server.ioThreads')}`,
    );
  }
  const limited = models.rateLimit !== 'off';
  if (limited && server.ioThreads > 1) {
    problems.push(
      `models.rateLimit ${JSON.stringify(models.rateLimit)} needs server.ioThreads 1: threads do not share resources${from('models.rateLimit')}`,
    );
  }
  if (!limited && models.rateLimitResources.length > 0) {
    problems.push(
      `models.rateLimitResources needs models.rateLimit execution_count${from('models.rateLimitResources')}`,
    );
  }
  for (const text of models.rateLimitResources) {
    if (parseRateLimitResource(text) === undefined) {
      problems.push(
        `models.rateLimitResources must be name:count or name:count:device, got ${JSON.stringify(text)}${from('models.rateLimitResources')}`,
      );
    }
  }
  if (options.quality.store === 'redis' && options.cache.redis.nodes.length === 0) {
    problems.push(`quality.store redis needs cache.redis.nodes (--cache-redis)${from('quality.store')}`);
  }
  if (options.rollouts.store === 'redis' && options.cache.redis.nodes.length === 0) {
    problems.push(`rollouts.store redis needs cache.redis.nodes (--cache-redis)${from('rollouts.store')}`);
  }
  problems.push(...checkFronts(options, from));
  for (const entry of metrics.config) {
    if (/^(counter|histogram)_latencies=(true|false)$/.test(entry) || entry === 'summary_latencies=false')
      continue;
    problems.push(
      `metrics.config must be counter_latencies or histogram_latencies with =true or =false, got ${JSON.stringify(entry)}${from('metrics.config')}`,
    );
  }
  if (metrics.console === 'on' && !isLoopback(metrics.address) && security.apiKeysFile === undefined) {
    problems.push(
      `metrics.console "on" needs security.apiKeysFile unless metrics.address is a loopback address, got ${JSON.stringify(metrics.address)}${from('metrics.console')}`,
    );
  }
  problems.push(...checkAdmin(options, from));
  return problems;
}

/** Who reaches administration without a key may do everything. */
function checkAdmin({ admin, security }: Options, from: (path: string) => string): string[] {
  const problems: string[] = [];
  for (const name of ['address', 'httpAddress'] as const) {
    const chosen = admin[name];
    const address = chosen === 'off' ? undefined : parseAddress(chosen);
    const got = `got ${JSON.stringify(chosen)}${from(`admin.${name}`)}`;
    if (chosen !== 'off' && address === undefined) {
      problems.push(`admin.${name} must be host:port or off, ${got}`);
    }
    if (address !== undefined && !isLoopback(address.host) && security.apiKeysFile === undefined) {
      problems.push(`admin.${name} must be a loopback address unless security.apiKeysFile is set, ${got}`);
    }
  }
  return problems;
}
