import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { noteClosed, useFullCollector } from '../../../src/util/closed-sessions.ts';

afterEach(() => useFullCollector(undefined));

function close(sessions: number): void {
  for (let i = 0; i < sessions; i++) noteClosed();
}

test('every 32 closed sessions are collected, counted from when a collector is chosen', () => {
  let collections = 0;
  close(20);
  useFullCollector(() => {
    collections += 1;
  });
  close(31);
  assert.equal(collections, 0);
  close(1);
  assert.equal(collections, 1);
  close(64);
  assert.equal(collections, 3);
});

test('without a collector nothing happens', () => {
  close(100);
});
