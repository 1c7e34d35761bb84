import { z } from 'zod';
import { choice, integer, list, optionalText, toggle } from './setting.ts';

/** Highest delay that Node's timers take; a longer one would fire at once. */
const durationMs = { min: 0, max: 2 ** 31 - 1 };

/** The options of models and where they run. */
export const models = z
  .strictObject({
    repositories: list({
      flag: 'model-repository',
      aliases: ['model-store'],
      value: 'path|uri',
      about:
        'Folder of models, a folder of .onnx files, or one .onnx file; or s3://, gs://, as://, az:// and http(s):// places of such, hf://organisation/name of the Hugging Face hub, oci:// artifacts, or models:/name@alias of MLflow. May be repeated. See model-sources.md.',
      shownDefault: '/mnt/models when it exists',
    }),
    controlMode: choice('none', ['none', 'poll', 'explicit', 'on-demand'], {
      flag: 'model-control-mode',
      about:
        'none: load all models at start. poll: also follow changes of the repository. explicit: load and unload on request. on-demand: load what inference asks for, and unload what it has not asked for longest when there is no room. See models.md.',
    }),
    load: list({
      flag: 'load-model',
      value: 'model',
      about:
        'Model to load at start in modes explicit and on-demand; * for all. May be repeated. In mode on-demand it stays loaded.',
    }),
    pollSecs: integer(
      15,
      { min: 1, max: 86_400 },
      {
        flag: 'repository-poll-secs',
        live: true,
        value: 'seconds',
        about: 'How often mode poll looks for changes.',
      },
    ),
    configName: optionalText({
      flag: 'model-config-name',
      value: 'name',
      about: "Use a model's configs/<name>.pbtxt instead of config.pbtxt where it exists.",
    }),
    defaultMaxBatchSize: integer(
      32,
      { min: 0, max: 65_536 },
      {
        flag: 'default-max-batch-size',
        live: true,
        value: 'rows',
        about:
          'Largest batch of models that can batch but do not say how far; 0 turns batching off for them.',
      },
    ),
    defaultModel: optionalText({
      flag: 'default-model',
      value: 'model',
      about: 'Model that requests mean whose form can leave it out; without it, the only one that is ready.',
    }),
    strictReadiness: toggle(true, {
      flag: 'strict-readiness',
      live: true,
      about: 'The server is ready only while all models that should be ready are.',
    }),
    rateLimit: choice('off', ['off', 'execution_count'], {
      flag: 'rate-limit',
      about:
        'execution_count: instances run only while the resources of their rate_limiter are free, and take turns. See batching.md.',
    }),
    rateLimitResources: list({
      flag: 'rate-limit-resource',
      value: 'name:count[:device]',
      about:
        'How much there is of a resource, with --rate-limit execution_count. May be repeated; without any, as much as the instance needs that needs most.',
    }),
    placement: choice('auto', ['auto', 'inline', 'thread'], {
      flag: 'placement',
      live: true,
      about:
        'Where models run: on threads of their own, on the thread that serves, or chosen by measured cost.',
    }),
    isolation: choice('thread', ['thread', 'process'], {
      flag: 'isolation',
      live: true,
      about:
        'process: each instance in a process of its own, so that a crash of native code ends no more than that; dearer per batch. A model chooses for itself by its parameter isolation. See operations.md.',
    }),
    memoryBudget: integer(
      0,
      { min: 0, max: 2 ** 50 },
      {
        flag: 'model-memory-budget',
        live: true,
        value: 'bytes',
        about:
          'Memory that models may take, estimated from the size of their files; a load that would take more is refused. 0: no limit. See models.md.',
      },
    ),
    maxLoaded: integer(
      0,
      { min: 0, max: 100_000 },
      {
        flag: 'max-loaded-models',
        value: 'models',
        about: 'Models that mode on-demand has loaded at a time; 0: as many as --model-memory-budget allows.',
      },
    ),
    idleSecs: integer(
      0,
      { min: 0, max: 1_000_000 },
      {
        flag: 'model-idle-secs',
        value: 'seconds',
        about: 'Mode on-demand unloads models that nobody has asked for so long; 0: never.',
      },
    ),
    hangAfterMs: integer(10_000, durationMs, {
      flag: 'hang-after',
      value: 'ms',
      about:
        'Give a run on a thread up when it takes 20 times what such batches cost, and at least this long; 0: never. See operations.md.',
    }),
    costCache: optionalText({
      flag: 'cost-cache',
      value: 'folder',
      about:
        'Folder that keeps what batches cost from one start to the next, in batch-costs.json. Without it a server learns anew.',
    }),
    allowProviderFallback: toggle(false, {
      flag: 'allow-provider-fallback',
      live: true,
      about:
        'Run a model on the CPU when its CUDA or TensorRT provider cannot start, instead of refusing to load it.',
    }),
  })
  .prefault({});
