import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLoopback, parseAddress } from '../../../src/config/address.ts';

test('host names, IPv4 and bracketed IPv6 addresses are read', () => {
  assert.deepEqual(parseAddress('127.0.0.1:0'), { host: '127.0.0.1', port: 0 });
  assert.deepEqual(parseAddress('admin.local:80'), { host: 'admin.local', port: 80 });
  assert.deepEqual(parseAddress('[::1]:8003'), { host: '::1', port: 8003 });
});

for (const wrong of ['localhost', ':80', '1.2.3.4:65536', '::1:80', '[zz]:1', '[1.2.3.4]:1', 'a:b']) {
  test(`${wrong} is no address`, () => assert.equal(parseAddress(wrong), undefined));
}

test('loopback is 127/8, ::1 and localhost', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost']) assert.equal(isLoopback(host), true);
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.evil.com']) assert.equal(isLoopback(host), false);
});
