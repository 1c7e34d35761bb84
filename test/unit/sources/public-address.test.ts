import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPublicAddress } from '../../../src/sources/public-address.ts';

const inner = [
  '127.0.0.1',
  '10.1.2.3',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  'fe80::1',
  'fd00:ec2::254',
  '64:ff9b::7f00:1',
  '2002:7f00:1::',
  '2001::1',
  'ff02::1',
  'localhost',
  '',
];
for (const address of inner) {
  test(`'${address}' is not public`, () => assert.equal(isPublicAddress(address), false));
}

for (const address of ['8.8.8.8', '172.32.0.1', '151.101.1.1', '2606:4700::1111', '2a00:1450:4001::1']) {
  test(`${address} is public`, () => assert.equal(isPublicAddress(address), true));
}
