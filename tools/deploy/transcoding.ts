import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

interface Rule {
  readonly rpc: string;
  readonly verb: 'get' | 'post';
  readonly paths: readonly string[];
}

const version = '/v2/models/{model_name}/versions/{model_version}';
const named = (end: string): readonly string[] => [
  `/v2/models/{name}${end}`,
  `/v2/models/{name}/versions/{version}${end}`,
];

/** The protocol's REST paths of the rpcs that have one. Bodies are the messages as JSON, as proto3 maps them. */
const rules: readonly Rule[] = [
  { rpc: 'ServerLive', verb: 'get', paths: ['/v2/health/live'] },
  { rpc: 'ServerReady', verb: 'get', paths: ['/v2/health/ready'] },
  { rpc: 'ServerMetadata', verb: 'get', paths: ['/v2'] },
  { rpc: 'ModelReady', verb: 'get', paths: named('/ready') },
  { rpc: 'ModelMetadata', verb: 'get', paths: named('') },
  { rpc: 'ModelConfig', verb: 'get', paths: named('/config') },
  { rpc: 'ModelStatistics', verb: 'get', paths: named('/stats') },
  { rpc: 'ModelInfer', verb: 'post', paths: ['/v2/models/{model_name}/infer', `${version}/infer`] },
  { rpc: 'RepositoryIndex', verb: 'post', paths: ['/v2/repository/index'] },
];

/** proto/grpc_service.proto with `google.api.http` at its rpcs. */
export function annotatedProto(): string {
  let text = readFileSync(join(root, 'proto', 'grpc_service.proto'), 'utf8');
  for (const { rpc, verb, paths } of rules) {
    const [first = '', ...more] = paths.map(
      (path) => `${verb}: "${path}"${verb === 'post' ? ' body: "*"' : ''}`,
    );
    const bindings = more.map((binding) => ` additional_bindings { ${binding} }`).join('');
    const plain = new RegExp(`(rpc ${rpc}\\([^)]*\\) returns \\([^)]*\\)) \\{\\}`);
    if (!plain.test(text)) throw new Error(`there is no rpc ${rpc}`);
    text = text.replace(plain, `$1 { option (google.api.http) = { ${first}${bindings} }; }`);
  }
  return text.replace(/^(import .*|package .*)$/m, (line) =>
    line.startsWith('import')
      ? `import "google/api/annotations.proto";\n${line}`
      : `${line}\n\nimport "google/api/annotations.proto";`,
  );
}

/** The descriptor set for Envoy's grpc_json_transcoder. `python` has grpcio-tools, which is protoc. */
export function transcodingDescriptors(python: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'tensorgate-transcoding-'));
  try {
    cpSync(join(root, 'deploy', 'envoy', 'google'), join(folder, 'google'), { recursive: true });
    copyFileSync(join(root, 'proto', 'model_config.proto'), join(folder, 'model_config.proto'));
    writeFileSync(join(folder, 'inference.proto'), annotatedProto());
    const flags = ['-I', folder, '--include_imports', `--descriptor_set_out=${join(folder, 'inference.pb')}`];
    execFileSync(python, ['-m', 'grpc_tools.protoc', ...flags, 'inference.proto'], {
      cwd: folder,
      stdio: 'pipe',
    });
    return readFileSync(join(folder, 'inference.pb'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
