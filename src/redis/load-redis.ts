import type { Cluster, Redis } from 'ioredis';
import { ServingError } from '../errors.ts';
import type { RedisSettings } from './redis-settings.ts';

export type RedisClient = Redis | Cluster;

/**
 * Makes a client that connects in the background, again and again; whoever has it made disconnects it.
 *
 * @param onProblem is told why Redis cannot be reached: once, until it has been.
 */
export type CreateRedis = (settings: RedisSettings, onProblem: (problem: string) => void) => RedisClient;

/**
 * Loads the optional package ioredis.
 *
 * @param user what needs it, for whoever does not have it.
 * @throws ServingError failed_precondition when it is not installed.
 */
export async function loadRedis(user: string): Promise<CreateRedis> {
  const { Cluster, Redis } = await import('ioredis').catch((cause: unknown) => {
    const problem = `${user} needs the package ioredis: npm install ioredis@6.0.0`;
    throw new ServingError('failed_precondition', problem, { cause });
  });
  return (settings, onProblem) => {
    const client =
      settings.kind === 'cluster'
        ? new Cluster(settings.nodes, settings.options)
        : new Redis(settings.options);
    let told = false;
    // Without a listener a failure would end the process.
    client.on('error', (error: Error & { readonly lastNodeError?: Error }) => {
      if (told) return;
      told = true;
      // No more than its text: what failed may be the command that holds the password.
      onProblem(error.lastNodeError?.message ?? error.message);
    });
    client.on('ready', () => {
      told = false;
    });
    return client;
  };
}
