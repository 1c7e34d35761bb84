import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfigFile, readConfigText } from '../../../src/config/read-file.ts';

test('values carry the line they stand on, in YAML and in JSON', () => {
  const yaml = readConfigText('# note\ngrpc:\n  port: 5\n', 'a.yaml');
  assert.deepEqual(yaml.given, [{ path: 'grpc.port', value: 5, origin: 'a.yaml:3' }]);
  const json = readConfigText('{\n\t"grpc": {\n\t\t"tls": {"enabled": true}\n\t}\n}', 'a.json');
  assert.deepEqual(json.given, [{ path: 'grpc.tls.enabled', value: true, origin: 'a.json:3' }]);
});

test('an unknown name is an error with the nearest one of its part', () => {
  assert.deepEqual(readConfigText('grpc:\n  prot: 5\ngrcp: {}\n', 'a.yaml').problems, [
    'grpc.prot is not an option (did you mean port?) (a.yaml:2)',
    'grcp is not an option (did you mean grpc?) (a.yaml:3)',
  ]);
});

test('a part that is no mapping is an error', () => {
  assert.deepEqual(readConfigText('grpc: 5', 'a.yaml').problems, ['grpc must be a mapping (a.yaml:1)']);
  assert.deepEqual(readConfigText('- 5', 'a.yaml').problems, [
    'the configuration must be a mapping (a.yaml:1)',
  ]);
});

test('an empty file and empty parts say nothing', () => {
  assert.deepEqual(readConfigText('', 'a.yaml'), { given: [], problems: [], notices: [] });
  assert.deepEqual(readConfigText('grpc:\nlog:\n', 'a.yaml').problems, []);
});

test('broken YAML is an error with its line', () => {
  assert.match(readConfigText('a: [1\nb: 2\n', 'a.yaml').problems[0] ?? '', /^a\.yaml:[12]: /);
});

test('aliases that unfold without end are refused', () => {
  const levels = Array.from(
    { length: 12 },
    (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`,
  );
  const { problems } = readConfigText(`l0: &l0 [x]\n${levels.join('\n')}\n`, 'a.yaml');
  assert.match(problems.join('\n'), /alias/i);
});

test('a file that cannot be read is an error', () => {
  assert.deepEqual(readConfigFile('/nowhere/x.yaml').problems, [
    'cannot read the configuration file /nowhere/x.yaml: ENOENT',
  ]);
});
