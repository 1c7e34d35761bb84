import { ServingError } from '../errors.ts';

/** Where a Redis is, and as whom to go there. */
export interface RedisPlace {
  /** host:port of the server, of its Sentinels, or of some nodes of the cluster. */
  readonly nodes: readonly string[];
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** Of the master, as Sentinels call it. */
  readonly sentinelName: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Its first line is the password. */
  readonly passwordFile?: string | undefined;
  /** Number of the database; a cluster has but one. */
  readonly database?: number | undefined;
  readonly tls: boolean;
  /** File of PEM certificates that the server's must chain to. */
  readonly tlsCa?: string | undefined;
}

/** The same as people write it in one line. */
export interface RedisUrl {
  /** redis:// or rediss:// with host, port and perhaps user and database; several hosts with commas between them. */
  readonly url: string;
  /** What the hosts are; one server unless said otherwise. */
  readonly mode?: RedisPlace['mode'];
  readonly sentinelName?: string;
  readonly passwordFile?: string | undefined;
}

/** Scheme, user and password, hosts, database. */
const parts = /^(rediss?):\/\/(?:([^@/]*)@)?([^@/?]+)(?:\/(\d*))?$/;

/** @throws ServingError failed_precondition for a URL that is none of Redis. */
export function placeOfUrl({ url, mode = 'single', sentinelName = '', passwordFile }: RedisUrl): RedisPlace {
  const [, scheme, user = '', hosts, database = ''] = parts.exec(url) ?? [];
  if (hosts === undefined) {
    throw new ServingError(
      'failed_precondition',
      'a URL of Redis is not scheme://user@host:port/database, with commas between several hosts',
    );
  }
  const [, username = '', password] = /^([^:]*)(?::(.*))?$/s.exec(user) ?? [];
  return {
    nodes: hosts.split(','),
    mode,
    sentinelName,
    username: username === '' ? undefined : decodeURIComponent(username),
    password: password === undefined ? undefined : decodeURIComponent(password),
    passwordFile,
    database: database === '' ? undefined : Number(database),
    tls: scheme === 'rediss',
  };
}
