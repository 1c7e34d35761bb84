import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SessionPlan } from '../../../src/inference/executor.ts';
import { configFromPbtxt } from '../../../src/models/config-from-pbtxt.ts';
import { instanceLimitsOf, sessionPlanOf } from '../../../src/models/session-plan.ts';
import { refusalOf } from '../../support/refusal.ts';

function planOf(config: string): SessionPlan {
  return sessionPlanOf({ ...configFromPbtxt(config, 'm'), name: 'm' }, 'model.onnx', {
    placement: 'auto',
    isolation: 'thread',
    allowProviderFallback: false,
  });
}

function parameter(name: string, value: string): string {
  return `parameters { key: "${name}" value { string_value: "${value}" } }`;
}

test('without a word of the configuration one session runs on the CPU, with everything on', () => {
  assert.deepEqual(planOf(''), {
    name: 'm',
    modelPath: 'model.onnx',
    instances: [{ name: 'cpu', deviceId: 0, options: {} }],
    intraOpThreads: 0,
    interOpThreads: 0,
    executionMode: 'sequential',
    graphOptimization: 'all',
    memoryArena: true,
    memoryPattern: true,
    configEntries: {},
    placement: 'auto',
    isolation: 'thread',
    allowProviderFallback: false,
  });
});

const groups: readonly (readonly [string, readonly string[]])[] = [
  ['instance_group { count: 3 kind: KIND_CPU }', ['cpu 0', 'cpu 0', 'cpu 0']],
  [
    'instance_group { kind: KIND_CPU } instance_group { kind: KIND_CPU count: 2 }',
    ['cpu 0', 'cpu 0', 'cpu 0'],
  ],
  ['instance_group { kind: KIND_GPU }', ['cuda 0']],
  ['instance_group { kind: KIND_GPU count: 2 gpus: [ 0, 3 ] }', ['cuda 0', 'cuda 0', 'cuda 3', 'cuda 3']],
  ['instance_group { gpus: [ 1 ] }', ['cuda 1']],
  ['instance_group { count: 2 }', ['cpu 0', 'cpu 0']],
  ['instance_group { count: 2 passive: true } instance_group { count: 1 }', ['cpu 0']],
];

for (const [config, instances] of groups) {
  test(`${config} is ${instances.join(', ')}`, () => {
    const plan = planOf(config);
    assert.deepEqual(
      plan.instances.map(({ name, deviceId }) => `${name} ${deviceId}`),
      instances,
    );
  });
}

test("Triton's levels of graph optimization do not mean what their numbers suggest", () => {
  const levelOf = (level: number): string =>
    planOf(`optimization { graph { level: ${level} } }`).graphOptimization;
  assert.deepEqual([-1, 0, 1, 2].map(levelOf), ['basic', 'all', 'extended', 'disabled']);
});

test('a GPU accelerator puts instances of no stated kind on the GPU, with its parameters', () => {
  const accelerator = (name: string): string =>
    `optimization { execution_accelerators { gpu_execution_accelerator { name: "${name}" parameters { key: "trt_x" value: "1" } } } }`;
  for (const provider of ['tensorrt', 'cuda']) {
    const [instance] = planOf(accelerator(provider)).instances;
    assert.equal(instance?.name, provider);
    assert.deepEqual(Object.entries(instance.options), [['trt_x', '1']]);
  }
  assert.match(refusalOf(() => planOf(accelerator('rocm'))).message, /'rocm' is not one of tensorrt, cuda/);
});

test("the ONNX Runtime backend's own parameters for CUDA reach the provider", () => {
  const { instances } = planOf(
    `instance_group { kind: KIND_GPU } ${parameter('gpu_mem_limit', '1000')} ${parameter('do_copy_in_default_stream', '1')}`,
  );
  assert.deepEqual(instances[0]?.options, { gpu_mem_limit: '1000', do_copy_in_default_stream: '1' });
});

test('parameters of the ONNX Runtime backend shape the session', () => {
  const plan = planOf(
    [
      parameter('intra_op_thread_count', '4'),
      parameter('inter_op_thread_count', '2'),
      parameter('execution_mode', '1'),
      parameter('enable_mem_arena', '0'),
      parameter('enable_mem_pattern', '0'),
      parameter('session.use_device_allocator_for_initializers', '1'),
      parameter('anything_else', 'ignored'),
    ].join('\n'),
  );
  assert.equal(plan.intraOpThreads, 4);
  assert.equal(plan.interOpThreads, 2);
  assert.equal(plan.executionMode, 'parallel');
  assert.equal(plan.memoryArena, false);
  assert.equal(plan.memoryPattern, false);
  assert.deepEqual(plan.configEntries, { 'session.use_device_allocator_for_initializers': '1' });
});

for (const [name, value] of [
  ['intra_op_thread_count', '-1'],
  ['intra_op_thread_count', 'many'],
  ['inter_op_thread_count', '1.5'],
  ['execution_mode', '2'],
  ['enable_mem_arena', 'true'],
  ['enable_mem_pattern', ''],
] as const) {
  test(`${name} '${value}' is refused by name`, () => {
    const { message, code } = refusalOf(() => planOf(parameter(name, value)));
    assert.equal(code, 'invalid_argument');
    assert.ok(message.includes(`parameters["${name}"]`), message);
  });
}

test('limits of instances stand in the order of the sessions, with 1 for no priority', () => {
  const a = { name: 'a', global: false, count: 2 };
  const config = `
    instance_group { count: 2 rate_limiter { priority: 3 resources { name: "a" count: 2 } } }
    instance_group { kind: KIND_GPU gpus: [ 1, 4 ] }`;
  assert.deepEqual(instanceLimitsOf(configFromPbtxt(config, 'm')), [
    { deviceId: 0, resources: [a], priority: 3 },
    { deviceId: 0, resources: [a], priority: 3 },
    { deviceId: 1, resources: [], priority: 1 },
    { deviceId: 4, resources: [], priority: 1 },
  ]);
  assert.equal(planOf(config).instances.length, 4);
});

test('a configuration that limits nothing has no limits', () => {
  assert.deepEqual(instanceLimitsOf(configFromPbtxt('instance_group { count: 2 }', 'm')), []);
});

test('a model may ask for processes of its own, and nothing but threads and processes', () => {
  assert.equal(planOf(parameter('isolation', 'process')).isolation, 'process');
  assert.equal(planOf(parameter('isolation', 'thread')).isolation, 'thread');
  assert.match(
    refusalOf(() => planOf(parameter('isolation', 'vm'))).message,
    /expected thread or process, got 'vm'/,
  );
});
