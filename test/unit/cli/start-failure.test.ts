import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainStartFailure } from '../../../src/cli/start-failure.ts';
import { loadOptions } from '../../../src/config/load.ts';
import type { Options } from '../../../src/config/options.ts';
import { ServingError } from '../../../src/errors.ts';

function options(...args: string[]): Options {
  const effective = loadOptions({ args: ['models', ...args], environment: {} });
  if (effective.kind === 'refused') throw new Error(effective.problems.join());
  return effective.options;
}

const places: readonly (readonly [said: string, shown: RegExp])[] = [
  [
    'listen EADDRINUSE: address already in use 127.0.0.1:8001',
    /^cannot listen on 127\.0\.0\.1:8001: another process uses it \(EADDRINUSE\); see --grpc-address and --grpc-port/,
  ],
  ['listen EADDRINUSE: address already in use 127.0.0.1:8000', /--http-port/],
  ['listen EADDRINUSE: address already in use :::8002', /^cannot listen on :::8002: .*--metrics-port/],
  ['listen EADDRINUSE: address already in use 127.0.0.1:8003', /--admin-address \(off closes it\)$/],
  [
    'listen EADDRNOTAVAIL: address not available 8.8.8.8:8001',
    /: this machine has no such address .*--grpc-address/,
  ],
  [
    'listen EACCES: permission denied /run/x.sock',
    /^cannot listen on \/run\/x\.sock: .*; --grpc-unix-socket/,
  ],
  [
    'No address added out of total 1 resolved errors: [listen EADDRINUSE: address already in use 127.0.0.1:8001]',
    /^cannot listen on 127\.0\.0\.1:8001: .*--grpc-port/,
  ],
  ['Error: listen EADDRINUSE: address already in use 127.0.0.1:8001\n    at somewhere', /--grpc-port/],
];

for (const [said, shown] of places) {
  test(`"${said.split('\n')[0]}" names the place and the option, without a stack`, () => {
    const failure = explainStartFailure(new Error(said), options('--grpc-unix-socket', '/run/x.sock'));
    assert.match(failure.message, shown);
    assert.equal(failure.cause, undefined);
  });
}

test('an address with a port where a host belongs names the option of the port', () => {
  const explain = (host: string) =>
    explainStartFailure(new Error(`getaddrinfo ENOTFOUND ${host}`), options('--http-address', host)).message;
  assert.equal(
    explain('127.0.0.1:9000'),
    'cannot listen on 127.0.0.1:9000: no such host (ENOTFOUND); --http-address takes a host, and its port is --http-port 9000',
  );
  assert.match(explain('nosuch'), /^cannot listen on nosuch: .*--http-address takes a host$/);
  assert.doesNotMatch(
    explainStartFailure(new Error('getaddrinfo ENOTFOUND redis.local'), options()).message,
    /cannot listen/,
  );
});

test('an expected failure says what the system said, once, and needs no stack', () => {
  const cause = new Error("ENOENT: no such file or directory, realpath '/nope'");
  const unreadable = new ServingError('failed_precondition', "the model repository '/nope' cannot be read", {
    cause,
  });
  assert.deepEqual(explainStartFailure(unreadable, options()), {
    message: "the model repository '/nope' cannot be read (ENOENT)",
    cause: undefined,
  });
  const named = new ServingError('failed_precondition', '/nope cannot be read (ENOENT)', { cause });
  assert.equal(explainStartFailure(named, options()).message, '/nope cannot be read (ENOENT)');
});

test('what nobody expected keeps its stack', () => {
  const bug = new Error('ENOENT: of something unknown');
  assert.deepEqual(explainStartFailure(bug, options()), { message: 'internal error', cause: bug });
});
